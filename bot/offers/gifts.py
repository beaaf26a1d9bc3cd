"""Gifts: bought for whoever opens the link first, claimed once, and paid back by itself when nobody claims it."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot import refunding
from bot.errors import NotAllowed
from bot.models import Course, Kind, Order, OrderState, Purpose
from bot.offers.delivery import Deliveries
from bot.offers.groups import Refunder
from bot.ports import Clock
from bot.store import Store, Tx
from bot.store.gifts import Gift, GiftState

log = logging.getLogger("zhike.gifts")
LONGEST_GREETING = 60


class Claiming(StrEnum):
    """What came of the wish to have a gift."""

    CLAIMED = "claimed"
    YOURS = "yours"  # they claimed it before
    OWNED = "owned"  # the course is theirs another way; the gift stays for somebody else
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Claimed:
    """The outcome, with the item."""

    outcome: Claiming
    course: Course | None = None


class GiftDelivery:
    """A gift for the buyer to pass on; who claims it is given the item by the item's own delivery."""

    def __init__(self, deliveries: Deliveries, *, days: int) -> None:
        self._deliveries = deliveries
        self._days = days

    def owned(self, _tx: Tx, _openid: str, _course: Course) -> bool:
        """Say never: what one has may be given to a friend."""
        return False

    def give(self, tx: Tx, order: Order, course: Course, now: datetime) -> str:
        """Wrap the gift."""
        ends = now + timedelta(days=self._days) if self._days else None
        token = secrets.token_hex(16)
        tx.gifts.add(Gift(token, order.order_no, order.openid, course.course_id, GiftState.OPEN, now, ends))
        return "gift_bought"

    def take_back(self, tx: Tx, order: Order) -> None:
        """Take the gift back, and the item from whoever claimed it."""
        gift = tx.gifts.of_order(order.order_no)
        if gift is None:
            return
        if gift.state is GiftState.CLAIMED:
            course = tx.courses.get(order.course_id)
            kind = course.kind if course is not None else Kind.COURSE
            self._deliveries.of(Purpose.OWN, kind).take_back(tx, replace(order, openid=gift.claimed_by))
        tx.gifts.move(order.order_no, GiftState.RETURNED, (GiftState.OPEN, GiftState.CLAIMED, GiftState.RETURN))

    def restore(self, tx: Tx, order: Order, course: Course, now: datetime) -> None:
        """Give the item again to whoever claimed it, else let it be claimed; what is over is to be paid back."""
        gift = tx.gifts.of_order(order.order_no)
        if gift is None or gift.state is not GiftState.RETURNED:
            return
        over = gift.expires_at is not None and gift.expires_at <= now
        to = GiftState.CLAIMED if gift.claimed_by else GiftState.RETURN if over else GiftState.OPEN
        tx.gifts.move(order.order_no, to, (GiftState.RETURNED,))
        if gift.claimed_by:
            delivery = self._deliveries.of(Purpose.OWN, course.kind)
            delivery.restore(tx, replace(order, openid=gift.claimed_by), course, now)


class Gifts:
    """The service of gifts: claiming, and the end of those that nobody claims."""

    def __init__(self, store: Store, orders: Refunder, clock: Clock, deliveries: Deliveries, reason: str) -> None:
        self._store = store
        self._orders = orders
        self._clock = clock
        self._reason = reason
        self._deliveries = deliveries

    def claim(self, tx: Tx, token: str, openid: str, now: datetime) -> Claimed:
        """Give the item to whoever asks first; nothing is used up for somebody who has it already."""
        gift = tx.gifts.get(token)
        course = tx.courses.get(gift.course_id) if gift is not None else None
        order = tx.orders.get(gift.order_no) if gift is not None else None
        if gift is None or course is None or order is None:
            return Claimed(Claiming.GONE)
        if gift.state is GiftState.CLAIMED and gift.claimed_by == openid:
            return Claimed(Claiming.YOURS, course)
        over = gift.expires_at is not None and gift.expires_at <= now
        if gift.state is not GiftState.OPEN or over or not _to_be_had(tx, order):
            return Claimed(Claiming.GONE, course)
        delivery = self._deliveries.of(Purpose.OWN, course.kind)
        if delivery.owned(tx, openid, course) or not delivery.give(tx, replace(order, openid=openid), course, now):
            return Claimed(Claiming.OWNED, course)
        tx.gifts.claim(token, openid, now)
        if order.owner and order.owner != openid:
            payload = {"title": order.title, "course_id": course.course_id, "order_no": order.order_no}
            tx.outbox.put("gift_claimed", order.order_no, order.owner, payload, now, due=now)
        return Claimed(Claiming.CLAIMED, course)

    async def run_due(self) -> int:
        """Send the money of gifts back that nobody claimed in time; returns how many those were."""
        now = self._clock.now()
        if not await self._store.read(lambda tx: bool(tx.gifts.over(now, 1))):
            return 0
        gifts = await self._store.write(lambda tx: _end(tx, now), durable=True)
        for gift in gifts:
            await self._send_back(gift.order_no)
        return len(gifts)

    async def _send_back(self, order_no: str) -> None:
        order = await self._store.read(lambda tx: tx.orders.get(order_no))
        assert order is not None, "a gift cannot exist without its order"
        if order.amount_fen and not await self._store.read(lambda tx: refunding.returned(tx, order)):
            if await self._store.read(lambda tx: refunding.rests(tx, order, self._clock.now())):
                return
            try:
                await self._orders.refund(order_no, None, self._reason, payment=order.paid_attempt)
            except NotAllowed as error:  # an earlier refund of a part is not through: the next round goes on
                log.info("gift.refund_waits no=%s why=%s", order_no, error)
                return
        await self._store.write(lambda tx: tx.gifts.move(order_no, GiftState.RETURNED, (GiftState.RETURN,)))


def _to_be_had(tx: Tx, order: Order) -> bool:
    """Tell whether the order of a gift stands: what is asked back whole cannot be claimed any more."""
    return order.state in {OrderState.PAID, OrderState.REFUNDED_PART} and not refunding.asked_back(tx, order)


def _end(tx: Tx, now: datetime) -> list[Gift]:
    """Let gifts end whose time is over; returns every one whose money is to go back now."""
    gifts = tx.gifts.over(now)
    for gift in gifts:
        order = tx.orders.get(gift.order_no)
        ended = tx.gifts.move(gift.order_no, GiftState.RETURN, (GiftState.OPEN,))
        if ended and order is not None and order.owner:
            payload = {"title": order.title, "amount_fen": order.amount_fen}
            tx.outbox.put("gift_returned", order.order_no, order.owner, payload, now, due=now)
    return gifts


def greet(tx: Tx, token: str, openid: str, words: str) -> bool:
    """Write the giver's greeting on a gift that nobody has claimed; False for anybody else."""
    gift = tx.gifts.get(token)
    if gift is None or gift.giver != openid:
        return False
    return tx.gifts.greet(token, " ".join(words.split())[:LONGEST_GREETING])
