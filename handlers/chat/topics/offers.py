"""Coupons in the conversation: what somebody may use now, and codes they type or tap."""

from __future__ import annotations

from typing import Any

from bot.errors import CouponFault
from bot.offers import coupons as rules
from bot.offers import guessing
from bot.store.coupons import Coupon, Holder
from handlers.chat import replies, replies_offers
from handlers.chat.answers import Answer, Text
from handlers.chat.turn import Turn

SHOWN = 8


def coupons(_message: Any, turn: Turn) -> Answer:
    """List the coupons that the follower may use now."""
    usable = turn.shop.coupons.usable(turn.tx, turn.openid, turn.now)[:SHOWN]
    if not usable:
        return Text(turn.word("discount", replies_offers.discount()))
    return Text(replies_offers.my_coupons([(each, _thing(each, turn)) for each in usable]))


def typed(code: str, _message: Any, turn: Turn) -> Answer:
    """Keep a code for the courses opened next, and say what it gives; wrong guesses are counted."""
    if not guessing.may_try(turn.tx, rules.TRIES, turn.openid, turn.now):
        return Text(replies.coupon_fault(code, CouponFault.TOO_MANY_TRIES))
    coupon = turn.tx.coupons.get(code)
    fault = turn.shop.coupons.fault(turn.tx, coupon, Holder(turn.openid), turn.now)
    if coupon is None or fault is not None:
        if coupon is None:
            guessing.note_wrong(turn.tx, rules.TRIES, turn.openid, turn.now)
        return Text(replies.coupon_fault(code, fault or CouponFault.UNKNOWN))
    turn.talk.coupon = code
    return Text(_on_the_open_course(coupon, turn) or replies_offers.coupon_kept(coupon, _thing(coupon, turn)))


def bare(turn: Turn) -> Answer | None:
    """Take a message that is nothing but the code of a listed coupon for that; None for any other.

    What is not listed asks for 「优惠码」 before it, where wrong guesses are counted.
    """
    code = rules.code_in(turn.said)
    if not rules.CODE.fullmatch(code):
        return None
    coupon = turn.tx.coupons.get(code)
    return typed(code, None, turn) if coupon is not None and coupon.listed else None


def _on_the_open_course(coupon: Coupon, turn: Turn) -> str:
    """Show the price of the course that lies open, if the coupon counts for it."""
    course = turn.shelf.courses.get(turn.talk.at_hand)
    if course is None or course.free or course.course_id in turn.owned:
        return ""
    priced = turn.priced(course, coupon.code)
    if priced.fault is not None:
        return ""
    return replies_offers.coupon_on(course, priced, turn.course_link(course, "coupon", coupon.code))


def _thing(coupon: Coupon, turn: Turn) -> str:
    course = turn.shelf.courses.get(coupon.course_id)
    return f"《{course.title}》" if course is not None else ""
