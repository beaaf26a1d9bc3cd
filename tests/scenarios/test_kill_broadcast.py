"""``broadcast send`` as a process of its own, killed at the worst moments: everybody gets it, nobody twice."""

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from datetime import timedelta

import pytest

from bot.audience import Wanted
from bot.mailing import Part, PartState
from bot.ports import SystemClock
from tests.reaching import Desk, asked, crowd, letters
from tests.scenarios.conftest import ROOT
from tests.scenarios.world import play

SEND = "/cgi-bin/message/mass/send"
PATIENCE = 60
SIZES = (2, 2, 2)


class Ahead:
    """The machine's clock, moved forward."""

    ahead = timedelta()

    def now(self):
        return SystemClock().now() + self.ahead


async def command(desk, *words):
    """Start a command as a process of its own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "run.py", "--config", desk.path, *words),
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def in_three_parts(shop):
    """Write a broadcast to everybody down, cut as one to many thousands is."""
    chosen = await shop.broadcasts.choose(Wanted())
    number = (await shop.broadcasts.write_down(chosen, "新课上线", words="所有关注者")).broadcast_id

    def work(tx):
        openids = tx.broadcasts.readers(number, 1)
        tx.broadcasts._rows.run("delete from broadcast_parts where broadcast_id = ?", number)
        tx.broadcasts.drop(number, openids)
        for at, size in enumerate(SIZES, 1):
            people, openids = openids[:size], openids[size:]
            tx.broadcasts.add_part(Part(number, at, f"{number}-{at}", size), people)

    shop.store.write_now(work)
    return number


async def states(shop, number):
    return [part.state for part in await shop.broadcasts.parts(number)]


def let_the_lease_end(shop):
    with closing(sqlite3.connect(shop.config.store.path)) as connection, connection:
        connection.execute("update leases set until = until - 121")


NEW, CALLING, SENT = PartState.NEW, PartState.CALLING, PartState.SENT
MOMENTS = {
    "before the call arrives": ({"api_lost_before": 1, "hang": PATIENCE}, [CALLING, NEW, NEW]),
    "before the answer comes": ({"api_lost_after": 1, "hang": PATIENCE}, [CALLING, NEW, NEW]),
    "with one part sent and the next under way": ({"api_delay": 1.0}, [SENT, CALLING, NEW]),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_sending_it_goes_on_and_nobody_gets_it_twice(tmp_path, moment):
    faults, when = MOMENTS[moment]
    clock = Ahead()

    async def story(shop, simulator):
        phones = crowd(shop, simulator, sum(SIZES))
        desk, number = Desk(shop, tmp_path), await in_three_parts(shop)
        words = ("broadcast", "send", "--resume", number, "--yes")
        simulator.faults.api_path = "mass/send"
        for name, value in faults.items():
            setattr(simulator.faults, name, value)
        first = await command(desk, *words)
        async with asyncio.timeout(PATIENCE):
            while await states(shop, number) != when or not asked(simulator, SEND):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        first.kill()
        await first.wait()
        left = await states(shop, number)
        simulator.faults.clear()
        too_early = await command(desk, *words)
        told, _ = await too_early.communicate()
        let_the_lease_end(shop)
        clock.ahead = timedelta(seconds=61)
        again = await command(desk, *words)
        output, _ = await again.communicate()
        async with asyncio.timeout(PATIENCE):
            await simulator.settle()
        after = await states(shop, number), [letters(phone) for phone in phones]
        return left, (too_early.returncode, told.decode()), (again.returncode, output.decode()), after

    left, (refused, told), (code, output), (parts, screens) = play(story, tmp_path, clock=clock)

    assert left == when
    assert (refused, "2 分钟后可以继续" in told) == (1, True), told
    assert (code, "已交给微信，共 6 人" in output) == (0, True), output
    assert "Traceback" not in told + output
    assert parts == [SENT] * 3
    assert screens == [["新课上线"]] * 6
