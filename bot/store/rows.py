"""The thin layer between our tables and a database connection: run a statement, fetch rows, keep time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

Row = tuple[Any, ...]


class Rows:
    """Statements against one connection, with positional parameters written ``?``."""

    __slots__ = ("_execute", "_executemany")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany

    def one(self, sql: str, *args: object) -> Row | None:
        """Return the first row, or None."""
        row: Row | None = self._execute(sql, args).fetchone()
        return row

    def all(self, sql: str, *args: object) -> list[Row]:
        """Return every row."""
        return self._execute(sql, args).fetchall()

    def run(self, sql: str, *args: object) -> int:
        """Run a change and return how many rows it touched."""
        return self._execute(sql, args).rowcount

    def insert(self, sql: str, *args: object) -> int:
        """Run an insert and return the number the database gave the row."""
        return self._execute(sql, args).lastrowid or 0

    def run_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one change for many parameter rows."""
        self._executemany(sql, rows)


def epoch(instant: datetime) -> int:
    """Turn an aware instant into the whole seconds that are stored."""
    return int(instant.timestamp())


def instant(seconds: int) -> datetime:
    """Turn stored seconds back into an aware UTC instant."""
    return datetime.fromtimestamp(seconds, UTC)


def instant_or_none(seconds: int | None) -> datetime | None:
    """Do the same for a column that may be empty."""
    return None if seconds is None else instant(seconds)


def marks(values: Iterable[object]) -> str:
    """Return as many placeholders as there are values, for ``in (…)``."""
    return ",".join("?" for _ in values)
