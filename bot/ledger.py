"""The ledger held against all else that is known of money: its sums reproduce every state, or it says where not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.amounts import yuan
from bot.models import Attempt, AttemptState, Order, OrderState, Refund, RefundState, TransferState
from bot.store import Tx
from bot.store.ledger import LedgerRow, Movement
from bot.store.transfers import Transfer


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree with the ledger; ``told`` is for a person."""

    number: str
    told: str


def sums(rows: Iterable[LedgerRow]) -> Mapping[Movement, int]:
    """Add up the movements by kind, signed; every kind appears."""
    total = dict.fromkeys(Movement, 0)
    for row in rows:
        total[row.kind] += row.amount_fen
    return total


def check(tx: Tx) -> list[Difference]:
    """Name every order, payment and refund whose state the ledger does not reproduce; none is the proof."""
    rows = tx.ledger.between()
    attempts, refunds = tx.attempts.all(), tx.refunds.all()
    payments = {row.key: row for row in rows if row.kind is Movement.PAYMENT}
    returns = {row.key: row for row in rows if row.kind is Movement.REFUND}
    return [
        *_payments(attempts, payments),
        *_refunds(refunds, returns),
        *_returns(attempts, refunds, payments, returns),
        *_orders(tx.orders.all(), refunds, payments, returns),
        *_transfers(tx.transfers.all(), {row.key: row for row in rows if row.kind is Movement.TRANSFER}),
        *_fees(rows, {*payments, *(each.out_refund_no for each in refunds)}),
    ]


def _payments(attempts: Sequence[Attempt], rows: Mapping[str, LedgerRow]) -> Iterable[Difference]:
    paid = {a.out_trade_no: (a.total_fen, a.order_no) for a in attempts if a.state is AttemptState.SUCCESS}
    return _agree("付款", paid, rows)


def _refunds(refunds: Sequence[Refund], rows: Mapping[str, LedgerRow]) -> Iterable[Difference]:
    done = {r.out_refund_no: (-r.amount_fen, r.order_no) for r in refunds if r.state is RefundState.SUCCESS}
    return _agree("退款", done, rows)


def _transfers(transfers: Sequence[Transfer], rows: Mapping[str, LedgerRow]) -> Iterable[Difference]:
    done = {t.out_bill_no: (-t.amount_fen, "") for t in transfers if t.state is TransferState.SUCCESS}
    return _agree("转账", done, rows)


def _agree(what: str, done: Mapping[str, tuple[int, str]], rows: Mapping[str, LedgerRow]) -> Iterable[Difference]:
    """Hold what is done (signed fen and order, by number) against its rows, one for one."""
    for number, (fen, order_no) in done.items():
        row = rows.get(number)
        if row is None:
            yield Difference(number, f"{what}成功 {yuan(abs(fen))} 元，总账里没有这一笔")
        elif (row.amount_fen, row.order_no) != (fen, order_no):
            yield Difference(number, f"{what} {yuan(abs(fen))} 元，总账记的是 {_signed(row.amount_fen)} 元")
    for number in rows.keys() - done.keys():
        yield Difference(number, f"总账里有这笔{what}，{what}记录却不是成功")


def _returns(
    attempts: Sequence[Attempt],
    refunds: Sequence[Refund],
    payments: Mapping[str, LedgerRow],
    returns: Mapping[str, LedgerRow],
) -> Iterable[Difference]:
    """Name payments of which more went back than came in."""
    back = _back(refunds, returns)
    for attempt in attempts:
        number = attempt.out_trade_no
        came = payments[number].amount_fen if number in payments else 0
        if back[number] > came:
            yield Difference(number, f"收了 {yuan(came)} 元，却退了 {yuan(back[number])} 元")


def _orders(
    orders: Sequence[Order],
    refunds: Sequence[Refund],
    payments: Mapping[str, LedgerRow],
    returns: Mapping[str, LedgerRow],
) -> Iterable[Difference]:
    back = _back(refunds, returns)
    for order in orders:
        row = payments.get(order.paid_attempt)
        follows = _states(row.amount_fen if row else 0, back[order.paid_attempt], order)
        if order.state not in follows:
            yield Difference(order.order_no, f"订单是 {order.state}，按总账应是 {'或 '.join(follows)}")
        elif row is not None and row.order_no != order.order_no:
            yield Difference(order.order_no, f"付款 {order.paid_attempt} 记在另一笔订单 {row.order_no} 上")


def _states(paid_fen: int, back_fen: int, order: Order) -> tuple[OrderState, ...]:
    """Return the states that an order may be in by what was paid for it and what went back."""
    if not paid_fen and not order.amount_fen:
        return tuple(OrderState)  # nothing to pay, so nothing to prove
    if not paid_fen:
        return (OrderState.PENDING, OrderState.CANCELLED)
    if not back_fen:
        return (OrderState.PAID,)
    return (OrderState.REFUNDED,) if back_fen >= paid_fen else (OrderState.REFUNDED_PART,)


def _fees(rows: Sequence[LedgerRow], known: Collection[str]) -> Iterable[Difference]:
    for row in rows:
        if row.kind is Movement.FEE and row.key not in known:
            yield Difference(row.key, "记了手续费，却没有对应的付款或退款")


def _back(refunds: Sequence[Refund], returns: Mapping[str, LedgerRow]) -> Mapping[str, int]:
    """Add up what went back of each payment, by the ledger."""
    back: defaultdict[str, int] = defaultdict(int)
    for refund in refunds:
        if refund.out_refund_no in returns:
            back[refund.out_trade_no] -= returns[refund.out_refund_no].amount_fen
    return back


def _signed(fen: int) -> str:
    return f"-{yuan(-fen)}" if fen < 0 else yuan(fen)
