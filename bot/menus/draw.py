"""Draws a menu as the phone shows it, in characters: every list of entries open above its button. Pure."""

from __future__ import annotations

import unicodedata

from bot.menus.limits import SHOWN, SUB_SHOWN
from bot.menus.model import Button, Buttons

CELL = 2 * SUB_SHOWN + 3  # room for the longest entry with its dots and a space on both sides
TWO_WIDE = "WF"


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes, as WeChat counts too: a Chinese character is two."""
    return sum(2 if unicodedata.east_asian_width(char) in TWO_WIDE else 1 for char in text)


def shortened(name: str, most: int) -> str:
    """Return a name as the phone shows it: at most so many Chinese characters, then dots."""
    shown = ""
    for char in name:
        if width(shown + char) > 2 * most:
            return f"{shown}…"
        shown += char
    return name


def drawing(buttons: Buttons) -> str:
    """Return the bar with its buttons, and above each the entries that a tap opens."""
    if not buttons:
        return "（没有菜单）"
    columns = [_entries(each.sub) for each in buttons]
    height = max(map(len, columns))
    lines = [" ".join(_row(column, height, at) for column in columns).rstrip() for at in range(height)]
    bar = "│".join(_centred(_label(each)) for each in buttons)
    rule = "─" * CELL
    lines += ["┌" + "┬".join([rule] * len(buttons)) + "┐", f"│{bar}│", "└" + "┴".join([rule] * len(buttons)) + "┘"]
    return "\n".join(lines)


def _label(button: Button) -> str:
    shown = shortened(button.name, SHOWN)
    return f"≡ {shown}" if button.sub else shown


def _entries(sub: Buttons) -> list[str]:
    if not sub:
        return []
    rule = "─" * (CELL - 2)
    lines = [f"┌{rule}┐"]
    for number, each in enumerate(sub):
        if number:
            lines.append(f"├{rule}┤")
        lines.append(f"│{_centred(shortened(each.name, SUB_SHOWN), CELL - 2)}│")
    return [*lines, f"└{rule}┘"]


def _row(column: list[str], height: int, at: int) -> str:
    """Return one line of a column that stands on the bar, one column in from its left edge."""
    missing = height - len(column)
    return " " + (column[at - missing] if at >= missing else " " * CELL)[: CELL + 1]


def _centred(text: str, room: int = CELL) -> str:
    free = room - width(text)
    return " " * (free // 2) + text + " " * (free - free // 2)
