"""The sentence for each kind of outbox row."""

from __future__ import annotations

from collections.abc import Callable

from bot.models import OutboxRow
from handlers.chat import replies


def teller(public_url: str) -> Callable[[OutboxRow], str]:
    """Return the function that words outbox rows, with links into our pages."""

    def tell(row: OutboxRow) -> str:
        told = row.payload
        title, fen = str(told.get("title", "")), int(str(told.get("amount_fen", 0)))
        match row.kind:
            case "paid":
                url = f"{public_url}/learn/{told['course_id']}"
                return replies.paid(title, fen, str(told["order_no"]), url)
            case "paid_twice":
                return replies.paid_twice(title, fen)
            case "refunded":
                return replies.refunded(title, fen)
            case "refund_approved":
                return replies.refund_approved(title, fen)
            case "refund_declined":
                return replies.refund_declined(title, str(told["why"]))
            case "refund_failed":
                return replies.refund_failed(title, fen)
            case "refund_delayed":
                return replies.refund_delayed(title, fen)
            case "refund_by_hand":
                return replies.refund_by_hand(title, fen)
            case "invoice_issued":
                return replies.invoice_issued(title, fen, str(told["number"]))
            case "human":
                return str(told.get("content") or replies.handed_over())
            case "unanswered":
                return replies.unanswered()
            case "reply" | "note":
                return str(told["content"])
            case _:
                raise ValueError(f"no sentence for outbox kind {row.kind!r}")

    return tell
