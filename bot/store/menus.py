"""The menus that were live, one version after another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.store.rows import Row, Rows, epoch, instant

KEPT = 200


@dataclass(frozen=True, slots=True)
class MenuVersion:
    """What was live from an instant on, and how it came: "found", "push", "rollback" or "delete"."""

    version: int
    at: datetime
    source: str
    content: Mapping[str, Any]


def _version(row: Row) -> MenuVersion:
    return MenuVersion(row[0], instant(row[1]), row[2], json.loads(row[3]))


class Menus:
    """Versions are only ever added; the oldest go when there are very many."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, content: Mapping[str, Any], source: str, now: datetime) -> int:
        """Keep a version and return its number."""
        text = json.dumps(content, ensure_ascii=False)
        number = self._rows.insert(
            "insert into menus (at, source, content) values (?, ?, ?)", epoch(now), source, text
        )
        self._rows.run("delete from menus where id <= ?", number - KEPT)
        return number

    def all(self) -> list[MenuVersion]:
        """Return every version, the newest first."""
        return list(map(_version, self._rows.all("select id, at, source, content from menus order by id desc")))
