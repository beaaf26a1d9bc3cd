"""一次性订阅消息: one message for one consent, given on a page of WeChat, so that ours need no script of theirs.

Whoever agreed need not follow. Several consents of one scene are one, so that there is one at most for each person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SCENE = 1
LONGEST_TITLE, LONGEST_TEXT = 15, 200
_LINK = re.compile(r'<a href="([^"]*)"[^>]*>([^<]*)</a>')


@dataclass(frozen=True, slots=True)
class Letter:
    """What such a message holds; a tap opens ``url``, if there is one."""

    title: str
    text: str
    url: str = ""


def letter(content: str) -> Letter:
    """Turn the words of a chat into a letter: its first words are the title, its first link is opened by a tap."""
    urls = [found[1] for found in _LINK.finditer(content) if found[1].startswith(("https://", "http://"))]
    plain = _LINK.sub(r"\2", content).strip()
    title = re.split(r"[，。！\n]", plain, maxsplit=1)[0]
    return Letter(_cut(title, LONGEST_TITLE), _cut(plain, LONGEST_TEXT), urls[0] if urls else "")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
