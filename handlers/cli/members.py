"""``members``: who is a member until when, giving and taking back, and what memberships open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from bot.errors import NotAllowed, NotFound
from bot.models import Kind, Membership, Plan
from bot.offers import membership
from bot.ports import BEIJING
from bot.store import Tx
from handlers.cli.common import Desk, confirm, show


@click.group("members", help="会员：谁是会员、到什么时候，赠送和收回；会员卡能看什么。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出会员，每笔一行，新的在前。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the memberships."""
    now = datetime.now(UTC)
    with desk.store() as store:
        rows = [_row(each, now, as_json=as_json) for each in store.write_now(lambda tx: tx.memberships.all())]
    show(rows, as_json=as_json, empty="还没有会员")


@group.command("show", help="查看一个人的会员，每笔从什么时候到什么时候。")
@click.argument("openid")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, openid: str, as_json: bool) -> None:
    """Show the memberships of one follower."""
    now = datetime.now(UTC)

    def work(tx: Tx) -> list[Membership]:
        _known(tx, openid)
        return tx.memberships.of(openid)

    with desk.store() as store:
        rows = [_row(each, now, as_json=as_json) for each in store.write_now(work)]
    show(rows, as_json=as_json, empty=f"{openid} 没有会员")


@group.command("grant", help="赠送会员；已有的会员从到期那天接着算。记一笔 0 元订单。")
@click.argument("openid")
@click.argument("item")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def grant(desk: Desk, openid: str, item: str, yes: bool) -> None:
    """Give a membership without money."""

    def look(tx: Tx) -> str:
        _known(tx, openid)
        return membership.get(tx, item).title

    with desk.store() as store:
        title = store.write_now(look)
        if not yes:
            confirm(f"确定送给 {openid} 一份《{title}》？")
        given = store.write_now(lambda tx: membership.present(tx, openid, item, datetime.now(UTC)), durable=True)
    click.echo(f"已赠送《{title}》，从 {_day(given.starts_at)} 到 {_day(given.ends_at)}，订单 {given.order_no}")


@group.command(
    "revoke", help="收回一个人的会员，马上失效，不退钱（要退钱用 orders refund）；不写订单号就收回全部。"
)
@click.argument("openid")
@click.argument("order_no", required=False, default="")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def revoke(desk: Desk, openid: str, order_no: str, yes: bool) -> None:
    """Take memberships back without money."""
    now = datetime.now(UTC)

    def look(tx: Tx) -> list[str]:
        _known(tx, openid)
        found = [each for each in tx.memberships.of(openid) if order_no in {"", each.order_no}]
        if order_no and not found:
            raise NotFound(f"{openid} 没有订单号是 {order_no} 的会员；用 members show {openid} 看有哪些")
        left = [each.order_no for each in found if each.ends_at > max(now, each.starts_at)]
        if not left:
            raise NotAllowed(f"{openid} 没有可收回的会员")
        return left

    with desk.store() as store:
        numbers = store.write_now(look)
        if not yes:
            confirm(f"确定收回 {openid} 的 {len(numbers)} 笔会员？马上失效，不退钱")
        done = store.write_now(
            lambda tx: [each for each in reversed(numbers) if membership.take_back(tx, each, now)], durable=True
        )
    click.echo(f"已收回 {len(done)} 笔会员")


@group.command("plans", help="列出在卖的会员：几个月、能看什么。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def plans(desk: Desk, as_json: bool) -> None:
    """List the items of kind membership."""

    def work(tx: Tx) -> list[dict[str, Any]]:
        known = tx.memberships.plans()
        return [
            {
                "course_id": each.course_id,
                "title": each.title,
                "price_fen": each.price_fen,
                "status": each.status.value,
                "months": known[each.course_id].months if each.course_id in known else None,
                "categories": _opens(known[each.course_id].categories, as_json=as_json)
                if each.course_id in known
                else [],
            }
            for each in tx.courses.all()
            if each.kind is Kind.MEMBERSHIP
        ]

    with desk.store() as store:
        rows = store.write_now(work)
    show(rows, as_json=as_json, empty="还没有会员卡；用 courses add ID --kind membership 或 courses import 添加")


@group.command("set", help="写明一种会员几个月、能看哪些分类；以前买的不变。")
@click.argument("item")
@click.option("--months", type=int, required=True, help="几个月")
@click.option("--opens", default="", help="能看的分类，用 | 分开；不写就是全部")
@click.pass_obj
def set_(desk: Desk, item: str, months: int, opens: str) -> None:
    """Say what a membership opens."""
    plan = Plan(item, months, tuple(part.strip() for part in opens.split("|") if part.strip()))
    with desk.store() as store:
        changed = store.write_now(lambda tx: membership.set_plan(tx, plan), durable=True)
    click.echo(f"{item} 现在是 {months} 个月，能看{opens or '全部课程'}" if changed else f"{item} 没有变化")


def _known(tx: Tx, openid: str) -> None:
    if tx.followers.get(openid) is None:
        raise NotFound(f"没有关注者 {openid}；用 followers list 看有哪些")


def _day(at: datetime) -> str:
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M}"


def _row(each: Membership, now: datetime, *, as_json: bool) -> dict[str, Any]:
    return {
        "openid": each.openid,
        "item_id": each.item_id,
        "title": each.title,
        "months": each.months,
        "categories": _opens(each.categories, as_json=as_json),
        "starts_at": each.starts_at,
        "ends_at": each.ends_at,
        "standing": _standing(each, now),
        "order_no": each.order_no,
    }


def _standing(each: Membership, now: datetime) -> str:
    if each.revoked_at is not None:
        return "taken_back"
    return "active" if each.holds(now) else "later" if each.starts_at > now else "over"


def _opens(categories: Sequence[str], *, as_json: bool) -> list[str]:
    """Return the categories that are open; an empty JSON list is all of them."""
    return list(categories) if categories or as_json else ["全部"]
