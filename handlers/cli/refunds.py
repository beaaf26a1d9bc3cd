"""``refunds``: what followers asked for, an admin's yes or no, and what to do where WeChat could not pay."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from bot import refunds
from bot.amounts import yuan
from bot.errors import NotAllowed, NotFound
from bot.models import Refund, RefundState
from bot.store import Tx
from handlers.cli.common import Desk, Failure, confirm, show, show_one, word

ORIGINS = {"": "管理员或系统", "chat": "学员在聊天里", "page": "学员在网页上"}
STEPS = {
    RefundState.REQUESTED: "用 refunds approve {no} 同意，或 refunds reject {no} --reason 原因 拒绝",
    RefundState.NEW: "还没有微信的答复，系统会自己再问；着急就用 orders sync {order} 查询",
    RefundState.PROCESSING: "等微信退到账，系统会自己查；着急就用 orders sync {order} 查询",
    RefundState.ABNORMAL: "用 refunds abnormal {no} 让钱退到商户账户，再由人转给付款人",
    RefundState.CLOSED: "钱没有退；查明原因后用 refunds retry {no} 换一个单号重退",
    RefundState.REJECTED: "微信没有接受；查明原因（可用 doctor 检查）后用 refunds retry {no} 换一个单号重退",
}
LONGEST_NOTE = 100


@click.group("refunds", help="退款：看学员的申请，同意或拒绝，处理退不到账的。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出退款，新的在前；等审核的用 --state requested。")
@click.option(
    "--state",
    type=click.Choice([state.value for state in RefundState], case_sensitive=False),
    default=None,
    help="只看这个状态的：requested 等审核、abnormal 异常、closed 已关闭……",
)
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, state: str | None, as_json: bool) -> None:
    """List refunds."""
    wanted = None if state is None else RefundState(state.upper())
    with desk.store() as store:
        rows = store.write_now(lambda tx: [_row(tx, each, people=not as_json) for each in tx.refunds.all(wanted)])
    show(rows, as_json=as_json, empty="没有这样的退款" if state else "还没有退款")


@group.command("show", help="查看一笔退款：谁申请的、按什么规则、现在该做什么。")
@click.argument("refund_no")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, refund_no: str, as_json: bool) -> None:
    """Show one refund."""

    def work(tx: Tx) -> dict[str, Any]:
        refund = _get(tx, refund_no)
        step = STEPS.get(refund.state, "").format(no=refund_no, order=refund.order_no)
        more = {
            "out_trade_no": refund.out_trade_no,
            "reason": refund.reason,
            "gives_up": refund.gives_up,
            "note": refund.note,
            "refund_id": refund.refund_id,
            "next_step": step,
        }
        return {**_row(tx, refund, people=not as_json), **more}

    with desk.store() as store:
        row = store.write_now(work)
    show_one(row, as_json=as_json)


@group.command("approve", help="同意一笔等审核的退款：按申请的金额退，并告诉学员。")
@click.argument("refund_no")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def approve(desk: Desk, refund_no: str, yes: bool) -> None:
    """Let a waiting refund go on."""
    desk.serving()
    with desk.shop() as shop:
        refund = shop.store.write_now(lambda tx: _in_state(tx, refund_no, RefundState.REQUESTED))
        if not yes:
            why = shop.store.write_now(lambda tx: _describe(tx, refund))
            confirm(f"{why}，确定退还 {yuan(refund.amount_fen)} 元？退款不能撤回")
        done = asyncio.run(shop.refunds.approve(refund_no))
    _say(done)


@group.command("reject", help="拒绝一笔等审核的退款，原因会告诉学员。")
@click.argument("refund_no")
@click.option("--reason", required=True, help="原因，学员会看到，最多 100 字")
@click.pass_obj
def reject(desk: Desk, refund_no: str, reason: str) -> None:
    """Say no to a waiting refund."""
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= LONGEST_NOTE:
        raise Failure(f"原因要写 1 到 {LONGEST_NOTE} 个字，学员会看到")
    with desk.shop() as shop:
        done = asyncio.run(shop.refunds.reject(refund_no, reason))
    click.echo(f"已拒绝退款 {done.out_refund_no}（{yuan(done.amount_fen)} 元），会告诉学员：{reason}")


@group.command("abnormal", help="异常的退款改退到商户的银行账户；到账后由人把钱转给付款人。")
@click.argument("refund_no")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def abnormal(desk: Desk, refund_no: str, yes: bool) -> None:
    """Send the money of an abnormal refund to our own account."""
    desk.serving()
    with desk.shop() as shop:
        refund = shop.store.write_now(lambda tx: _in_state(tx, refund_no, RefundState.ABNORMAL))
        if not yes:
            confirm(f"{yuan(refund.amount_fen)} 元会退到商户的银行账户，之后要由人转给付款人，确定？")
        done = asyncio.run(shop.refunds.redirect(refund_no))
    _say(done)


@group.command("retry", help="微信关闭或拒绝的退款，换一个单号按原来的金额重退。")
@click.argument("refund_no")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def retry(desk: Desk, refund_no: str, yes: bool) -> None:
    """Repeat a dead refund under a new number."""
    desk.serving()
    with desk.shop() as shop:
        refund = shop.store.write_now(lambda tx: _in_state(tx, refund_no, RefundState.CLOSED, RefundState.REJECTED))
        if not yes:
            confirm(f"{shop.store.write_now(lambda tx: _describe(tx, refund))}，确定重退？退款不能撤回")
        done = asyncio.run(shop.refunds.again(refund_no))
    _say(done)


def _say(refund: Refund) -> None:
    click.echo(f"退款 {refund.out_refund_no}（{yuan(refund.amount_fen)} 元）现在是{word('refund', refund.state)}")
    if step := STEPS.get(refund.state):
        click.echo(step.format(no=refund.out_refund_no, order=refund.order_no))


def _get(tx: Tx, refund_no: str) -> Refund:
    refund = tx.refunds.get(refund_no)
    if refund is None:
        raise NotFound(f"没有退款 {refund_no}；用 refunds list 看有哪些")
    return refund


def _in_state(tx: Tx, refund_no: str, *states: RefundState) -> Refund:
    refund = _get(tx, refund_no)
    if refund.state not in states:
        wanted = "或".join(word("refund", state) for state in states)
        raise NotAllowed(f"退款 {refund_no} 现在是{word('refund', refund.state)}，不是{wanted}")
    return refund


def _describe(tx: Tx, refund: Refund) -> str:
    """Say what a refund is about, and what has been learnt since it was asked for."""
    order = tx.orders.get(refund.order_no)
    title = f"《{order.title}》" if order is not None else ""
    now = ""
    if order is not None and (because := _because(refund)):
        more = refunds.learnt(tx, order).done - int(because["learnt"])
        now = f"，申请之后又学了 {more} 课" if more > 0 else ""
    told = _rule(refund)
    return f"{title}订单 {refund.order_no}，{yuan(refund.amount_fen)} 元{f'（{told}）' if told else ''}{now}"


def _because(refund: Refund) -> dict[str, Any]:
    because: dict[str, Any] = json.loads(refund.basis) if refund.basis else {}
    return because


def _rule(refund: Refund) -> str:
    because = _because(refund)
    if not because:
        return ""
    kind = "全额" if because["kind"] == "full" else "按没学的退"
    return f"{kind}，付款 {because['days']} 天，学了 {because['learnt']}/{because['lessons']} 课"


def _row(tx: Tx, refund: Refund, *, people: bool) -> dict[str, Any]:
    order = tx.orders.get(refund.order_no)
    return {
        "refund_no": refund.out_refund_no,
        "order_no": refund.order_no,
        "openid": "" if order is None else order.openid,
        "title": "" if order is None else order.title,
        "amount_fen": refund.amount_fen,
        "state": word("refund", refund.state) if people else refund.state.value,
        "because": _rule(refund) if people else _because(refund),
        "origin": ORIGINS.get(refund.origin, refund.origin) if people else refund.origin,
        "created_at": refund.created_at,
        "decided_at": refund.decided_at,
    }
