"""What belongs to the follower: courses, orders, payments under way, interests, and all data kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bot import privacy
from bot.models import Course, Order, OrderState, Purpose
from bot.offers.bundles import PAID_FOR
from bot.shop import Shop
from handlers.chat import reading, replies, replies_money, replies_offers, replies_refunds
from handlers.chat.answers import Answer, Later, Text
from handlers.chat.replies_pending import gift_to_pay, seat_to_pay
from handlers.chat.topics import items
from handlers.chat.turn import Turn
from recsys.search.fold import fold

SHOWN_TERMS = 8
TIME_TO_ERASE = timedelta(minutes=5)


def courses(_message: Any, turn: Turn) -> Answer:
    """List the follower's courses; their numbers open them."""
    entitlements = turn.tx.entitlements.of(turn.openid)
    found = [course for each in entitlements if (course := turn.tx.courses.get(each.course_id)) is not None]
    if found:
        turn.talk.show_own([course.course_id for course in found])
    listed = replies.my_courses([(course, turn.lesson_link(course.course_id)) for course in found])
    return Text(items.with_membership(listed, turn))


def orders(_message: Any, turn: Turn) -> Answer:
    """List the follower's orders, with what is on its way back."""
    found = turn.tx.orders.of(turn.openid)
    payable = _to_pay(turn, found) is not None
    back = {
        order.order_no: replies_refunds.on_its_way(refund)
        for order, refund in turn.shop.refunds.under_way(turn.tx, turn.openid)
        if refund.out_trade_no == order.paid_attempt
    }
    return Text(replies_money.my_orders(found, turn.now, back, payable=payable, url=turn.orders_link))


def continue_paying(_message: Any, turn: Turn) -> Answer:
    """Show the way back to the latest unpaid order, at the price that the page will charge."""
    found = _to_pay(turn, turn.tx.orders.of(turn.openid))
    if found is None:
        return Text(replies_money.nothing_to_pay())
    order, course = found
    if order.purpose is not Purpose.OWN:
        return _pay_for_others(order, turn)
    if course.free:
        turn.talk.open(course.course_id)
        return Text(replies_money.free_now(course))
    coupon = next((line.ref for line in order.lines if line.kind == "coupon"), "")
    priced = turn.priced(course, coupon)
    return Text(replies_money.pay_again(order, course, priced, turn.course_link(course, "pay_again", priced.used)))


def _pay_for_others(order: Order, turn: Turn) -> Answer:
    """Show the way back to the page that the order was placed on: the course page would sell something else."""
    public = turn.shop.config.server.public_url
    if order.purpose is Purpose.GIFT:
        return Text(gift_to_pay(order.title, f"{public}/c/{order.course_id}/gift"))
    return Text(seat_to_pay(order.title, f"{public}/group/{order.ref}"))


def _to_pay(turn: Turn, found: Sequence[Order]) -> tuple[Order, Course] | None:
    """Return the latest order that waits to be paid, and its course; none to learn what is theirs already."""
    for order in (order for order in found if _open(order, turn)):
        course = turn.tx.courses.get(order.course_id)
        theirs = turn.tx.entitlements.get(turn.openid, order.course_id) is not None
        if course is not None and course.on_sale and (order.purpose is Purpose.GIFT or not theirs):
            return order, course
    return None


def _open(order: Order, turn: Turn) -> bool:
    return order.state is OrderState.PENDING and order.expires_at > turn.now


def cancel_order(_message: Any, turn: Turn) -> Answer | Later:
    """Cancel the latest unpaid order, once WeChat Pay has said that it is not paid."""
    unpaid = [order.order_no for order in turn.tx.orders.of(turn.openid) if _open(order, turn)]
    if not unpaid:
        return Text(replies_money.nothing_to_cancel())
    return Later(lambda: _cancel(turn.shop, unpaid[0]))


async def _cancel(shop: Shop, order_no: str) -> Answer:
    order = await shop.orders.withdraw(order_no)
    match order.state:
        case OrderState.CANCELLED:
            return Text(replies_money.cancelled(order))
        case OrderState.PENDING:
            return Text(replies_money.being_cancelled(order))
        case _:
            return Text(replies_money.paid_after_all(order))


def i_paid(_message: Any, turn: Turn) -> Later:
    """Ask WeChat Pay at once about everything the follower has not seen confirmed."""
    pending = [each.order_no for each in turn.tx.orders.of(turn.openid) if each.state is not OrderState.PAID]
    return Later(lambda: _ask(turn.shop, pending[:5]))


async def _ask(shop: Shop, order_nos: list[str]) -> Answer:
    synced = [await shop.orders.sync_order(order_no) for order_no in order_nos]
    paid = [order for order in synced if order.state is OrderState.PAID]
    opened = [order.title for order in paid if order.purpose is Purpose.OWN]
    waiting = [order.title for order in paid if order.purpose is Purpose.GROUP]
    given = [order.title for order in paid if order.purpose is Purpose.GIFT]
    return Text(replies_money.checked_payment(opened, waiting, given))


def interests(_message: Any, turn: Turn) -> Answer:
    """Show what is remembered: subjects of courses, and nothing else that may once have been kept.

    What was asked for last stands first; pieces of longer words are left out.
    """
    shelf, profile = turn.shelf, turn.profile
    liked = [term for term, _ in profile.top(len(profile) or 1, turn.now.timestamp()) if term in shelf.subjects]
    newest = replies.whole([term for term in profile.newest if term in liked])
    terms = [shelf.spell(term) for term in dict.fromkeys((*newest, *replies.whole(liked)))][:SHOWN_TERMS]
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
    """Clear the profile, the words it came from, and what the talk was about."""
    privacy.forget_interests(turn.tx, turn.openid)
    turn.talk.ask("")
    turn.talk.unlearn, turn.talk.rest = False, ""
    return Text(replies.forgotten())


def export(_message: Any, turn: Turn) -> Answer:
    """Say what is kept, and link to the page that shows all of it to nobody but them."""
    data = privacy.copy_of(turn.tx, turn.openid, turn.now) or {}
    counts = [len(data.get(part, ())) for part in ("courses", "orders", "events")]
    return Text(replies.export(turn.data_link, *counts))


def ask_to_erase(_message: Any, turn: Turn) -> Answer:
    """Say what a deletion takes away, and how to confirm it within a few minutes."""
    if (refusal := _not_yet(turn)) is not None:
        return refusal
    turn.talk.erase_until = int((turn.now + TIME_TO_ERASE).timestamp())
    owned = sorted(turn.tx.entitlements.of(turn.openid), key=lambda each: each.source not in PAID_FOR)
    found = [course for each in owned if (course := turn.tx.courses.get(each.course_id)) is not None]
    bought = sum(each.source in PAID_FOR for each in owned)
    minutes = int(TIME_TO_ERASE.total_seconds()) // 60
    asked = replies.ask_to_erase([course.title for course in found], bought, minutes)
    asked = items.with_loss(asked, turn)
    summary = turn.shop.referral.summary_in(turn.tx, turn.openid)
    lost = summary.ready_fen + summary.review_fen
    return Text(f"{replies_offers.rewards_lost(lost)}\n{asked}" if lost else asked)


def erase(message: Any, turn: Turn) -> Answer:
    """Delete everything once the very words were typed in time; anything less only asks again."""
    exact = fold(turn.said).strip(reading.MARKS) == replies.ERASE and not turn.tap
    if not exact or turn.now.timestamp() >= turn.talk.erase_until:
        return ask_to_erase(message, turn)
    if (refusal := _not_yet(turn)) is not None:
        return refusal
    return Text(replies.erased(privacy.forget(turn.tx, turn.openid)))


def _not_yet(turn: Turn) -> Answer | None:
    """Refuse a deletion as long as money may still come for an order of theirs."""
    if privacy.being_paid(turn.tx, turn.openid):
        return Text(replies.not_erased_while_paying(turn.rewards_link))
    unsettled = privacy.unsettled(turn.tx, turn.openid)
    if not unsettled:
        return None
    return Text(replies.not_erased_yet(payable=any(_open(order, turn) for order in unsettled)))


def keep(_message: Any, turn: Turn) -> Answer:
    """Take the wish to be deleted back."""
    turn.talk.erase_until = 0
    return Text(replies.nothing_erased())
