"""Looking at a database file without changing it: whether it can be written, is whole, and is up to date."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from sqlite_utils import Database

from bot.errors import StoreError
from bot.models import Anomaly, CourseStatus, Kind
from bot.store.migrations import migrations
from bot.store.rows import Rows
from bot.store.tx import Tx

BUSY_SECONDS = 2.0
STEPS = 10_000  # how much SQLite may do between two looks at the time


@dataclass(frozen=True, slots=True)
class Health:
    """What was found; ``damage`` is empty for a whole file. Migrations are named."""

    journal: str
    damage: str
    pending: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stock:
    """The courses on sale, which of them have no lessons, and which bundles and memberships hold nothing."""

    published: int
    without_lessons: tuple[str, ...]
    empty: tuple[str, ...] = ()


def examine(path: str, *, seconds: float) -> Health:
    """Look at the file for at most so long. ``StoreError`` when it is not there, not ours, or not writable."""
    with _opened(path, seconds) as connection:
        connection.execute("begin immediate")  # the writer's lock can be had, and the file is not read-only
        connection.execute("rollback")
        found = connection.execute("pragma quick_check(3)").fetchall()
        database = Database(connection)
        return Health(
            journal=str(connection.execute("pragma journal_mode").fetchone()[0]),
            damage="" if found == [("ok",)] else "；".join(str(row[0]) for row in found),
            pending=tuple(each.name for each in migrations.pending(database)),
            unknown=_unknown(database),
        )


def stock(path: str, *, seconds: float) -> Stock:
    """Count what can be sold. ``StoreError`` when the tables cannot be read."""
    with _opened(path, seconds) as connection:
        tx = Tx(Rows(connection))
        items = tx.courses.all(status=CourseStatus.PUBLISHED)
        courses = [each.course_id for each in items if each.kind is Kind.COURSE]
        filled = {*courses, *tx.bundles.all(), *tx.memberships.plans()}
        return Stock(
            len(courses),
            tuple(each for each in courses if not tx.lessons.of(each)),
            tuple(each.course_id for each in items if each.course_id not in filled),
        )


def open_anomalies(path: str, *, seconds: float) -> tuple[Anomaly, ...]:
    """Return what waits for a person. ``StoreError`` when the tables cannot be read."""
    with _opened(path, seconds) as connection:
        return tuple(Tx(Rows(connection)).anomalies.open())


@contextmanager
def _opened(path: str, seconds: float) -> Iterator[sqlite3.Connection]:
    """Open an existing file; SQLite itself stops what takes too long."""
    connection = None
    until = time.monotonic() + seconds
    try:
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
        )
        connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
        yield connection
    except sqlite3.Error as error:
        raise StoreError(f"数据库 {path}：{error}") from error
    finally:
        if connection is not None:
            connection.close()


def _unknown(database: Database) -> tuple[str, ...]:
    """Return migrations that were made by a newer release than this one."""
    with closing(Database(memory=True)) as empty:
        ours = {each.name for each in migrations.pending(empty)}
    return tuple(each.name for each in migrations.applied(database) if each.name not in ours)
