"""Whose each course is."""

from __future__ import annotations

from bot.models import Entitlement
from bot.store.rows import Row, Rows, epoch, instant

GRANT = "openid, course_id, source, order_no, granted_at"


def _entitlement(row: Row) -> Entitlement:
    return Entitlement(row[0], row[1], row[2], row[3], instant(row[4]))


class Entitlements:
    """Whose each course is: one row for a follower and a course, shown from the grants that orders made."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def grant(self, granted: Entitlement) -> bool:
        """Give a course to a follower; False when it was theirs already, and then nothing is noted."""
        fresh = self._show(granted)
        if fresh:
            self._note(granted)
        return fresh

    def add(self, granted: Entitlement) -> bool:
        """Note that this order gives a course, be it theirs already or not; True when it was not."""
        self._note(granted)
        return self._show(granted)

    def revoke(self, openid: str, course_id: str, order_no: str) -> bool:
        """Take back what this order gave; what something else gave as well stays theirs."""
        one = (openid, course_id, order_no)
        self._rows.run("delete from grants where openid = ? and course_id = ? and order_no = ?", *one)
        shown = self._rows.run("delete from entitlements where openid = ? and course_id = ? and order_no = ?", *one)
        if shown:
            self._rows.run(
                f"insert into entitlements ({GRANT}) select {GRANT} from grants"
                " where openid = ? and course_id = ? order by granted_at, order_no limit 1",
                openid,
                course_id,
            )
        return bool(shown)

    def revoke_order(self, openid: str, order_no: str) -> None:
        """Take back everything that this order gave."""
        rows = self._rows.all(
            "select course_id from grants where openid = ? and order_no = ? and order_no <> ''", openid, order_no
        )
        for (course_id,) in rows:
            self.revoke(openid, course_id, order_no)

    def grants(self, *, openid: str = "", course_id: str = "") -> list[Entitlement]:
        """Return everything that gives courses to a follower, or one course to anybody, the oldest first."""
        rows = self._rows.all(
            f"select {GRANT} from grants where {'openid' if openid else 'course_id'} = ?"
            " order by granted_at, order_no, course_id",
            openid or course_id,
        )
        return [_entitlement(row) for row in rows]

    def _show(self, granted: Entitlement) -> bool:
        return self._insert("entitlements", granted)

    def _note(self, granted: Entitlement) -> bool:
        return self._insert("grants", granted)

    def _insert(self, table: str, granted: Entitlement) -> bool:
        return bool(
            self._rows.run(
                f"insert into {table} ({GRANT}) values (?, ?, ?, ?, ?) on conflict do nothing",
                granted.openid,
                granted.course_id,
                granted.source,
                granted.order_no,
                epoch(granted.granted_at),
            )
        )

    def get(self, openid: str, course_id: str) -> Entitlement | None:
        """Return how a course is theirs, or None."""
        row = self._rows.one(
            "select openid, course_id, source, order_no, granted_at from entitlements"
            " where openid = ? and course_id = ?",
            openid,
            course_id,
        )
        return _entitlement(row) if row else None

    def of(self, openid: str) -> list[Entitlement]:
        """Return all courses of a follower, the newest first."""
        rows = self._rows.all(
            "select openid, course_id, source, order_no, granted_at from entitlements where openid = ?"
            " order by granted_at desc, course_id",
            openid,
        )
        return [_entitlement(row) for row in rows]

    def learners(self) -> dict[str, int]:
        """Return how many people have each course that anybody has."""
        return dict(self._rows.all("select course_id, count(*) from entitlements group by course_id"))

    def owned(self, openid: str) -> list[str]:
        """Return the ids of a follower's courses."""
        return [row[0] for row in self._rows.all("select course_id from entitlements where openid = ?", openid)]
