"""What every command shares: the settings, the shop, JSON or a table, and errors as sentences."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from bot.config import Config, load, require_serving, unofficial_hosts
from bot.errors import ZhikeError
from bot.shop import Shop, open_shop
from bot.store import SqliteStore
from handlers.chat.told import teller

BEIJING = timezone(timedelta(hours=8))


class Failure(click.ClickException):
    """An error a person can act on: printed as it is, exit code 1."""

    def show(self, file: Any = None) -> None:
        """Print the sentence."""
        click.echo(self.message, err=True, file=file)


@dataclass
class Desk:
    """Hands the settings, the store and the shop to commands, each opened when first needed."""

    path: Path

    @cached_property
    def config(self) -> Config:
        """The checked settings."""
        with sentences():
            return load(self.path)

    @contextmanager
    def store(self) -> Iterator[SqliteStore]:
        """Open the database for one command."""
        with sentences():
            store = SqliteStore(self.config.store.path)
            try:
                yield store
            finally:
                store.close()

    @contextmanager
    def shop(self) -> Iterator[Shop]:
        """Open the whole shop for one command."""
        with sentences():
            shop = open_shop(self.config, tell=teller(self.config.server.public_url))
            try:
                yield shop
            finally:
                shop.close()

    def serving(self) -> Config:
        """Return settings that are complete enough to serve; says aloud which hosts are not WeChat's."""
        with sentences():
            require_serving(self.config)
        for base in unofficial_hosts(self.config):
            click.echo(f"注意：正在使用本机的模拟接口 {base}，不是微信官方服务器", err=True)
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        return self.config


@contextmanager
def sentences() -> Iterator[None]:
    """Turn our errors into sentences with exit code 1."""
    try:
        yield
    except ZhikeError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"文件或网络出错：{error.strerror or error}（{error.filename or ''}）") from None


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print a listing: one JSON document, or a table for people (money in yuan, Beijing time)."""
    if as_json:
        click.echo(json.dumps([_plain(row) for row in rows], ensure_ascii=False, indent=1))
        return
    if not rows:
        click.echo(empty)
        return
    cells = [[_for_people(name, value) for name, value in row.items()] for row in rows]
    widths = [max(_width(row[at]) for row in [list(rows[0]), *cells]) for at in range(len(cells[0]))]
    for row in [list(rows[0]), *cells]:
        click.echo(
            "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}


def iso(instant: datetime) -> str:
    """Write an instant as ISO 8601 in UTC."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _for_people(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
    if name.endswith("_fen"):
        return yuan(value)
    if isinstance(value, (list, tuple)):
        return "、".join(map(str, value)) or "-"
    return "是" if value is True else "否" if value is False else str(value)


def yuan(fen: int) -> str:
    """Write an amount of fen in yuan, as the import files do: 9900 is "99.00"."""
    return f"{fen // 100}.{fen % 100:02d}"


def _width(text: str) -> int:
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)  # noqa: PLR2004  CJK begins there
