"""Which courses each bundle holds, in order."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store.rows import Rows


class Bundles:
    """The courses of bundles."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def of(self, bundle_id: str) -> tuple[str, ...]:
        """Return the ids of a bundle's courses in order; empty for anything else."""
        rows = self._rows.all(
            "select course_id from bundle_courses where bundle_id = ? order by position", bundle_id
        )
        return tuple(row[0] for row in rows)

    def all(self) -> dict[str, tuple[str, ...]]:
        """Return bundle id → the ids of its courses in order."""
        found: dict[str, tuple[str, ...]] = {}
        rows = self._rows.all("select bundle_id, course_id from bundle_courses order by bundle_id, position")
        for bundle_id, course_id in rows:
            found[bundle_id] = (*found.get(bundle_id, ()), course_id)
        return found

    def replace(self, bundle_id: str, course_ids: Sequence[str]) -> None:
        """Put these courses in the place of a bundle's old ones."""
        self._rows.run("delete from bundle_courses where bundle_id = ?", bundle_id)
        self._rows.run_many(
            "insert into bundle_courses (bundle_id, course_id, position) values (?, ?, ?)",
            [(bundle_id, course_id, at) for at, course_id in enumerate(course_ids, 1)],
        )
