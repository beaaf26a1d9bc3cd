"""Bundles (专栏): several courses for one price, less the share of those that the buyer has paid for already.

A course that was credited is not given once more: it comes from its own purchase, and goes with it when that is
refunded. All other courses are given by the bundle's order, be they theirs already or not; when the order is
refunded, only what nothing else gave is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.errors import CannotBuy, NotAllowed, NotFound, Obstacle
from bot.models import Course, CourseStatus, Entitlement, Kind, Line, Order, Purpose
from bot.offers.delivery import BuyObserver
from bot.offers.quoting import Ask, Offer
from bot.store import Tx

CREDIT = "owned"  # the kind of the line
PAID_FOR = frozenset({"order", "bundle"})  # sources of courses that money was paid for
MOST_COURSES = 100


def credit(price_fen: int, owned_fen: int, all_fen: int) -> int:
    """Return the share of a price that owned courses make up, rounded to the nearest fen, the half down."""
    return (2 * price_fen * owned_fen + all_fen - 1) // (2 * all_fen) if all_fen else 0


def credited(order: Order) -> frozenset[str]:
    """Return the courses for which the price of an order was lowered."""
    return frozenset(part for line in order.lines if line.kind == CREDIT for part in line.ref.split("|"))


def credited_titles(tx: Tx, lines: Iterable[Line]) -> dict[str, str]:
    """Return the titles of the courses for which a price was lowered."""
    named = [part for line in lines if line.kind == CREDIT for part in line.ref.split("|")]
    return {each: course.title for each in named if (course := tx.courses.get(each)) is not None}


def courses_in(tx: Tx, bundle_id: str) -> list[Course]:
    """Return the courses of a bundle in order."""
    return [course for each in tx.bundles.of(bundle_id) if (course := tx.courses.get(each)) is not None]


def paid_for(tx: Tx, openid: str) -> frozenset[str]:
    """Return the courses for which somebody paid, by themselves or in a bundle, and which they still have."""
    return frozenset(each.course_id for each in tx.entitlements.grants(openid=openid) if each.source in PAID_FOR)


class BundleCredit(Offer):
    """Takes the share of the courses paid for already off the price of a bundle."""

    def line(self, tx: Tx, ask: Ask, so_far_fen: int) -> Line | None:
        """Return the share; ``CannotBuy`` for a bundle without courses."""
        if ask.course.kind is not Kind.BUNDLE:
            return None
        courses = courses_in(tx, ask.course.course_id)
        if not courses:
            raise CannotBuy(Obstacle.OFF_SALE)
        if not ask.openid or ask.wish.purpose is not Purpose.OWN:
            return None
        paid = paid_for(tx, ask.openid)
        theirs = [each for each in courses if each.course_id in paid]
        fen = credit(so_far_fen, sum(each.price_fen for each in theirs), sum(each.price_fen for each in courses))
        return Line(CREDIT, -fen, "|".join(each.course_id for each in theirs)) if fen else None


class BundleDelivery:
    """A bundle with all its courses for the buyer."""

    def __init__(self, observer: BuyObserver) -> None:
        self._observer = observer

    def owned(self, tx: Tx, openid: str, course: Course) -> bool:
        """Tell whether they have the bundle, or every course of it."""
        if tx.entitlements.get(openid, course.course_id) is not None:
            return True
        wanted = tx.bundles.of(course.course_id)
        return bool(wanted) and set(wanted) <= set(tx.entitlements.owned(openid))

    def give(self, tx: Tx, order: Order, course: Course, now: datetime) -> str:
        """Give the bundle and its courses, but for those that were credited; let interests follow what is new."""
        if self.owned(tx, order.openid, course):
            return ""
        granted = Entitlement(order.openid, course.course_id, _source(order, "order"), order.order_no, now)
        tx.entitlements.grant(granted)
        self._observer.bought(tx, order.openid, course, now)
        for each in courses_in(tx, course.course_id):
            if each.course_id not in credited(order) and _add(tx, order, each, now):
                self._observer.bought(tx, order.openid, each, now)
        return "paid"

    def take_back(self, tx: Tx, order: Order) -> None:
        """Take back what this order gave, and nothing that came another way."""
        tx.entitlements.revoke_order(order.openid, order.order_no)

    def restore(self, tx: Tx, order: Order, course: Course, now: datetime) -> None:
        """Give the bundle and its courses again."""
        at = order.paid_at or now
        granted = Entitlement(order.openid, course.course_id, _source(order, "order"), order.order_no, at)
        tx.entitlements.grant(granted)
        for each in courses_in(tx, course.course_id):
            if each.course_id not in credited(order):
                _add(tx, order, each, at)


def _add(tx: Tx, order: Order, course: Course, now: datetime) -> bool:
    granted = Entitlement(order.openid, course.course_id, _source(order, "bundle"), order.order_no, now)
    return tx.entitlements.add(granted)


def _source(order: Order, bought: str) -> str:
    """Return how what an order gives came to its owner; ``bought`` where that is by their own money."""
    if order.purpose is Purpose.GIFT:
        return "gift"
    return bought if order.amount_fen else "free"


# Keeping ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of setting the courses of a bundle, and how many buyers got the courses that are new in it."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    moved: bool
    given: int = 0


def faults(tx: Tx, course_ids: Sequence[str]) -> list[str]:
    """Say why these cannot be the courses of a bundle; nothing when they can."""
    if not course_ids:
        return ["专栏至少要有一门课"]
    problems = [f"{each} 写了两次" for each in dict.fromkeys(course_ids) if course_ids.count(each) > 1]
    if len(course_ids) > MOST_COURSES:
        problems.append(f"专栏最多 {MOST_COURSES} 门课")
    for each in dict.fromkeys(course_ids):
        course = tx.courses.get(each)
        if course is None:
            problems.append(f"没有课程 {each}")
        elif course.kind is not Kind.COURSE:
            problems.append(f"{each} 不是课程，专栏里只能放课程")
        elif course.status is CourseStatus.DRAFT:
            problems.append(f"{each} 还是草稿，先用 courses publish {each} 上架")
    return problems


def get(tx: Tx, bundle_id: str) -> Course:
    """Return a bundle. ``NotFound`` says how to look for it."""
    course = tx.courses.get(bundle_id)
    if course is None or course.kind is not Kind.BUNDLE:
        raise NotFound(f"没有专栏 {bundle_id}；用 bundles list 看有哪些")
    return course


def set_courses(tx: Tx, bundle_id: str, course_ids: Sequence[str], now: datetime) -> Changed:
    """Put these courses into a bundle; whoever bought it gets what is new, and keeps what is taken out.

    ``NotFound`` and ``NotAllowed`` say what is wrong, and then nothing is changed.
    """
    get(tx, bundle_id)
    if problems := faults(tx, course_ids):
        raise NotAllowed("；".join(problems))
    before = tx.bundles.of(bundle_id)
    if before == tuple(course_ids):
        return Changed((), (), moved=False)
    tx.bundles.replace(bundle_id, course_ids)
    tx.versions.bump("catalogue")
    added = tuple(each for each in course_ids if each not in before)
    given = _give_later(tx, bundle_id, added, now) if before else 0
    return Changed(added, tuple(each for each in before if each not in course_ids), moved=True, given=given)


def _give_later(tx: Tx, bundle_id: str, course_ids: Sequence[str], now: datetime) -> int:
    """Give what is new in a bundle to its buyers; returns how many there are."""
    buyers = tx.entitlements.grants(course_id=bundle_id) if course_ids else []
    for buyer in buyers:
        order = tx.orders.get(buyer.order_no) if buyer.order_no else None
        without = credited(order) if order is not None else frozenset()
        source = "bundle" if buyer.source == "order" else buyer.source
        for each in course_ids:
            if each not in without:
                tx.entitlements.add(Entitlement(buyer.openid, each, source, buyer.order_no, now))
    return len(buyers)
