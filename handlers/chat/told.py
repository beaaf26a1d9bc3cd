"""The sentence for each kind of outbox row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from bot.models import OutboxRow
from handlers.chat import replies, replies_items, replies_money, replies_offers, replies_refunds


def teller(public_url: str) -> Callable[[OutboxRow], str]:
    """Return the function that words outbox rows, with links into our pages."""

    def tell(row: OutboxRow) -> str:
        told = row.payload
        title, fen = str(told.get("title", "")), int(str(told.get("amount_fen", 0)))
        match row.kind:
            case "paid":
                url = f"{public_url}/learn/{told['course_id']}"
                return replies_money.paid(title, fen, str(told["order_no"]), url)
            case "paid_member":
                return replies_items.paid_member(title, fen, str(told["order_no"]), f"{public_url}/my-membership")
            case "member_ending" | "member_over":
                ends = datetime.fromtimestamp(int(str(told["ends_at"])), UTC)
                say = replies_items.member_ending if row.kind == "member_ending" else replies_items.member_over
                return say(title, ends, f"{public_url}/c/{told['course_id']}?from={row.kind}")
            case "paid_twice":
                return replies_money.paid_twice(title, fen)
            case "group_seat":
                return replies_offers.group_seat(title, fen, f"{public_url}/group/{told['ref']}")
            case "group_full":
                return replies_offers.group_full(title, f"{public_url}/learn/{told['course_id']}")
            case "group_failed":
                return replies_offers.group_failed(title, fen)
            case "gift_bought":
                return replies_offers.gift_bought(title, fen, f"{public_url}/my-gift/{told['order_no']}")
            case "gift_claimed":
                return replies_offers.gift_claimed(title)
            case "gift_returned":
                return replies_offers.gift_returned(title, fen)
            case "offer_gone":
                return replies_money.offer_gone(title, fen)
            case "refunded":
                return replies_refunds.refunded(title, fen)
            case "refund_approved":
                return replies_refunds.refund_approved(title, fen)
            case "refund_declined":
                return replies_refunds.refund_declined(title, str(told["why"]))
            case "refund_failed":
                return replies_refunds.refund_failed(title, fen)
            case "refund_delayed":
                return replies_refunds.refund_delayed(title, fen)
            case "refund_by_hand":
                return replies_refunds.refund_by_hand(title, fen)
            case "invoice_issued":
                return replies_money.invoice_issued(title, fen, str(told["number"]))
            case "reward_ready":
                return replies_offers.reward_ready(fen, f"{public_url}/rewards")
            case "reward_paid":
                return replies_offers.reward_paid(fen)
            case "reward_back":
                return replies_offers.reward_back(fen, f"{public_url}/rewards")
            case "human":
                return str(told.get("content") or replies.handed_over())
            case "unanswered":
                return replies.unanswered()
            case "reply" | "note":
                return str(told["content"])
            case _:
                raise ValueError(f"no sentence for outbox kind {row.kind!r}")

    return tell
