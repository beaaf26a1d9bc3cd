"""Group buying: a price for people who buy together, never more seats than a group has, and the way back.

A seat is held by an unpaid order, taken when that is paid, and the course is everybody's in the transaction that
takes the last seat. A group that is not full at its end fails: nobody was given anything, and every payment goes
back. A seat held at that moment is still waited for, because its payment may be under way.
"""

from __future__ import annotations

import logging
import secrets
import string
from datetime import datetime, timedelta
from typing import Protocol

from bot import refunding
from bot.errors import CannotBuy, NotAllowed, NotFound, Obstacle
from bot.models import ANONYMOUS, Course, Entitlement, Kind, Line, Order, Purpose, Refund
from bot.offers.delivery import BuyObserver
from bot.offers.quoting import Ask, Offer, Wish
from bot.ports import Clock
from bot.store import Store, Tx
from bot.store.groups import Deal, Group, GroupState, Seat, SeatState

log = logging.getLogger("zhike.groups")
SMALLEST, LARGEST = 2, 100
LONGEST_HOURS = 24 * 30
LETTERS = string.ascii_letters + string.digits
LEAST_TIME = timedelta(minutes=2)  # what a joiner needs to pay


def wish(tx: Tx, openid: str, course_id: str) -> Wish:
    """Return the wish to open a group; who has a seat in one already goes on with that."""
    seat = tx.groups.seat_in(openid, course_id) if openid else None
    return wish_to_join(seat.group_id if seat is not None else "".join(secrets.choice(LETTERS) for _ in range(12)))


def wish_to_join(group_id: str) -> Wish:
    """Return the wish to take a seat in a group."""
    return Wish(Purpose.GROUP, group=group_id)


class Refunder(Protocol):
    """Gives the money of a payment back; see ``bot.orders.Orders.refund``."""

    async def refund(self, order_no: str, amount_fen: int | None, reason: str, *, payment: str = "") -> Refund:
        """Begin a refund."""
        ...


class GroupPrice(Offer):
    """The price of a seat, and the seats themselves."""

    def line(self, tx: Tx, ask: Ask, so_far_fen: int) -> Line | None:
        """Take the price down to the group's; ``CannotBuy`` says why there is no seat."""
        if ask.wish.purpose is not Purpose.GROUP:
            return None
        if not ask.openid:
            raise CannotBuy(Obstacle.IN_WECHAT_ONLY)
        group = tx.groups.get(ask.wish.group)
        if group is None:
            return self._to_open(tx, ask, so_far_fen)
        seats = tx.groups.seats(group.group_id)
        mine = next((seat for seat in seats if seat.openid == ask.openid), None)
        if mine is not None and mine.state is SeatState.TAKEN:
            raise CannotBuy(Obstacle.IN_GROUP)
        if group.course_id != ask.course.course_id or group.state is GroupState.FAILED:
            raise CannotBuy(Obstacle.NO_GROUP)
        if group.state is GroupState.FULL or (mine is None and len(seats) >= group.size):
            raise CannotBuy(Obstacle.GROUP_FULL)
        if group.ends_at - ask.now < LEAST_TIME:
            raise CannotBuy(Obstacle.NO_GROUP)
        if mine is None and not any(seat.state is SeatState.TAKEN for seat in seats):
            raise CannotBuy(Obstacle.NO_GROUP)  # it exists for others once its opener has paid
        return Line("group", min(group.price_fen - so_far_fen, 0), str(group.deal_id))

    def _to_open(self, tx: Tx, ask: Ask, so_far_fen: int) -> Line:
        seat = tx.groups.seat_in(ask.openid, ask.course.course_id)
        if seat is not None and seat.state is SeatState.TAKEN:
            raise CannotBuy(Obstacle.IN_GROUP)
        deal = tx.groups.running(ask.course.course_id, ask.now)
        if deal is None:
            raise CannotBuy(Obstacle.NO_GROUP)
        return Line("group", min(deal.price_fen - so_far_fen, 0), str(deal.deal_id))

    def placed(self, tx: Tx, order: Order) -> None:
        """Hold a seat; the first one opens the group."""
        if order.purpose is not Purpose.GROUP:
            return
        if tx.groups.get(order.ref) is None:
            deal = tx.groups.deal(_deal_id(order))
            assert deal is not None, "the line of the price names its deal"
            ends_at = order.created_at + timedelta(hours=deal.hours)
            tx.groups.open(
                Group(
                    order.ref,
                    deal.deal_id,
                    order.course_id,
                    deal.size,
                    deal.price_fen,
                    GroupState.FORMING,
                    order.created_at,
                    ends_at,
                )
            )
        for seat in tx.groups.seats(order.ref):
            if seat.openid == order.openid:  # an order in the place of another, which is ending
                tx.groups.move_seat(seat.order_no, SeatState.FREED, (SeatState.HELD,))
        tx.groups.sit(Seat(order.order_no, order.ref, order.openid, SeatState.HELD))

    def ended(self, tx: Tx, order: Order, now: datetime) -> None:  # noqa: ARG002
        """Free the seat of an order that was not paid; a group that nobody is in is no group."""
        if tx.groups.move_seat(order.order_no, SeatState.FREED, (SeatState.HELD,)):
            _close_if_empty(tx, order.ref)

    def paid(self, tx: Tx, order: Order, now: datetime) -> Obstacle | None:
        """Take the seat; after it was freed only where there is still one left."""
        if order.purpose is not Purpose.GROUP:
            return None
        group = tx.groups.get(order.ref)
        if group is None or group.state is not GroupState.FORMING:
            return Obstacle.NO_GROUP
        if tx.groups.move_seat(order.order_no, SeatState.TAKEN, (SeatState.HELD,)):
            return None
        seats = tx.groups.seats(order.ref)
        if len(seats) >= group.size or any(seat.openid == order.openid for seat in seats) or now >= group.ends_at:
            return Obstacle.GROUP_FULL
        tx.groups.move_seat(order.order_no, SeatState.TAKEN, (SeatState.FREED,))
        return None


class GroupDelivery:
    """A seat for the buyer, and the course for everybody once the group is full."""

    def __init__(self, observer: BuyObserver) -> None:
        self._observer = observer

    def owned(self, tx: Tx, openid: str, course: Course) -> bool:
        """Tell whether the course is theirs: then there is nothing to buy together."""
        if course.kind is not Kind.COURSE:
            raise CannotBuy(Obstacle.NO_GROUP)
        return tx.entitlements.get(openid, course.course_id) is not None

    def give(self, tx: Tx, order: Order, course: Course, now: datetime) -> str:
        """Give the course to everybody if this was the last seat."""
        if tx.entitlements.get(order.openid, course.course_id) is not None:
            tx.groups.move_seat(order.order_no, SeatState.FREED, (SeatState.TAKEN,))
            _close_if_empty(tx, order.ref)
            return ""
        group = tx.groups.get(order.ref)
        seats = [seat for seat in tx.groups.seats(order.ref) if seat.state is SeatState.TAKEN]
        if group is None or len(seats) < group.size:
            return "group_seat"
        tx.groups.move(order.ref, GroupState.FULL)
        for seat in seats:
            self._share(tx, seat, order, course, now)
        return "group_full"

    def _share(self, tx: Tx, seat: Seat, last: Order, course: Course, now: datetime) -> None:
        """Give one member the course; who got it otherwise, or left us, gets the money back."""
        granted = Entitlement(seat.openid, course.course_id, "order", seat.order_no, now)
        if seat.openid.startswith(ANONYMOUS) or not tx.entitlements.grant(granted):
            tx.groups.move_seat(seat.order_no, SeatState.RETURN, (SeatState.TAKEN,))
            return
        self._observer.bought(tx, seat.openid, course, now)
        if seat.order_no != last.order_no:
            payload = {"title": last.title, "course_id": course.course_id, "amount_fen": last.amount_fen}
            tx.outbox.put(
                "group_full", seat.order_no, seat.openid, {**payload, "order_no": seat.order_no}, now, due=now
            )

    def take_back(self, tx: Tx, order: Order) -> None:
        """Take the course back from one member; before the group is full, free the seat."""
        tx.entitlements.revoke(order.openid, order.course_id, order.order_no)
        tx.groups.move_seat(order.order_no, SeatState.FREED, (SeatState.TAKEN, SeatState.RETURN))
        _close_if_empty(tx, order.ref)

    def restore(self, tx: Tx, order: Order, course: Course, now: datetime) -> None:
        """Give a member of a full group the course again; any other seat's money is to go back after all."""
        group, seat = tx.groups.get(order.ref), tx.groups.seat(order.order_no)
        if seat is None or seat.state is not SeatState.FREED:
            return
        place = (
            group is not None and group.state is GroupState.FULL and len(tx.groups.seats(order.ref)) < group.size
        )
        granted = Entitlement(order.openid, course.course_id, "order", order.order_no, order.paid_at or now)
        to = SeatState.TAKEN if place and tx.entitlements.grant(granted) else SeatState.RETURN
        tx.groups.move_seat(order.order_no, to, (SeatState.FREED,))


class GroupBuying:
    """The service of groups: deals by admins, leaving by members, and the end of groups by the clock."""

    def __init__(self, store: Store, orders: Refunder, clock: Clock, reason: str) -> None:
        self._store = store
        self._orders = orders
        self._clock = clock
        self._reason = reason

    async def run_due(self) -> int:
        """Let the groups fail whose time is over, and send back the money of seats; returns how many those were.

        A seat is done with once its refund stands in the books: a crash repeats nothing and forgets nothing.
        """
        now = self._clock.now()
        if not await self._store.read(lambda tx: bool(tx.groups.over(now, 1) or tx.groups.to_return(1))):
            return 0
        seats = await self._store.write(lambda tx: _settle(tx, now), durable=True)
        for seat in seats:
            await self._send_back(seat.order_no)
        return len(seats)

    async def _send_back(self, order_no: str) -> None:
        order = await self._store.read(lambda tx: tx.orders.get(order_no))
        assert order is not None, "a seat cannot exist without its order"
        if not await self._store.read(lambda tx: refunding.returned(tx, order)):
            if await self._store.read(lambda tx: refunding.rests(tx, order, self._clock.now())):
                return
            try:
                await self._orders.refund(order_no, None, self._reason, payment=order.paid_attempt)
            except NotAllowed as error:  # an earlier refund of a part is not through: the next round goes on
                log.info("group.refund_waits no=%s why=%s", order_no, error)
                return
        await self._store.write(lambda tx: tx.groups.move_seat(order_no, SeatState.FREED, (SeatState.RETURN,)))


def _settle(tx: Tx, now: datetime) -> list[Seat]:
    for group in tx.groups.over(now):
        _fail(tx, group, now)
    return tx.groups.to_return()


def _fail(tx: Tx, group: Group, now: datetime) -> None:
    if not tx.groups.move(group.group_id, GroupState.FAILED):
        return
    log.info("group.failed group=%s deal=%d", group.group_id, group.deal_id)
    for seat in tx.groups.seats(group.group_id):
        tx.groups.move_seat(seat.order_no, SeatState.RETURN, (SeatState.TAKEN,))
        order = tx.orders.get(seat.order_no)
        if order is not None and order.owner:
            payload = {"title": order.title, "amount_fen": order.amount_fen, "course_id": order.course_id}
            tx.outbox.put("group_failed", order.order_no, order.owner, payload, now, due=now)


def _close_if_empty(tx: Tx, group_id: str) -> None:
    if not tx.groups.seats(group_id):
        tx.groups.move(group_id, GroupState.FAILED)


def leave(tx: Tx, openid: str) -> Seat | None:
    """Give up the latest paid seat in a group that is not full yet; None when there is none."""
    for group, seat in tx.groups.of(openid):
        leaving = group.state is GroupState.FORMING and seat.state is SeatState.TAKEN
        if leaving and tx.groups.move_seat(seat.order_no, SeatState.RETURN, (SeatState.TAKEN,)):
            _close_if_empty(tx, group.group_id)
            return seat
    return None


def offer(tx: Tx, deal: Deal) -> int:
    """Check and keep a new deal; ``NotFound`` and ``NotAllowed`` say what is wrong with it."""
    course = tx.courses.get(deal.course_id)
    if course is None:
        raise NotFound(f"没有课程 {deal.course_id}；用 courses list 看有哪些")
    if course.kind is not Kind.COURSE or not course.on_sale:
        raise NotAllowed(f"《{course.title}》不是在卖的课程，不能拼团")
    if not SMALLEST <= deal.size <= LARGEST:
        raise NotAllowed(f"成团人数应在 {SMALLEST} 到 {LARGEST} 之间")
    if not 0 < deal.price_fen < course.price_fen:
        raise NotAllowed("拼团价应大于 0、低于课程的价格")
    if not 1 <= deal.hours <= LONGEST_HOURS:
        raise NotAllowed(f"成团时间应在 1 到 {LONGEST_HOURS} 小时之间")
    if deal.until <= deal.created_at:
        raise NotAllowed("截止时间已经过去了")
    if deal.most_groups < 0:
        raise NotAllowed("最多开几个团不能是负数；0 是不限")
    running = tx.groups.running(deal.course_id, deal.created_at)
    if running is not None:
        raise NotAllowed(f"这门课已经在拼团（编号 {running.deal_id}）；先用 groups stop {running.deal_id} 停掉")
    return tx.groups.offer(deal)


def _deal_id(order: Order) -> int:
    return int(next(line.ref for line in order.lines if line.kind == "group"))


def seats_left(tx: Tx, group: Group) -> int:
    """Return how many more people a group needs, unpaid seats counted as needed."""
    return group.size - sum(seat.state is SeatState.TAKEN for seat in tx.groups.seats(group.group_id))
