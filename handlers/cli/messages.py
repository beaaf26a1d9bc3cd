"""``messages``: what followers left for people. ``desk``: who talks to a person now, and who they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from bot.errors import NotFound
from bot.store import Tx
from bot.store.service import LeftMessage, Service
from handlers.chat import summary
from handlers.cli.common import Desk, show

KINDS = {"text": "文字", "voice": "语音", "image": "图片", "video": "视频", "link": "链接", "location": "位置"}


@click.group("messages", help="留言：人工不在时关注者留下的话。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出还没处理的留言，附上留言的人看过什么、有什么订单。")
@click.option("--all", "everything", is_flag=True, help="处理过的也列出")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, everything: bool, as_json: bool) -> None:
    """List what was left."""
    now = datetime.now(UTC)

    def work(tx: Tx) -> list[dict[str, Any]]:
        found = tx.left_messages.all() if everything else tx.left_messages.open()
        return [_row(tx, each, now) for each in found]

    with desk.store() as store:
        rows = store.write_now(work)
    if not as_json:
        rows = [{**row, "type": _kind(row), "text": " ".join(printable(row["text"]).split())} for row in rows]
    show(rows, as_json=as_json, empty="没有留言" if everything else "没有待处理的留言")


@group.command("done", help="把留言标成已处理；可以一次写几个编号。")
@click.argument("numbers", metavar="编号…", type=click.IntRange(1, 2**63 - 1), nargs=-1, required=True)
@click.pass_obj
def done(desk: Desk, numbers: tuple[int, ...]) -> None:
    """Note that messages were dealt with: all of them or, when one is unknown, none."""

    def work(tx: Tx) -> int:
        for number in numbers:
            if tx.left_messages.get(number) is None:
                raise NotFound(f"没有留言 {number}；用 messages list --all 看有哪些")
        return sum(tx.left_messages.done(number, datetime.now(UTC)) for number in numbers)

    with desk.store() as store:
        changed = store.write_now(work, durable=True)
    click.echo(f"已处理 {changed} 条" if changed else "这些留言先前已经处理过了")


@click.group("desk", help="人工服务：谁正在等人或正由人接待。")
def talks() -> None:
    """Gather the commands."""


@talks.command("list", help="列出正在等人工和正由人工接待的关注者，以及他们想学什么、看过什么、有什么订单。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def waiting(desk: Desk, as_json: bool) -> None:
    """List the talks that go on."""
    now = datetime.now(UTC)
    with desk.store() as store:
        rows = store.write_now(lambda tx: [_talk(tx, each, now) for each in tx.services.all(now)])
    show(rows, as_json=as_json, empty="现在没有人在等人工")


def printable(text: str) -> str:
    """Take out what would move about a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _kind(row: dict[str, Any]) -> str:
    return str(KINDS.get(row["type"], row["type"]))


def _row(tx: Tx, left: LeftMessage, now: datetime) -> dict[str, Any]:
    return {
        "message_id": left.message_id,
        "openid": left.openid,
        "type": left.kind,
        "text": left.text,
        "left_at": left.left_at,
        "done_at": left.done_at,
        "summary": summary.words(summary.of(tx, left.openid, now)),
    }


def _talk(tx: Tx, talk: Service, now: datetime) -> dict[str, Any]:
    return {
        "openid": talk.openid,
        "account": talk.account,
        "since": talk.since,
        "until": talk.until,
        "summary": summary.words(summary.of(tx, talk.openid, now)),
    }
