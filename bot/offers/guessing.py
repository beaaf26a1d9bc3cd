"""Codes are not to be guessed: after some wrong ones of a kind, a follower has to wait until the first is old."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.store import Tx

MOST_TRIES = 5
TRIES_IN = timedelta(minutes=10)


def may_try(tx: Tx, kind: str, openid: str, now: datetime) -> bool:
    """Tell whether a follower may try a code of that kind."""
    kept = tx.tokens.get(kind, openid, now)
    return kept is None or int(kept[0]) < MOST_TRIES


def note_wrong(tx: Tx, kind: str, openid: str, now: datetime) -> None:
    """Note a code that does not exist."""
    kept = tx.tokens.get(kind, openid, now)
    count, until = (int(kept[0]), kept[1]) if kept else (0, now + TRIES_IN)
    tx.tokens.put(kind, openid, str(count + 1), until)
