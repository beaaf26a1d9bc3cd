"""The options that choose an audience, and what they mean: shared by the commands of ``broadcast``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from bot import audience
from bot.audience import Wanted
from bot.broadcasts import LONGEST_BYTES, Audience
from bot.errors import NotAllowed, NotFound
from bot.models import Course
from bot.shop import Shop
from handlers.chat import replies
from handlers.chat.answers import clean

OPTIONS = (
    click.option("--all", "everybody", is_flag=True, help="所有关注者"),
    click.option("--tag", "tags", multiple=True, metavar="标签", help="带这个公众号标签的人"),
    click.option("--interest", "interests", multiple=True, metavar="词", help="对这方面感兴趣的人，如 Python"),
    click.option("--bought", multiple=True, metavar="课程", help="买过这门课（编号）、这个分类或标签的课的人"),
    click.option("--not-bought", multiple=True, metavar="课程", help="没买过的人，写法同上"),
    click.option("--channel", "channels", multiple=True, metavar="渠道", help="从这个渠道来的人"),
    click.option("--seen-within", type=click.IntRange(1, 3650), metavar="天数", help="这么多天内来过的人"),
    click.option("--unseen-for", type=click.IntRange(1, 3650), metavar="天数", help="这么多天没来的人"),
    click.option(
        "--course", "course_id", default="", metavar="课程编号", help="宣传的课程：文末加上链接，已有这门课的人不发"
    ),
    click.option("--text", default="", metavar="文字", help="要发的文字"),
    click.option(
        "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="从 UTF-8 文件读要发的文字"
    ),
)
LABELS = {
    "tags": "标签",
    "interests": "兴趣",
    "bought": "买过",
    "not_bought": "没买过",
    "channels": "来源",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Who, as it was said on the command line, and what they are to read."""

    everybody: bool
    tags: tuple[str, ...]
    interests: tuple[str, ...]
    bought: tuple[str, ...]
    not_bought: tuple[str, ...]
    channels: tuple[str, ...]
    seen_within: int | None
    unseen_for: int | None
    course_id: str
    text: str
    file: Path | None

    def check(self) -> None:
        """Refuse what contradicts itself, as wrong usage."""
        if self.everybody == self.conditional:
            raise click.UsageError(
                "选择收件人：写 --all，或至少一个条件（--tag、--interest、--bought……），不能两样都写"
            )
        if self.text and self.file:
            raise click.UsageError("--text 和 --file 只写一个")

    @property
    def conditional(self) -> bool:
        """Whether there is any condition."""
        lists = (self.tags, self.interests, self.bought, self.not_bought, self.channels)
        return any(lists) or self.seen_within is not None or self.unseen_for is not None

    @property
    def words(self) -> str:
        """Return the choice in words."""
        parts = [
            f"{label} {'、'.join(getattr(self, name))}" for name, label in LABELS.items() if getattr(self, name)
        ]
        if self.seen_within is not None:
            parts.append(f"{self.seen_within} 天内来过")
        if self.unseen_for is not None:
            parts.append(f"{self.unseen_for} 天没来")
        return "；".join(parts) or "所有关注者"


def audience_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose an audience and a text."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


async def choose(shop: Shop, choice: Choice) -> Audience:
    """Find out who is meant. ``NotFound`` names what does not exist."""
    await shop.suggestions.refresh(shop.store, shop.clock.now())
    courses = await shop.store.read(lambda tx: tx.courses.all())
    _on_sale(courses, choice.course_id)
    now = shop.clock.now()
    ids, tagged = await _tagged(shop, choice.tags)
    wanted = Wanted(
        tagged=tagged,
        interests=tuple(audience.words_of(shop.suggestions, each) for each in choice.interests),
        bought=tuple(audience.courses_of(courses, each) for each in choice.bought),
        not_bought=tuple(audience.courses_of(courses, each) for each in choice.not_bought),
        channels=choice.channels,
        seen_since=now - timedelta(days=choice.seen_within) if choice.seen_within is not None else None,
        unseen_since=now - timedelta(days=choice.unseen_for) if choice.unseen_for is not None else None,
    )
    alone = len(ids) == 1 and wanted == Wanted(tagged=tagged)
    return await shop.broadcasts.choose(wanted, course_id=choice.course_id, tag_id=ids[0] if alone else 0)


async def _tagged(shop: Shop, names: tuple[str, ...]) -> tuple[list[int], tuple[frozenset[str], ...]]:
    """Return the numbers of tags, and who carries each at this moment."""
    if not names:
        return [], ()
    known = {tag.name: tag.tag_id for tag in await shop.tagging.calls.all()}
    for name in names:
        if name not in known:
            raise NotFound(f"公众号没有标签「{name}」；用 tags list 看有哪些")
    ids = [known[name] for name in names]
    return ids, tuple([frozenset(await shop.tagging.calls.members(each)) for each in ids])


def content_of(shop: Shop, choice: Choice) -> str:
    """Return the text that followers will read, empty when none was given. ``NotAllowed``: it cannot be sent."""
    try:
        said = choice.text or (choice.file.read_text("utf-8-sig") if choice.file else "")
    except UnicodeDecodeError:
        raise NotAllowed(f"{choice.file} 不是 UTF-8 编码的文字文件") from None
    said = clean(said).strip()
    if not said:
        return ""
    if choice.course_id:
        course = shop.store.write_now(lambda tx: tx.courses.get(choice.course_id))
        url = f"{shop.config.server.public_url}/c/{choice.course_id}?from=broadcast"
        said = replies.advertised(said, course.title if course else "", url)
    if (size := len(said.encode())) > LONGEST_BYTES:
        raise NotAllowed(
            f"文字太长：{size} 字节，最多 {LONGEST_BYTES} 字节（约 {LONGEST_BYTES // 3} 个汉字，含链接）"
        )
    return said


def _on_sale(courses: list[Course], course_id: str) -> None:
    if course_id and not any(each.course_id == course_id and each.on_sale for each in courses):
        raise NotFound(f"没有在售的课程 {course_id}；用 courses list --status published 看有哪些")
