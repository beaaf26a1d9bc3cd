"""What belongs to the follower: courses, orders, payments under way, interests and the switch for them."""

from __future__ import annotations

from typing import Any

from bot.models import OrderState
from bot.shop import Shop
from handlers.chat import replies
from handlers.chat.answers import Answer, Later, Text
from handlers.chat.turn import Turn

SHOWN_TERMS = 8


def courses(_message: Any, turn: Turn) -> Answer:
    """List the follower's courses."""
    found = []
    for entitlement in turn.tx.entitlements.of(turn.openid):
        course = turn.tx.courses.get(entitlement.course_id)
        if course is not None:
            found.append((course.title, turn.lesson_link(course.course_id)))
    return Text(replies.my_courses(found))


def orders(_message: Any, turn: Turn) -> Answer:
    """List the follower's orders."""
    return Text(replies.my_orders(turn.tx.orders.of(turn.openid)))


def continue_paying(_message: Any, turn: Turn) -> Answer:
    """Show the way back to the latest unpaid order."""
    for order in turn.tx.orders.of(turn.openid):
        course = turn.tx.courses.get(order.course_id)
        if order.state is OrderState.PENDING and order.expires_at > turn.now and course is not None:
            return Text(replies.pay_again(order, turn.course_link(course, "pay_again")))
    return Text(replies.nothing_to_pay())


def i_paid(_message: Any, turn: Turn) -> Later:
    """Ask WeChat Pay at once about everything the follower has not seen confirmed."""
    pending = [each.order_no for each in turn.tx.orders.of(turn.openid) if each.state is not OrderState.PAID]
    return Later(lambda: _ask(turn.shop, pending[:5]))


async def _ask(shop: Shop, order_nos: list[str]) -> Answer:
    synced = [await shop.orders.sync_order(order_no) for order_no in order_nos]
    return Text(replies.checked_payment([order.title for order in synced if order.state is OrderState.PAID]))


def interests(_message: Any, turn: Turn) -> Answer:
    """Show what is remembered."""
    terms = [term for term, weight in turn.profile.top(SHOWN_TERMS, turn.now.timestamp()) if weight > 0]
    return Text(replies.my_interests(terms, personalised=turn.follower.personalised))


def switch_off(_message: Any, turn: Turn) -> Answer:
    """Stop using the profile."""
    turn.tx.followers.set_personalised(turn.openid, on=False)
    return Text(replies.personalised(on=False))


def switch_on(_message: Any, turn: Turn) -> Answer:
    """Use the profile again."""
    turn.tx.followers.set_personalised(turn.openid, on=True)
    return Text(replies.personalised(on=True))


def forget(_message: Any, turn: Turn) -> Answer:
    """Clear the profile."""
    turn.tx.interests.clear(turn.openid)
    return Text(replies.forgotten())
