"""Refunds at WeChat Pay: sent, asked about, and booked by what WeChat says of them.

An unclear answer is never taken for one: the refund's row stands before the call, and a repeat asks first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from bot import invoicing, refunding
from bot.errors import NotAllowed, PayRejected, PayUnknown
from bot.models import Course, Order, Refund, RefundFacts, RefundState
from bot.offers.delivery import Deliveries
from bot.offers.quoting import Quoting
from bot.ports import Clock, PayGateway
from bot.refunding import UNFINISHED
from bot.store import Store, Tx
from bot.store.ledger import Movement

log = logging.getLogger("zhike.orders")

REFUND_DELAYS = (60, 300, 1800, 7200, 21600, 86400)
REFUND_TOLD = {"ABNORMAL": "refund_delayed", "CLOSED": "refund_failed"}


def item_of(tx: Tx, order: Order) -> Course:
    """Return what an order is for."""
    course = tx.courses.get(order.course_id)
    assert course is not None, "an order cannot exist without its item"
    return course


class WechatRefunds:
    """Carries refunds that are written down to WeChat Pay, and its answers into the books; ``Orders`` owns it."""

    def __init__(
        self,
        store: Store,
        gateway: PayGateway,
        clock: Clock,
        *,
        quoting: Quoting,
        deliveries: Deliveries,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._quoting = quoting
        self._deliveries = deliveries
        self._wake = wake

    async def be_sure_of(self, refunds: Iterable[Refund]) -> None:
        """Ask about those that WeChat refused, before another number is used; ``NotAllowed`` if one is not dead."""
        for each in refunds:
            if each.state is RefundState.REJECTED:
                await self._be_sure_it_is_dead(each)

    async def _be_sure_it_is_dead(self, refund: Refund) -> None:
        """Ask about a refund that was refused before another number is used: it may have been taken after all."""
        number = refund.out_refund_no
        try:
            facts = await self._gateway.query_refund(number)
        except (PayUnknown, PayRejected) as error:
            log.warning("refund.query_failed no=%s error=%s", number, error)
            raise NotAllowed(f"还问不到上一笔退款 {number} 的结果，没有再退，请稍后再试") from None
        if facts is None:
            return
        await self.book(facts)
        if facts.status != RefundState.CLOSED:
            raise NotAllowed(
                f"上一笔退款 {number} 微信其实已经受理，没有再退；用 orders sync {refund.order_no} 查询"
            )

    async def push(self, out_refund_no: str) -> None:
        """Send a refund that WeChat does not know yet, or ask about one that it does."""
        refund = await self._store.read(lambda tx: tx.refunds.get(out_refund_no))
        if refund is None or refund.state not in UNFINISHED:
            await self._store.write(lambda tx: tx.refunds.schedule(out_refund_no, None))
            return
        at = self._clock.now() + timedelta(seconds=REFUND_DELAYS[min(refund.tries, len(REFUND_DELAYS) - 1)])
        await self._store.write(lambda tx: tx.refunds.schedule(out_refund_no, at))
        try:
            facts = await self._gateway.query_refund(out_refund_no)
        except (PayUnknown, PayRejected) as error:
            log.warning("refund.query_failed no=%s error=%s", out_refund_no, error)
            return
        try:
            facts = facts or await self._gateway.refund(refund.request)
        except PayUnknown as error:
            log.warning("refund.unknown no=%s error=%s", out_refund_no, error)
            return
        except PayRejected as error:
            await self._refuse(refund, error)
            return
        await self.book(facts)

    async def _refuse(self, refund: Refund, error: PayRejected) -> None:
        """Keep a refund that only lacks balance for later; give up on one that WeChat will never take."""
        now = self._clock.now()

        def work(tx: Tx) -> None:
            tx.anomalies.add("refund_refused", refund.out_refund_no, str(error), now)
            final = error.code.replace("_", "") != "NOTENOUGH"
            if final and tx.refunds.move(refund.out_refund_no, RefundState.REJECTED, (RefundState.NEW,)):
                tx.refunds.schedule(refund.out_refund_no, None)
                self._tell(tx, "refund_failed", refund, now)

        await self._store.write(work, durable=True)

    async def book(self, facts: RefundFacts) -> None:
        """Note what WeChat says of a refund.

        Access ends once WeChat has accepted the whole amount, or a refund that gives the course up; it comes back
        when nothing comes of that.
        """
        now = self._clock.now()
        await self._store.write(lambda tx: self._book(tx, facts, now), durable=True)
        log.info("refund.booked no=%s status=%s", facts.out_refund_no, facts.status)
        self._wake()

    def _book(self, tx: Tx, facts: RefundFacts, now: datetime) -> None:
        refund = tx.refunds.get(facts.out_refund_no)
        if refund is None or facts.refund_fen != refund.amount_fen or facts.out_trade_no != refund.out_trade_no:
            tx.anomalies.add("refund_mismatch", facts.out_refund_no, "微信退款与本地记录不符", now)
            return
        if facts.refund_id:
            tx.refunds.known_as(refund.out_refund_no, facts.refund_id)
        order, attempt = tx.orders.get(refund.order_no), tx.attempts.get(refund.out_trade_no)
        assert order is not None and attempt is not None, "a refund belongs to an attempt of an order"  # noqa: PT018
        ended = refunding.ends_access(attempt, tx.refunds.of(order.order_no))
        self._move(tx, refund, facts, now)
        if order.paid_attempt != attempt.out_trade_no:
            return  # it paid for what another payment had bought
        refunds = tx.refunds.of(order.order_no)
        if refunding.ends_access(attempt, refunds):
            self._take_back(tx, order)
        elif ended:
            self._restore(tx, order, now)
        if refunding.ends_access(attempt, refunds, (RefundState.SUCCESS,)):
            self._quoting.refunded(tx, order, now)

    def _take_back(self, tx: Tx, order: Order) -> None:
        """Take away what an order gave; repeats are harmless."""
        self._deliveries.of(order.purpose, item_of(tx, order).kind).take_back(tx, order)

    def _restore(self, tx: Tx, order: Order, now: datetime) -> None:
        """Give it again, since its refund came to nothing."""
        if order.owner:
            course = item_of(tx, order)
            self._deliveries.of(order.purpose, course.kind).restore(tx, order, course, now)

    def _move(self, tx: Tx, refund: Refund, facts: RefundFacts, now: datetime) -> None:
        open_states = (*UNFINISHED, RefundState.REJECTED)
        if facts.status == "SUCCESS":
            if tx.refunds.move(refund.out_refund_no, RefundState.SUCCESS, (*open_states, RefundState.CLOSED)):
                at = facts.success_time or now
                tx.ledger.add(Movement.REFUND, refund.out_refund_no, refund.order_no, refund.amount_fen, at)
                self._succeeded(tx, refund, now)
        elif facts.status == "PROCESSING":
            asleep = (RefundState.REJECTED, RefundState.ABNORMAL)  # nobody would ask about these any more
            tx.refunds.move(refund.out_refund_no, RefundState.PROCESSING, (RefundState.NEW, *asleep))
            if refund.state in asleep:
                tx.refunds.schedule(refund.out_refund_no, now + timedelta(seconds=REFUND_DELAYS[0]))
        elif facts.status in {"ABNORMAL", "CLOSED"}:
            kind = f"refund_{facts.status.lower()}"
            if tx.refunds.move(refund.out_refund_no, RefundState(facts.status), open_states):
                self._tell(tx, REFUND_TOLD[facts.status], refund, now)
            tx.anomalies.add(kind, refund.out_refund_no, "退款没有到账，请人工处理", now)
        if facts.status in {"SUCCESS", "ABNORMAL", "CLOSED"}:
            tx.refunds.schedule(refund.out_refund_no, None)

    def _succeeded(self, tx: Tx, refund: Refund, now: datetime) -> None:
        order = tx.orders.get(refund.order_no)
        attempt = tx.attempts.get(refund.out_trade_no)
        assert order is not None and attempt is not None, "a refund belongs to an attempt of an order"  # noqa: PT018
        done = [each for each in tx.refunds.of(order.order_no) if each.out_trade_no == attempt.out_trade_no]
        whole = sum(e.amount_fen for e in done if e.state is RefundState.SUCCESS) >= attempt.total_fen
        if order.paid_attempt == attempt.out_trade_no:
            tx.orders.mark_refunded(order.order_no, whole=whole)
            invoicing.after_refund(tx, order.order_no, now)
        if refund.note == refunding.BY_HAND:
            tx.anomalies.add("refund_by_hand", refund.out_refund_no, "钱退到了商户账户，请另行转给付款人", now)
        self._tell(tx, "refund_by_hand" if refund.note == refunding.BY_HAND else "refunded", refund, now)

    @staticmethod
    def _tell(tx: Tx, kind: str, refund: Refund, now: datetime) -> None:
        order = tx.orders.get(refund.order_no)
        if order is not None and order.owner:
            payload = {"title": order.title, "amount_fen": refund.amount_fen, "order_no": order.order_no}
            tx.outbox.put(kind, refund.out_refund_no, order.owner, payload, now, due=now)
