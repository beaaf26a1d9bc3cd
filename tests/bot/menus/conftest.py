"""The account's menus with a real store, against the strict simulator."""

import asyncio
from dataclasses import dataclass

import pytest

from bot import doors
from bot.config import from_mapping
from bot.menus.service import Menus
from bot.simulator import Simulator, SimulatorKeys, SimulatorSettings
from bot.store import SqliteStore
from tests.standin import StoppedClock


@dataclass
class World:
    """What a test plays with: the platform, our side of it, and how long was waited."""

    sim: Simulator
    store: SqliteStore
    menus: Menus
    clock: StoppedClock
    pauses: list

    def calls(self, name=""):
        """Return the last part of every menu call since, in order."""
        return [
            each.path.rpartition("/")[2]
            for each in self.sim.calls
            if ("menu" in each.path or "tags" in each.path) and name in each.path
        ]


@pytest.fixture(scope="session")
def keys():
    return SimulatorKeys.generate()


@pytest.fixture
def play(keys, tmp_path):
    """Return a runner: ``play(story)`` tells the story to a fresh account."""

    async def run(story):
        clock, pauses = StoppedClock(), []

        async def pause(seconds):
            pauses.append(seconds)
            await asyncio.sleep(0)

        sim = Simulator(SimulatorSettings(), keys=keys, now=lambda: clock.now().timestamp())
        await sim.start()
        raw = {"app_id": sim.settings.app_id, "app_secret": sim.settings.app_secret, "api_base": sim.url}
        config = from_mapping({"wechat": raw}, environ={}, base=tmp_path)
        store = SqliteStore(str(tmp_path / "zhike.db"))
        account = doors.account(config, store, clock, pause=pause)
        try:
            return await story(World(sim, store, Menus(account, store, clock, pause), clock, pauses))
        finally:
            store.close()
            await sim.stop()

    return lambda story: asyncio.run(run(story))
