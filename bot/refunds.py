"""Refunds that followers ask for, by the promise of their order, and the admins who decide on some of them.

A preview is arithmetic (``refundterms.py``); the request that follows names its amount and is refused when that is
not the amount any more. Which refund may begin at all is ``refunding.py``; WeChat is asked by ``orders.py``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import refunding, refundterms
from bot.amounts import yuan
from bot.config import RefundSettings
from bot.errors import CannotRefund, NoRefund, NotAllowed, NotFound, PayRejected, PayUnknown
from bot.models import Kind, Order, OrderState, Purpose, Refund, RefundState, RefundTerms
from bot.orders import Orders
from bot.ports import Clock, PayGateway
from bot.refunding import Refundable
from bot.refundterms import Basis, Learnt
from bot.store import Store, Tx

log = logging.getLogger("zhike.refunds")
TIME_TO_CONFIRM = timedelta(minutes=5)
LOOKED_AT = 50  # orders of one person, the newest
REFUNDABLE = (OrderState.PAID, OrderState.REFUNDED_PART)
FEN_A_YUAN = 100


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go back for an order now, why, and whether an admin has to agree first.

    ``before_fen`` went back earlier, and is taken off what the promise gives.
    """

    order: Order
    amount_fen: int
    before_fen: int
    basis: Basis
    learnt: Learnt
    days: int
    terms: RefundTerms
    waits: bool

    @property
    def because(self) -> str:
        """The reasons in JSON, for whoever looks at the refund later."""
        return json.dumps(
            {
                "kind": self.basis.value,
                "learnt": self.learnt.done,
                "lessons": self.learnt.lessons,
                "days": self.days,
            }
        )


class Refunds:
    """The service of giving money back by the rules."""

    def __init__(
        self, store: Store, orders: Orders, gateway: PayGateway, clock: Clock, settings: RefundSettings
    ) -> None:
        self._store = store
        self._orders = orders
        self._gateway = gateway
        self._clock = clock
        self._settings = settings

    # What a follower sees ----------------------------------------------------------------------------------

    def preview(self, tx: Tx, openid: str, order_no: str, now: datetime) -> Preview:
        """Say what goes back for an order of theirs. ``CannotRefund`` says why nothing does."""
        return self._preview(tx, self._theirs(tx, openid, order_no), now)

    def refundable(self, tx: Tx, openid: str, now: datetime) -> list[Preview]:
        """Return what could go back of each of their orders, the newest first."""
        found = []
        for order in self._paid(tx, openid):
            try:
                found.append(self.preview(tx, openid, order.order_no, now))
            except CannotRefund:
                continue
        return found

    def obstacles(self, tx: Tx, openid: str, now: datetime) -> Iterator[tuple[Order, NoRefund]]:
        """Yield their paid orders of which nothing goes back now, each with the reason, the newest first."""
        for order in self._paid(tx, openid):
            try:
                self.preview(tx, openid, order.order_no, now)
            except CannotRefund as error:
                yield order, error.why

    @staticmethod
    def under_way(tx: Tx, openid: str) -> list[tuple[Order, Refund]]:
        """Return the refunds of their orders that have begun or wait, and whose end is not known yet."""
        unknown = (*refunding.UNFINISHED, RefundState.REQUESTED)
        return [
            (order, refund)
            for order in tx.orders.of(openid, limit=LOOKED_AT)
            for refund in tx.refunds.of(order.order_no)
            if refund.state in unknown
        ]

    @staticmethod
    def by_tail(tx: Tx, openid: str, tail: str) -> Sequence[Order]:
        """Return their orders whose number ends so."""
        orders = tx.orders.of(openid, limit=LOOKED_AT) if openid and tail else []
        return [order for order in orders if order.order_no.endswith(tail.upper())]

    def _paid(self, tx: Tx, openid: str) -> list[Order]:
        orders = tx.orders.of(openid, limit=LOOKED_AT) if openid else []
        return [order for order in orders if order.state in REFUNDABLE]

    def _theirs(self, tx: Tx, openid: str, order_no: str) -> Refundable:
        if not self._settings.enabled:
            raise CannotRefund(NoRefund.OFF)
        order = tx.orders.get(order_no)
        if order is None or not openid or order.openid != openid:
            raise CannotRefund(NoRefund.NOT_THEIRS)
        if order.state is OrderState.REFUNDED:
            raise CannotRefund(NoRefund.DONE)
        found = refunding.bought(tx, order) if order.state in REFUNDABLE else None
        if found is None:
            raise CannotRefund(NoRefund.UNPAID)
        if found.begun is not None:
            raise CannotRefund(NoRefund.UNDER_WAY)
        if not found.left_fen or refunding.ends_access(found.attempt, found.refunds):
            raise CannotRefund(NoRefund.DONE)
        if _needs_a_person(tx, order):
            raise CannotRefund(NoRefund.PERSON)
        return found

    def _preview(self, tx: Tx, found: Refundable, now: datetime) -> Preview:
        order = found.order
        terms = tx.refund_terms.of(order.order_no) or self._settings.terms
        progress = learnt(tx, order)
        paid_at = order.paid_at or order.created_at
        due = refundterms.due(terms, found.attempt.total_fen, paid_at, now, progress)
        if due is None:
            raise CannotRefund(NoRefund.OVER)
        before = found.attempt.total_fen - found.left_fen
        amount = due.fen - before
        if amount <= 0:
            raise CannotRefund(NoRefund.LEARNT if due.basis is Basis.PRO_RATA else NoRefund.DONE)
        by_hand = due.basis is Basis.PRO_RATA and not self._settings.auto_pro_rata
        waits = by_hand or amount > self._settings.auto_limit * FEN_A_YUAN
        return Preview(order, amount, before, due.basis, progress, max((now - paid_at).days, 0), terms, waits)

    async def request(self, openid: str, order_no: str, shown_fen: int, origin: str) -> Refund:
        """Begin the refund whose preview they confirmed, for exactly that amount, or let it wait for an admin.

        It is sent to WeChat before this returns; an unclear answer leaves it NEW, and the jobs go on.
        ``CannotRefund`` says why not: CHANGED when the preview would be another by now.
        """
        before = await self._store.read(lambda tx: self._theirs(tx, openid, order_no))
        try:
            await self._orders.be_sure_of(before.refunds)
        except NotAllowed:
            raise CannotRefund(NoRefund.UNCLEAR) from None
        now = self._clock.now()

        def work(tx: Tx) -> Refund:
            found = self._theirs(tx, openid, order_no)
            preview = self._preview(tx, found, now)
            if preview.amount_fen != shown_fen:
                raise CannotRefund(NoRefund.CHANGED)
            if refunding.too_soon(found.refunds, now):
                raise CannotRefund(NoRefund.SOON)
            return refunding.begin(
                tx,
                self._gateway,
                found.attempt,
                preview.amount_fen,
                self._settings.reason,
                now,
                state=RefundState.REQUESTED if preview.waits else RefundState.NEW,
                origin=origin,
                gives_up=True,
                basis=preview.because,
            )

        refund = await self._store.write(work, durable=True)
        log.info("refund.requested no=%s origin=%s state=%s", refund.out_refund_no, origin, refund.state)
        return await self._pushed(refund)

    # What an admin decides ---------------------------------------------------------------------------------

    async def approve(self, out_refund_no: str) -> Refund:
        """Let a waiting refund go on, for the amount that was asked for. ``NotAllowed`` says why not."""
        now = self._clock.now()

        def work(tx: Tx) -> Refund:
            refund = _waiting(tx, out_refund_no)
            others = (each for each in tx.refunds.of(refund.order_no) if each.out_trade_no == refund.out_trade_no)
            if refunding.too_soon(others, now):
                raise NotAllowed("两笔退款之间至少间隔 60 秒，请稍后再试")
            tx.refunds.decide(out_refund_no, RefundState.NEW, "", now)
            _tell(tx, "refund_approved", refund, now)
            return _get(tx, out_refund_no)

        return await self._pushed(await self._store.write(work, durable=True))

    async def reject(self, out_refund_no: str, reason: str) -> Refund:
        """Say no to a waiting refund; the reason is told. ``NotAllowed`` when it does not wait."""
        now = self._clock.now()

        def work(tx: Tx) -> Refund:
            refund = _waiting(tx, out_refund_no)
            tx.refunds.decide(out_refund_no, RefundState.DECLINED, reason, now)
            _tell(tx, "refund_declined", refund, now, why=reason)
            return _get(tx, out_refund_no)

        return await self._store.write(work, durable=True)

    async def redirect(self, out_refund_no: str) -> Refund:
        """Have the money of an ABNORMAL refund sent to our own bank account, to be paid on by a person.

        Its word is kept before the call: whatever the answer, nobody is told that it went back by itself.
        """
        refund = await self._store.read(lambda tx: _get(tx, out_refund_no))
        if refund.state is not RefundState.ABNORMAL:
            raise NotAllowed(f"退款 {out_refund_no} 不是异常状态，不用处理")
        if not refund.refund_id:
            raise NotAllowed(f"还没有微信退款单号；先用 orders sync {refund.order_no} 查询一次")
        await self._store.write(lambda tx: tx.refunds.note(out_refund_no, refunding.BY_HAND), durable=True)
        try:
            facts = await self._gateway.redirect_refund(refund.refund_id, out_refund_no)
        except PayUnknown as error:
            log.warning("refund.unknown no=%s error=%s", out_refund_no, error)
            raise NotAllowed(f"还不知道微信有没有受理，请用 orders sync {refund.order_no} 查询后再试") from None
        except PayRejected:
            await self._store.write(lambda tx: tx.refunds.note(out_refund_no, refund.note), durable=True)
            raise
        await self._orders.book_refund(facts)
        return await self._store.read(lambda tx: _get(tx, out_refund_no))

    async def again(self, out_refund_no: str) -> Refund:
        """Repeat, under a new number, a refund that WeChat closed or refused. ``NotAllowed`` says why not."""
        dead = await self._store.read(lambda tx: _get(tx, out_refund_no))
        if dead.state not in {RefundState.CLOSED, RefundState.REJECTED}:
            raise NotAllowed(f"退款 {out_refund_no} 没有被微信关闭或拒绝，不能重退")
        await self._orders.be_sure_of([dead])
        now = self._clock.now()

        def work(tx: Tx) -> Refund:
            found = refunding.find(tx, dead.order_no, dead.out_trade_no)
            if repeat := _repeated(found, dead):
                raise NotAllowed(f"退款 {out_refund_no} 已经换单号 {repeat.out_refund_no} 重退过了")
            refunding.check_moment(found, now)
            if dead.amount_fen > found.left_fen:
                raise NotAllowed(f"订单 {dead.order_no} 只剩 {yuan(found.left_fen)} 元可退")
            return refunding.begin(
                tx,
                self._gateway,
                found.attempt,
                dead.amount_fen,
                dead.reason,
                now,
                origin=dead.origin,
                gives_up=dead.gives_up,
                basis=dead.basis,
            )

        return await self._pushed(await self._store.write(work, durable=True))

    async def _pushed(self, refund: Refund) -> Refund:
        """Send a refund that is not waiting to WeChat, and return it as it is then."""
        if refund.state is not RefundState.NEW:
            return refund
        await self._orders.push_refund(refund.out_refund_no)
        return await self._store.read(lambda tx: _get(tx, refund.out_refund_no))


def learnt(tx: Tx, order: Order) -> Learnt:
    """Count how much of what an order gave its buyer has been learnt, in all courses of a bundle together.

    What came another way does not count: courses that were credited, or the giver's own copy of a gift.
    """
    done = lessons = 0
    given = (
        each.course_id for each in tx.entitlements.grants(openid=order.openid) if each.order_no == order.order_no
    )
    for course_id in given:
        positions = {lesson.position for lesson in tx.lessons.of(course_id)}
        done += len(positions & tx.lessons.finished(order.openid, course_id))
        lessons += len(positions)
    return Learnt(done, lessons)


def _needs_a_person(tx: Tx, order: Order) -> bool:
    """Tell whether the promise does not fit: a membership, a claimed gift, a second payment of one course."""
    course = tx.courses.get(order.course_id)
    if course is not None and course.kind is Kind.MEMBERSHIP:
        return True
    if order.purpose is Purpose.GIFT:
        gift = tx.gifts.of_order(order.order_no)
        return gift is not None and bool(gift.claimed_by)
    held = tx.entitlements.get(order.openid, order.course_id)
    return held is not None and held.source == "order" and held.order_no != order.order_no


def _repeated(found: Refundable, dead: Refund) -> Refund | None:
    """Return a later refund of the payment that differs in its number alone and is not dead, if there is one."""
    same = (dead.amount_fen, dead.reason, dead.origin, dead.basis)
    later = found.refunds[[each.out_refund_no for each in found.refunds].index(dead.out_refund_no) + 1 :]
    alive = (each for each in later if each.state not in refunding.DEAD)
    return next((e for e in alive if (e.amount_fen, e.reason, e.origin, e.basis) == same), None)


def _get(tx: Tx, out_refund_no: str) -> Refund:
    refund = tx.refunds.get(out_refund_no)
    if refund is None:
        raise NotFound(f"没有退款 {out_refund_no}；用 refunds list 看有哪些")
    return refund


def _waiting(tx: Tx, out_refund_no: str) -> Refund:
    refund = _get(tx, out_refund_no)
    if refund.state is not RefundState.REQUESTED:
        raise NotAllowed(f"退款 {out_refund_no} 没有在等审核；用 refunds show {out_refund_no} 看它怎么样了")
    return refund


def _tell(tx: Tx, kind: str, refund: Refund, now: datetime, **more: str) -> None:
    order = tx.orders.get(refund.order_no)
    if order is not None and order.owner:
        payload = {"title": order.title, "amount_fen": refund.amount_fen, "order_no": order.order_no, **more}
        tx.outbox.put(kind, refund.out_refund_no, order.owner, payload, now, due=now)
