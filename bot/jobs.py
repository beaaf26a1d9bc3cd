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

from bot.counters import Counters
from bot.nightly import Nightly
from bot.orders import Orders
from bot.outbox import Outbox
from bot.ports import Clock
from bot.store import Store, Tx
from bot.suggestions import Suggestions

log = logging.getLogger("zhike.jobs")
LEASE = timedelta(seconds=30)
ABANDONED = timedelta(seconds=60)
UNANSWERED = "success"  # what a repeat gets: WeChat's word for "nothing to say"
KEEP_MESSAGES = timedelta(days=3)
KEEP_SENDINGS = timedelta(days=90)
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
        nightly: Nightly,
        counters: Counters,
        pause_seconds: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._orders = orders
        self._outbox = outbox
        self._suggestions = suggestions
        self._nightly = nightly
        self._counters = counters
        self._pause = pause_seconds
        self._holder = secrets.token_hex(8)
        self._wake = asyncio.Event()
        self._stopped = False
        self._purged: datetime | None = None

    def wake(self) -> None:
        """Ask for a round now: something is waiting to be told."""
        self._wake.set()

    def stop(self) -> None:
        """Let the round that is running be the last: a message that is on its way is noted as sent."""
        self._stopped = True
        self._wake.set()

    async def run_due(self) -> int:
        """Do everything whose moment has come, once; returns how much that was."""
        now = self._clock.now()
        done = await self._guarded("outbox", self._outbox.send_due())
        leased = await self._store.write(lambda tx: tx.leases.take("money", self._holder, now, now + LEASE))
        if leased:
            done += await self._guarded("orders", self._orders.run_due())
        done += await self._guarded("abandoned", self._answer_abandoned(now))
        done += await self._guarded("training", self._nightly.start_if_due())
        done += await self._guarded("shelf", self._suggestions.refresh(self._store, now))
        if self._purged is None or now - self._purged > PURGE_EVERY:
            self._purged = now
            await self._store.write(lambda tx: tx.messages.purge(now - KEEP_MESSAGES))
            await self._store.write(lambda tx: tx.tokens.purge(now))
            await self._store.write(lambda tx: tx.sendings.purge(now - KEEP_SENDINGS))
        return done

    async def _answer_abandoned(self, now: datetime) -> int:
        """Tell the senders of messages whose worker died that nothing will come of them."""

        def work(tx: Tx) -> int:
            abandoned = tx.messages.silent_since(now - ABANDONED)
            for key, openid in abandoned:
                tx.messages.finish(key, UNANSWERED)
                tx.outbox.put("unanswered", key, openid, {}, now, due=now)
            return len(abandoned)

        return await self._store.write(work)

    async def run_forever(self) -> None:
        """Repeat rounds until ``stop``; a round that fails is logged and the next one comes all the same."""
        while not self._stopped:
            try:
                await self.run_due()
            except Exception:
                self._counters.job_failures["round"] += 1
                log.exception("jobs.round_failed")
            try:
                async with asyncio.timeout(self._pause):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
        await self._store.write(lambda tx: tx.leases.leave(self._holder))

    async def _guarded(self, name: str, job: Coroutine[Any, Any, int | bool]) -> int:
        """Run one job of a round; one that fails does not keep the others from running."""
        try:
            done = int(await job)
        except Exception:
            self._counters.job_failures[name] += 1
            log.exception("jobs.failed job=%s", name)
            return 0
        self._counters.job_done_at[name] = self._clock.now()
        return done
