"""``qr``: codes of channels, made and drawn. ``channels``: what came of them."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from bot import channels, doors
from bot.errors import NotAllowed, NotFound
from bot.ports import BEIJING, SystemClock
from bot.store import Tx
from bot.store.channels import Channel
from handlers.cli.common import Desk, sentences, show

EVER = datetime(1970, 1, 1, tzinfo=UTC)
UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]')


@click.group("qr", help="渠道二维码：生成、重新保存、列出。")
def group() -> None:
    """Gather the commands."""


@group.command("create", help="为一个渠道生成二维码，并把图片存下来；扫它的人会看到指定的课。")
@click.option("--scene", required=True, help="渠道名，如 地铁海报；以后每个事件和订单都带着它")
@click.option("--course", "course_id", default="", help="扫码后介绍哪门课（课程编号）；不写就只问好")
@click.option("--days", type=int, default=None, help="几天内有效，1 到 30；默认 30")
@click.option("--permanent", is_flag=True, help="永久有效（一个账号最多 10 万个）")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=None, help="图片文件，.png 或 .svg")
@click.pass_obj
def create(desk: Desk, scene: str, course_id: str, days: int | None, permanent: bool, out: Path | None) -> None:
    """Make a code and save its picture."""
    if permanent and days is not None:
        raise click.UsageError("--days 和 --permanent 只能写一个")
    wish = channels.Wish(scene, course_id, None if permanent else channels.LONGEST_DAYS if days is None else days)
    config, path = desk.serving(), out or _file_of(scene)
    with desk.store() as store:
        store.write_now(lambda tx: channels.check(tx, wish))
        channels.check_file(path)
        clock = SystemClock()
        account = doors.account(config, store, clock)
        made, former = asyncio.run(channels.create(store, account, clock, wish))
    if former is not None and former.course_id != course_id:
        click.echo(f"注意：这个渠道原来{_leads(former)}，以前印出去的码也一起改了")
    _save(made, path)


@group.command("save", help="把已有的二维码再存成图片。")
@click.argument("scene")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=None, help="图片文件，.png 或 .svg")
@click.pass_obj
def save(desk: Desk, scene: str, out: Path | None) -> None:
    """Draw a code again."""
    with desk.store() as store:
        channel = store.write_now(lambda tx: _get(tx, scene))
    with sentences():
        if channel.expires_at is not None and channel.expires_at <= datetime.now(UTC):
            raise NotAllowed(f"渠道 {scene} 的二维码已经过期；用 qr create 再生成一个")
        path = out or _file_of(scene)
        channels.check_file(path)
    _save(channel, path)


@group.command("list", help="列出生成过的二维码。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the codes."""
    with desk.store() as store:
        rows = store.write_now(lambda tx: [_row(channel) for channel in tx.channels.all()])
    show(rows, as_json=as_json, empty="还没有渠道二维码；用 qr create 生成一个")


@click.group("channels", help="渠道：每个二维码带来了多少人、多少订单。")
def reports() -> None:
    """Gather the commands."""


@reports.command("report", help="每个渠道的扫码、关注、活跃人数、付款订单和金额。")
@click.option("--days", type=click.IntRange(1, 3650), default=None, help="只算最近几天；默认从头算起")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def report(desk: Desk, days: int | None, as_json: bool) -> None:
    """Count what came of every channel."""
    since = EVER if days is None else datetime.now(UTC) - timedelta(days=days)
    with desk.store() as store:
        found = store.write_now(lambda tx: tx.channels.report(since))
    rows = [{name: getattr(each, name) for name in each.__dataclass_fields__} for each in found]
    show(rows, as_json=as_json, empty="还没有人从二维码来过")


def _save(channel: Channel, path: Path) -> None:
    with sentences():
        path.write_bytes(channels.picture(channel, path.suffix.lower()))
    until = (
        "永久有效"
        if channel.expires_at is None
        else f"{channel.expires_at.astimezone(BEIJING):%Y-%m-%d %H:%M} 前有效"
    )
    click.echo(f"渠道 {channel.scene} 的二维码存到 {path}，{_leads(channel)}，{until}\n码里的网址：{channel.url}")


def _leads(channel: Channel) -> str:
    return f"介绍课程 {channel.course_id}" if channel.course_id else "只问好，不介绍课程"


def _file_of(scene: str) -> Path:
    """Name the picture after its channel, as far as file systems allow."""
    return Path(f"{UNSAFE.sub('_', scene).strip('. ') or 'qr'}.png")


def _get(tx: Tx, scene: str) -> Channel:
    channel = tx.channels.get(scene)
    if channel is None:
        raise NotFound(f"没有渠道 {scene}；用 qr list 看有哪些")
    return channel


def _row(channel: Channel) -> dict[str, Any]:
    return {
        "scene": channel.scene,
        "course_id": channel.course_id,
        "created_at": channel.created_at,
        "expires_at": channel.expires_at,
        "url": channel.url,
    }
