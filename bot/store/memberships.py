"""What memberships open and for how long, and the months that followers have."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum

from bot.models import Membership, Plan
from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

MEMBERSHIP = "order_no, openid, item_id, title, months, categories, granted_at, starts_at, ends_at, revoked_at"


class Told(IntEnum):
    """What the holder of a membership was told of its end."""

    NOTHING = 0
    ENDING = 1
    OVER = 2


def _membership(row: Row) -> Membership:
    return Membership(
        order_no=row[0],
        openid=row[1],
        item_id=row[2],
        title=row[3],
        months=row[4],
        categories=_categories(row[5]),
        granted_at=instant(row[6]),
        starts_at=instant(row[7]),
        ends_at=instant(row[8]),
        revoked_at=instant_or_none(row[9]),
    )


def _categories(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


class Memberships:
    """Plans, and the months bought by each order."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def plan(self, item_id: str) -> Plan | None:
        """Return what an item opens; None when nobody has said so yet."""
        row = self._rows.one("select item_id, months, categories from membership_plans where item_id = ?", item_id)
        return Plan(row[0], row[1], _categories(row[2])) if row else None

    def plans(self) -> dict[str, Plan]:
        """Return item id → what it opens."""
        rows = self._rows.all("select item_id, months, categories from membership_plans order by item_id")
        return {row[0]: Plan(row[0], row[1], _categories(row[2])) for row in rows}

    def put_plan(self, plan: Plan) -> None:
        """Keep what an item opens; memberships bought before stay as they are."""
        self._rows.run(
            "insert into membership_plans (item_id, months, categories) values (?, ?, ?)"
            " on conflict (item_id) do update set months = excluded.months, categories = excluded.categories",
            plan.item_id,
            plan.months,
            "|".join(plan.categories),
        )

    def add(self, membership: Membership) -> bool:
        """Write down what an order bought; False when that was done before."""
        return bool(
            self._rows.run(
                f"insert into memberships ({MEMBERSHIP}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " on conflict do nothing",
                membership.order_no,
                membership.openid,
                membership.item_id,
                membership.title,
                membership.months,
                "|".join(membership.categories),
                epoch(membership.granted_at),
                epoch(membership.starts_at),
                epoch(membership.ends_at),
                None,
            )
        )

    def revoke(self, order_no: str, now: datetime) -> bool:
        """Note that what an order bought was taken back; False when it was before, or is not there."""
        return bool(
            self._rows.run(
                "update memberships set revoked_at = ? where order_no = ? and revoked_at is null",
                epoch(now),
                order_no,
            )
        )

    def reinstate(self, order_no: str) -> bool:
        """Note that what was taken back is theirs again."""
        sql = "update memberships set revoked_at = null where order_no = ? and revoked_at is not null"
        return bool(self._rows.run(sql, order_no))

    def place(self, memberships: Iterable[Membership]) -> None:
        """Keep from when to when each holds; its end is to be told anew."""
        self._rows.run_many(
            "update memberships set starts_at = ?, ends_at = ?, told = 0 where order_no = ?",
            [(epoch(each.starts_at), epoch(each.ends_at), each.order_no) for each in memberships],
        )

    def get(self, order_no: str) -> Membership | None:
        """Return what one order bought."""
        row = self._rows.one(f"select {MEMBERSHIP} from memberships where order_no = ?", order_no)
        return _membership(row) if row else None

    def of(self, openid: str) -> list[Membership]:
        """Return everything a follower ever had, in the order in which it was bought."""
        rows = self._rows.all(
            f"select {MEMBERSHIP} from memberships where openid = ? order by granted_at, rowid", openid
        )
        return [_membership(row) for row in rows]

    def not_over(self, openid: str, now: datetime) -> list[Membership]:
        """Return what holds for a follower now or later, the first to begin first."""
        rows = self._rows.all(
            f"select {MEMBERSHIP} from memberships where openid = ? and ends_at > ? and ends_at > starts_at"
            " order by starts_at, order_no",
            openid,
            epoch(now),
        )
        return [_membership(row) for row in rows]

    def all(self) -> list[Membership]:
        """Return every membership, the newest first."""
        rows = self._rows.all(f"select {MEMBERSHIP} from memberships order by granted_at desc, order_no desc")
        return [_membership(row) for row in rows]

    def to_tell(self, told: Told, after: datetime, until: datetime, *, limit: int) -> list[Membership]:
        """Return what ends after the one and not after the other moment, and of which less than that was told."""
        rows = self._rows.all(
            f"select {MEMBERSHIP} from memberships where ends_at > ? and ends_at <= ? and told < ?"
            " and revoked_at is null order by ends_at, order_no limit ?",
            epoch(after),
            epoch(until),
            int(told),
            limit,
        )
        return [_membership(row) for row in rows]

    def tell(self, order_no: str, told: Told) -> None:
        """Note what was told of the end."""
        self._rows.run("update memberships set told = ? where order_no = ?", int(told), order_no)
