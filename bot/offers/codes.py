"""Redeem codes: sixty random bits and a check character, kept as a hash, each good for one item once.

The alphabet is Crockford's (no I, L, O, U); the thirteenth character is a Luhn check over it (mod 32), so that a
slip of one character is told from a code that does not exist, and costs nobody a try.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.errors import CannotBuy, NotAllowed, NotFound
from bot.models import Course, Line
from bot.offers.guessing import may_try, note_wrong
from bot.orders import Orders
from bot.store import Tx
from bot.store.gifts import Batch

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
SHAPE = re.compile(rf"[{ALPHABET}]{{{LENGTH + 1}}}")
MOST_CODES = 10_000
LONGEST_DAYS = 3650
LONGEST_NAME = 40
TRIES = "code_tries"


class Redeeming(StrEnum):
    """What came of a code."""

    REDEEMED = "redeemed"
    OWNED = "owned"
    YOURS = "yours"  # they redeemed it themselves before
    USED = "used"
    OVER = "over"
    UNKNOWN = "unknown"
    MISTYPED = "mistyped"
    TOO_MANY_TRIES = "too_many_tries"


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The outcome, and the item where there is one to name."""

    outcome: Redeeming
    course: Course | None = None


def new_code() -> str:
    """Return a code nobody can guess."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return body + _check(body)


def shown(code: str) -> str:
    """Return a code as people read it: ABCD-EFGH-JKMN-P."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def read(text: str) -> str | None:
    """Return the code that somebody wrote, whatever the width, case and dashes; None for anything else."""
    plain = re.sub(r"[\s\-_—–·]", "", unicodedata.normalize("NFKC", text[:40])).upper()
    plain = plain.translate(str.maketrans("ILO", "110"))
    return plain if SHAPE.fullmatch(plain) else None


def whole(code: str) -> bool:
    """Tell whether the check character fits."""
    return code[-1] == _check(code[:-1])


def digest(code: str) -> str:
    """Return what is kept of a code. Sixty random bits need no salt."""
    return hashlib.sha256(code.encode()).hexdigest()


def _check(body: str) -> str:
    base, total = len(ALPHABET), 0
    for place, char in enumerate(reversed(body)):
        value = ALPHABET.index(char) * (2 - place % 2)
        total += value // base + value % base
    return ALPHABET[-total % base]


def create(tx: Tx, batch: Batch) -> tuple[int, list[str]]:
    """Make a batch of codes; returns its number and the codes, which can never be shown again.

    ``NotFound`` and ``NotAllowed`` say what is wrong with the wish.
    """
    course = tx.courses.get(batch.course_id)
    if course is None:
        raise NotFound(f"没有课程 {batch.course_id}；用 courses list 看有哪些")
    if course.free:
        raise NotAllowed(f"《{course.title}》是免费的，不用兑换码")
    if not 1 <= batch.count <= MOST_CODES:
        raise NotAllowed(f"一批 1 到 {MOST_CODES} 个兑换码")
    if not batch.name.strip() or len(batch.name) > LONGEST_NAME:
        raise NotAllowed(f"名称要写，最多 {LONGEST_NAME} 字")
    codes = [new_code() for _ in range(batch.count)]
    return tx.codes.add(batch, map(digest, codes)), codes


def redeem(tx: Tx, orders: Orders, openid: str, text: str, now: datetime) -> Redeemed:
    """Give the item of a code, once; a code for what is theirs already is not used up."""
    if not may_try(tx, TRIES, openid, now):
        return Redeemed(Redeeming.TOO_MANY_TRIES)
    code = read(text)
    if code is None or not whole(code):
        return Redeemed(Redeeming.MISTYPED)
    kept = tx.codes.get(digest(code))
    batch = tx.codes.batch(kept.batch_id) if kept is not None else None
    if kept is None or batch is None:
        note_wrong(tx, TRIES, openid, now)
        return Redeemed(Redeeming.UNKNOWN)
    course = tx.courses.get(batch.course_id)
    assert course is not None, "a batch cannot exist without its item"
    if kept.used_at is not None:
        return Redeemed(Redeeming.YOURS if kept.used_by == openid else Redeeming.USED, course)
    if batch.stopped_at is not None or batch.expires_at <= now:
        return Redeemed(Redeeming.OVER, course)
    lines = (Line("list", course.price_fen), Line("code", -course.price_fen, str(batch.batch_id)))
    try:
        given = orders.give_in(tx, openid, course, now, lines=lines, source="code")
    except CannotBuy:
        return Redeemed(Redeeming.OVER, course)
    if given is None:
        return Redeemed(Redeeming.OWNED, course)
    if not tx.codes.use(digest(code), openid, now):
        raise AssertionError("one transaction at a time redeems")
    return Redeemed(Redeeming.REDEEMED, course)
