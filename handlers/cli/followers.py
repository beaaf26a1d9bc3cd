"""``followers``: list, show, export, tell, forget."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import click

from bot import privacy
from bot.errors import NotAllowed, NotFound
from bot.models import Follower
from bot.store import Tx
from handlers.chat import summary
from handlers.chat.answers import clean
from handlers.cli.common import Desk, Failure, confirm, show, show_one

LONGEST_NOTE = 1800  # bytes: a text message holds 2,000


@click.group("followers", help="关注者：查看、导出、删除。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出关注者。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the followers."""
    with desk.store() as store:
        rows = store.write_now(lambda tx: [_row(tx, follower) for follower in tx.followers.all()])
    show(rows, as_json=as_json, empty="还没有关注者")


@group.command("show", help="查看一位关注者。")
@click.argument("openid")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, openid: str, as_json: bool) -> None:
    """Show one follower."""
    with desk.store() as store:
        row = store.write_now(lambda tx: _whole(tx, _get(tx, openid)))
    show_one(row, as_json=as_json)


@group.command("export", help="导出一位关注者的全部数据（JSON），供本人查阅。")
@click.argument("openid")
@click.pass_obj
def export(desk: Desk, openid: str) -> None:
    """Print everything that is kept of one follower."""
    with desk.store() as store:
        data = store.write_now(lambda tx: privacy.copy_of(tx, _get(tx, openid).openid, datetime.now(UTC)))
    click.echo(privacy.as_json(data))


@group.command("forget", help="删除一位关注者的数据；记账需要的订单保留，但不再与本人关联。")
@click.argument("openid")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def forget(desk: Desk, openid: str, yes: bool) -> None:
    """Delete a person, keep the anonymised accounts."""

    def work(tx: Tx) -> None:
        _forgettable(tx, openid)
        privacy.forget(tx, openid)

    with desk.store() as store:
        store.write_now(lambda tx: _forgettable(tx, openid))
        if not yes:
            confirm(f"确定删除 {openid} 的全部数据？已购课程也会失效，不能恢复")
        store.write_now(work, durable=True)
    click.echo("已删除")


@group.command("tell", help="给一位关注者发一句话；现在不能打扰或发不到，就等到能告知的时候。")
@click.argument("openid")
@click.argument("text")
@click.pass_obj
def tell(desk: Desk, openid: str, text: str) -> None:
    """Leave a word for a follower; the running server tells it when and how it may."""
    said, now = clean(text).strip(), datetime.now(UTC)
    if not said or len(said.encode()) > LONGEST_NOTE:
        raise Failure(f"要说的话应在 1 到 {LONGEST_NOTE // 3} 个字之间")
    digest = hashlib.blake2b(f"{openid}\n{said}\n{now:%Y-%m-%d}".encode(), digest_size=12).hexdigest()

    def work(tx: Tx) -> bool:
        if not _get(tx, openid).subscribed:
            raise NotAllowed(f"{openid} 没有关注公众号，不能主动发消息")
        return tx.outbox.put("note", digest, openid, {"content": said}, now, due=now)

    with desk.store() as store:
        put = store.write_now(work, durable=True)
    if not put:
        raise Failure("今天已经给这位关注者留过同样的话，没有再发")
    click.echo("已交给消息服务器；夜间不打扰，一天最多主动说一句，发不到就等对方下次说话时告知")


def _forgettable(tx: Tx, openid: str) -> None:
    _get(tx, openid)
    if privacy.unsettled(tx, openid):
        raise NotAllowed("还有待付款的订单；等它付清或过期后再删除")
    if privacy.being_paid(tx, openid):
        raise NotAllowed("有一笔奖励正在发放；等它到账或过期后再删除，用 rewards list 查看")


def _get(tx: Tx, openid: str) -> Follower:
    follower = tx.followers.get(openid)
    if follower is None:
        raise NotFound(f"没有关注者 {openid}；用 followers list 看有哪些")
    return follower


def _whole(tx: Tx, follower: Follower) -> dict[str, Any]:
    """Add what a person who answers this follower wants to know."""
    now, openid = datetime.now(UTC), follower.openid
    known, service = summary.of(tx, openid, now), tx.services.of(openid, now)
    return {
        **_row(tx, follower),
        "last_course": known.course,
        "last_list": list(known.seen),
        "open_orders": [order.order_no for order in known.unpaid],
        "left_messages": [each.text for each in tx.left_messages.of(openid) if each.done_at is None],
        "served_until": service.until if service else None,
        "served_by": service.account if service else "",
    }


def _row(tx: Tx, follower: Follower) -> dict[str, Any]:
    return {
        "openid": follower.openid,
        "subscribed": follower.subscribed,
        "interests": privacy.liked(tx.interests.get(follower.openid), datetime.now(UTC)),
        "channel": follower.channel,
        "last_seen_at": follower.last_seen_at,
    }
