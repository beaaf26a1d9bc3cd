"""What the page of an item shows beside the item itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot import access
from bot.access import Access
from bot.errors import CannotBuy
from bot.models import Course, Kind, Plan
from bot.offers import membership
from bot.offers.bundles import courses_in
from bot.offers.quoting import Quote
from bot.orders import Orders
from bot.store import Tx
from handlers.chat import replies_items


@dataclass(frozen=True, slots=True)
class View:
    """One item for one person: its price with its steps, and what it holds; no ``quote``: not for sale."""

    access: Access
    quote: Quote | None
    steps: Sequence[tuple[str, str]] = ()
    within: Sequence[tuple[Course, Access]] = ()
    plan: Plan | None = None
    until: datetime | None = None
    would_end: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether it is a bundle of which every course is theirs."""
        return bool(self.within) and all(each.owned for _course, each in self.within)


def view(tx: Tx, orders: Orders, openid: str, course: Course, now: datetime) -> View:
    """Look at an item for somebody; empty ``openid`` is nobody."""
    theirs = access.of(tx, openid, course, now)
    try:
        quote: Quote | None = orders.quote_in(tx, openid, course, now)
    except CannotBuy:
        quote = None
    within = courses_in(tx, course.course_id) if course.kind is Kind.BUNDLE else []
    plan = tx.memberships.plan(course.course_id) if course.kind is Kind.MEMBERSHIP else None
    titles = {each.course_id: each.title for each in within}
    cover = access.cover(tx, openid, now)
    return View(
        theirs,
        quote,
        replies_items.lines_of(quote.lines, lambda each: titles.get(each, each)) if quote else (),
        [(each, access.of(tx, openid, each, now)) for each in within],
        plan,
        next((until for names, until in cover.periods() if plan and _same(names, plan)), None),
        membership.would_end(tx, openid, plan, now) if plan else None,
    )


def _same(names: Sequence[str], plan: Plan) -> bool:
    return not names or (bool(plan.categories) and set(plan.categories) <= set(names))
