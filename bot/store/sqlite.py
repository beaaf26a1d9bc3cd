"""The store on one SQLite file: one writer thread, group commit, readers on snapshots of their own.

Works handed in during one turn of the event loop travel to the writer together and share a transaction; each
has a savepoint, so that one that fails takes nothing with it. Results come back after the commit, all with one
wake-up of the loop. The loop itself never touches the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Awaitable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from bot.errors import StoreError
from bot.store.base import Work
from bot.store.migrations import migrations
from bot.store.rows import Rows
from bot.store.tx import Tx

T = TypeVar("T")
BUSY_SECONDS = 10.0
GROUP = 64
READERS = 2
STATEMENTS = 512  # kept prepared: the store has some 330, and sqlite3 by itself would keep 128
CHECKPOINT_PAGES = 4_000  # 16 MB of log before it is put into the file: a page written often is then put there once
OWNER_ONLY = 0o600  # it holds who bought and said what
log = logging.getLogger("zhike.store")


_Future = asyncio.Future[Any] | Future[Any]


class _Job:
    """One unit of work on its way to the writer and back."""

    __slots__ = ("durable", "error", "future", "loop", "result", "work")

    def __init__(
        self, work: Work[Any], future: _Future, loop: asyncio.AbstractEventLoop | None, durable: bool
    ) -> None:
        self.work = work
        self.future = future
        self.loop = loop  # where it is waited for; None for a thread that waits
        self.durable = durable
        self.result: Any = None
        self.error: BaseException | None = None


def connect(path: str) -> sqlite3.Connection:
    """Open a connection the way every part of the store needs it: WAL, foreign keys, explicit transactions."""
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
    )
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma foreign_keys = on")
    connection.execute("pragma temp_store = memory")
    connection.execute("pragma cache_size = -65536")
    connection.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return connection


def migrate(path: str) -> None:
    """Bring the file's tables up to date; a missing file is made, and then only its owner may read it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # closing a file that is there would drop this process's locks on it
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))  # -wal and -shm get the same mode
    connection = connect(path)
    try:
        migrations.apply(Database(connection))
    finally:
        connection.close()


class SqliteStore:
    """A ``Store`` on one file. Open one per process, after any fork."""

    def __init__(self, path: str) -> None:
        try:
            migrate(path)
            self._connection = connect(path)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"打不开数据库 {path}：{error}") from error
        self._tx = Tx(Rows(self._connection))
        self._path = path
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._turn: list[_Job] = []
        self._full_sync = False
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._writer = threading.Thread(target=self._write_forever, name="store-writer", daemon=True)
        self._writer.start()

    def write(self, work: Work[T], *, durable: bool = False) -> Awaitable[T]:
        """Run ``work`` in a transaction shared with others of this loop turn; see ``Store.write``."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        job = _Job(work, future, loop, durable)
        if not self._turn:
            loop.call_soon(self._flush)
        self._turn.append(job)
        return future

    def read(self, work: Work[T]) -> Awaitable[T]:
        """Run ``work`` on a snapshot, in a reader thread; see ``Store.read``."""
        return asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def write_now(self, work: Work[T], *, durable: bool = False) -> T:
        """Run ``work`` and wait for its commit; see ``Store.write_now``."""
        future: Future[T] = Future()
        self._jobs.put([_Job(work, future, None, durable)])
        return future.result()

    def close(self) -> None:
        """Let the writer finish what it has, then close every connection."""
        if self._turn:
            self._flush()
        self._jobs.put(None)
        self._writer.join()
        self._readers.shutdown(wait=True)
        for connection in [*self._connections, self._connection]:
            connection.close()

    def _flush(self) -> None:
        turn, self._turn = self._turn, []
        if turn:
            self._jobs.put(turn)

    def _read(self, work: Work[T]) -> T:
        tx: Tx | None = getattr(self._local, "tx", None)
        try:
            if tx is None:
                connection = connect(self._path)
                connection.execute("pragma query_only = on")
                self._connections.append(connection)
                self._local.connection = connection
                tx = self._local.tx = Tx(Rows(connection))
            connection = self._local.connection
            connection.execute("begin")
            try:
                return work(tx)
            finally:
                connection.execute("rollback")
        except sqlite3.Error as error:
            raise StoreError(f"数据库读取失败：{error}") from error

    def _write_forever(self) -> None:
        while (group := self._jobs.get()) is not None:
            closing = False
            while len(group) < GROUP:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    closing = True
                    break
                group = group + more
            self._commit(group)
            if closing:
                return

    def _commit(self, group: list[_Job]) -> None:
        """Run a group in one transaction and deliver every result after the commit."""
        try:
            self._sync(full=any(job.durable for job in group))
            self._connection.execute("begin immediate")
            for job in group:
                self._run(job)
            self._connection.execute("commit")
        except sqlite3.Error as error:
            log.exception("store.commit_failed jobs=%d", len(group))
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
            for job in group:
                job.error = StoreError(f"数据库写入失败：{error}")
        _deliver(group)

    def _sync(self, *, full: bool) -> None:
        if full is not self._full_sync:
            self._connection.execute(f"pragma synchronous = {'full' if full else 'normal'}")
            self._full_sync = full

    def _run(self, job: _Job) -> None:
        execute = self._connection.execute
        execute("savepoint job")
        try:
            job.result = job.work(self._tx)
        except Exception as error:  # the caller gets it; the others of the group go on
            if not self._connection.in_transaction:  # SQLite gave up all of it: the disk is full, say
                raise sqlite3.OperationalError(str(error)) from error
            execute("rollback to job")
            job.error = StoreError(f"数据库拒绝了这次写入：{error}") if isinstance(error, sqlite3.Error) else error
            if isinstance(error, sqlite3.Error):
                log.warning("store.work_failed error=%s", error)
        execute("release job")


def _deliver(group: list[_Job]) -> None:
    """Deliver results: one wake-up for each loop that waits, directly to threads that wait."""
    loops = {job.loop for job in group}
    for loop in loops:
        jobs = group if len(loops) == 1 else [job for job in group if job.loop is loop]
        if loop is None:
            _settle(jobs)
            continue
        try:
            loop.call_soon_threadsafe(_settle, jobs)
        except RuntimeError:
            log.warning("store.loop_gone jobs=%d", len(jobs))


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)
