"""``pay``: the day held against WeChat's bills, and the ledger of every movement of money."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Any

import click

from bot import ledger as proof
from bot.amounts import yuan
from bot.anomalies import advice
from bot.beijing import A_DAY, day_of, start_of
from bot.reconciling import Report, Verdict
from bot.store.ledger import DayKept, LedgerRow, Movement
from handlers.cli.common import Desk, Failure, show

DAY = click.DateTime(formats=["%Y-%m-%d"])
MOVEMENTS = {
    Movement.PAYMENT: "收款",
    Movement.REFUND: "退款",
    Movement.TRANSFER: "转账",
    Movement.FEE: "手续费",
}
CLASSES = {
    Verdict.ONLY_WECHAT: "只在微信有",
    Verdict.ONLY_LOCAL: "只在本地有",
    Verdict.DIFFERS: "两边不一致",
}
STATES = {"DONE": "对完了", "WAITING": "账单还没做好，半小时后再试", "FAILED": "没有对成，半小时后再试"}


@click.group("pay", help="资金：和微信账单对账，查看总账。")
def group() -> None:
    """Gather the commands."""


@group.command("reconcile", help="和微信账单核对一天；日期按北京时间，如 2026-11-24，不写就是昨天。可以重复运行。")
@click.argument("day", metavar="[日期]", type=DAY, required=False)
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def reconcile(desk: Desk, day: datetime | None, as_json: bool) -> None:
    """Reconcile one day."""
    config = desk.serving()
    if not config.pay.enabled:
        raise Failure("还没有配置 [pay] mch_id，没有账可对")
    with desk.shop() as shop:
        asked = day.date() if day else day_of(shop.clock.now()) - A_DAY
        report = asyncio.run(shop.reconciling.run(asked))
    if as_json:
        show([report.as_dict()], as_json=True, empty="")
    else:
        click.echo("\n".join(_lines(report)))


def _lines(report: Report) -> list[str]:
    counts = "，".join(f"{words} {report.count(verdict)} 笔" for verdict, words in CLASSES.items())
    money = {
        "收款": report.payments_fen,
        "退款": report.refunds_fen,
        "手续费": report.fees_fen,
        "转账": report.transfers_fen,
    }
    lines = [
        f"{report.day} 对账：一致 {report.equal} 笔，补入账 {len(report.booked)} 笔，{counts}",
        "微信账单：" + "，".join(f"{name} {yuan(fen)} 元" for name, fen in money.items()),
    ]
    if report.booked:
        lines.append(f"先前漏了、现在补入账的：{'、'.join(report.booked)}")
    if report.others:
        lines.append(f"另有 {report.others} 笔和本店无关（别的 AppID、提现等），没有比对")
    for each in report.findings:
        lines += [
            f"{CLASSES[each.verdict]}｜{advice(each.kind).name}｜{each.number}：{each.detail}",
            f"    → {advice(each.kind).step}",
        ]
    tail = "处理好后用 anomalies resolve 编号 --note 说明 登记" if report.findings else "没有差异"
    return [*lines, tail]


@group.command("history", help="列出对过账的日子和结果，新的在前。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def history(desk: Desk, as_json: bool) -> None:
    """List the days."""
    with desk.store() as store:
        rows = [_day(each, as_json=as_json) for each in store.write_now(lambda tx: tx.reconciliations.all())]
    show(rows, as_json=as_json, empty="还没有对过账；用 pay reconcile 对昨天的账")


def _day(kept: DayKept, *, as_json: bool) -> dict[str, Any]:
    report = Report.from_json(kept.report) if kept.report else None
    return {
        "day": kept.day.isoformat(),
        "result": kept.state if as_json else STATES.get(kept.state, kept.state),
        "equal": report.equal if report else None,
        "booked": len(report.booked) if report else None,
        "differences": len(report.findings) if report else None,
        "payments_fen": report.payments_fen if report else None,
        "refunds_fen": report.refunds_fen if report else None,
        "fees_fen": report.fees_fen if report else None,
        "at": kept.at,
        "next_at": kept.next_at,
    }


@group.command("ledger", help="总账：每一笔收款、退款、转账、手续费；--check 证明它和订单、付款、退款一致。")
@click.option("--from", "first", type=DAY, default=None, help="从哪一天起（北京时间，含）")
@click.option("--to", "last", type=DAY, default=None, help="到哪一天为止（北京时间，含）")
@click.option("--check", "checking", is_flag=True, help="核对：不一致就逐笔列出，退出码 1")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def ledger(desk: Desk, first: datetime | None, last: datetime | None, checking: bool, as_json: bool) -> None:
    """List the movements, or prove them."""
    if checking:
        _check(desk, as_json=as_json)
        return
    if first and last and first > last:
        raise click.UsageError("--from 的日子应不晚于 --to")
    start = start_of(first.date()) if first else None
    end = start_of(_after(last.date())) if last else None
    with desk.store() as store:
        rows = store.write_now(lambda tx: tx.ledger.between(start, end))
    show([_movement(row, as_json=as_json) for row in rows], as_json=as_json, empty="这段时间没有资金往来")
    if rows and not as_json:
        click.echo(_sums(rows))


def _after(day: date) -> date:
    return day if day == date.max else day + A_DAY


def _movement(row: LedgerRow, *, as_json: bool) -> dict[str, Any]:
    kind = {"kind": row.kind.value} if as_json else {"movement": MOVEMENTS[row.kind]}
    return {"at": row.at, **kind, "number": row.key, "order_no": row.order_no, "amount_fen": row.amount_fen}


def _sums(rows: list[LedgerRow]) -> str:
    sums = proof.sums(rows)
    told = "，".join(f"{MOVEMENTS[kind]} {yuan(fen)} 元" for kind, fen in sums.items())
    return f"合计：{told}；净额 {yuan(sum(sums.values()))} 元"


def _check(desk: Desk, *, as_json: bool) -> None:
    with desk.store() as store:
        found, rows = store.write_now(lambda tx: (proof.check(tx), tx.ledger.between()))
    listing = [{"number": each.number, "detail": each.told} for each in found]
    if as_json:
        show(listing, as_json=True, empty="")
    elif found:
        show(listing, as_json=False, empty="")
        click.echo(
            f"{len(found)} 处和总账不一致；先不要手工改数据，备份数据库后按单号用 orders show、orders sync 核对"
        )
    else:
        click.echo(f"总账共 {len(rows)} 笔，和每笔订单、付款、退款都一致\n{_sums(rows)}")
    if found:
        click.get_current_context().exit(1)
