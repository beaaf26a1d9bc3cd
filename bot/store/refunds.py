"""Money on its way back.

Every change of state is a compare-and-swap: it names the states it may start from and tells if a row changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.models import Refund, RefundState
from bot.store.rows import Row, Rows, epoch, instant, instant_or_none, marks

REFUND = (
    "out_refund_no, out_trade_no, order_no, amount_fen, reason, request, state, created_at, tries, next_query_at,"
    " origin, gives_up, basis, note, refund_id, decided_at"
)


def _refund(row: Row) -> Refund:
    return Refund(
        out_refund_no=row[0],
        out_trade_no=row[1],
        order_no=row[2],
        amount_fen=row[3],
        reason=row[4],
        request=row[5],
        state=RefundState(row[6]),
        created_at=instant(row[7]),
        tries=row[8],
        next_query_at=instant_or_none(row[9]),
        origin=row[10],
        gives_up=bool(row[11]),
        basis=row[12],
        note=row[13],
        refund_id=row[14],
        decided_at=instant_or_none(row[15]),
    )


class Refunds:
    """Money on its way back."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, out_refund_no: str) -> Refund | None:
        """Return one refund."""
        row = self._rows.one(f"select {REFUND} from refunds where out_refund_no = ?", out_refund_no)
        return _refund(row) if row else None

    def accepted_between(self, start: datetime, end: datetime) -> list[Refund]:
        """Return what was begun, or came to its end, in that time and WeChat is said to have taken."""
        rows = self._rows.all(
            f"select {REFUND} from refunds where state in ('PROCESSING', 'SUCCESS', 'ABNORMAL', 'CLOSED')"
            " and (created_at >= ? and created_at < ? or out_refund_no in (select key from ledger"
            " where kind = 'refund' and at >= ? and at < ?)) order by created_at, out_refund_no",
            epoch(start),
            epoch(end),
            epoch(start),
            epoch(end),
        )
        return [_refund(row) for row in rows]

    def of(self, order_no: str) -> list[Refund]:
        """Return the refunds of an order, the oldest first."""
        rows = self._rows.all(
            f"select {REFUND} from refunds where order_no = ? order by created_at, out_refund_no",
            order_no,
        )
        return [_refund(row) for row in rows]

    def add(self, refund: Refund) -> None:
        """Write a refund down, before WeChat is called."""
        self._rows.run(
            f"insert into refunds ({REFUND}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            refund.out_refund_no,
            refund.out_trade_no,
            refund.order_no,
            refund.amount_fen,
            refund.reason,
            refund.request,
            refund.state.value,
            epoch(refund.created_at),
            refund.tries,
            None if refund.next_query_at is None else epoch(refund.next_query_at),
            refund.origin,
            int(refund.gives_up),
            refund.basis,
            refund.note,
            refund.refund_id,
            None if refund.decided_at is None else epoch(refund.decided_at),
        )

    def all(self, state: RefundState | None = None) -> list[Refund]:
        """Return refunds, those of one state or every one, the newest first."""
        rows = self._rows.all(
            f"select {REFUND} from refunds where ? in ('', state) order by created_at desc, out_refund_no desc",
            "" if state is None else state.value,
        )
        return [_refund(row) for row in rows]

    def decide(self, out_refund_no: str, to: RefundState, note: str, now: datetime) -> bool:
        """Let an admin's word end the waiting of a REQUESTED one; one that goes on is due at once."""
        return bool(
            self._rows.run(
                "update refunds set state = ?, note = ?, decided_at = ?, next_query_at = ?"
                " where out_refund_no = ? and state = 'REQUESTED'",
                to.value,
                note,
                epoch(now),
                epoch(now) if to is RefundState.NEW else None,
                out_refund_no,
            )
        )

    def note(self, out_refund_no: str, note: str) -> None:
        """Keep an admin's word about a refund."""
        self._rows.run("update refunds set note = ? where out_refund_no = ?", note, out_refund_no)

    def known_as(self, out_refund_no: str, refund_id: str) -> None:
        """Keep WeChat's own number of a refund."""
        self._rows.run("update refunds set refund_id = ? where out_refund_no = ?", refund_id, out_refund_no)

    def move(self, out_refund_no: str, to: RefundState, start: Iterable[RefundState]) -> bool:
        """Move between states."""
        states = [state.value for state in start]
        return bool(
            self._rows.run(
                f"update refunds set state = ? where out_refund_no = ? and state in ({marks(states)})",
                to.value,
                out_refund_no,
                *states,
            )
        )

    def due(self, now: datetime, limit: int = 100) -> list[Refund]:
        """Return refunds that WeChat is to be asked about."""
        rows = self._rows.all(
            f"select {REFUND} from refunds where next_query_at <= ? order by next_query_at limit ?",
            epoch(now),
            limit,
        )
        return [_refund(row) for row in rows]

    def schedule(self, out_refund_no: str, at: datetime | None) -> None:
        """Set when to ask next; None for never."""
        self._rows.run(
            "update refunds set next_query_at = ?, tries = tries + 1 where out_refund_no = ?",
            None if at is None else epoch(at),
            out_refund_no,
        )
