"""``codes``: redeem codes, made in batches. ``gifts``: what followers gave to friends."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from bot.errors import NotAllowed, NotFound, ZhikeError
from bot.offers import codes
from bot.ports import BEIJING
from bot.store import Tx
from bot.store.gifts import Batch, Gift
from handlers.cli.common import Desk, sentences, show, show_one


@click.group("codes", help="兑换码：成批生成，一码一次，聊天里发来就兑换。")
def group() -> None:
    """Gather the commands."""


@group.command("create", help="生成一批兑换码，存成 CSV。数据库里只有散列：这个文件是唯一的一份，请收好。")
@click.option("--course", "course_id", required=True, help="兑换哪门课（课程编号）")
@click.option("--count", type=int, required=True, help="多少个，1 到 10000")
@click.option("--days", type=click.IntRange(1, codes.LONGEST_DAYS), required=True, help="几天内有效")
@click.option("--name", required=True, help="这一批的名称，如 线下讲座")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="存到哪个 CSV 文件")
@click.pass_obj
def create(desk: Desk, course_id: str, count: int, days: int, name: str, out: Path) -> None:
    """Make a batch; nothing is kept unless its file is written."""
    now = datetime.now(UTC)
    batch = Batch(0, name.strip(), course_id, count, now, now + timedelta(days=days))

    def work(tx: Tx) -> int:
        number, made = codes.create(tx, batch)
        _write(out, batch, made)
        return number

    with desk.store() as store, sentences():
        if out.exists():
            raise NotAllowed(f"{out} 已经存在，没有覆盖；换一个 --out，或先移走它")
        try:
            number = store.write_now(work, durable=True)
        except ZhikeError:
            out.unlink(missing_ok=True)  # codes that are not kept open nothing
            raise
    click.echo(f"第 {number} 批：{count} 个兑换码存到 {out}，{days} 天内有效。文件只有这一份，请收好")


def _write(out: Path, batch: Batch, made: list[str]) -> None:
    """Write the codes to a file that only its owner may read."""
    last = f"{batch.expires_at.astimezone(BEIJING):%Y-%m-%d}"
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["code", "course_id", "expires_at"])
        rows.writerows([codes.shown(each), batch.course_id, last] for each in made)


@group.command("list", help="列出每一批兑换码和用掉了多少。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the batches."""
    with desk.store() as store:
        rows = store.write_now(lambda tx: [_batch(each) for each in tx.codes.batches()])
    show(rows, as_json=as_json, empty="还没有兑换码；用 codes create 生成一批")


@group.command("show", help="列出一批里用掉的码：谁、什么时候。")
@click.argument("batch_id", type=int)
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, batch_id: int, as_json: bool) -> None:
    """Show who redeemed the codes of a batch."""

    def work(tx: Tx) -> list[dict[str, Any]]:
        _get(tx, batch_id)
        return [{"openid": each.used_by, "used_at": each.used_at} for each in tx.codes.uses(batch_id)]

    with desk.store() as store, sentences():
        rows = store.write_now(work)
    show(rows, as_json=as_json, empty="这一批还没有人兑换")


@group.command("stop", help="停用一批兑换码；已经兑换的不受影响。")
@click.argument("batch_id", type=int)
@click.pass_obj
def stop(desk: Desk, batch_id: int) -> None:
    """Stop a batch."""
    now = datetime.now(UTC)

    def work(tx: Tx) -> bool:
        _get(tx, batch_id)
        return tx.codes.stop(batch_id, now)

    with desk.store() as store, sentences():
        stopped = store.write_now(work, durable=True)
    click.echo(f"第 {batch_id} 批{'停用了，已经兑换的不受影响' if stopped else '之前就停用了'}")


@click.group("gifts", help="礼物：关注者买来送人的课。")
def given() -> None:
    """Gather the commands."""


@given.command("list", help="列出礼物，新的在前。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_gifts(desk: Desk, as_json: bool) -> None:
    """List the gifts."""
    with desk.store() as store:
        rows = store.write_now(lambda tx: [_gift(each) for each in tx.gifts.all()])
    show(rows, as_json=as_json, empty="还没有人送过课")


@given.command("show", help="查看一笔订单买的礼物。")
@click.argument("order_no")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_gift(desk: Desk, order_no: str, as_json: bool) -> None:
    """Show the gift of one order."""

    def work(tx: Tx) -> dict[str, Any]:
        gift = tx.gifts.of_order(order_no)
        if gift is None:
            raise NotFound(f"订单 {order_no} 没有买礼物；用 gifts list 看有哪些")
        return {**_gift(gift), "greeting": gift.greeting}

    with desk.store() as store, sentences():
        row = store.write_now(work)
    show_one(row, as_json=as_json)


def _get(tx: Tx, batch_id: int) -> Batch:
    batch = tx.codes.batch(batch_id)
    if batch is None:
        raise NotFound(f"没有第 {batch_id} 批兑换码；用 codes list 看有哪些")
    return batch


def _batch(batch: Batch) -> dict[str, Any]:
    return {
        "batch_id": batch.batch_id,
        "batch_name": batch.name,
        "course_id": batch.course_id,
        "count": batch.count,
        "used": batch.used,
        "created_at": batch.created_at,
        "expires_at": batch.expires_at,
        "stopped_at": batch.stopped_at,
    }


def _gift(gift: Gift) -> dict[str, Any]:
    return {
        "order_no": gift.order_no,
        "openid": gift.giver,
        "course_id": gift.course_id,
        "gift_state": gift.state.value,
        "created_at": gift.created_at,
        "expires_at": gift.expires_at,
        "claimed_by": gift.claimed_by,
        "claimed_at": gift.claimed_at,
    }
