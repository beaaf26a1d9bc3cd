"""``orders``: list, show, sync, refund."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from bot import catalog, refunding
from bot.amounts import yuan
from bot.errors import NotFound
from bot.models import Order, Purpose, Refund, RefundState
from bot.refunding import Refundable
from bot.store import Tx
from handlers.chat import replies_offers
from handlers.cli.common import Desk, Failure, confirm, show, show_one, word


@click.group("orders", help="订单：查看、向微信核对、退款。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出订单，新的在前。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the orders."""
    with desk.store() as store:
        rows = store.write_now(_rows)
    show(rows, as_json=as_json, empty="还没有订单")


@group.command("show", help="查看一笔订单、它的付款和退款。")
@click.argument("order_no")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, order_no: str, as_json: bool) -> None:
    """Show one order."""

    def work(tx: Tx) -> dict[str, Any]:
        order = _get(tx, order_no)
        attempts, refunds = tx.attempts.of(order_no), tx.refunds.of(order_no)
        row = _row(order, refunds)
        if as_json:
            paid = [f"{a.out_trade_no} {a.trade_type} {a.state}" for a in attempts]
            back = [f"{r.out_refund_no} {r.amount_fen} 分 {r.state}" for r in refunds]
            lines = [asdict(line) for line in order.lines]
            return {**row, "lines": lines, "attempts": paid, "refunds": back}
        paid = [f"{a.out_trade_no} {word('trade_type', a.trade_type)} {word('attempt', a.state)}" for a in attempts]
        back = [f"{r.out_refund_no} {yuan(r.amount_fen)} 元 {word('refund', r.state)}" for r in refunds]
        made_of = [
            f"{replies_offers.line_name(line, {})} {replies_offers.line_amount(line)}" for line in order.lines
        ]
        return {**row, "title": order.title, "lines": made_of, "attempts": paid, "refunds": back}

    with desk.store() as store:
        row = store.write_now(work)
    show_one(row, as_json=as_json)


@group.command("sync", help="向微信支付核对一笔订单，按结果更新。")
@click.argument("order_no")
@click.pass_obj
def sync(desk: Desk, order_no: str) -> None:
    """Ask WeChat Pay about one order."""
    desk.serving()
    with desk.shop() as shop:
        order = asyncio.run(shop.orders.sync_order(order_no))
    click.echo(f"订单 {order.order_no} 现在是{word('state', order.state)}")


@group.command("refund", help="退款；不写金额就退还剩下的全部。")
@click.argument("order_no")
@click.option("--amount", default=None, help="金额（元），如 19.90")
@click.option("--reason", required=True, help="原因，付款人会看到")
@click.option("--payment", default="", help="退哪一笔付款；付过不止一笔时要写，单号见 orders show")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def refund(desk: Desk, order_no: str, amount: str | None, reason: str, payment: str, yes: bool) -> None:
    """Give money back."""
    fen = None if amount is None else _amount(amount)
    desk.serving()
    with desk.shop() as shop:
        found = shop.store.write_now(lambda tx: refunding.find(tx, order_no, payment))
        refunding.check_moment(found, shop.clock.now())
        if not yes:
            confirm(_question(found, fen))
        done = asyncio.run(shop.orders.refund(order_no, fen, reason, payment=found.attempt.out_trade_no))
    click.echo(f"退款 {done.out_refund_no}（{yuan(done.amount_fen)} 元）现在是{word('refund', done.state)}")
    if done.state is RefundState.REJECTED:
        click.echo(f"微信支付没有接受；查明原因后（可用 doctor 检查），过一分钟再用 orders refund {order_no} 重退")
    elif done.state is not RefundState.SUCCESS:
        click.echo(f"稍后用 orders sync {order_no} 查询是否到账")


def _question(found: Refundable, fen: int | None) -> str:
    title, paid = found.order.title, yuan(found.attempt.total_fen)
    how_much = "还没退的全部金额" if fen is None else f" {yuan(fen)} 元"
    if found.second:
        which = f"《{title}》重复付了 {paid} 元（{found.attempt.out_trade_no}），退这笔不影响课程，"
    else:
        which = f"《{title}》付了 {paid} 元，"
    return f"订单 {found.order.order_no}{which}确定退还{how_much}？退款不能撤回"


def _amount(text: str) -> int:
    try:
        fen = catalog.price_fen(text, "退款金额")
    except ValueError as error:
        raise Failure(str(error)) from None
    if fen == 0:
        raise Failure("退款金额要大于 0；不写 --amount 就退还剩下的全部")
    return fen


def _get(tx: Tx, order_no: str) -> Order:
    order = tx.orders.get(order_no)
    if order is None:
        raise NotFound(f"没有订单 {order_no}；用 orders list 看有哪些")
    return order


def _rows(tx: Tx) -> list[dict[str, Any]]:
    refunds: dict[str, list[Refund]] = {}
    for refund in reversed(tx.refunds.all()):
        refunds.setdefault(refund.order_no, []).append(refund)
    return [_row(order, refunds.get(order.order_no, ())) for order in tx.orders.all()]


def _row(order: Order, refunds: Sequence[Refund]) -> dict[str, Any]:
    """Tell an order in a line; its refund is the last one of the payment that bought it."""
    states = [each.state.value for each in refunds if each.out_trade_no == order.paid_attempt]
    return {
        "order_no": order.order_no,
        "openid": order.openid,
        "course_id": order.course_id,
        "amount_fen": order.amount_fen,
        "state": order.state.value,
        "gift": order.purpose is Purpose.GIFT,
        "refund_state": states[-1] if states else "",
        "created_at": order.created_at,
        "paid_at": order.paid_at,
    }
