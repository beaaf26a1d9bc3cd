"""Memberships (会员): months in which courses of all or some categories are open, bought again to prolong them.

Each order has a row of its own; from when to when each holds is arranged anew whenever one is bought or taken back.
What a membership opens is frozen when it is bought.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import CannotBuy, NotAllowed, NotFound, Obstacle
from bot.models import Course, Kind, Line, Membership, Order, OrderState, Plan
from bot.offers.quoting import Ask, Offer
from bot.offers.timeline import add_months, arrange, open_until
from bot.orders import new_order_no
from bot.ports import Clock
from bot.store import Tx
from bot.store.memberships import Told

GRANTED = "granted"  # the kind of the line that makes a membership a present of the house
MOST_MONTHS = 120
BEFORE_THE_END = timedelta(days=3)
LATE = timedelta(days=3)  # after so long, an end is not news any more
BATCH = 100


class PlanOffer(Offer):
    """Sells only what opens something: an item without months, or without a price, is not for sale."""

    def line(self, tx: Tx, ask: Ask, _so_far_fen: int) -> Line | None:
        """Change nothing; ``CannotBuy`` for what opens nothing."""
        if ask.course.kind is Kind.MEMBERSHIP and (
            ask.course.free or tx.memberships.plan(ask.course.course_id) is None
        ):
            raise CannotBuy(Obstacle.OFF_SALE)
        return None


class MembershipDelivery:
    """The months that an order bought."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def owned(self, _tx: Tx, _openid: str, _course: Course) -> bool:
        """Tell that there is always something to sell: more months."""
        return False

    def give(self, tx: Tx, order: Order, course: Course, now: datetime) -> str:
        """Give the months, behind those that are there already."""
        plan = tx.memberships.plan(course.course_id)
        if plan is None or not tx.memberships.add(_bought(order, course, plan, now)):
            return ""
        _arrange(tx, order.openid)
        return "paid_member"

    def take_back(self, tx: Tx, order: Order) -> None:
        """End the months of this order now, or never let them begin; those of other orders stay and move up."""
        take_back(tx, order.order_no, self._clock.now())

    def restore(self, tx: Tx, order: Order, _course: Course, _now: datetime) -> None:
        """Give the months again, in the place where they stood."""
        if tx.memberships.reinstate(order.order_no):
            _arrange(tx, order.openid)


def take_back(tx: Tx, order_no: str, now: datetime) -> bool:
    """End what an order bought; False when there is nothing left of it."""
    found = tx.memberships.get(order_no)
    if found is None or found.ends_at <= now or not tx.memberships.revoke(order_no, now):
        return False
    _arrange(tx, found.openid)
    return True


def _bought(order: Order, course: Course, plan: Plan, now: datetime) -> Membership:
    months, opens = plan.months, plan.categories
    return Membership(order.order_no, order.openid, course.course_id, course.title, months, opens, now, now, now)


def _arrange(tx: Tx, openid: str) -> None:
    tx.memberships.place(arrange(tx.memberships.of(openid)))


def would_end(tx: Tx, openid: str, plan: Plan, now: datetime) -> datetime:
    """Return until when a plan's categories would be open if it were bought now."""
    theirs = tx.memberships.of(openid) if openid else []
    more = Membership("~", openid, plan.item_id, "", plan.months, plan.categories, now, now, now)
    return open_until(arrange([*theirs, more]), plan.categories, now) or add_months(now, plan.months)


# Keeping ----------------------------------------------------------------------------------------------------


def get(tx: Tx, item_id: str) -> Course:
    """Return an item of kind membership. ``NotFound`` says how to look for it."""
    course = tx.courses.get(item_id)
    if course is None or course.kind is not Kind.MEMBERSHIP:
        raise NotFound(f"没有会员 {item_id}；用 members plans 看有哪些")
    return course


def faults(months: int, categories: tuple[str, ...], known: frozenset[str]) -> list[str]:
    """Say why a plan cannot be so; ``known`` are the categories that courses have."""
    problems = [] if 1 <= months <= MOST_MONTHS else [f"会员的月数应在 1 到 {MOST_MONTHS} 之间"]
    missing = [each for each in categories if each not in known]
    return problems + [f"没有课程属于分类 {each}" for each in missing]


def categories_of(tx: Tx) -> frozenset[str]:
    """Return the categories that courses have."""
    return frozenset(each.category for each in tx.courses.all() if each.kind is Kind.COURSE and each.category)


def set_plan(tx: Tx, plan: Plan) -> bool:
    """Say what an item opens, for whoever buys it from now on; False when it was so before.

    ``NotFound`` and ``NotAllowed`` say what is wrong, and then nothing is changed.
    """
    get(tx, plan.item_id)
    if problems := faults(plan.months, plan.categories, categories_of(tx)):
        raise NotAllowed("；".join(problems))
    if tx.memberships.plan(plan.item_id) == plan:
        return False
    tx.memberships.put_plan(plan)
    tx.versions.bump("catalogue")
    return True


def present(tx: Tx, openid: str, item_id: str, now: datetime) -> Membership:
    """Give a membership without money; an order of nothing is the record of it."""
    course = get(tx, item_id)
    plan = tx.memberships.plan(item_id)
    if plan is None:
        raise NotAllowed(f"{item_id} 还没有写月数；先用 members set {item_id} --months 1")
    lines = (Line("list", course.price_fen), Line(GRANTED, -course.price_fen))
    number = new_order_no(now)
    order = Order(
        number, openid, item_id, course.title, 0, OrderState.PENDING, now, now, source="admin", lines=lines
    )
    tx.orders.add(order)
    tx.orders.pay(number, "", openid, now)
    tx.memberships.add(_bought(order, course, plan, now))
    _arrange(tx, openid)
    given = tx.memberships.get(number)
    assert given is not None, "it was added a moment ago"
    return given


# Telling of the end -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _News:
    """What is told of an end, from how long before it until how long after."""

    told: Told
    kind: str
    after: timedelta
    until: timedelta


NEWS = (
    _News(Told.ENDING, "member_ending", timedelta(), BEFORE_THE_END),
    _News(Told.OVER, "member_over", -LATE, timedelta()),
)


def tell_ends(tx: Tx, now: datetime) -> int:
    """Leave word of every membership that ends soon or has ended, unless another one goes on; each once."""
    told = 0
    for news in NEWS:
        for each in tx.memberships.to_tell(news.told, now + news.after, now + news.until, limit=BATCH):
            tx.memberships.tell(each.order_no, news.told)
            theirs = tx.memberships.of(each.openid)
            if open_until(theirs, each.categories, each.ends_at) is not None:
                continue
            payload = {"title": each.title, "course_id": each.item_id, "ends_at": int(each.ends_at.timestamp())}
            key = f"{each.order_no}:{payload['ends_at']}"
            told += tx.outbox.put(news.kind, key, each.openid, payload, now, due=now)
    return told
