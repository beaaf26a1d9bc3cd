"""``coupons``: list, show, add, edit, stop. ``prices``: limited-time prices: list, add, stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from bot import catalog
from bot.amounts import yuan
from bot.offers import keeping, limited
from bot.offers.coupons import code_in
from bot.ports import BEIJING
from bot.store import Tx
from bot.store.coupons import Coupon, LimitedPrice
from bot.tagging import read_rules
from handlers.chat import routes
from handlers.cli.common import Desk, Failure, show, show_one
from handlers.cli.moments import HELP, moment, typed_end

F = TypeVar("F", bound=Callable[..., Any])
COUNT = click.IntRange(0, 1_000_000_000)
HIDDEN_COLUMNS = {"title", "amount_fen", "percent", "floor_fen", "course_id", "category"}
UNTIL = f"{HELP}；只写日期就到那天结束"
FIELDS = (
    click.option("--title", help="名称，如 新人券"),
    click.option("--amount", help="减多少元，如 20"),
    click.option("--percent", type=click.IntRange(0, 100), help="减百分之几，20 就是八折"),
    click.option("--floor", help="最低价（元）：减到这个价为止"),
    click.option("--course", help="只用于这门课（编号）；写空就不限"),
    click.option("--category", help="只用于这个分类的课；写空就不限"),
    click.option("--for", "audience", help="给谁：new 没买过的人，或 [tags] 规则里的标签名；写空就人人可用"),
    click.option("--each", type=COUNT, help="每人最多用几次，0 不限；新券不写就是 1"),
    click.option("--total", type=COUNT, help="一共最多用几次，0 不限"),
    click.option("--from", "start", help=f"从什么时候起：{HELP}"),
    click.option("--until", help=f"到什么时候止：{UNTIL}"),
    click.option(
        "--listed/--hidden",
        default=None,
        help="列在「优惠券」里，直接发码就能用／不列，要发「优惠码」加上码，新券不写就列",
    ),
    click.option("--back/--no-back", default=None, help="整单退款后券退还／不退还，新券不写就不退还"),
)


def _fields(command: F) -> F:
    for option in reversed(FIELDS):
        command = option(command)
    return command


@click.group("coupons", help="优惠码：添加、查看、修改、停用。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出优惠码，新的在前。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the coupons."""
    now = datetime.now(UTC)
    with desk.store() as store:
        rows = store.write_now(lambda tx: [_row(tx, coupon, now) for coupon in tx.coupons.all()])
    if not as_json:
        names = ("code", "label", "gives", "for_what", "used", "held", "total_limit", "usable_until", "validity")
        rows = [{name: row[name] for name in names} for row in map(_for_people, rows)]
    show(rows, as_json=as_json, empty="还没有优惠码；用 coupons add 添加")


@group.command("show", help="查看一个优惠码和用它的订单。")
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, code: str, as_json: bool) -> None:
    """Show one coupon."""
    code, now = code_in(code), datetime.now(UTC)

    def work(tx: Tx) -> dict[str, Any]:
        return {**_row(tx, keeping.get(tx, code), now), "coupon_orders": tx.coupons.orders_of(code)}

    with desk.store() as store:
        row = store.write_now(work)
    show_one(row if as_json else _for_people(row), as_json=as_json)


@group.command("add", help="添加一个优惠码，--amount 和 --percent 二选一。可以和限时价一起用，一笔订单用一个码。")
@click.argument("code")
@_fields
@click.pass_obj
def add(desk: Desk, /, code: str, **fields: Any) -> None:
    """Add one coupon."""
    code, now = code_in(code), datetime.now(UTC)
    if routes.recognise(code, lambda _text: ()) is not None:
        raise Failure(f"{code} 在聊天里是命令或编号，换一个码")
    coupon = _changed(Coupon(code), fields)
    tags = _tags(desk)
    with desk.store() as store:
        store.write_now(lambda tx: keeping.add(tx, coupon, tags, now), durable=True)
    click.echo(f"已添加优惠码 {code}，关注者发「优惠码 {code}」就能用；链接里带上 ?coupon={code} 也行")


@group.command("edit", help="修改一个优惠码，只写要改的项；已经下的订单不受影响。")
@click.argument("code")
@_fields
@click.pass_obj
def edit(desk: Desk, /, code: str, **fields: Any) -> None:
    """Change some fields of a coupon."""
    code, tags, now = code_in(code), _tags(desk), datetime.now(UTC)

    def work(tx: Tx) -> bool:
        return keeping.edit(tx, _changed(keeping.get(tx, code), fields), tags, now)

    with desk.store() as store:
        changed = store.write_now(work, durable=True)
    click.echo(f"已修改优惠码 {code}，马上生效" if changed else f"优惠码 {code} 没有变化")


@group.command("stop", help="停用一个优惠码；已经下的订单还能按下单时的价付款。")
@click.argument("code")
@click.pass_obj
def stop(desk: Desk, code: str) -> None:
    """Stop one coupon."""
    code, now = code_in(code), datetime.now(UTC)
    with desk.store() as store:
        stopped = store.write_now(lambda tx: keeping.stop(tx, code, now), durable=True)
    click.echo(f"已停用优惠码 {code}" if stopped else f"优惠码 {code} 本来就停用了")


def _tags(desk: Desk) -> frozenset[str]:
    """Return the names of the tag rules."""
    return frozenset(rule.name for rule in read_rules(desk.config.tags.rules))


def _changed(coupon: Coupon, fields: dict[str, Any]) -> Coupon:
    """Return the coupon with what was given; writing one way to take off replaces the other."""
    given = {name: value for name, value in fields.items() if value is not None}
    changes: dict[str, Any] = {}
    for name, field in (("amount", "amount_fen"), ("floor", "floor_fen")):
        if name in given:
            changes[field] = _fen(given[name], "--amount" if name == "amount" else "--floor")
    if "start" in given:
        changes["usable_from"] = moment(given["start"], "--from")
    if "until" in given:
        changes["usable_until"] = moment(given["until"], "--until", end=True)
    same = {"title": "title", "percent": "percent", "course": "course_id", "category": "category"}
    same |= {
        "audience": "audience",
        "each": "each_limit",
        "total": "total_limit",
        "listed": "listed",
        "back": "back",
    }
    changes |= {field: given[name] for name, field in same.items() if name in given}
    if "amount" in given and "percent" not in given:
        changes["percent"] = 0
    if "percent" in given and "amount" not in given:
        changes["amount_fen"] = 0
    return replace(coupon, **changes)


def _fen(text: str, what: str) -> int:
    try:
        return catalog.price_fen(text or "0", what)
    except ValueError as error:
        raise Failure(str(error)) from None


def _row(tx: Tx, coupon: Coupon, now: datetime) -> dict[str, Any]:
    counts = tx.coupons.counts(coupon.code)
    used, held = counts.get("USED", 0), counts.get("HELD", 0)
    return {
        "code": coupon.code,
        "title": coupon.title,
        "amount_fen": coupon.amount_fen,
        "percent": coupon.percent,
        "floor_fen": coupon.floor_fen,
        "course_id": coupon.course_id,
        "category": coupon.category,
        "audience": coupon.audience,
        "each_limit": coupon.each_limit,
        "total_limit": coupon.total_limit,
        "usable_from": coupon.usable_from,
        "usable_until": coupon.usable_until,
        "listed": coupon.listed,
        "back": coupon.back,
        "used": used,
        "held": held,
        "validity": keeping.validity(coupon, used + held, now).value,
        "created_at": coupon.created_at,
    }


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    """Say in one column what it takes off, in one for what, and the last day as it was typed."""
    gives = f"{yuan(row['amount_fen'])} 元" if row["amount_fen"] else f"{row['percent']}%"
    floor = f"，最低 {yuan(row['floor_fen'])} 元" if row["floor_fen"] else ""
    audience = {"": "人人", "new": "没买过的人"}.get(row["audience"], f"标签「{row['audience']}」")
    kept = {name: value for name, value in row.items() if name not in HIDDEN_COLUMNS}
    for_what = row["course_id"] or row["category"] or "全部"
    return {
        **kept,
        "label": row["title"],
        "gives": f"减 {gives}{floor}",
        "for_what": for_what,
        "audience": audience,
        "usable_until": typed_end(row["usable_until"]),
    }


@click.group("prices", help="限时价：一段时间里的课程价格。")
def prices() -> None:
    """Gather the commands."""


@prices.command("list", help="列出限时价，最晚结束的在前。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def prices_list(desk: Desk, as_json: bool) -> None:
    """List the limited-time prices."""
    now = datetime.now(UTC)
    with desk.store() as store:
        rows = store.write_now(lambda tx: [_price_row(each, now) for each in tx.limited_prices.all()])
    if not as_json:
        rows = [row | {"ends_at": typed_end(row["ends_at"])} for row in rows]
    show(rows, as_json=as_json, empty="还没有限时价；用 prices add 添加")


@prices.command("add", help="给一门课定一段时间的价格，到时间自己恢复原价。")
@click.option("--course", "course_id", required=True, help="课程编号")
@click.option("--price", required=True, help="限时价（元），要低于原价")
@click.option("--from", "start", default="", help=f"从什么时候起，不写就马上开始：{HELP}")
@click.option("--until", required=True, help=f"到什么时候止：{UNTIL}")
@click.pass_obj
def prices_add(desk: Desk, course_id: str, price: str, start: str, until: str) -> None:
    """Set a price for a time."""
    now, fen = datetime.now(UTC), _fen(price, "限时价")
    begins, ends = moment(start, "--from") or now, moment(until, "--until", end=True)
    if ends is None:
        raise Failure("--until 要写明到什么时候止")

    def work(tx: Tx) -> int:
        return limited.add(tx, catalog.get(tx, course_id), fen, begins, ends, now)

    with desk.store() as store:
        number = store.write_now(work, durable=True)
    starts, over = ("马上" if begins <= now else _minute(begins)), _minute(ends)
    click.echo(f"已添加限时价 {number}：{course_id} {yuan(fen)} 元，{starts}生效，{over}恢复原价")


@prices.command("stop", help="提前结束一个限时价，马上恢复原价。")
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@click.pass_obj
def prices_stop(desk: Desk, number: int) -> None:
    """End one before its time."""
    with desk.store() as store:
        found, changed = store.write_now(lambda tx: limited.stop(tx, number), durable=True)
    click.echo(f"{found.course_id} 的限时价 {number} {'已停止' if changed else '本来就停止了'}")


def _minute(at: datetime) -> str:
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M} "


def _price_row(each: LimitedPrice, now: datetime) -> dict[str, Any]:
    validity = keeping.Validity.ON
    if each.stopped:
        validity = keeping.Validity.STOPPED
    elif each.ends_at <= now:
        validity = keeping.Validity.OVER
    elif each.starts_at > now:
        validity = keeping.Validity.EARLY
    return {
        "price_id": each.price_id,
        "course_id": each.course_id,
        "price_fen": each.price_fen,
        "starts_at": each.starts_at,
        "ends_at": each.ends_at,
        "validity": validity.value,
    }
