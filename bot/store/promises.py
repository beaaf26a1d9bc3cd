"""What each order promised about refunds when it was placed."""

from __future__ import annotations

from bot.models import RefundTerms
from bot.store.rows import Rows


class RefundPromises:
    """One row an order; written once."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def freeze(self, order_no: str, terms: RefundTerms) -> None:
        """Keep the terms that an order is placed under; a promise that was made stays as it is."""
        self._rows.run(
            "insert into refund_terms (order_no, full_days, full_percent, until_days) values (?, ?, ?, ?)"
            " on conflict (order_no) do nothing",
            order_no,
            terms.full_days,
            terms.full_percent,
            terms.until_days,
        )

    def of(self, order_no: str) -> RefundTerms | None:
        """Return what an order promised; None where nothing was written down."""
        row = self._rows.one(
            "select full_days, full_percent, until_days from refund_terms where order_no = ?", order_no
        )
        return RefundTerms(*row) if row else None
