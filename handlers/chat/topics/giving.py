"""Giving a course to a friend, and redeeming a code."""

from __future__ import annotations

from typing import Any

from bot.offers import codes
from handlers.chat import replies_offers
from handlers.chat.answers import Answer, Text
from handlers.chat.turn import Turn


def to_a_friend(_message: Any, turn: Turn) -> Answer:
    """Link to the page on which the open course is bought for somebody else."""
    course = turn.shelf.courses.get(turn.talk.at_hand)
    if course is None:
        return Text(replies_offers.gift_of_what())
    if course.free:
        return Text(replies_offers.gift_not_sold())
    return Text(
        replies_offers.gift_link(course.title, f"{turn.shop.config.server.public_url}/c/{course.course_id}/gift")
    )


def given(_message: Any, turn: Turn) -> Answer:
    """List what the follower gave."""
    rows = []
    for gift in turn.tx.gifts.given_by(turn.openid):
        course = turn.tx.courses.get(gift.course_id)
        title = course.title if course is not None else gift.course_id
        rows.append((title, gift.state.value, f"{turn.shop.config.server.public_url}/gift/{gift.token}"))
    return Text(replies_offers.my_gifts(rows))


def how(_message: Any, _turn: Turn) -> Answer:
    """Say how a code is redeemed."""
    return Text(replies_offers.redeem_how())


def redeem(code: str, _message: Any, turn: Turn) -> Answer:
    """Redeem a code that was typed."""
    done = codes.redeem(turn.tx, turn.orders, turn.openid, code, turn.now)
    course = done.course
    return Text(replies_offers.redeemed(done.outcome, course, turn.lesson_link(course.course_id) if course else ""))
