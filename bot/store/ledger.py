"""Every movement of money, once and for ever, and how each day agreed with WeChat's bills.

The database itself refuses to change or delete a movement. Rows name orders and payments, never people.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

MOVEMENT = "kind, key, order_no, amount_fen, at"


class Movement(StrEnum):
    """What moved money."""

    PAYMENT = "payment"  # key: out_trade_no
    REFUND = "refund"  # key: out_refund_no
    TRANSFER = "transfer"  # key: out_bill_no
    FEE = "fee"  # key: the number of the payment or refund that it is for


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One movement; ``amount_fen`` is positive for what came in and negative for what went out."""

    kind: Movement
    key: str
    order_no: str
    amount_fen: int
    at: datetime


@dataclass(frozen=True, slots=True)
class DayKept:
    """What is known of a day's bills; ``report`` is JSON, empty while there is none."""

    day: date
    state: str
    report: str
    at: datetime
    next_at: datetime | None


def _movement(row: Row) -> LedgerRow:
    return LedgerRow(Movement(row[0]), row[1], row[2], row[3], instant(row[4]))


class Ledger:
    """Movements of money, append-only."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, kind: Movement | str, key: str, order_no: str, amount_fen: int, at: datetime) -> bool:
        """Write a movement down, in the transaction that books it; False when (kind, key) stands there already.

        ``amount_fen`` is the plain amount; its sign follows from the kind. A fee that came back is negative.
        """
        kind = Movement(kind)
        signed = amount_fen if kind is Movement.PAYMENT else -amount_fen
        return bool(
            self._rows.run(
                f"insert into ledger ({MOVEMENT}) values (?, ?, ?, ?, ?) on conflict (kind, key) do nothing",
                kind.value,
                key,
                order_no,
                signed,
                epoch(at),
            )
        )

    def get(self, kind: Movement, key: str) -> LedgerRow | None:
        """Return one movement."""
        row = self._rows.one(f"select {MOVEMENT} from ledger where kind = ? and key = ?", kind.value, key)
        return _movement(row) if row else None

    def between(self, start: datetime | None = None, end: datetime | None = None) -> list[LedgerRow]:
        """Return the movements from ``start`` on and before ``end``, the oldest first; all without them."""
        rows = self._rows.all(
            f"select {MOVEMENT} from ledger where at >= ? and at < ? order by at, id",
            -(2**62) if start is None else epoch(start),
            2**62 if end is None else epoch(end),
        )
        return [_movement(row) for row in rows]


class Reconciliations:
    """One row for each day whose bills were asked for."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def put(self, day: date, state: str, report: str, now: datetime, next_at: datetime | None = None) -> None:
        """Keep how a day stands; a later look replaces it, but one without a report keeps the former report."""
        self._rows.run(
            "insert into reconciliations (day, state, report, at, next_at) values (?, ?, ?, ?, ?)"
            " on conflict (day) do update set state = excluded.state, at = excluded.at,"
            " report = case when excluded.report = '' then report else excluded.report end,"
            " next_at = excluded.next_at",
            day.isoformat(),
            state,
            report,
            epoch(now),
            None if next_at is None else epoch(next_at),
        )

    def get(self, day: date) -> DayKept | None:
        """Return how a day stands."""
        row = self._rows.one("select * from reconciliations where day = ?", day.isoformat())
        return _day(row) if row else None

    def all(self) -> list[DayKept]:
        """Return every day, the newest first."""
        return [_day(row) for row in self._rows.all("select * from reconciliations order by day desc")]

    def first_attempt(self) -> datetime | None:
        """Return when somebody first tried to pay here; nothing can be compared before."""
        row = self._rows.one("select min(created_at) from attempts")
        return instant_or_none(row[0]) if row else None


def _day(row: Row) -> DayKept:
    return DayKept(date.fromisoformat(row[0]), row[1], row[2], instant(row[3]), instant_or_none(row[4]))
