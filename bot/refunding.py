"""Which payment a refund gives back, whether one may begin, and when it ends the access: rules, without WeChat.

An order has one payment that bought the course; it may have others, which went back by themselves or should have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.amounts import yuan
from bot.errors import NotAllowed, NotFound
from bot.models import Attempt, AttemptState, Order, Refund, RefundState
from bot.ports import PayGateway
from bot.store import Tx

UNFINISHED = (RefundState.NEW, RefundState.PROCESSING, RefundState.ABNORMAL)
ACCEPTED = (RefundState.PROCESSING, RefundState.SUCCESS, RefundState.ABNORMAL)
DEAD = (RefundState.CLOSED, RefundState.REJECTED, RefundState.DECLINED)
BETWEEN_REFUNDS = timedelta(seconds=60)
BEFORE_A_REPEAT = timedelta(days=1)
BY_HAND = "MERCHANT_BANK_CARD"  # the note of one that went to our own account, to be paid on by a person


@dataclass(frozen=True, slots=True)
class Refundable:
    """One payment of an order, with its refunds so far, the oldest first."""

    order: Order
    attempt: Attempt
    refunds: tuple[Refund, ...]

    @property
    def left_fen(self) -> int:
        """What has not gone back and is not on its way."""
        return self.attempt.total_fen - sum(each.amount_fen for each in self.refunds if each.state not in DEAD)

    @property
    def second(self) -> bool:
        """Whether it paid for what another payment had bought: giving it back takes no course away."""
        return self.attempt.out_trade_no != self.order.paid_attempt

    @property
    def begun(self) -> Refund | None:
        """The refund of it that has begun, or waits for an admin, and whose end nobody knows yet."""
        return next((each for each in self.refunds if each.state in (*UNFINISHED, RefundState.REQUESTED)), None)


def find(tx: Tx, order_no: str, payment: str = "") -> Refundable:
    """Return the payment to give back: the one named, else the only one that has something left.

    ``NotFound`` and ``NotAllowed`` say what is in the way; where there are several, that one must be named.
    """
    order = tx.orders.get(order_no)
    if order is None:
        raise NotFound(f"没有订单 {order_no}；用 orders list 看有哪些")
    refunds = tx.refunds.of(order_no)
    paid = [
        Refundable(order, attempt, tuple(each for each in refunds if each.out_trade_no == attempt.out_trade_no))
        for attempt in tx.attempts.of(order_no)
        if attempt.state is AttemptState.SUCCESS and payment in {"", attempt.out_trade_no}
    ]
    if not paid and payment:
        raise NotFound(f"订单 {order_no} 没有一笔已付的 {payment}；用 orders show {order_no} 看有哪些")
    if not paid:
        raise NotAllowed(f"订单 {order_no} 没有付过款，没有可退的钱")
    left = [each for each in paid if each.left_fen]
    if len(left) > 1:
        raise NotAllowed(_which(order_no, left))
    if left:
        return left[0]
    if begun := next((each.begun for each in paid if each.begun), None):
        raise NotAllowed(_not_finished(begun))
    raise NotAllowed(f"订单 {order_no} 已经全部退款，没有可退的钱")


def asked_back(tx: Tx, order: Order) -> bool:
    """Tell whether all of the payment that bought the order went back, is on its way, or waits for an admin."""
    found = bought(tx, order)
    return found is not None and found.left_fen <= 0


def returned(tx: Tx, order: Order) -> bool:
    """Tell whether all of the payment that bought the order went back or is on its way back.

    What waits for an admin is not on its way: the answer may be no.
    """
    found = bought(tx, order)
    if found is None or any(each.state is RefundState.REQUESTED for each in found.refunds):
        return False
    return found.left_fen <= 0


def rests(tx: Tx, order: Order, now: datetime) -> bool:
    """Tell whether WeChat gave up on a refund of the payment lately: the shop waits before it repeats that."""
    found = bought(tx, order)
    given_up = (RefundState.CLOSED, RefundState.REJECTED)
    lately = [each for each in found.refunds if now - each.began_at < BEFORE_A_REPEAT] if found else []
    return any(each.state in given_up for each in lately)


def check_moment(found: Refundable, now: datetime) -> None:
    """Refuse while another refund of the payment is unfinished, or too fresh for WeChat to take a second one."""
    if found.begun is not None:
        raise NotAllowed(_not_finished(found.begun))
    if too_soon(found.refunds, now):
        raise NotAllowed("两笔退款之间至少间隔 60 秒，请稍后再试")


def too_soon(refunds: Iterable[Refund], now: datetime) -> bool:
    """Tell whether WeChat would find another refund of the payment too soon after these."""
    unheard = (RefundState.REQUESTED, RefundState.DECLINED)
    return any(now - each.began_at < BETWEEN_REFUNDS for each in refunds if each.state not in unheard)


def ends_access(attempt: Attempt, refunds: Iterable[Refund], counted: Collection[RefundState] = ACCEPTED) -> bool:
    """Tell whether what WeChat has accepted of a payment's refunds ends what the payment gave.

    It does when it is the whole amount, or when one of them gives the course up. What only waits for an admin, or
    came to nothing, ends no access. ``counted`` are the states of the refunds that are looked at.
    """
    accepted = [e for e in refunds if e.out_trade_no == attempt.out_trade_no and e.state in counted]
    whole = sum(each.amount_fen for each in accepted) >= attempt.total_fen
    return whole or any(each.gives_up for each in accepted)


def bought(tx: Tx, order: Order) -> Refundable | None:
    """Return the payment that bought the order's course; None when there is none."""
    attempt = tx.attempts.get(order.paid_attempt) if order.paid_attempt else None
    if attempt is None:
        return None
    refunds = tx.refunds.of(order.order_no)
    return Refundable(order, attempt, tuple(e for e in refunds if e.out_trade_no == attempt.out_trade_no))


def begin(
    tx: Tx,
    gateway: PayGateway,
    attempt: Attempt,
    amount_fen: int,
    reason: str,
    now: datetime,
    *,
    state: RefundState = RefundState.NEW,
    origin: str = "",
    gives_up: bool = False,
    basis: str = "",
) -> Refund:
    """Write a refund down, with the very request that WeChat will get; the caller has made sure that it may be."""
    number = f"R{attempt.out_trade_no}{len(tx.refunds.of(attempt.order_no)) + 1:02d}"
    request = gateway.refund_request(
        out_trade_no=attempt.out_trade_no,
        out_refund_no=number,
        refund_fen=amount_fen,
        total_fen=attempt.total_fen,
        reason=reason,
    )
    refund = Refund(
        out_refund_no=number,
        out_trade_no=attempt.out_trade_no,
        order_no=attempt.order_no,
        amount_fen=amount_fen,
        reason=reason,
        request=request,
        state=state,
        created_at=now,
        next_query_at=now if state is RefundState.NEW else None,
        origin=origin,
        gives_up=gives_up,
        basis=basis,
    )
    tx.refunds.add(refund)
    return refund


def _not_finished(refund: Refund) -> str:
    if refund.state is RefundState.REQUESTED:
        no = refund.out_refund_no
        decide = f"用 refunds approve {no} 同意，或 refunds reject {no} --reason 原因 拒绝"
        return f"学员已申请退款 {no}，还没有审核；{decide}"
    return f"上一笔退款还没有结果，请先用 orders sync {refund.order_no} 查询"


def _which(order_no: str, left: Sequence[Refundable]) -> str:
    each = "、".join(
        f"{one.attempt.out_trade_no}（{'重复付的' if one.second else '买课的'}，还可退 {yuan(one.left_fen)} 元）"
        for one in left
    )
    return f"订单 {order_no} 有 {len(left)} 笔付款可退：{each}。请加 --payment 写明退哪一笔"
