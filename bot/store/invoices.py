"""Requests for invoices, one an order, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

INVOICE = "order_no, kind, title, tax_no, state, requested_at, amount_fen, number, issued_at, reversal"


class TitleKind(StrEnum):
    """Whom an invoice is made out to."""

    PERSON = "person"
    COMPANY = "company"


class InvoiceState(StrEnum):
    """What has become of a request."""

    REQUESTED = "REQUESTED"
    ISSUED = "ISSUED"
    REVERSED = "REVERSED"  # 红冲: taken back by a red invoice


@dataclass(frozen=True, slots=True)
class Invoice:
    """A request for an invoice; amount, number and time once it is issued, ``reversal`` the red one's number."""

    order_no: str
    kind: TitleKind
    title: str
    tax_no: str
    state: InvoiceState
    requested_at: datetime
    amount_fen: int = 0
    number: str = ""
    issued_at: datetime | None = None
    reversal: str = ""


def _invoice(row: Row) -> Invoice:
    return Invoice(
        order_no=row[0],
        kind=TitleKind(row[1]),
        title=row[2],
        tax_no=row[3],
        state=InvoiceState(row[4]),
        requested_at=instant(row[5]),
        amount_fen=row[6],
        number=row[7],
        issued_at=instant_or_none(row[8]),
        reversal=row[9],
    )


class Invoices:
    """Requests for invoices."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, order_no: str) -> Invoice | None:
        """Return the request of an order."""
        row = self._rows.one(f"select {INVOICE} from invoices where order_no = ?", order_no)
        return _invoice(row) if row else None

    def all(self) -> list[Invoice]:
        """Return every request, the oldest first."""
        rows = self._rows.all(f"select {INVOICE} from invoices order by requested_at, order_no")
        return [_invoice(row) for row in rows]

    def of(self, openid: str) -> list[Invoice]:
        """Return the requests of a follower, the oldest first."""
        rows = self._rows.all(
            f"select {INVOICE} from invoices where order_no in (select order_no from orders where openid = ?)"
            " order by requested_at, order_no",
            openid,
        )
        return [_invoice(row) for row in rows]

    def request(self, order_no: str, kind: TitleKind, title: str, tax_no: str, now: datetime) -> bool:
        """Write a request down, or change it as long as no invoice is out; False when one is."""
        return bool(
            self._rows.run(
                "insert into invoices (order_no, kind, title, tax_no, state, requested_at)"
                " values (?, ?, ?, ?, 'REQUESTED', ?) on conflict (order_no) do update set kind = excluded.kind,"
                " title = excluded.title, tax_no = excluded.tax_no where invoices.state = 'REQUESTED'",
                order_no,
                kind.value,
                title,
                tax_no,
                epoch(now),
            )
        )

    def issue(self, order_no: str, amount_fen: int, number: str, now: datetime) -> bool:
        """Note that the invoice is out; False when there is no open request."""
        return bool(
            self._rows.run(
                "update invoices set state = 'ISSUED', amount_fen = ?, number = ?, issued_at = ?"
                " where order_no = ? and state = 'REQUESTED'",
                amount_fen,
                number,
                epoch(now),
                order_no,
            )
        )

    def reverse(self, order_no: str, reversal: str) -> bool:
        """Note that an invoice was taken back; False when none is out."""
        sql = "update invoices set state = 'REVERSED', reversal = ? where order_no = ? and state = 'ISSUED'"
        return bool(self._rows.run(sql, reversal, order_no))

    def forget(self, openid: str) -> None:
        """Delete the open requests of a person; invoices that are out stay, without a person's name."""
        theirs = "order_no in (select order_no from orders where openid = ?)"
        self._rows.run(f"delete from invoices where state = 'REQUESTED' and {theirs}", openid)
        self._rows.run(f"update invoices set title = '个人' where kind = 'person' and {theirs}", openid)
