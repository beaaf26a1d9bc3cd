"""Where in a TOML file something is written: the standard parser tells values, but not their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_HEAD = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]")
_KEY = re.compile(r"\s*([\w.\"'-]+)\s*=")
_QUOTES = ('"""', "'''", '"', "'")

Place = tuple[str, int, str]  # table, which of several of that name (from 0), key ("" for its head)


def places(text: str) -> Mapping[Place, int]:
    """Return the line, from 1, of every table's head and every key in it."""
    found: dict[Place, int] = {}
    counts: dict[str, int] = {}
    table, at = "", 0
    for number, line in _statements(text):
        if head := _HEAD.match(line):
            table = _bare(head[2])
            at = counts.get(table, 0) if head[1] == "[[" else 0
            counts[table] = at + 1
            found.setdefault((table, at, ""), number)
        elif key := _KEY.match(line):
            found.setdefault((table, at, _bare(key[1])), number)
    return found


def last(text: str) -> int:
    """Return the line where the last statement begins: what a file breaks off in."""
    return max((number for number, line in _statements(text) if line.partition("#")[0].strip()), default=1)


def _bare(name: str) -> str:
    return name.strip().strip("\"'")


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that begin a statement: none from within a text of several lines or a list."""
    quote, depth = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not quote and not depth:
            yield number, line
        quote, depth = _after(line, quote, 0 if _HEAD.match(line) and not quote and not depth else depth)


def _after(line: str, quote: str, depth: int) -> tuple[str, int]:
    """Read one line; return the quotes that are still open at its end, and how many brackets."""
    at = 0
    if not quote and not depth and _HEAD.match(line):
        return "", 0
    while at < len(line):
        if quote:
            if quote in {'"""', '"'} and line[at] == "\\":
                at += 2
            elif line.startswith(quote, at):
                at, quote = at + len(quote), ""
            else:
                at += 1
            continue
        if line[at] == "#":
            break
        opened = next((each for each in _QUOTES if line.startswith(each, at)), "")
        quote, at = opened, at + (len(opened) or 1)
        if not opened:
            depth = max(0, depth + (line[at - 1] in "[{") - (line[at - 1] in "]}"))
    return (quote if len(quote) == 3 else ""), depth  # noqa: PLR2004  only tripled quotes go on on the next line
