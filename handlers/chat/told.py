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
            case "reward_ready":
                return replies.reward_ready(fen, f"{public_url}/rewards")
            case "reward_paid":
                return replies.reward_paid(fen)
            case "reward_back":
                return replies.reward_back(fen, f"{public_url}/rewards")
            case "human":
                return str(told.get("content") or replies.handed_over())
            case "unanswered":
                return replies.unanswered()
            case "reply" | "note":
                return str(told["content"])
            case _:
                raise ValueError(f"no sentence for outbox kind {row.kind!r}")

    return tell
