"""Menus as the part of config.toml that makes them, and putting that part into the file. Nouns are model.py."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping

from bot.errors import NotAllowed
from bot.menus.limits import PLATFORM_WORDS, PLATFORMS
from bot.menus.model import Button, Buttons, MenuSet, Rule

HEADER = re.compile(r"^\s*\[")
OURS = re.compile(r"^\s*\[\[?\s*menu\s*[.\]]")


def toml(menus: MenuSet, tags: Mapping[str, str]) -> str:
    """Return the tables that make these menus; ``tags`` has names by number."""
    parts = list(_buttons(menus.default, "menu.button"))
    for each in menus.conditional:
        parts.append("\n".join(["[[menu.conditional]]", *_rule(each.rule, tags)]))
        parts += _buttons(each.buttons, "menu.conditional.button")
    return "\n\n".join(parts) + "\n" if parts else ""


def _buttons(buttons: Buttons, table: str) -> Iterator[str]:
    for each in buttons:
        lines = [f"[[{table}]]", *_fields(each)]
        for entry in each.sub:
            lines += [f"[[{table}.sub_button]]", *_fields(entry)]
        yield "\n".join(lines)


def _fields(button: Button) -> list[str]:
    given = {"type": button.type, "name": button.name, **dict(button.values)}
    return [f"{name} = {quoted(value)}" for name, value in given.items() if value]


def _rule(rule: Rule, tags: Mapping[str, str]) -> list[str]:
    name = rule.tag or tags.get(rule.tag_id, "")
    lines = [f"tag = {quoted(name)}"] if name else [f"tag_id = {quoted(rule.tag_id)}"] if rule.tag_id else []
    words = {number: word for word, number in PLATFORMS.items()}
    if rule.platform:
        told = PLATFORM_WORDS.get(rule.platform, "")
        lines.append(f"platform = {quoted(words.get(rule.platform, rule.platform))}  # {told}")
    return lines


def quoted(text: str) -> str:
    """Return a TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def put_in(settings: str, tables: str) -> str:
    """Return the text of the settings with its menu replaced; other lines stay. ``NotAllowed`` if it cannot."""
    kept: list[str] = []
    at: int | None = None
    ours = False
    for line in settings.splitlines(keepends=True):
        if HEADER.match(line):
            ours = bool(OURS.match(line))
            at = len(kept) if ours and at is None else at
        if not ours or line.lstrip().startswith("#"):
            kept.append(line)
    if kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    at = len(kept) if at is None else at
    rest = "".join(kept[at:])
    head = "".join(kept[:at]).rstrip("\n") + "\n" if kept[:at] else ""
    written = head + ("" if not head or head.rstrip().splitlines()[-1:][0].startswith("#") else "\n") + tables
    written += f"\n{rest}" if rest.strip() else ""
    _must_mean(settings, written, tables)
    return written


def _must_mean(settings: str, written: str, tables: str) -> None:
    before, wanted = tomllib.loads(settings), tomllib.loads(tables)
    before.pop("menu", None)
    try:
        right = tomllib.loads(written) == {**before, **wanted}
    except tomllib.TOMLDecodeError:
        right = False
    if not right:
        raise NotAllowed("这份配置文件的写法不能自动改；不加 --write 运行，把打印出来的内容贴进去")
