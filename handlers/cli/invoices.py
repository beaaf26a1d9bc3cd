"""``invoices``: who asked for one, which are out, and the file for the tax system."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bot import invoicing
from bot.amounts import yuan
from bot.invoicing import Billable
from bot.ports import BEIJING
from bot.store import Tx
from bot.store.invoices import Invoice, InvoiceState, TitleKind
from handlers.cli.common import Desk, Failure, confirm, show

NUMBER = re.compile(r"[0-9A-Za-z-]{4,40}")
COLUMNS = (
    "订单号",
    "课程",
    "抬头类型",
    "抬头",
    "税号",
    "金额（元）",
    "状态",
    "申请时间",
    "发票号码",
    "开票时间",
    "红字发票",
    "要红冲（元）",
)
KINDS = {TitleKind.PERSON: "个人", TitleKind.COMPANY: "单位"}
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")
LONGEST_DIGITS = 15  # a spreadsheet rounds longer numbers
Row = tuple[Billable, Invoice]


@click.group("invoices", help="发票：申请、登记开出和红冲、导出。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出要开的和要红冲的发票，旧的在前。")
@click.option("--all", "everything", is_flag=True, help="已经办完的也列出")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, everything: bool, as_json: bool) -> None:
    """List the requests."""
    with desk.store() as store:
        rows = store.write_now(lambda tx: _rows(tx, everything=everything))
    empty = "没有人申请过发票" if everything else "没有要开或要红冲的发票"
    show([_row(*row, as_json=as_json) for row in rows], as_json=as_json, empty=empty)


@group.command("issue", help="登记一张已经开出的发票；金额是付款减去退款。")
@click.argument("order_no")
@click.option("--number", required=True, help="发票号码")
@click.pass_obj
def issue(desk: Desk, order_no: str, number: str) -> None:
    """Note that an invoice is out."""
    checked = _number(number)
    with desk.store() as store:
        out = store.write_now(lambda tx: invoicing.issue(tx, order_no, checked, datetime.now(UTC)), durable=True)
    click.echo(f"订单 {order_no} 的发票 {checked}（{yuan(out.amount_fen)} 元，{out.title}）已登记")


@group.command("reverse", help="登记一张已经红冲的发票。")
@click.argument("order_no")
@click.option("--number", required=True, help="红字发票的号码")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def reverse(desk: Desk, order_no: str, number: str, yes: bool) -> None:
    """Note that an invoice was taken back."""
    checked = _number(number)
    with desk.store() as store:
        found, issued = store.write_now(lambda tx: invoicing.reversible(tx, order_no))
        if not yes:
            confirm(_question(found, issued, checked))
        out = store.write_now(lambda tx: invoicing.reverse(tx, order_no, checked, datetime.now(UTC)), durable=True)
    click.echo(f"订单 {order_no} 的发票 {out.number} 已红冲，红字发票 {checked}")


def _question(found: Billable, issued: Invoice, number: str) -> str:
    excess = found.excess_fen
    why = f"要红冲的是 {yuan(excess)} 元" if excess else "这笔订单没有退款，本来不用红冲"
    return (
        f"订单 {issued.order_no} 的发票 {issued.number}（{yuan(issued.amount_fen)} 元，{issued.title}），{why}。"
        f"登记红字发票 {number} 后整张算已红冲，不能撤回，这笔订单也不能再申请发票；"
        "这里只登记，红字发票要先在税务系统开好。确定？"
    )


@group.command("export", help="把发票申请导出成 CSV（UTF-8，表格软件可以直接打开）。")
@click.argument("path", metavar="文件", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--all", "everything", is_flag=True, help="已经办完的也导出")
@click.option("--force", is_flag=True, help="覆盖已有的文件")
@click.pass_obj
def export(desk: Desk, path: Path, everything: bool, force: bool) -> None:
    """Write the requests as a file that spreadsheets open without running anything."""
    if path.exists() and not force:
        raise Failure(f"{path} 已经存在；换个名字，或加 --force 覆盖")
    with desk.store() as store:
        rows = store.write_now(lambda tx: _rows(tx, everything=everything))
        _write(path, as_csv([_cells(*row) for row in rows]))
    click.echo(f"导出 {len(rows)} 条到 {path}")


def as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Write a table with its heading; no cell is a formula to a spreadsheet, or a number that it would round."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _harmless(cell: str) -> str:
    long_number = cell.isdigit() and len(cell) > LONGEST_DIGITS
    return f"'{cell}" if cell.lstrip().startswith(FORMULA) or cell.startswith(FORMULA) or long_number else cell


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for its owner only: it names people."""
    part = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _number(text: str) -> str:
    number = text.strip()
    if NUMBER.fullmatch(number) is None:
        raise Failure("发票号码应是 4 到 40 位数字或字母")
    return number


def _rows(tx: Tx, *, everything: bool) -> list[Row]:
    rows = []
    for invoice in tx.invoices.all():
        order = tx.orders.get(invoice.order_no)
        found = invoicing.of_order(tx, order) if order is not None else None
        if found is not None and (everything or found.open or found.excess_fen):
            rows.append((found, invoice))
    return rows


def _state(found: Billable, invoice: Invoice) -> str:
    if found.excess_fen:
        return "要红冲"
    if invoice.state is InvoiceState.REQUESTED:
        return "待开" if found.kept_fen > 0 else "已退款，不用开"
    return {InvoiceState.ISSUED: "已开"}.get(invoice.state, "已红冲")


def _amount(found: Billable, invoice: Invoice) -> int:
    """Return what the invoice is, or is to be, made out for."""
    return found.kept_fen if invoice.state is InvoiceState.REQUESTED else invoice.amount_fen


def _row(found: Billable, invoice: Invoice, *, as_json: bool) -> dict[str, Any]:
    return {
        "order_no": invoice.order_no,
        "title_kind": invoice.kind.value if as_json else KINDS[invoice.kind],
        "invoice_title": invoice.title,
        "tax_no": invoice.tax_no,
        "amount_fen": _amount(found, invoice),
        "invoice_state": invoice.state.value if as_json else _state(found, invoice),
        "requested_at": invoice.requested_at,
        "invoice_number": invoice.number,
        "issued_at": invoice.issued_at,
        "reversal": invoice.reversal,
        "to_reverse_fen": found.excess_fen,
    }


def _cells(found: Billable, invoice: Invoice) -> list[str]:
    return [
        invoice.order_no,
        found.order.title,
        KINDS[invoice.kind],
        invoice.title,
        invoice.tax_no,
        yuan(_amount(found, invoice)),
        _state(found, invoice),
        _local(invoice.requested_at),
        invoice.number,
        _local(invoice.issued_at) if invoice.issued_at else "",
        invoice.reversal,
        yuan(found.excess_fen) if found.excess_fen else "",
    ]


def _local(instant: datetime) -> str:
    return instant.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
