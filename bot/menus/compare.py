"""What differs between two sets of menus, line by line, for a person to read. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.menus.model import Buttons, MenuSet


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a menu: ``sign`` is "+" for what comes, "-" for what goes, " " for what stays."""

    menu: str
    sign: str
    line: str


def changes(live: MenuSet, wanted: MenuSet, tags: Mapping[str, str]) -> list[Change]:
    """Return every line of the menus that differ; nothing when all is the same. ``tags`` has names by number."""
    before, after = dict(live.menus(tags)), dict(wanted.menus(tags))
    found: list[Change] = []
    for title in dict.fromkeys([*after, *before]):
        if before.get(title, ()) != after.get(title, ()):
            found += [Change(title, *each) for each in _differing(before.get(title, ()), after.get(title, ()))]
    return found + _order(list(before), list(after))


def lines(buttons: Buttons) -> list[str]:
    """Return a menu as lines, entries set in under their button."""
    told = []
    for each in buttons:
        told.append(each.name if each.sub else f"{each.name}  {each.action}")
        told += [f"    {entry.name}  {entry.action}" for entry in each.sub]
    return told


def _differing(before: Buttons, after: Buttons) -> Iterator[tuple[str, str]]:
    for line in difflib.ndiff(lines(before), lines(after)):
        if not line.startswith("?"):
            yield line[0], line[2:]


def _order(before: list[str], after: list[str]) -> list[Change]:
    """Say when conditional menus take precedence in another order."""
    stay = [title for title in after if title in before]
    was = [title for title in before if title in after]
    if stay == was:
        return []
    return [
        Change("个性化菜单的先后", "-", " → ".join(was[1:])),
        Change("个性化菜单的先后", "+", " → ".join(stay[1:])),
    ]
