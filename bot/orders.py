"""Buying: an order, its tries to pay, and the one function that may call an order paid.

What a notice, a query or a close says goes through ``book_paid``; it changes attempt, order, entitlement and outbox
in one transaction, and its second call is quiet. An unclear answer of WeChat Pay is never taken for one: the
attempt row stands before the call, the query job asks later, a repeat uses the same number and the same bytes.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot import refunding
from bot.amounts import yuan
from bot.config import RefundSettings
from bot.errors import (
    AlreadyPaid,
    CannotBuy,
    NotAllowed,
    NotFound,
    Obstacle,
    PayRejected,
    PayUnknown,
    TradeClosed,
    TradeNoUsed,
    ZhikeError,
)
from bot.invoicing import TAIL
from bot.models import (
    Attempt,
    AttemptState,
    Course,
    Line,
    Order,
    OrderState,
    Purpose,
    Refund,
    RefundFacts,
    Trade,
    TradeType,
)
from bot.offers.delivery import Deliveries
from bot.offers.quoting import Ask, Quote, Quoting, Wish
from bot.ports import Clock, PayGateway, PrepayOrder
from bot.refunding import UNFINISHED
from bot.store import Store, Tx
from bot.store.ledger import Movement
from bot.wechatrefunds import WechatRefunds, item_of

log = logging.getLogger("zhike.orders")

OPEN = (AttemptState.NEW, AttemptState.NOTPAY)
UNSETTLED = (*OPEN, AttemptState.CLOSING)
IN_FLIGHT = timedelta(seconds=30)  # twice the client's time-out and then some: the order may still reach WeChat
QUERY_DELAYS = (5, 30, 60, 180, 300, 600, 1800)
GRACE = timedelta(seconds=30)
LEAST_TIME_TO_PAY = timedelta(minutes=2)
NO_WISH = Wish()
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Outcome(StrEnum):
    """What came of a wish to buy."""

    TO_PAY = "to_pay"
    GRANTED = "granted"
    OWNED = "owned"
    PRICE = "price"


class Booked(StrEnum):
    """What came of a payment that WeChat reports."""

    PAID = "paid"
    AGAIN = "again"
    SECOND = "second"
    GONE = "gone"
    ANOMALY = "anomaly"
    NOT_PAID = "not_paid"


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to ``place``; ``order`` is what is to be paid, or what cost nothing by an offer.

    ``ended`` are the unpaid orders that it replaces: their time is over, and the jobs query, close and cancel them.
    ``Outcome.PRICE``: nothing was placed, because the price is not the one that was shown.
    """

    outcome: Outcome
    course: Course
    order: Order | None = None
    ended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Back:
    """How a payment that buys nothing goes back: the anomaly, its words, and the kind of news."""

    anomaly: str
    detail: str
    news: str


TWICE = _Back("double_payment", "同一门课付了两次，第二笔自动退款", "paid_twice")
TOO_LATE = _Back("offer_gone", "付款到得太晚，优惠或名额已经没有了，自动退款", "offer_gone")


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who we are at WeChat Pay: a payment for anybody else is not ours."""

    app_id: str
    mch_id: str


def new_order_no(now: datetime) -> str:
    """Return a number nobody can guess: the day for people, some fifty random bits for the rest.

    Its last ``TAIL`` characters name it in a chat: with a digit among them they are no word of a subject.
    """
    while True:
        secret = "".join(secrets.choice(ALPHABET) for _ in range(10))
        if any(map(str.isdigit, secret[-TAIL:])):
            return f"ZK{now:%y%m%d}{secret}"


def next_query(attempt: Attempt, now: datetime) -> datetime:
    """Say when to ask WeChat again: ever more rarely, and once at the moment when the time to pay is over."""
    later = now + timedelta(seconds=QUERY_DELAYS[min(attempt.tries, len(QUERY_DELAYS) - 1)])
    over = attempt.time_expire + GRACE
    return min(later, over) if over > now else later


def _nobody() -> None:
    """Wake nobody: the next round finds what there is to tell."""


class Orders:
    """The service of buying."""

    def __init__(
        self,
        store: Store,
        gateway: PayGateway,
        clock: Clock,
        *,
        merchant: Merchant,
        order_minutes: int,
        quoting: Quoting,
        deliveries: Deliveries,
        refund: RefundSettings,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._merchant = merchant
        self._lifetime = timedelta(minutes=order_minutes)
        self._quoting = quoting
        self._deliveries = deliveries
        self._terms = refund.terms
        self._reasons = {TWICE: refund.reason_twice, TOO_LATE: refund.reason_over}
        self._wake: Callable[[], None] = _nobody
        self._refunds = WechatRefunds(
            store, gateway, clock, quoting=quoting, deliveries=deliveries, wake=self._tell
        )

    def on_news(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called after every commit that left something to tell."""
        self._wake = wake

    def _tell(self) -> None:
        self._wake()

    # Placing -----------------------------------------------------------------------------------------------

    def quote_in(
        self, tx: Tx, openid: str, course: Course, now: datetime, wish: Wish = NO_WISH, *, session: str = ""
    ) -> Quote:
        """Return what an item costs somebody this moment; ``CannotBuy`` when the wish cannot be met."""
        return self._quoting.quote(tx, Ask(openid, course, wish, now, session))

    def place_in(
        self,
        tx: Tx,
        openid: str,
        course_id: str,
        now: datetime,
        *,
        source: str = "",
        session: str = "",
        wish: Wish = NO_WISH,
        shown_fen: int | None = None,
    ) -> Placed:
        """Decide, inside a transaction, what a wish to buy comes to; see ``place``."""
        course = tx.courses.get(course_id)
        if course is None:
            raise NotFound(f"没有课程 {course_id}")
        delivery = self._deliveries.of(wish.purpose, course.kind)
        pending = tx.orders.pending(openid, course_id, session, wish.purpose)
        if openid and delivery.owned(tx, openid, course):
            return Placed(Outcome.OWNED, course, ended=self._end(tx, pending, now))
        if not course.on_sale:
            raise CannotBuy(Obstacle.OFF_SALE)
        if wish.purpose is Purpose.GIFT and course.free:
            raise CannotBuy(Obstacle.NOT_TO_GIVE)
        quote = self.quote_in(tx, openid, course, now, wish, session=session)
        if shown_fen not in {None, quote.total_fen}:
            return Placed(Outcome.PRICE, course)
        if not quote.total_fen and not openid:
            raise CannotBuy(Obstacle.IN_WECHAT_ONLY)
        for order in pending:
            same = (order.lines, order.ref) == (quote.lines, wish.group)
            same = same and tx.refund_terms.of(order.order_no) == self._terms
            if same and quote.total_fen and order.expires_at - now > LEAST_TIME_TO_PAY:
                others = [each for each in pending if each is not order]
                return Placed(Outcome.TO_PAY, course, order, self._end(tx, others, now))
        free = course.free and wish.purpose is Purpose.OWN
        order = Order(
            order_no="" if free else new_order_no(now),
            openid=openid,
            course_id=course_id,
            title=course.title,
            amount_fen=quote.total_fen,
            state=OrderState.PENDING,
            created_at=now,
            expires_at=now + self._lifetime,
            source=source,
            session=session,
            purpose=wish.purpose,
            ref=wish.group,
            lines=quote.lines,
        )
        if not free:  # a free course is simply theirs: there is nothing to account for
            tx.orders.add(order)
            tx.refund_terms.freeze(order.order_no, self._terms)
            self._quoting.placed(tx, order)
        if quote.total_fen:
            return Placed(Outcome.TO_PAY, course, order, self._end(tx, pending, now))
        if not free:
            tx.orders.pay(order.order_no, "", openid, now)
            self._quoting.paid(tx, order, now)
        delivery.give(tx, order, course, now)
        return Placed(Outcome.GRANTED, course, None if free else order, ended=self._end(tx, pending, now))

    def give_in(
        self, tx: Tx, openid: str, course: Course, now: datetime, *, lines: tuple[Line, ...], source: str
    ) -> Order | None:
        """Give an item for nothing, with an order of ¥0 in the books; None when it is theirs already.

        ``lines`` say why it costs nothing. ``CannotBuy``, before anything is written, for what gives nothing.
        """
        delivery = self._deliveries.of(Purpose.OWN, course.kind)
        if delivery.owned(tx, openid, course):
            return None
        self.quote_in(tx, openid, course, now)  # refuses a bundle without courses, a membership without months
        order = Order(
            order_no=new_order_no(now),
            openid=openid,
            course_id=course.course_id,
            title=course.title,
            amount_fen=0,
            state=OrderState.PENDING,
            created_at=now,
            expires_at=now,
            source=source,
            lines=lines,
        )
        tx.orders.add(order)
        tx.orders.pay(order.order_no, "", openid, now)
        delivery.give(tx, order, course, now)
        self._end(tx, tx.orders.pending(openid, course.course_id, ""), now)
        return order

    def _end(self, tx: Tx, orders: Iterable[Order], now: datetime) -> tuple[str, ...]:
        """Let the time of unpaid orders be over: nothing new can be paid, and what may be is queried and closed."""
        ended = []
        for order in orders:
            if not tx.orders.end(order.order_no, now):
                continue
            for attempt in tx.attempts.of(order.order_no):
                if tx.attempts.move(attempt.out_trade_no, AttemptState.CLOSING, OPEN):
                    tx.attempts.schedule(attempt.out_trade_no, now, tried=False)
            self._cancel_if_over(tx, order.order_no)
            ended.append(order.order_no)
        return tuple(ended)

    async def place(
        self,
        openid: str,
        course_id: str,
        *,
        source: str = "",
        session: str = "",
        wish: Wish = NO_WISH,
        shown_fen: int | None = None,
    ) -> Placed:
        """Order an item: what costs nothing is granted at once, owned ones not sold twice, an open order is reused.

        An open order at another price or under other terms of refund, or with too little time left, is replaced and
        ends as if it were over time. With ``shown_fen``, nothing is placed at any other price than that one.
        ``openid`` may be empty outside WeChat; then the order belongs to the browser ``session`` until its payer
        is known. ``NotFound`` and ``CannotBuy`` say why nothing can be bought.
        """
        now = self._clock.now()
        placed = await self._store.write(
            lambda tx: self.place_in(
                tx, openid, course_id, now, source=source, session=session, wish=wish, shown_fen=shown_fen
            ),
            durable=True,
        )
        log.info("order.placed course=%s outcome=%s", course_id, placed.outcome)
        if placed.ended:
            self._wake()
        return placed

    async def withdraw(self, order_no: str) -> Order:
        """Cancel an unpaid order before its time: every attempt is queried, then closed. ``NotFound`` if unknown.

        Returns the order as it is then: CANCELLED; PAID when it was paid after all; still PENDING while WeChat's
        answer is not clear, and then the jobs go on asking.
        """
        now = self._clock.now()

        def work(tx: Tx) -> None:
            order = tx.orders.get(order_no)
            self._end(tx, [order] if order is not None else [], now)

        await self._store.write(work, durable=True)
        return await self.sync_order(order_no)

    # Paying ------------------------------------------------------------------------------------------------

    async def checkout(self, order_no: str, trade_type: TradeType, payer: str) -> Attempt:
        """Return an attempt that WeChat has taken: its ``prepay`` is a prepay_id (JSAPI) or a code_url (NATIVE).

        ``AlreadyPaid``: the order is paid, look at it again. ``PayUnknown``: try this order again in a moment.
        """
        await self._close_others(order_no, trade_type, payer)
        attempt = await self._open_attempt(order_no, trade_type, payer)
        try:
            prepay = await self._prepay(attempt)
        except (TradeClosed, TradeNoUsed):
            await self._fail(attempt)
            fresh = await self._store.read(lambda tx: tx.attempts.get(attempt.out_trade_no))
            if fresh is not None and fresh.state is AttemptState.NOTPAY and not await self._close(fresh):
                raise AlreadyPaid(0, "ORDERPAID", "这笔订单已有一次付款，正在核对") from None
            attempt = await self._open_attempt(order_no, trade_type, payer)
            prepay = await self._prepay(attempt)
        await self._store.write(lambda tx: tx.attempts.placed(attempt.out_trade_no, prepay))
        fresh = await self._store.read(lambda tx: tx.attempts.get(attempt.out_trade_no))
        assert fresh is not None, "an attempt is never deleted"
        if fresh.state is AttemptState.SUCCESS:
            raise AlreadyPaid(0, "ORDERPAID", "这笔订单已经付款")
        if fresh.state is not AttemptState.NOTPAY:
            raise PayUnknown("the attempt was closed while WeChat took it")
        return fresh

    async def _prepay(self, attempt: Attempt) -> str:
        try:
            return await self._prepay_or_repeat(attempt)
        except AlreadyPaid:
            await self.sync_attempt(attempt.out_trade_no)
            raise
        except (TradeClosed, TradeNoUsed):
            raise
        except PayRejected:
            await self._fail(attempt)
            raise

    async def _prepay_or_repeat(self, attempt: Attempt) -> str:
        try:
            return await self._gateway.prepay(attempt.trade_type, attempt.request)
        except PayUnknown:
            log.warning("attempt.unknown no=%s", attempt.out_trade_no)
            return await self._gateway.prepay(attempt.trade_type, attempt.request)

    async def _fail(self, attempt: Attempt) -> None:
        def work(tx: Tx) -> None:
            if tx.attempts.move(attempt.out_trade_no, AttemptState.FAILED, (AttemptState.NEW,)):
                tx.attempts.schedule(attempt.out_trade_no, None, tried=False)

        await self._store.write(work)

    async def _open_attempt(self, order_no: str, trade_type: TradeType, payer: str) -> Attempt:
        """Find the open attempt of this (order, trade type, payer), or write a new one down, before any call."""
        now = self._clock.now()

        def work(tx: Tx) -> Attempt:
            order = self._payable(tx, order_no, now)
            attempts = tx.attempts.of(order_no)
            for attempt in attempts:
                if (attempt.trade_type, attempt.payer) == (trade_type, payer) and attempt.state in OPEN:
                    return attempt
            number = f"{order_no}{len(attempts) + 1:02d}"
            request = self._gateway.prepay_request(
                PrepayOrder(trade_type, number, order.title, order.amount_fen, order.expires_at, payer)
            )
            attempt = Attempt(
                out_trade_no=number,
                order_no=order_no,
                trade_type=trade_type,
                payer=payer,
                total_fen=order.amount_fen,
                request=request,
                state=AttemptState.NEW,
                created_at=now,
                time_expire=order.expires_at,
                next_query_at=now + timedelta(seconds=QUERY_DELAYS[0]),
            )
            tx.attempts.add(attempt)
            return attempt

        return await self._store.write(work, durable=True)

    def _payable(self, tx: Tx, order_no: str, now: datetime) -> Order:
        order = tx.orders.get(order_no)
        if order is None:
            raise NotFound(f"没有订单 {order_no}")
        if order.state is not OrderState.PENDING:
            raise CannotBuy(Obstacle.SETTLED)
        if order.expires_at <= now:
            raise CannotBuy(Obstacle.OVER)
        return order

    async def _close_others(self, order_no: str, trade_type: TradeType, payer: str) -> None:
        """Close attempts of another kind first, so that one order is not paid twice."""
        for attempt in await self._store.read(lambda tx: tx.attempts.of(order_no)):
            reusable = (attempt.trade_type, attempt.payer) == (trade_type, payer) and attempt.state in OPEN
            unsettled = attempt.state in UNSETTLED
            if unsettled and not reusable and not await self._close(attempt):
                raise AlreadyPaid(0, "ORDERPAID", "这笔订单已有一次付款，正在核对")

    async def _close(self, attempt: Attempt) -> bool:
        """Close one attempt at WeChat; True when it is surely closed. A paid one is booked instead.

        While it is not closed it is asked about again later, whether this returns False or raises.
        """
        no = attempt.out_trade_no
        await self._store.write(lambda tx: tx.attempts.move(no, AttemptState.CLOSING, OPEN))
        try:
            if not await self._close_at_wechat(attempt):
                await self._reschedule(attempt)
                return False
        except AlreadyPaid:
            await self._reschedule(attempt)
            return False
        except (PayUnknown, PayRejected):
            await self._reschedule(attempt)
            raise

        def work(tx: Tx) -> bool:
            tx.attempts.schedule(no, None, tried=False)
            return tx.attempts.move(no, AttemptState.CLOSED, (AttemptState.CLOSING,))

        return await self._store.write(work)

    async def _close_at_wechat(self, attempt: Attempt) -> bool:
        """Query, then close; False when it is paid. ``PayUnknown`` while the order may be on its way."""
        trade = await self._gateway.query(attempt.out_trade_no)
        if trade is None and self._clock.now() - attempt.created_at < IN_FLIGHT:
            raise PayUnknown("the order may still be on its way")
        if trade is not None and trade.paid:
            await self.book_paid(trade, "close")
            return False
        if trade is not None and trade.trade_state != "CLOSED":
            await self._gateway.close(attempt.out_trade_no)
        return True

    # Booking -----------------------------------------------------------------------------------------------

    async def book_paid(self, trade: Trade, source: str) -> Booked:
        """Believe a report of WeChat Pay if it fits, and grant what was paid for, exactly once."""
        now = self._clock.now()
        booked = await self._store.write(lambda tx: self._book(tx, trade, source, now), durable=True)
        log.info("order.booked no=%s source=%s result=%s", trade.out_trade_no, source, booked)
        if booked in {Booked.PAID, Booked.SECOND, Booked.GONE}:
            self._wake()
        return booked

    def _book(self, tx: Tx, trade: Trade, source: str, now: datetime) -> Booked:
        attempt = tx.attempts.get(trade.out_trade_no)
        problem = self._mismatch(trade, attempt)
        if problem or attempt is None:
            tx.anomalies.add("payment_mismatch", trade.out_trade_no or "?", f"{problem}（来源 {source}）", now)
            return Booked.ANOMALY
        if not trade.paid:
            return Booked.NOT_PAID
        if not tx.attempts.succeed(
            attempt.out_trade_no, trade.transaction_id, trade.payer_openid, attempt.total_fen
        ):
            return Booked.AGAIN
        order = tx.orders.get(attempt.order_no)
        assert order is not None, "an attempt cannot exist without its order"
        owner = order.openid or trade.payer_openid
        paid_at = trade.success_time or now
        tx.ledger.add(Movement.PAYMENT, attempt.out_trade_no, order.order_no, attempt.total_fen, paid_at)
        if not tx.orders.pay(order.order_no, attempt.out_trade_no, owner, paid_at):
            return self._give_back(tx, order, attempt, owner, now, TWICE)
        booked = self._grant(tx, order, attempt, owner, now)
        if booked is Booked.PAID and order.state is OrderState.CANCELLED:
            tx.anomalies.add("late_payment", attempt.out_trade_no, "订单过期后才收到付款，已照常开通", now)
        return booked

    def _mismatch(self, trade: Trade, attempt: Attempt | None) -> str:
        """Say in what a report does not fit us; empty when it does."""
        if attempt is None:
            return "没有这笔付款的记录"
        if trade.mch_id != self._merchant.mch_id:
            return f"商户号不符：{trade.mch_id}"
        if trade.app_id != self._merchant.app_id:
            return f"AppID 不符：{trade.app_id}"
        if trade.paid and not trade.transaction_id:
            return "没有微信支付单号"
        if trade.paid and trade.currency != "CNY":
            return f"币种不符：{trade.currency}"
        if trade.paid and trade.total_fen != attempt.total_fen:
            return f"金额不符：应付 {attempt.total_fen} 分，实付 {trade.total_fen} 分"
        return ""

    def _grant(self, tx: Tx, order: Order, attempt: Attempt, owner: str, now: datetime) -> Booked:
        if not owner:
            tx.anomalies.add("no_payer", attempt.out_trade_no, "已付款，但微信没有给出付款人", now)
            return Booked.ANOMALY
        order = replace(order, openid=owner)
        course = item_of(tx, order)
        delivery = self._deliveries.of(order.purpose, course.kind)
        gone = None if delivery.owned(tx, owner, course) else self._quoting.paid(tx, order, now)
        news = "" if gone else delivery.give(tx, order, course, now)
        if not news:
            self._quoting.ended(tx, order, now)
            return self._give_back(tx, order, attempt, owner, now, TOO_LATE if gone else TWICE)
        self._end(tx, tx.orders.pending(owner, order.course_id, order.session, order.purpose), now)
        payload = {"order_no": order.order_no, "course_id": order.course_id, "title": order.title, "ref": order.ref}
        tx.outbox.put(news, order.order_no, owner, {**payload, "amount_fen": attempt.total_fen}, now, due=now)
        return Booked.PAID

    def _give_back(self, tx: Tx, order: Order, attempt: Attempt, owner: str, now: datetime, why: _Back) -> Booked:
        """Give back a payment that buys nothing: an order or a course paid twice, or an offer that is gone."""
        tx.anomalies.add(why.anomaly, attempt.out_trade_no, why.detail, now)
        refunding.begin(tx, self._gateway, attempt, attempt.total_fen, self._reasons[why], now)
        if owner:
            payload = {"order_no": order.order_no, "title": order.title, "amount_fen": attempt.total_fen}
            tx.outbox.put(why.news, attempt.out_trade_no, owner, payload, now, due=now)
        return Booked.SECOND if why is TWICE else Booked.GONE

    # Asking and expiring -----------------------------------------------------------------------------------

    async def sync_attempt(self, out_trade_no: str) -> None:
        """Ask WeChat about one attempt and act on the answer; when it is over time, close it."""
        attempt = await self._store.read(lambda tx: tx.attempts.get(out_trade_no))
        if attempt is None:
            raise NotFound(f"没有付款记录 {out_trade_no}")
        if attempt.state not in UNSETTLED:
            await self._store.write(lambda tx: tx.attempts.schedule(out_trade_no, None, tried=False))
            return
        if self._clock.now() >= attempt.time_expire + GRACE or attempt.state is AttemptState.CLOSING:
            await self._expire(attempt)
            return
        try:
            trade = await self._gateway.query(out_trade_no)
        except (PayUnknown, PayRejected) as error:
            log.warning("attempt.query_failed no=%s error=%s", out_trade_no, error)
            await self._reschedule(attempt)
            return
        if trade is not None and trade.paid:
            await self.book_paid(trade, "query")
        await self._reschedule(attempt)

    async def _expire(self, attempt: Attempt) -> None:
        try:
            closed = await self._close(attempt)
        except (PayUnknown, PayRejected) as error:
            log.warning("attempt.close_failed no=%s error=%s", attempt.out_trade_no, error)
            return
        if closed:
            await self._cancel_over(attempt.order_no)

    def _cancel_if_over(self, tx: Tx, order_no: str) -> bool:
        order = tx.orders.get(order_no)
        unclear = [each for each in tx.attempts.of(order_no) if each.state in UNSETTLED]
        if order is None or unclear or order.expires_at > self._clock.now():
            return False
        if not tx.orders.cancel(order_no):
            return False
        self._quoting.ended(tx, order, self._clock.now())
        return True

    async def _cancel_over(self, order_no: str) -> None:
        await self._store.write(lambda tx: self._cancel_if_over(tx, order_no))

    async def _reschedule(self, attempt: Attempt) -> None:
        """Ask again later, unless somebody has settled it in the meantime."""
        at = next_query(attempt, self._clock.now())

        def work(tx: Tx) -> None:
            fresh = tx.attempts.get(attempt.out_trade_no)
            if fresh is not None and fresh.state in UNSETTLED:
                tx.attempts.schedule(attempt.out_trade_no, at)

        await self._store.write(work)

    async def sync_order(self, order_no: str) -> Order:
        """Ask WeChat about every attempt of an order that is not settled, and return the order as it is then."""
        order = await self._store.read(lambda tx: tx.orders.get(order_no))
        if order is None:
            raise NotFound(f"没有订单 {order_no}")
        for attempt in await self._store.read(lambda tx: tx.attempts.of(order_no)):
            if attempt.state in UNSETTLED:
                await self.sync_attempt(attempt.out_trade_no)
        for refund in await self._store.read(lambda tx: tx.refunds.of(order_no)):
            if refund.state in UNFINISHED:
                await self.push_refund(refund.out_refund_no)
        fresh = await self._store.read(lambda tx: tx.orders.get(order_no))
        assert fresh is not None
        return fresh

    async def run_due(self) -> int:
        """Ask about attempts and refunds whose moment has come, and cancel orders that nobody tried to pay."""
        now = self._clock.now()
        attempts = await self._store.read(lambda tx: tx.attempts.due(now))
        for attempt in attempts:
            try:
                await self.sync_attempt(attempt.out_trade_no)
            except ZhikeError:  # the others must not wait behind it
                log.exception("attempt.sync_failed no=%s", attempt.out_trade_no)
                await self._reschedule(attempt)
        refunds = await self._store.read(lambda tx: tx.refunds.due(now))
        for refund in refunds:
            try:
                await self.push_refund(refund.out_refund_no)
            except ZhikeError:
                log.exception("refund.push_failed no=%s", refund.out_refund_no)
        expired = await self._store.read(lambda tx: tx.orders.expired(now))
        for order in expired:
            await self._cancel_over(order.order_no)
        return len(attempts) + len(refunds) + len(expired)

    # Refunding ---------------------------------------------------------------------------------------------

    async def refund(self, order_no: str, amount_fen: int | None, reason: str, *, payment: str = "") -> Refund:
        """Give money back, all that is left when ``amount_fen`` is None; ``NotAllowed`` says why not.

        ``payment`` names the attempt to give back, for an order that was paid more than once. The row stands
        before the call; a refund counts as done only when WeChat says SUCCESS.
        """
        before = await self._store.read(lambda tx: refunding.find(tx, order_no, payment))
        await self.be_sure_of(before.refunds)
        now = self._clock.now()

        def work(tx: Tx) -> Refund:
            found = refunding.find(tx, order_no, payment)
            refunding.check_moment(found, now)
            amount = found.left_fen if amount_fen is None else amount_fen
            if not 0 < amount <= found.left_fen:
                raise NotAllowed(f"订单 {order_no} 最多还能退 {yuan(found.left_fen)} 元")
            return refunding.begin(tx, self._gateway, found.attempt, amount, reason, now)

        refund = await self._store.write(work, durable=True)
        await self.push_refund(refund.out_refund_no)
        fresh = await self._store.read(lambda tx: tx.refunds.get(refund.out_refund_no))
        assert fresh is not None
        return fresh

    async def be_sure_of(self, refunds: Iterable[Refund]) -> None:
        """Ask about those that WeChat refused, before another number is used; ``NotAllowed`` if one is not dead."""
        await self._refunds.be_sure_of(refunds)

    async def push_refund(self, out_refund_no: str) -> None:
        """Send a refund that WeChat does not know yet, or ask about one that it does."""
        await self._refunds.push(out_refund_no)

    async def book_refund(self, facts: RefundFacts) -> None:
        """Note what WeChat says of a refund, with what that gives and takes away."""
        await self._refunds.book(facts)
