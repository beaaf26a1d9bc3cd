"""Channels: QR codes by scene, the course each leads to, and the picture to print.

A follow or scan by a code is met in the conversation; here codes are made and drawn.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import segno

from bot.account import qrcodes
from bot.account.notifier import Caller
from bot.errors import NotAllowed, NotFound
from bot.models import CourseStatus
from bot.ports import Clock
from bot.store import Store, Tx
from bot.store.channels import Channel

LONGEST_SCENE = 64
LONGEST_DAYS = 30
RESERVED = ("qrscene_", "last_trade_no_")  # what WeChat itself begins an EventKey with
FORMATS = (".png", ".svg")
DOT = 12  # pixels of one module: a picture of some 500 pixels, sharp in print


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted: ``days`` None for a permanent code, ``course_id`` empty for a plain greeting."""

    scene: str
    course_id: str = ""
    days: int | None = LONGEST_DAYS


async def create(store: Store, account: Caller, clock: Clock, wish: Wish) -> tuple[Channel, Channel | None]:
    """Make a code at WeChat and keep it; returns it and the one of the same scene that it replaces.

    ``NotAllowed`` and ``NotFound`` say, before anything is made, what is wrong with the wish.
    """
    former = await store.read(lambda tx: check(tx, wish))
    seconds = 0 if wish.days is None else wish.days * 86400
    code = await qrcodes.create(account, wish.scene, seconds)
    now = clock.now()
    ends = now + timedelta(seconds=code.seconds) if code.seconds else None
    channel = Channel(wish.scene, wish.course_id, code.ticket, code.url, now, ends)
    await store.write(lambda tx: tx.channels.put(channel), durable=True)
    return channel, former


def check(tx: Tx, wish: Wish) -> Channel | None:
    """Say whether a wish can be met; returns the code that there is of this scene."""
    scene = wish.scene
    if not scene or scene != scene.strip() or not scene.isprintable():
        raise NotAllowed("渠道名不能是空的，首尾不能有空格，也不能换行")
    if len(scene.encode()) > LONGEST_SCENE:
        raise NotAllowed(
            f"渠道名太长：最多 {LONGEST_SCENE} 个字节（约 21 个汉字），现在是 {len(scene.encode())} 个"
        )
    if scene.startswith(RESERVED):
        raise NotAllowed(f"渠道名不能以 {' 或 '.join(RESERVED)} 开头，那是微信自己用的")
    if wish.days is not None and not 1 <= wish.days <= LONGEST_DAYS:
        raise NotAllowed(f"天数应在 1 到 {LONGEST_DAYS} 之间；更久请用 --permanent")
    if wish.course_id:
        _check_course(tx, wish.course_id)
    return tx.channels.get(scene)


def _check_course(tx: Tx, course_id: str) -> None:
    course = tx.courses.get(course_id)
    if course is None:
        raise NotFound(f"没有课程 {course_id}；用 courses list 看有哪些")
    if course.status is not CourseStatus.PUBLISHED:
        raise NotAllowed(f"《{course.title}》没有上架，扫码的人看不到；先用 courses publish {course_id} 上架")


def picture(channel: Channel, suffix: str) -> bytes:
    """Draw a code as PNG or SVG, by the suffix of the file's name."""
    drawn = io.BytesIO()
    segno.make(channel.url, error="m", micro=False).save(drawn, kind=suffix.lstrip("."), scale=DOT, border=4)
    return drawn.getvalue()


def check_file(path: Path) -> None:
    """Say whether a picture can be written there. ``NotAllowed`` with the reason."""
    if path.suffix.lower() not in FORMATS:
        raise NotAllowed(f"图片的文件名应以 {' 或 '.join(FORMATS)} 结尾：{path.name}")
    if path.exists():
        raise NotAllowed(f"{path} 已经存在，没有覆盖；换一个 --out，或先移走它")
    if not path.parent.is_dir():
        raise NotAllowed(f"没有文件夹 {path.parent}")
