"""The ranking files: ITEMS, TRAIN, QUERIES and CANDIDATES come in here, RANKED goes out, whole or not at all.

Tab-separated UTF-8, gzip where the name ends in .gz. What is done with them is ``ranking.py``.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from recsys.base import Item
from recsys.index import CourseIndex
from recsys.sources.base import Catalogue, Log, Person
from recsys.sources.catalogue import catalogue_of
from recsys.text import Tokenizer


class FileRefused(ValueError):
    """A ranking file that cannot be used; ``str()`` is a sentence for the person at the command line."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path} 第 {line} 行：{problem}")
        self.path, self.line, self.problem = path, line, problem


@dataclass(frozen=True, slots=True)
class Query:
    """One question: whose, and what is known. ``stranger`` is somebody the log never saw."""

    user_id: str
    person: Person
    barred: tuple[int, ...]
    stranger: bool


@dataclass(frozen=True, slots=True)
class Task:
    """All that was read."""

    catalogue: Catalogue
    log: Log
    queries: list[Query]
    candidates: np.ndarray[tuple[int], np.dtype[np.bool_]]


def read_task(items: Path, train: Path, queries: Path, candidates: Path | None, tokenizer: Tokenizer) -> Task:
    """Read the files; FileRefused with the file and line of the first thing that is wrong."""
    catalogue = read_items(items, tokenizer)
    position = {item_id: at for at, item_id in enumerate(catalogue.ids)}
    users, log = read_train(train, position)
    asked = _read_queries(queries, position, users, log, tokenizer)
    allowed = np.ones(len(catalogue), np.bool_)
    if candidates is not None:
        allowed[:] = False
        allowed[_read_candidates(candidates, position)] = True
    return Task(catalogue, log, asked, allowed)


def read_items(path: Path, tokenizer: Tokenizer) -> Catalogue:
    """Read the catalogue; columns other than item_id, title, tags and text are left alone."""
    rows = _lines(path)
    head = _header(path, rows, ("item_id",))
    found: dict[str, Item] = {}
    for line, cells in rows:
        row = dict(zip(head, cells, strict=False))
        item_id = row.get("item_id", "")
        if not item_id:
            raise FileRefused(path, line, "没有课程编号（item_id）")
        if item_id in found:
            raise FileRefused(path, line, f"课程编号 {item_id} 重复")
        tags = tuple(tag for tag in row.get("tags", "").split("|") if tag)
        found[item_id] = Item(item_id, row.get("title", ""), tags=tags, text=row.get("text", ""))
    if not found:
        raise FileRefused(path, 1, "没有一门课程")
    tokenizer.add_words(sorted({tag for item in found.values() for tag in item.tags}))
    index = CourseIndex.build(found.values(), tokenizer)
    return catalogue_of(index, {item_id: item.tags for item_id, item in found.items()})


def read_train(path: Path, position: dict[str, int]) -> tuple[dict[str, int], Log]:
    """Read the events; return the users' codes and the log, not yet called ordered."""
    rows = _lines(path)
    head = _header(path, rows, ("user_id", "item_id", "t"))
    user_at, item_at, time_at = (head.index(name) for name in ("user_id", "item_id", "t"))
    codes: dict[str, int] = {}
    users, items, times = [], [], []
    for line, cells in rows:
        if len(cells) < len(head):
            raise FileRefused(path, line, f"应有 {len(head)} 列，只有 {len(cells)} 列")
        try:
            times.append(int(cells[time_at]))
        except ValueError:
            raise FileRefused(path, line, f"时间 t 应是整数，而不是 {cells[time_at]!r}") from None
        items.append(_known(path, line, cells[item_at], position))
        users.append(codes.setdefault(cells[user_at], len(codes)))
    return codes, Log.of(users, items, times, width=len(position))


def write_ranked(path: Path, lists: Iterable[tuple[str, list[str]]]) -> None:
    """Write one line a list, then put the file in place; after an error there is no file, or the old one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as raw, _packed(raw, path) as out:
            for user_id, item_ids in lists:
                out.write(("\t".join([user_id, *item_ids]) + "\n").encode())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _packed(raw: IO[bytes], path: Path) -> contextlib.AbstractContextManager[IO[bytes]]:
    if path.suffix != ".gz":
        return contextlib.nullcontext(raw)
    return gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0)  # type: ignore[return-value]  # a writable file


def _read_queries(
    path: Path, position: dict[str, int], users: dict[str, int], log: Log, tokenizer: Tokenizer
) -> list[Query]:
    found: list[Query] = []
    for line, cells in _lines(path):
        user_id, held, said = (*cells, "", "")[:3]
        if not user_id:
            raise FileRefused(path, line, "没有用户编号")
        given = dict.fromkeys(_known(path, line, each, position) for each in held.split("|") if each)
        code = users.get(user_id)
        trained = () if code is None else tuple(log.history(code).tolist())
        person = Person(tuple(given) or trained, _weighed(said, tokenizer))
        found.append(Query(user_id, person, tuple(dict.fromkeys([*given, *trained])), code is None))
    return found


def _read_candidates(path: Path, position: dict[str, int]) -> list[int]:
    """Return the positions of one item a line; a first line with ``item_id`` in it names the columns."""
    found, at = [], 0
    for line, cells in _lines(path):
        if line == 1 and "item_id" in cells and "item_id" not in position:
            at = cells.index("item_id")
        elif len(cells) <= at or not cells[at]:
            raise FileRefused(path, line, "没有课程编号（item_id）")
        elif line == 1 and cells[at] not in position:
            raise FileRefused(path, line, f"课程 {cells[at]!r} 不在课程表里；如果这是表头，课程那一列要叫 item_id")
        else:
            found.append(_known(path, line, cells[at], position))
    if not found:
        raise FileRefused(path, 1, "没有一门课程")
    return found


def _weighed(said: str, tokenizer: Tokenizer) -> dict[str, float]:
    terms = dict.fromkeys(term for word in said.split("|") if word for term in tokenizer.terms(word))
    return dict.fromkeys(terms, max(len(terms), 1) ** -0.5)


def _known(path: Path, line: int, item_id: str, position: dict[str, int]) -> int:
    at = position.get(item_id)
    if at is None:
        raise FileRefused(path, line, f"课程 {item_id!r} 不在课程表里")
    return at


def _header(path: Path, rows: Iterator[tuple[int, list[str]]], needed: tuple[str, ...]) -> list[str]:
    _, head = next(rows, (1, [""]))
    missing = [name for name in needed if name not in head]
    if missing:
        raise FileRefused(path, 1, f"表头缺少 {'、'.join(missing)}")
    return head


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Give every line that is not empty, with its number from 1, cut at the tabs."""
    line = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for line, raw in enumerate(file, 1):
                text = raw.decode("utf-8-sig" if line == 1 else "utf-8").rstrip("\r\n")
                if text:
                    yield line, text.split("\t")
    except UnicodeDecodeError:
        raise FileRefused(path, line, "不是 UTF-8 文本") from None
    except (EOFError, gzip.BadGzipFile):
        raise FileRefused(path, line + 1, "gzip 压缩文件不完整或已损坏") from None
