"""One course: opened by number or title, priced, claimed, hidden by 不感兴趣, shown again by 撤销."""

from __future__ import annotations

from typing import Any

from bot.models import Course, Kind
from bot.offers.pricing import Priced
from bot.store.coupons import Holder
from handlers.chat import replies, replies_offers
from handlers.chat.answers import Answer, Text
from handlers.chat.topics import items
from handlers.chat.turn import Turn
from recsys.base import Signal


def number(_message: Any, turn: Turn) -> Answer:
    """Open the course that the number means; one that is off sale opens only for its owner."""
    course = _picked(turn, turn.tap)
    return Text(open_card(course, turn, "list") if course is not None else replies.expired_number())


def open_card(course: Course, turn: Turn, source: str) -> str:
    """Show a course with the way to buy, claim or open it, and learn from the interest in it."""
    turn.talk.open(course.course_id)
    if course.kind is Kind.COURSE and turn.tx.entitlements.get(turn.openid, course.course_id):
        return replies.owned(course, turn.lesson_link(course.course_id))
    if turn.follower.personalised:
        turn.suggestions.touch(turn.notes, turn.openid, turn.profile, Signal.CLICK, course, turn.now)
    if (special := items.card(course, turn, source)) is not None:
        return special
    if course.free:
        return replies.free_card(course)
    priced = _priced(course, turn)
    shown = replies.card(course, priced, turn.course_link(course, source, priced.used), turn.refund_note)
    deal = turn.tx.groups.running(course.course_id, turn.now)
    together = replies_offers.group_offer(deal.size, deal.price_fen, turn.group_link(course)) if deal else ""
    return "\n".join(part for part in (shown, together) if part)


def claim(_message: Any, turn: Turn) -> Answer:
    """Grant the free course that lies open."""
    course = turn.shelf.courses.get(turn.talk.course)
    if course is None or not course.free:
        return Text(replies.nothing_to_claim())
    placed = turn.orders.place_in(turn.tx, turn.openid, course.course_id, turn.now, source="chat")
    url = turn.lesson_link(course.course_id)
    return Text(replies.owned(course, url) if placed.outcome == "owned" else replies.granted(course, url))


def price(_message: Any, turn: Turn) -> Answer:
    """Say what the course at hand costs and how to get it, else where prices stand."""
    course = turn.shelf.courses.get(turn.talk.at_hand)
    if course is None:
        return Text(replies.where_prices_are(listed=bool(turn.talk.suggested)))
    if course.kind is Kind.COURSE and course.course_id in turn.owned:
        return Text(replies.owned(course, turn.lesson_link(course.course_id)))
    if (special := items.card(course, turn, "price")) is not None:
        return Text(special)
    priced = _priced(course, turn)
    return Text(replies.price(course, priced, turn.course_link(course, "price", priced.used)))


def not_interested(_message: Any, turn: Turn) -> Answer:
    """Hide a course, by its number or the one at hand, and learn from it."""
    course = _picked(turn, "") if turn.number is not None else turn.shelf.courses.get(turn.talk.at_hand)
    if course is None:
        return Text(replies.which_dislike())
    if course.course_id in turn.owned:
        return Text(replies.owned_is_not_offered(course))
    if course.course_id in turn.tx.dislikes.of(turn.openid):
        return Text(replies.disliked_before(course))
    turn.tx.dislikes.add(turn.openid, course.course_id, turn.now)
    turn.talk.disliked, turn.talk.unlearn = course.course_id, turn.follower.personalised
    if turn.follower.personalised:
        turn.suggestions.touch(turn.notes, turn.openid, turn.profile, Signal.DISLIKE, course, turn.now)
    return Text(replies.disliked(course))


def undo(_message: Any, turn: Turn) -> Answer:
    """Show again what was hidden last, and take back what was learnt from it."""
    talk = turn.talk
    course = turn.shelf.courses.get(talk.disliked)
    if course is None:
        return Text(replies.nothing_to_undo())
    turn.tx.dislikes.remove(turn.openid, course.course_id)
    if talk.unlearn:
        turn.suggestions.take_back_dislike(turn.notes, turn.openid, turn.profile, course, turn.now)
    talk.disliked, talk.unlearn = "", False
    talk.seen = [each for each in talk.seen if each != course.course_id]
    return Text(replies.dislike_undone(course))


def _priced(course: Course, turn: Turn) -> Priced:
    """Price a course with the coupon of the talk; one that could not be kept now is told of for the last time."""
    priced = turn.priced(course, "" if course.free else turn.talk.coupon)
    if priced.fault is not None:
        coupon = turn.tx.coupons.get(turn.talk.coupon)
        if turn.shop.coupons.fault(turn.tx, coupon, Holder(turn.openid), turn.now) is not None:
            turn.talk.coupon = ""
    return priced


def _picked(turn: Turn, tap: str) -> Course | None:
    """Return the course that the number of the message means."""
    picked = turn.talk.pick(turn.number, tap) if turn.number is not None else None
    if picked is None:
        return None
    course = turn.shelf.courses.get(picked)
    return turn.tx.courses.get(picked) if course is None and picked in turn.owned else course
