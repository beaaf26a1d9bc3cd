"""Telling followers after the commit: what is due, how often to try, and when to wait for the next chat.

Rows are sent at least once. By which way is decided, and charged before it is sent, by ``reach``.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import timedelta

from bot.errors import AccountError, AccountUnknown
from bot.models import OutboxRow
from bot.ports import Clock
from bot.reach.kinds import Channel
from bot.reach.service import Reach, Way
from bot.store import Store, Tx

log = logging.getLogger("zhike.outbox")
CLAIM = timedelta(seconds=60)  # longer than any one message may take to be sent, a new token included
BATCH = 20
MAX_TRIES = 8


class Outbox:
    """The service of telling. ``tell`` turns a row into the sentence; it comes from the front desk."""

    def __init__(self, store: Store, reach: Reach, clock: Clock, *, tell: Callable[[OutboxRow], str]) -> None:
        self._store = store
        self._reach = reach
        self._clock = clock
        self._tell = tell

    def word(self, row: OutboxRow) -> str:
        """Return the sentence of a row, for whoever tells it another way; empty when there is none for it."""
        try:
            return self._tell(row)
        except (KeyError, ValueError):
            log.exception("outbox.unspeakable kind=%s key=%s", row.kind, row.key)
            return ""

    async def send_due(self) -> int:
        """Send what is due; returns how many rows were looked at."""
        now = self._clock.now()
        rows = await self._store.write(lambda tx: tx.outbox.claim(now, until=now + CLAIM, limit=BATCH))
        for row in rows:
            await self._send(row)
        return len(rows)

    async def _send(self, row: OutboxRow) -> None:
        now = self._clock.now()
        content = self.word(row)
        if not content:
            await self._store.write(lambda tx: tx.outbox.done(row.row_id, "unspeakable", now))
            return
        tried: set[Channel] = set()
        while (way := await self._chosen(row, frozenset(tried))) is not None:
            tried.add(way.channel)
            try:
                msg_id = await self._reach.send(way, row, content)
            except AccountUnknown as error:
                await self._later(row, str(error), least=way.patience)
                return
            except AccountError as error:
                if not await self._refused(row, way, error):
                    await self._later(row, str(error), in_hand=True)
                    return
            else:
                await self._sent(row, way, msg_id)
                return
        log.info("outbox.not_sent kind=%s key=%s", row.kind, row.key)

    async def _chosen(self, row: OutboxRow, tried: frozenset[Channel]) -> Way | None:
        """Return the way of a row; None when none is open now, or when the row is not ours any more.

        Each row's claim begins anew when its turn comes, so that those behind a slow one are not sent by another
        worker as well.
        """
        now = self._clock.now()

        def work(tx: Tx) -> Way | None:
            return self._reach.choose(tx, row, now, tried) if tx.outbox.keep(row, now + CLAIM) else None

        return await self._store.write(work)

    async def _sent(self, row: OutboxRow, way: Way, msg_id: str) -> None:
        now = self._clock.now()

        def work(tx: Tx) -> None:
            if self._reach.sent(tx, row, msg_id):
                tx.outbox.done(row.row_id, "sent", now)

        await self._store.write(work, durable=True)
        log.info("outbox.sent kind=%s key=%s way=%s", row.kind, row.key, way.channel)

    async def _refused(self, row: OutboxRow, way: Way, error: AccountError) -> bool:
        """WeChat said no; True when another way may be tried at once."""
        log.warning(
            "outbox.refused kind=%s key=%s way=%s errcode=%d", row.kind, row.key, way.channel, error.errcode
        )
        now = self._clock.now()
        return await self._store.write(lambda tx: self._reach.refused(tx, row, way, error, now))

    async def _later(self, row: OutboxRow, why: str, *, least: float = 0.0, in_hand: bool = False) -> None:
        """Try again with growing pauses and jitter; in the end leave it for the next chat.

        ``in_hand`` says that it was surely not sent, so that a chat may come first.
        """
        log.warning("outbox.retry kind=%s key=%s tries=%d why=%s", row.kind, row.key, row.attempts, why)
        pause = max(min(2**row.attempts, 600), least) * random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
        at = self._clock.now() + timedelta(seconds=pause)

        def work(tx: Tx) -> None:
            if row.attempts >= MAX_TRIES:
                tx.outbox.hold(row.row_id)
            else:
                tx.outbox.retry(row.row_id, at, in_hand=in_hand)

        await self._store.write(work)
