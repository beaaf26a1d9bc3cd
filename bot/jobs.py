"""What runs by the clock: the outbox, questions to WeChat Pay, expiry, the shelf, and housekeeping.

Each job has rounds of its own, so that a slow one (WeChat Pay does not answer) keeps none of the others waiting.
``run_due`` does one round of every job and is what tests call; ``run_forever`` repeats them until it is stopped.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot import privacy
from bot.counters import Counters
from bot.nightly import Nightly
from bot.offers import membership
from bot.orders import Orders
from bot.outbox import Outbox
from bot.ports import Clock
from bot.reconciling import Reconciling
from bot.store import Store, Tx
from bot.suggestions import Suggestions
from bot.texts import Texts

log = logging.getLogger("zhike.jobs")
LEASE = timedelta(seconds=30)
BEAT_SECONDS = 10.0  # how often a lease is prolonged while its work goes on
ABANDONED = timedelta(seconds=60)
UNANSWERED = "success"  # what a repeat gets: WeChat's word for "nothing to say"
KEEP_MESSAGES = timedelta(days=3)
KEEP_SENDINGS = timedelta(days=90)
PURGE_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Job:
    """One kind of work, the lock under which it runs, and the bell that asks for a round now."""

    name: str
    work: Callable[[], Awaitable[int | None]]
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


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
        texts: Texts,
        nightly: Nightly,
        counters: Counters,
        pause_seconds: float,
        keep_unfollowed: timedelta,
        money_rounds: Sequence[Callable[[], Awaitable[int]]] = (),
        tag: Callable[[], Awaitable[int | None]] | None = None,
        reconciling: Reconciling | None = None,
        let_go: Callable[[], Awaitable[int | None]] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._orders = orders
        self._money_rounds = money_rounds
        self._outbox = outbox
        self._suggestions = suggestions
        self._texts = texts
        self._nightly = nightly
        self._counters = counters
        self._pause = pause_seconds
        self._keep_unfollowed = keep_unfollowed
        self._reconciling = reconciling
        self._holder = secrets.token_hex(8)
        self._stopped = False
        self._purged: datetime | None = None
        self._jobs = (
            _Job("outbox", self._tell),
            _Job("orders", self._settle_money),
            _Job("abandoned", self._answer_abandoned),
            _Job("memberships", self._tell_ends),
            _Job("training", self._train),
            _Job("shelf", self._renew_shelf),
            _Job("purge", self._purge),
            *([_Job("tags", tag)] if tag else []),
            *([_Job("reconcile", self._reconcile)] if reconciling else []),
            *([_Job("agents", let_go)] if let_go else []),
        )

    def wake(self) -> None:
        """Ask for a round of every job now: something is waiting to be told, or to be asked."""
        for job in self._jobs:
            job.wake.set()

    def stop(self) -> None:
        """Let the rounds that are running be the last: a message that is on its way is noted as sent."""
        self._stopped = True
        self.wake()

    async def run_due(self) -> int:
        """Do everything whose moment has come, once; returns how much that was."""
        return sum(await asyncio.gather(*(self._round(job) for job in self._jobs)))

    async def run_forever(self) -> None:
        """Repeat the rounds of each job until ``stop``; one that fails is logged and comes again all the same.

        The texts are followed beside them, more often than any round comes.
        """
        async with asyncio.TaskGroup() as group:
            follow = group.create_task(self._texts.follow())
            rounds = [group.create_task(self._repeat(job)) for job in self._jobs]
            await asyncio.wait(rounds)
            follow.cancel()
        await self._store.write(lambda tx: tx.leases.leave(self._holder))

    async def _repeat(self, job: _Job) -> None:
        while not self._stopped:
            await self._round(job)
            try:
                async with asyncio.timeout(self._pause):
                    await job.wake.wait()
            except TimeoutError:
                pass
            job.wake.clear()

    async def _round(self, job: _Job) -> int:
        """Run one job, never twice at once; one that fails leaves the others alone."""
        async with job.alone:
            try:
                done = await job.work()
            except Exception:
                self._counters.job_failures[job.name] += 1
                log.exception("jobs.failed job=%s", job.name)
                return 0
            if done is None:
                return 0
            self._counters.job_done_at[job.name] = self._clock.now()
            return int(done)

    # The jobs: each returns how much it did, None when it is not ours to do ------------------------------------

    async def _tell(self) -> int:
        return await self._outbox.send_due()

    async def _settle_money(self) -> int | None:
        """Ask WeChat Pay about what is under way."""
        return await self._with_lease(self._settle)

    async def _reconcile(self) -> int | None:
        """Hold a day against WeChat's bills, when its moment has come."""
        if self._reconciling is None or await self._reconciling.due() is None:
            return None
        return await self._with_lease(self._reconciling.run_due)

    async def _with_lease(self, ask: Callable[[], Coroutine[Any, Any, int]]) -> int | None:
        """Ask WeChat Pay, under a lease that is kept for as long as its answers take."""
        if not await self._lease_money():
            return None
        work = asyncio.ensure_future(ask())
        try:
            while not (await asyncio.wait({work}, timeout=BEAT_SECONDS))[0]:
                await self._lease_money()
        finally:
            work.cancel()  # does nothing to work that is done
        return work.result()

    async def _settle(self) -> int:
        """Do every round of money; one that fails keeps none of the others from theirs, and is told afterwards."""
        done, failed = 0, []
        for work in (self._orders.run_due, *self._money_rounds):
            try:
                done += await work()
            except Exception as error:  # noqa: BLE001  raised again below
                failed.append(error)
        if failed:
            raise ExceptionGroup("rounds of money", failed)
        return done

    async def _lease_money(self) -> bool:
        now = self._clock.now()
        return await self._store.write(lambda tx: tx.leases.take("money", self._holder, now, now + LEASE))

    async def _answer_abandoned(self) -> int:
        """Tell the senders of messages whose worker died that nothing will come of them."""
        now = self._clock.now()

        def work(tx: Tx) -> int:
            abandoned = tx.messages.silent_since(now - ABANDONED)
            for key, openid in abandoned:
                tx.messages.finish(key, UNANSWERED)
                tx.outbox.put("unanswered", key, openid, {}, now, due=now)
            return len(abandoned)

        return await self._store.write(work)

    async def _tell_ends(self) -> int:
        """Leave word of memberships that end."""
        now = self._clock.now()
        return await self._store.write(lambda tx: membership.tell_ends(tx, now))

    async def _train(self) -> bool:
        return await self._nightly.start_if_due()

    async def _renew_shelf(self) -> bool:
        return await self._suggestions.refresh(self._store, self._clock.now())

    async def _purge(self) -> int | None:
        now = self._clock.now()
        if self._purged is not None and now - self._purged <= PURGE_EVERY:
            return None
        self._purged = now
        await self._store.write(lambda tx: tx.messages.purge(now - KEEP_MESSAGES))
        await self._store.write(lambda tx: tx.tokens.purge(now))
        await self._store.write(lambda tx: tx.sendings.purge(now - KEEP_SENDINGS))
        return await privacy.forget_departed(self._store, now - self._keep_unfollowed)
