"""Which payment a refund gives back, and whether one may begin: the rules alone, without WeChat.

An order has one payment that bought the course; it may have others, which went back by themselves or should have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import NotAllowed, NotFound
from bot.models import Attempt, AttemptState, Order, Refund, RefundState
from bot.store import Tx

UNFINISHED = (RefundState.NEW, RefundState.PROCESSING, RefundState.ABNORMAL)
DEAD = (RefundState.CLOSED, RefundState.REJECTED)
BETWEEN_REFUNDS = timedelta(seconds=60)


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
    def unfinished(self) -> bool:
        """Whether a refund of it has begun and nobody knows yet how it ends."""
        return any(each.state in UNFINISHED for each in self.refunds)


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
    if any(each.unfinished for each in paid):
        raise NotAllowed(_not_finished(order_no))
    raise NotAllowed(f"订单 {order_no} 已经全部退款，没有可退的钱")


def returned(tx: Tx, order: Order) -> bool:
    """Tell whether all of the payment that bought the order went back or is on its way back."""
    attempt = tx.attempts.get(order.paid_attempt)
    if attempt is None:
        return False
    refunds = [each for each in tx.refunds.of(order.order_no) if each.out_trade_no == attempt.out_trade_no]
    return Refundable(order, attempt, tuple(refunds)).left_fen <= 0


def check_moment(found: Refundable, now: datetime) -> None:
    """Refuse while another refund of the payment is unfinished, or too fresh for WeChat to take a second one."""
    if found.unfinished:
        raise NotAllowed(_not_finished(found.order.order_no))
    if any(now - each.created_at < BETWEEN_REFUNDS for each in found.refunds):
        raise NotAllowed("两笔退款之间至少间隔 60 秒，请稍后再试")


def _not_finished(order_no: str) -> str:
    return f"上一笔退款还没有结果，请先用 orders sync {order_no} 查询"


def _which(order_no: str, left: Sequence[Refundable]) -> str:
    each = "、".join(
        f"{one.attempt.out_trade_no}（{'重复付的' if one.second else '买课的'}，还可退 {yuan(one.left_fen)} 元）"
        for one in left
    )
    return f"订单 {order_no} 有 {len(left)} 笔付款可退：{each}。请加 --payment 写明退哪一笔"


def yuan(fen: int) -> str:
    """Write an amount of fen in yuan: 9900 is "99.00"."""
    return f"{fen // 100}.{fen % 100:02d}"
