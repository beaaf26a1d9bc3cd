"""``orders``: list, show, sync, refund."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from bot import catalog
from bot.errors import NotFound
from bot.models import Order
from handlers.cli.common import Desk, Failure, show, yuan


@click.group("orders", help="订单：查看、向微信核对、退款。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出订单，新的在前。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the orders."""
    with desk.store() as store:
        rows = [_row(order) for order in store.write_now(lambda tx: tx.orders.all())]
    show(rows, as_json=as_json, empty="还没有订单")


@group.command("show", help="查看一笔订单、它的付款和退款。")
@click.argument("order_no")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, order_no: str, as_json: bool) -> None:
    """Show one order."""

    def work(tx: Any) -> dict[str, Any]:
        order = tx.orders.get(order_no)
        if order is None:
            raise NotFound(f"没有订单 {order_no}")
        attempts = [f"{a.out_trade_no} {a.trade_type} {a.state}" for a in tx.attempts.of(order_no)]
        refunds = [f"{r.out_refund_no} {r.amount_fen} 分 {r.state}" for r in tx.refunds.of(order_no)]
        return {**_row(order), "attempts": attempts, "refunds": refunds}

    with desk.store() as store:
        row = store.write_now(work)
    show([row], as_json=as_json, empty="")


@group.command("sync", help="向微信支付核对一笔订单，按结果更新。")
@click.argument("order_no")
@click.pass_obj
def sync(desk: Desk, order_no: str) -> None:
    """Ask WeChat Pay about one order."""
    desk.serving()
    with desk.shop() as shop:
        order = asyncio.run(shop.orders.sync_order(order_no))
    click.echo(f"订单 {order.order_no} 现在是 {order.state}")


@group.command("refund", help="退款；不写金额就退还剩下的全部。")
@click.argument("order_no")
@click.option("--amount", default=None, help="金额（元），如 19.90")
@click.option("--reason", required=True, help="原因，退款人会看到")
@click.pass_obj
def refund(desk: Desk, order_no: str, amount: str | None, reason: str) -> None:
    """Give money back."""
    try:
        fen = None if amount is None else catalog.price_fen(amount)
    except ValueError as error:
        raise Failure(str(error)) from None
    desk.serving()
    with desk.shop() as shop:
        done = asyncio.run(shop.orders.refund(order_no, fen, reason))
    click.echo(f"退款 {done.out_refund_no}（{yuan(done.amount_fen)} 元）现在是 {done.state}；到账以 SUCCESS 为准")


def _row(order: Order) -> dict[str, Any]:
    return {
        "order_no": order.order_no,
        "openid": order.openid,
        "course_id": order.course_id,
        "amount_fen": order.amount_fen,
        "state": order.state.value,
        "created_at": order.created_at,
        "paid_at": order.paid_at,
    }
