"""What workers share: tokens, one-use states, leases of the jobs, and version counters."""

from __future__ import annotations

from datetime import datetime

from bot.store.rows import Rows, epoch, instant


class Tokens:
    """Short-lived values by kind and key, each with its end."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, kind: str, key: str, now: datetime) -> tuple[str, datetime] | None:
        """Return a value that is still valid, with its end."""
        row = self._rows.one(
            "select value, expires_at from tokens where kind = ? and key = ? and expires_at > ?",
            kind,
            key,
            epoch(now),
        )
        return (row[0], instant(row[1])) if row else None

    def put(self, kind: str, key: str, value: str, expires_at: datetime) -> None:
        """Keep a value until its end."""
        self._rows.run(
            "insert into tokens (kind, key, value, expires_at) values (?, ?, ?, ?)"
            " on conflict (kind, key) do update set value = excluded.value, expires_at = excluded.expires_at",
            kind,
            key,
            value,
            epoch(expires_at),
        )

    def take(self, kind: str, key: str, now: datetime) -> str | None:
        """Return a valid value and forget it: of many who ask, one gets it."""
        row = self._rows.one(
            "delete from tokens where kind = ? and key = ? and expires_at > ? returning value",
            kind,
            key,
            epoch(now),
        )
        return row[0] if row else None

    def expire(self, kind: str, key: str, value: str) -> None:
        """Forget exactly this value; a newer one stays."""
        self._rows.run("delete from tokens where kind = ? and key = ? and value = ?", kind, key, value)

    def purge(self, now: datetime) -> int:
        """Forget what has ended."""
        return self._rows.run("delete from tokens where expires_at <= ?", epoch(now))


class Leases:
    """Who may run a job now."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def leave(self, holder: str) -> None:
        """Give every lease of a holder back, so that the next one need not wait for its end."""
        self._rows.run("delete from leases where holder = ?", holder)

    def take(self, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take or prolong a lease; False while another holder has it."""
        return bool(
            self._rows.run(
                "insert into leases (name, holder, until) values (?, ?, ?)"
                " on conflict (name) do update set holder = excluded.holder, until = excluded.until"
                " where leases.holder = excluded.holder or leases.until <= ?",
                name,
                holder,
                epoch(until),
                epoch(now),
            )
        )


class Versions:
    """Counters that tell other workers that something changed."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, name: str) -> int:
        """Return a counter, 0 at the beginning."""
        row = self._rows.one("select number from versions where name = ?", name)
        return row[0] if row else 0

    def bump(self, name: str) -> None:
        """Count one up."""
        self._rows.run(
            "insert into versions (name, number) values (?, 1)"
            " on conflict (name) do update set number = versions.number + 1",
            name,
        )
