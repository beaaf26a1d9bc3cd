"""What runs by the clock: the outbox, questions to WeChat Pay, expiry, the shelf, and housekeeping.

``run_due`` does one round and is what tests call; ``run_forever`` repeats it until it is stopped.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from bot.orders import Orders
from bot.outbox import Outbox
from bot.ports import Clock
from bot.store import Store
from bot.suggestions import Suggestions

log = logging.getLogger("zhike.jobs")
LEASE = timedelta(seconds=30)
KEEP_MESSAGES = timedelta(days=3)
PURGE_EVERY = timedelta(hours=1)


class Jobs:
    """The rounds of one process. Several workers may run them: money rounds are under a lease."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        orders: Orders,
        outbox: Outbox,
        suggestions: Suggestions,
        pause_seconds: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._orders = orders
        self._outbox = outbox
        self._suggestions = suggestions
        self._pause = pause_seconds
        self._holder = secrets.token_hex(8)
        self._wake = asyncio.Event()
        self._purged: datetime | None = None

    def wake(self) -> None:
        """Ask for a round now: something is waiting to be told."""
        self._wake.set()

    async def run_due(self) -> int:
        """Do everything whose moment has come, once; returns how much that was."""
        now = self._clock.now()
        done = await _guarded("outbox", self._outbox.send_due())
        leased = await self._store.write(lambda tx: tx.leases.take("money", self._holder, now, now + LEASE))
        if leased:
            done += await _guarded("orders", self._orders.run_due())
        done += await _guarded("shelf", self._suggestions.refresh(self._store, now))
        if self._purged is None or now - self._purged > PURGE_EVERY:
            self._purged = now
            await self._store.write(lambda tx: tx.messages.purge(now - KEEP_MESSAGES))
            await self._store.write(lambda tx: tx.tokens.purge(now))
        return done

    async def run_forever(self) -> None:
        """Repeat rounds; a round that fails is logged and the next one comes all the same."""
        while True:
            try:
                await self.run_due()
            except Exception:
                log.exception("jobs.round_failed")
            try:
                async with asyncio.timeout(self._pause):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()


async def _guarded(name: str, job: Coroutine[Any, Any, int | bool]) -> int:
    """Run one job of a round; one that fails does not keep the others from running."""
    try:
        return int(await job)
    except Exception:
        log.exception("jobs.failed job=%s", name)
        return 0
