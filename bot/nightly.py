"""Training once a night, in a process of its own, so that messages are answered as quickly as ever."""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context

from bot.config import Config
from bot.errors import NotAllowed
from bot.ports import BEIJING, Clock, SystemClock
from bot.store import SqliteStore, Store, Tx

log = logging.getLogger("zhike.nightly")
NIGHT_HOURS = range(2, 6)  # Beijing time: the fewest followers chat
AGAIN_AFTER = timedelta(hours=20)
BEHIND_ANSWERS = 10  # of 19: on a machine of one core a message still gets nine tenths of it


class Nightly:
    """Starts the training of the night; several workers agree through the store on who does."""

    def __init__(self, config: Config, store: Store, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._running: asyncio.Task[None] | None = None

    async def start_if_due(self) -> bool:
        """Begin a training at night if there was none for a day, here or in another worker; returns at once."""
        now = self._clock.now()
        busy = self._running is not None and not self._running.done()
        if busy or now.astimezone(BEIJING).hour not in NIGHT_HOURS:
            return False
        if not await self._store.write(lambda tx: self._claim(tx, now)):
            return False
        self._running = asyncio.create_task(self._train())
        return True

    @staticmethod
    def _claim(tx: Tx, now: datetime) -> bool:
        if tx.tokens.get("job", "training", now) is not None:
            return False
        tx.tokens.put("job", "training", "claimed", now + AGAIN_AFTER)
        return True

    async def wait(self) -> None:
        """Return when no training is running."""
        if self._running is not None:
            await self._running

    async def _train(self) -> None:
        apart = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        try:
            await asyncio.get_running_loop().run_in_executor(apart, _learn_apart, self._config, os.getpid())
        except NotAllowed as error:
            log.info("nightly.skipped why=%s", error)
        except Exception:
            log.exception("nightly.failed")
        finally:
            apart.shutdown(wait=False)


def _learn_apart(config: Config, parent: int) -> None:
    """Train in this process, which ends afterwards, on one core and only when no message waits for it.

    It stops where it is when the server that began it is gone: then nobody would put its model in force.
    """
    os.nice(BEHIND_ANSWERS)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy loads, which the next line brings about
    from bot import training  # noqa: PLC0415 - scikit-learn and LAPACK, which serving need not load

    def go_on(_done: int, _of: int) -> None:
        if os.getppid() != parent:
            os._exit(1)  # not by an exception, which would have the pool's worker wait for more work for ever

    go_on(0, 1)
    store = SqliteStore(config.store.path)
    try:
        training.learn(config, store, SystemClock(), go_on)
    finally:
        store.close()
        go_on(1, 1)
