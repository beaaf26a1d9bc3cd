"""``anomalies``: what only a person can settle, each with its next step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from bot.anomalies import advice
from bot.errors import NotAllowed, NotFound
from bot.models import Anomaly
from bot.store import Tx
from handlers.cli.common import Desk, Failure, show
from handlers.cli.messages import printable

LONGEST_NOTE = 500


@click.group("anomalies", help="异常：要人处理的账目问题，每一条都写着下一步做什么。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出还没处理的异常，旧的在前。")
@click.option("--all", "everything", is_flag=True, help="处理过的也列出")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, everything: bool, as_json: bool) -> None:
    """List them."""
    with desk.store() as store:
        found = store.write_now(lambda tx: tx.anomalies.all() if everything else tx.anomalies.open())
    if as_json:
        show([_row(each) for each in found], as_json=True, empty="")
    elif not found:
        click.echo("没有异常" if everything else "没有待处理的异常")
    else:
        click.echo("\n".join(line for each in found for line in _lines(each)))


@group.command("resolve", help="写下处理的结果，从待处理里去掉一条。")
@click.argument("anomaly_id", metavar="编号", type=click.IntRange(1, 2**63 - 1))
@click.option("--note", required=True, help="怎么处理的，给以后查账的人看")
@click.pass_obj
def resolve(desk: Desk, anomaly_id: int, note: str) -> None:
    """Settle one."""
    said = printable(note).strip()
    if not said or len(said) > LONGEST_NOTE:
        raise Failure(f"--note 要写清怎么处理的，1 到 {LONGEST_NOTE} 个字")

    def work(tx: Tx) -> None:
        if tx.anomalies.get(anomaly_id) is None:
            raise NotFound(f"没有异常 {anomaly_id}；用 anomalies list --all 看有哪些")
        if not tx.anomalies.resolve(anomaly_id, said, datetime.now(UTC)):
            raise NotAllowed(f"异常 {anomaly_id} 先前已经处理过了；用 anomalies list --all 看当时的说明")

    with desk.store() as store:
        store.write_now(work, durable=True)
    click.echo(f"异常 {anomaly_id} 已处理；对账时又有新的不同，它会再出现")


def _row(found: Anomaly) -> dict[str, Any]:
    known = advice(found.kind)
    return {
        "anomaly_id": found.anomaly_id,
        "kind": found.kind,
        "name": known.name,
        "key": found.key,
        "detail": found.detail,
        "next_step": known.step,
        "created_at": found.created_at,
        "resolved_at": found.resolved_at,
        "note": found.note,
    }


def _lines(found: Anomaly) -> list[str]:
    known = advice(found.kind)
    lines = [f"{found.anomaly_id}. {known.name} {printable(found.key)}：{printable(found.detail)}"]
    if found.resolved_at is None:
        lines.append(f"    → {known.step}")
    if found.note:
        lines.append(f"    {'已处理' if found.resolved_at else '上次处理'}：{found.note}")
    return lines
