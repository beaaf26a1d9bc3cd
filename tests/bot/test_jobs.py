"""Jobs by the clock: none waits for another, none runs twice at once, and a lease outlives slow answers."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest

from bot import jobs as clockwork
from bot.counters import Counters
from bot.jobs import Jobs
from bot.store import SqliteStore
from tests.scenarios.conftest import NOON, StoppedClock
from tests.scenarios.world import go_to_the_till, play, told_paid

PATIENCE = 10


class Work:
    """One job's work: it can be slow or fail, and notes how often it ran, and how often at the same moment."""

    def __init__(self):
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.error = None
        self.runs = self.now = self.most = 0

    async def __call__(self, *_given):
        self.runs += 1
        self.now += 1
        self.most = max(self.most, self.now)
        self.begun.set()
        await self.may_end.wait()
        self.now -= 1
        if self.error:
            raise self.error
        return 1


class AskedClock(StoppedClock):
    """A stopped clock that rings when somebody looks at it."""

    def __init__(self):
        super().__init__()
        self.asked = asyncio.Event()

    def now(self):
        self.asked.set()
        return super().now()


def some_jobs(store, clock, *, money_rounds=(), **work):
    """Return jobs on a real store whose work is a test's own, and their counters."""
    done = {name: work.get(name) or Work() for name in ("outbox", "orders", "training", "shelf")}
    counters = Counters(NOON)
    made = Jobs(
        store,
        clock,
        orders=SimpleNamespace(run_due=done["orders"]),
        outbox=SimpleNamespace(send_due=done["outbox"]),
        suggestions=SimpleNamespace(refresh=done["shelf"]),
        texts=SimpleNamespace(follow=asyncio.Event().wait),
        nightly=SimpleNamespace(start_if_due=done["training"]),
        counters=counters,
        pause_seconds=60,
        keep_unfollowed=timedelta(days=180),
        money_rounds=money_rounds,
    )
    return made, counters


async def until(condition):
    while not condition():  # noqa: ASYNC110  what is waited for rings no bell here
        await asyncio.sleep(0)


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    yield store
    store.close()


def test_who_paid_is_told_while_wechat_pay_hangs(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        simulator.faults.pay_lost_before, simulator.faults.hang = 1000, 60.0
        clock.forward(seconds=6)  # the moment of the first question to WeChat Pay
        asked = len(simulator.calls)
        running = asyncio.create_task(shop.jobs.run_forever())
        async with asyncio.timeout(PATIENCE):
            await until(lambda: any("/out-trade-no/" in call.path for call in simulator.calls[asked:]))
            await simulator.pay.confirm(till.prepay_id, phone.openid)
            await until(lambda: told_paid(phone))
        still_hanging = "orders" not in shop.counters.job_done_at
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return len(told_paid(phone)), still_hanging

    assert play(story, tmp_path, clock=clock) == (1, True)


def test_the_same_job_never_runs_twice_at_once(store):
    async def story():
        outbox = Work()
        jobs, _ = some_jobs(store, StoppedClock(), outbox=outbox)
        outbox.may_end.clear()
        rounds = [asyncio.create_task(jobs.run_due()) for _ in range(3)]
        await outbox.begun.wait()
        outbox.may_end.set()
        await asyncio.gather(*rounds)
        return outbox.runs, outbox.most

    assert asyncio.run(story()) == (3, 1)


@pytest.mark.parametrize("ill", ["outbox", "orders", "training", "shelf"])
def test_a_job_that_fails_is_counted_and_leaves_the_others_alone(store, ill):
    async def story():
        broken = Work()
        broken.error = ZeroDivisionError()
        jobs, counters = some_jobs(store, StoppedClock(), **{ill: broken})
        await jobs.run_due()
        return dict(counters.job_failures), {"outbox", "orders", "training", "shelf"} - set(counters.job_done_at)

    assert asyncio.run(story()) == ({ill: 1}, {ill})


def test_a_failed_round_is_followed_by_another_when_something_is_to_be_told(store):
    async def story():
        outbox = Work()
        outbox.error = ZeroDivisionError()
        jobs, counters = some_jobs(store, StoppedClock(), outbox=outbox)
        running = asyncio.create_task(jobs.run_forever())
        async with asyncio.timeout(PATIENCE):
            await until(lambda: counters.job_failures["outbox"])
            outbox.error = None
            jobs.wake()
            await until(lambda: "outbox" in counters.job_done_at)
            jobs.stop()
            await running
        return counters.job_failures["outbox"]

    assert asyncio.run(story()) == 1


def test_the_money_job_is_one_workers_alone_for_as_long_as_its_answers_take(store, monkeypatch):
    monkeypatch.setattr(clockwork, "BEAT_SECONDS", 0.01)

    async def story():
        clock, slow, others = AskedClock(), Work(), Work()
        first, finished = some_jobs(store, clock, orders=slow)
        second, counters = some_jobs(store, clock, orders=others)
        slow.may_end.clear()
        running = asyncio.create_task(first.run_due())
        await until(lambda: set(finished.job_done_at) >= {"outbox", "abandoned", "training", "shelf", "purge"})
        for _ in range(4):
            clock.forward(seconds=20)  # together more than the lease was for
            clock.asked.clear()
            await clock.asked.wait()  # now only the lease looks at the clock
            await second.run_due()
        slow.may_end.set()
        await running
        clock.forward(seconds=60)
        during = others.runs, "orders" in counters.job_done_at
        await second.run_due()
        return during, others.runs

    assert asyncio.run(story()) == ((0, False), 1)


def test_a_stop_lets_the_rounds_that_run_be_the_last(store):
    async def story():
        outbox = Work()
        jobs, counters = some_jobs(store, StoppedClock(), outbox=outbox)
        outbox.may_end.clear()
        running = asyncio.create_task(jobs.run_forever())
        await outbox.begun.wait()
        jobs.stop()
        outbox.may_end.set()
        async with asyncio.timeout(PATIENCE):
            await running
        return outbox.runs, "outbox" in counters.job_done_at

    assert asyncio.run(story()) == (1, True)


def test_a_round_of_money_that_fails_keeps_no_other_from_its_turn_and_is_counted(store):
    async def story():
        later, broken = [], AsyncMock(side_effect=RuntimeError("broken"))
        rounds = (broken, AsyncMock(side_effect=lambda: later.append("groups") or 1))
        jobs, counters = some_jobs(store, StoppedClock(), orders=broken, money_rounds=rounds)
        await jobs.run_due()
        return later, broken.await_count, counters.job_failures["orders"], "orders" in counters.job_done_at

    assert asyncio.run(story()) == (["groups"], 2, 1, False)
