"""``broadcast``: preview, send, status."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from bot.broadcasts import UNDER_WAY, Audience
from bot.errors import NotFound, ZhikeError
from bot.mailing import LEAST_READERS, Broadcast, Part, PartState
from bot.ports import BEIJING
from bot.shop import Shop
from bot.store import Tx
from handlers.cli.choosing import Choice, audience_options, choose, content_of
from handlers.cli.common import Desk, Failure, confirm, show
from handlers.cli.mailed import part_for_people, part_of, summary, summary_for_people

LEFT_OUT = {
    "personalisation_off": "关闭了个性化",
    "owns_course": "已有这门课",
    "monthly_limit": "本月已收满",
    "told_today": "24 小时内已收过群发或主动消息",
}
TOO_FEW = f"群发至少要有 {LEAST_READERS} 位收件人"


@click.group("broadcast", help="群发：选收件人，预览，发送，看结果。多个条件要同时满足。")
def group() -> None:
    """Gather the commands."""


@group.command("preview", help="看会发给多少人、哪些人不发、还有几次群发；加 --to 先发一份给自己看。")
@audience_options
@click.option("--to", "openid", default="", help="把文字发给这位关注者预览，不算群发")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def preview(desk: Desk, /, openid: str, as_json: bool, **options: Any) -> None:
    """Count, and show; nothing is sent but the preview to one."""
    choice = Choice(**options)
    choice.check()
    desk.serving()
    with desk.shop() as shop:
        content = content_of(shop, choice)
        if openid and not content:
            raise click.UsageError("--to 要和 --text 或 --file 一起用")
        chosen, left = asyncio.run(_look(shop, choice))
        if as_json:
            row = {**_row(chosen, left, choice, content), "quiet_until": shop.broadcasts.quiet_until()}
            show([row], as_json=True, empty="")
        else:
            _describe(chosen, left, choice, content)
            _say_night(shop)
        if openid:
            asyncio.run(shop.broadcasts.mass.preview(openid, content))
            click.echo(f"已发给 {openid} 预览", err=as_json)


@group.command("send", help="群发文字；先看人数再确认。中断后用 --resume 继续，不会重复发。")
@audience_options
@click.option("--dry-run", is_flag=True, help="只看会发给多少人，不发")
@click.option("--resume", default="", metavar="ID", help="继续一次没发完的群发")
@click.option("--now", "at_night", is_flag=True, help="安静时间里也发")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def send(desk: Desk, /, dry_run: bool, resume: str, at_night: bool, yes: bool, **options: Any) -> None:
    """Send, after a yes."""
    choice = Choice(**options)
    if resume:
        if choice.everybody or choice.conditional or choice.text or choice.file or choice.course_id or dry_run:
            raise click.UsageError("--resume 后面只写群发的编号，收件人和文字都按原来的")
    else:
        choice.check()
        if not (choice.text or choice.file):
            raise click.UsageError("用 --text 或 --file 写要发的文字")
    desk.serving()
    with desk.shop() as shop:
        number = resume or _begin(shop, choice, dry_run=dry_run, at_night=at_night, yes=yes)
        if number:
            _send(shop, number, at_night=at_night, ask=bool(resume) and not yes)


@group.command("status", help="列出群发和结果；写上编号看每一批。")
@click.argument("broadcast_id", default="")
@click.option("--sync", is_flag=True, help="结果还没来的，向微信查询（要写编号）")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def status(desk: Desk, broadcast_id: str, sync: bool, as_json: bool) -> None:
    """Tell what became of broadcasts."""
    if sync and not broadcast_id:
        raise click.UsageError("--sync 要写群发的编号")
    if sync:
        desk.serving()
        with desk.shop() as shop:
            asyncio.run(shop.broadcasts.ask(broadcast_id))
    with desk.store() as store:
        if not broadcast_id:
            rows = store.write_now(lambda tx: [summary(each, tx) for each in tx.broadcasts.all()])
            if not as_json:
                rows = [summary_for_people(row) for row in rows]
            show(rows, as_json=as_json, empty="还没有群发过")
            return
        broadcast, parts = store.write_now(lambda tx: _found(tx, broadcast_id))
    if as_json:
        show([part_of(part) for part in parts], as_json=True, empty="")
        return
    click.echo(f"{broadcast.broadcast_id}（{broadcast.audience}）\n{broadcast.content}\n")
    show([part_for_people(part) for part in parts], as_json=False, empty="")


# ---- before it is sent ----


async def _look(shop: Shop, choice: Choice) -> tuple[Audience, int | None]:
    chosen = await choose(shop, choice)
    return chosen, await shop.broadcasts.calls_left(by_tag=bool(chosen.tag_id))


def _describe(chosen: Audience, left: int | None, choice: Choice, content: str) -> None:
    click.echo(f"{choice.words}：选中 {chosen.chosen} 人，会发给 {len(chosen.openids)} 人")
    for why, count in chosen.left_out.items():
        click.echo(f"  不发 {count} 人：{LEFT_OUT[why]}")
    if 0 < len(chosen.openids) < LEAST_READERS:
        click.echo(f"{TOO_FEW}；只发给一个人可以用 --to 预览")
    elif chosen.openids:
        known = "查不到今天还剩几次" if left is None else f"今天还剩 {left} 次"
        click.echo(f"要用 {chosen.calls} 次群发，{known}")
    if content:
        click.echo(f"\n{content}\n")


def _say_night(shop: Shop) -> None:
    if (ends := shop.broadcasts.quiet_until()) is not None:
        click.echo(f"现在是安静时间，{ends.astimezone(BEIJING):%H:%M} 起再发；一定要现在发就加 --now")


def _begin(shop: Shop, choice: Choice, *, dry_run: bool, at_night: bool, yes: bool) -> str:
    """Show who is meant, ask, and write the broadcast down; empty for a dry run."""
    content = content_of(shop, choice)
    if not content:
        raise Failure("要发的文字是空的")
    chosen, left = asyncio.run(_look(shop, choice))
    _describe(chosen, left, choice, content)
    if dry_run:
        _say_night(shop)
        click.echo("只是试算，什么也没有发")
        return ""
    if len(chosen.openids) < LEAST_READERS:
        raise Failure(f"{TOO_FEW}；只发给一个人可以用 broadcast preview --to")
    if left is not None and left < chosen.calls:
        raise Failure(f"要用 {chosen.calls} 次群发，今天只剩 {left} 次；明天再发，什么也没有发出")
    shop.broadcasts.require_day(at_night=at_night)
    if not yes:
        confirm(f"确定发给 {len(chosen.openids)} 人？发出后不能撤回")
    made = shop.broadcasts.write_down(chosen, content, words=choice.words, course_id=choice.course_id)
    return asyncio.run(made).broadcast_id


def _send(shop: Shop, number: str, *, at_night: bool, ask: bool) -> None:
    parts = asyncio.run(shop.broadcasts.parts(asyncio.run(shop.broadcasts.get(number)).broadcast_id))
    due = [part for part in parts if part.state in UNDER_WAY]
    if not due:
        click.echo(f"{number} 没有要继续的；用 broadcast status {number} 看结果")
        return
    shop.broadcasts.require_day(at_night=at_night)
    if ask:
        confirm(f"{number} 还有 {len(due)} 批、{sum(part.people for part in due)} 人，确定继续")
    try:
        with click.progressbar(length=sum(part.people for part in parts), label="群发") as bar:
            asyncio.run(shop.broadcasts.send(number, bar.update, at_night=at_night))
    except ZhikeError as error:
        raise Failure(f"{error}\n没有发完；之后用 broadcast send --resume {number} 继续，已发的不会重发") from None
    parts = asyncio.run(shop.broadcasts.parts(number))
    sent = sum(part.people for part in parts if part.state is PartState.SENT)
    click.echo(f"已交给微信，共 {sent} 人；几分钟后用 broadcast status {number} 看结果")
    if any(part.state is PartState.LOST for part in parts):
        raise Failure(f"有的批次结果不明已超过一天，没有重发；用 broadcast status {number} 查看，到公众号后台核对")


def _row(chosen: Audience, left: int | None, choice: Choice, content: str) -> dict[str, Any]:
    return {
        "audience": choice.words,
        "chosen": chosen.chosen,
        "people": len(chosen.openids),
        "left_out": dict(chosen.left_out),
        "calls": chosen.calls if chosen.openids else 0,
        "calls_left": left,
        "content": content,
    }


def _found(tx: Tx, number: str) -> tuple[Broadcast, list[Part]]:
    broadcast = tx.broadcasts.get(number)
    if broadcast is None:
        raise NotFound(f"没有群发 {number}；用 broadcast status 看有哪些")
    return broadcast, tx.broadcasts.parts(number)
