"""Who a follower is, for the person who is to answer them: interests, what they saw last, open orders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from bot import privacy
from bot.models import Order
from bot.store import Tx
from handlers.chat.talk import Talk

INTERESTS = 5
SHOWN = 3
TAIL = 4


@dataclass(frozen=True, slots=True)
class Summary:
    """``seen`` are titles of the list that was shown last; ``course`` that of the course that lay open last."""

    interests: tuple[str, ...]
    seen: tuple[str, ...]
    course: str
    unpaid: tuple[Order, ...]


def of(tx: Tx, openid: str, now: datetime) -> Summary:
    """Sum up a follower as the store knows them; interests only of who lets us use them."""
    known = tx.followers.known(openid)
    if known is None:
        return Summary((), (), "", ())
    fields = json.loads(known.context or "{}")
    talk = Talk(**{name: fields[name] for name in Talk.__dataclass_fields__ if name in fields})
    liked = privacy.liked(known.profile, now)[:INTERESTS] if known.follower.personalised else []
    seen = [title for each in talk.suggested if (title := _title(tx, each))]
    return Summary(tuple(liked), tuple(seen), _title(tx, talk.course), tuple(privacy.unsettled(tx, openid)))


def words(summary: Summary) -> str:
    """Put a summary into one line; empty when there is nothing to tell."""
    seen = [summary.course] if summary.course else list(summary.seen[:SHOWN])
    parts = [f"想学{'、'.join(summary.interests)}"] if summary.interests else []
    parts += [f"看过{''.join(f'《{title}》' for title in seen)}"] if seen else []
    parts += [f"《{order.title}》待付款，订单尾号 {order.order_no[-TAIL:]}" for order in summary.unpaid[:SHOWN]]
    return "；".join(parts)


def _title(tx: Tx, course_id: str) -> str:
    course = tx.courses.get(course_id) if course_id else None
    return course.title if course is not None else ""
