"""Items that are not courses: the cards of bundles and memberships, 我的会员, and what a membership opens."""

from __future__ import annotations

from typing import Any

from bot.errors import CannotBuy
from bot.models import Course, Kind
from bot.offers import membership
from bot.offers.bundles import courses_in
from bot.offers.pricing import Priced
from handlers.chat import replies_items
from handlers.chat.answers import Answer, Text
from handlers.chat.turn import Turn


def card(course: Course, turn: Turn, source: str) -> str | None:
    """Return the card of a bundle, of a membership, or of a course that a membership opens; else None."""
    if course.kind is Kind.BUNDLE:
        return _bundle(course, turn, source)
    if course.kind is Kind.MEMBERSHIP:
        return _membership(course, turn, source)
    until = turn.cover.until(course) if not course.free else None
    if until is None:
        return None
    found = turn.priced(course, turn.talk.coupon)
    buy = turn.course_link(course, source, found.used)
    return replies_items.member_can(course, turn.lesson_link(course.course_id), until, buy, found.total_fen)


def priced(course: Course, turn: Turn, coupon: str = "") -> Priced | None:
    """Return what an item costs this follower now; None for what is not for sale."""
    try:
        return turn.priced(course, coupon)
    except CannotBuy:
        return None


def _bundle(course: Course, turn: Turn, source: str) -> str:
    url, owned = turn.course_link(course, source), set(turn.tx.entitlements.owned(turn.openid))
    within = [(each, each.course_id in owned) for each in courses_in(turn.tx, course.course_id)]
    if course.course_id in owned or (within and all(theirs for _course, theirs in within)):
        return replies_items.bundle_owned(course, url)
    found = priced(course, turn, turn.talk.coupon)
    if found is None:
        return replies_items.not_for_sale(course)
    steps = replies_items.steps(found.quote, {each.course_id: each.title for each, _theirs in within})
    link = turn.course_link(course, source, found.used)
    shown = replies_items.bundle_card(course, within, steps, found.total_fen, link)
    return "\n".join(part for part in (shown, turn.refund_note) if part)


def _membership(course: Course, turn: Turn, source: str) -> str:
    plan = turn.tx.memberships.plan(course.course_id)
    found = priced(course, turn, turn.talk.coupon)
    if plan is None or found is None:
        return replies_items.not_for_sale(course)
    again = any(each.holds(turn.now) and each.covers(plan.categories) for each in turn.cover.memberships)
    until = membership.would_end(turn.tx, turn.openid, plan, turn.now)
    url = turn.course_link(course, source, found.used)
    return replies_items.plan_card(course, plan, found.total_fen, until, url, again=again)


def my_membership(_message: Any, turn: Turn) -> Answer:
    """Say what is open and until when, and list the memberships on sale; their numbers open them."""
    courses, plans = turn.shelf.courses, turn.shelf.plans
    sold = sorted(plans, key=lambda each: (courses[each].price_fen, each))
    if sold:
        turn.talk.show_own(sold)
    offers = [
        replies_items.offer_line(number, courses[each], plans[each], turn.talk.turn)
        for number, each in enumerate(sold, 1)
    ]
    return Text(replies_items.my_membership(turn.cover.periods(), offers, turn.membership_link))


def with_membership(listed: str, turn: Turn) -> str:
    """Add to the list of a follower's own courses what the membership opens, and what was begun by it."""
    periods = turn.cover.periods()
    if not periods:
        return listed
    begun = [turn.shelf.courses[each] for each in turn.tx.lessons.begun(turn.openid) if each in turn.shelf.courses]
    open_to_members = [
        (each, turn.lesson_link(each.course_id))
        for each in begun
        if each.course_id not in turn.owned and turn.cover.opens(each)
    ]
    return replies_items.own_courses(listed, periods, open_to_members)


def with_loss(asked: str, turn: Turn) -> str:
    """Say before a deletion that the membership would be lost too."""
    ends = [until for _names, until in turn.cover.periods()]
    return f"{replies_items.membership_lost(max(ends))}\n{asked}" if ends else asked
