"""Telling followers after the commit: which channel, how often to try, and when to wait for the next chat.

Rows are sent at least once. The ledger is charged before a message is sent, in the transaction that decides.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.errors import AccountError, AccountUnknown
from bot.models import OutboxRow
from bot.ports import Clock, Messenger
from bot.store import Store, Tx

log = logging.getLogger("zhike.outbox")
MESSAGE_WINDOW = 48 * 3600
TOUCH_WINDOW = 60
CLAIM = timedelta(seconds=60)  # longer than any one message may take to be sent, a new token included
BATCH = 20
MAX_TRIES = 8
# No message of ours reaches this follower now, so the news waits for the next chat: 45015 window over or left,
# 45047 count used up, 43004 not a follower, 48002 messages switched off, 70000 minors, 48001 we may not at all.
WINDOW_SHUT = frozenset({45015, 45047, 43004, 48002, 70000, 48001})


class Outbox:
    """The service of telling. ``tell`` turns a row into the sentence; it comes from the front desk."""

    def __init__(
        self,
        store: Store,
        messenger: Messenger,
        clock: Clock,
        *,
        tell: Callable[[OutboxRow], str],
        message_quota: int,
        touch_quota: int,
    ) -> None:
        self._store = store
        self._messenger = messenger
        self._clock = clock
        self._tell = tell
        self._limits = (("touch", TOUCH_WINDOW, touch_quota), ("message", MESSAGE_WINDOW, message_quota))

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
        window = await self._store.write(lambda tx: self._charge(tx, row, now))
        if window is None:
            log.info("outbox.not_sent kind=%s key=%s", row.kind, row.key)
            return
        try:
            await self._messenger.send_text(row.openid, content)
        except AccountUnknown as error:
            await self._later(row, str(error))
        except AccountError as error:
            await self._refused(row, window, error)
        else:
            await self._store.write(lambda tx: tx.outbox.done(row.row_id, "sent", now), durable=True)
            log.info("outbox.sent kind=%s key=%s", row.kind, row.key)

    def _charge(self, tx: Tx, row: OutboxRow, now: datetime) -> str | None:
        """Take one message from an open window, the shorter first; None when there is none or the row is not ours.

        A row that no window is open for waits for the next chat. Each row's claim begins anew when its turn comes,
        so that those behind a slow one are not sent by another worker as well.
        """
        if not tx.outbox.keep(row, now + CLAIM):
            return None
        follower = tx.followers.get(row.openid)
        if follower is not None and follower.subscribed:
            for kind, seconds, limit in self._limits:
                if tx.quota.take(row.openid, kind, now, seconds=seconds, limit=limit):
                    return kind
        tx.outbox.hold(row.row_id)
        return None

    async def _refused(self, row: OutboxRow, window: str, error: AccountError) -> None:
        """WeChat said no: close the books on the window, or try again with what was not used."""
        log.warning("outbox.refused kind=%s key=%s errcode=%d", row.kind, row.key, error.errcode)

        def work(tx: Tx) -> None:
            if error.errcode in WINDOW_SHUT:
                tx.quota.shut(row.openid)
                tx.outbox.hold(row.row_id)
            else:
                tx.quota.give_back(row.openid, window)

        await self._store.write(work)
        if error.errcode not in WINDOW_SHUT:
            await self._later(row, str(error))

    async def _later(self, row: OutboxRow, why: str) -> None:
        """Try again with growing pauses and jitter; in the end leave it for the next chat."""
        log.warning("outbox.retry kind=%s key=%s tries=%d why=%s", row.kind, row.key, row.attempts, why)
        pause = min(2**row.attempts, 600) * random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
        at = self._clock.now() + timedelta(seconds=pause)

        def work(tx: Tx) -> None:
            if row.attempts >= MAX_TRIES:
                tx.outbox.hold(row.row_id)
            else:
                tx.outbox.retry(row.row_id, at)

        await self._store.write(work)
