"""The figures of the whole shop, counted by the database; none of them tells of one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.models import CourseStatus, OrderState
from bot.store.rows import Rows


@dataclass(frozen=True, slots=True)
class ShopFigures:
    """One moment of the shop. ``outbox_due`` waits for its sender, ``outbox_held`` for the next chat."""

    orders: Mapping[str, int]
    courses: Mapping[str, int]
    payments: int
    payments_fen: int
    anomalies_open: int
    followers_subscribed: int
    outbox_due: int
    outbox_held: int


class Figures:
    """Counts over the tables."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def count(self) -> ShopFigures:
        """Count everything; every state appears, with 0 where there is none."""
        payments, fen = self._pair(
            "select count(*), coalesce(sum(total_fen), 0) from attempts where state = 'SUCCESS'"
        )
        due, held = self._pair("select count(next_at), count(*) - count(next_at) from outbox where done_at is null")
        orders = self._by("select state, count(*) from orders group by state")
        courses = self._by("select status, count(*) from courses group by status")
        return ShopFigures(
            orders={state.value: orders.get(state.value, 0) for state in OrderState},
            courses={status.value: courses.get(status.value, 0) for status in CourseStatus},
            payments=payments,
            payments_fen=fen,
            anomalies_open=self._one("select count(*) from anomalies where resolved_at is null"),
            followers_subscribed=self._one("select count(*) from followers where subscribed = 1"),
            outbox_due=due,
            outbox_held=held,
        )

    def _one(self, sql: str) -> int:
        row = self._rows.one(sql)
        assert row is not None, "an aggregate always has a row"
        return int(row[0])

    def _by(self, sql: str) -> dict[str, int]:
        return {row[0]: row[1] for row in self._rows.all(sql)}

    def _pair(self, sql: str) -> tuple[int, int]:
        row = self._rows.one(sql)
        assert row is not None, "an aggregate always has a row"
        return int(row[0]), int(row[1])
