"""``groups``: deals for buying together, and the groups that came of them."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import click

from bot import catalog
from bot.errors import NotFound
from bot.offers import groups
from bot.ports import BEIJING
from bot.store import Tx
from bot.store.groups import Deal, Group, GroupState, SeatState
from handlers.cli.common import Desk, Failure, sentences, show
from handlers.cli.moments import typed_end


@click.group("groups", help="拼团：几个人一起买更便宜，凑不满自动全额退款。")
def group() -> None:
    """Gather the commands."""


@group.command("add", help="给一门课开放拼团；到截止日（含）为止都可以开新团。")
@click.option("--course", "course_id", required=True, help="课程编号")
@click.option("--size", type=int, required=True, help="几个人成团，2 到 100")
@click.option("--price", required=True, help="每人的价格（元），如 59.00，低于课程价格")
@click.option("--hours", type=int, default=24, show_default=True, help="开团后几小时内要凑满，1 到 720")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="开新团的截止日，如 2026-12-31")
@click.option("--groups", "most", type=int, default=0, show_default=True, help="最多开几个团；0 不限")
@click.pass_obj
def add(desk: Desk, course_id: str, size: int, price: str, hours: int, until: datetime, most: int) -> None:
    """Offer a course to groups."""
    try:
        fen = catalog.price_fen(price, "拼团价")
    except ValueError as error:
        raise Failure(str(error)) from None
    ends = datetime.combine(until.date() + timedelta(days=1), time(), BEIJING).astimezone(UTC)
    deal = Deal(0, course_id, size, fen, hours, ends, most, datetime.now(UTC))
    with desk.store() as store, sentences():
        number = store.write_now(lambda tx: groups.offer(tx, deal), durable=True)
    click.echo(
        f"拼团 {number}：{course_id} {size} 人成团，开团后 {hours} 小时内凑满；{until:%Y-%m-%d} 为止都可以开新团"
    )


@group.command("list", help="列出拼团，新的在前。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the deals."""
    with desk.store() as store:
        rows = store.write_now(lambda tx: [_row(tx, deal) for deal in tx.groups.deals()])
    if not as_json:
        rows = [row | {"until": typed_end(row["until"])} for row in rows]
    show(rows, as_json=as_json, empty="还没有拼团；用 groups add 开放一个")


@group.command("show", help="列出一个拼团下的每个团：几人、什么状态、什么时候截止。")
@click.argument("deal_id", type=int)
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, deal_id: int, as_json: bool) -> None:
    """Show the groups of one deal."""
    with desk.store() as store, sentences():
        rows = store.write_now(lambda tx: _groups(tx, deal_id))
    show(rows, as_json=as_json, empty="还没有人开团")


@group.command("stop", help="不再开新团；已经开的团照常进行。")
@click.argument("deal_id", type=int)
@click.pass_obj
def stop(desk: Desk, deal_id: int) -> None:
    """Stop a deal."""
    now = datetime.now(UTC)

    def work(tx: Tx) -> bool:
        _get(tx, deal_id)
        return tx.groups.stop(deal_id, now)

    with desk.store() as store, sentences():
        stopped = store.write_now(work, durable=True)
    click.echo(f"拼团 {deal_id} {'不再开新团，已经开的照常进行' if stopped else '之前就停了'}")


def _get(tx: Tx, deal_id: int) -> Deal:
    deal = tx.groups.deal(deal_id)
    if deal is None:
        raise NotFound(f"没有拼团 {deal_id}；用 groups list 看有哪些")
    return deal


def _groups(tx: Tx, deal_id: int) -> list[dict[str, Any]]:
    _get(tx, deal_id)
    return [_of(tx, each) for each in tx.groups.of_deal(deal_id)]


def _of(tx: Tx, one: Group) -> dict[str, Any]:
    seats = tx.groups.seats(one.group_id)
    return {
        "group_id": one.group_id,
        "group_state": one.state.value,
        "size": one.size,
        "paid": sum(seat.state is SeatState.TAKEN for seat in seats),
        "held": sum(seat.state is SeatState.HELD for seat in seats),
        "opened_at": one.opened_at,
        "ends_at": one.ends_at,
    }


def _row(tx: Tx, deal: Deal) -> dict[str, Any]:
    made = tx.groups.of_deal(deal.deal_id)
    return {
        "deal_id": deal.deal_id,
        "course_id": deal.course_id,
        "size": deal.size,
        "price_fen": deal.price_fen,
        "hours": deal.hours,
        "until": deal.until,
        "most_groups": deal.most_groups,
        "forming": sum(each.state is GroupState.FORMING for each in made),
        "full": sum(each.state is GroupState.FULL for each in made),
        "stopped_at": deal.stopped_at,
    }
