"""Reading the file of texts: the whole of it is checked, and every mistake is named with its line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from bot.config import ChatSettings
from bot.errors import TextsWrong
from bot.texts.book import Book, Rule, folded
from bot.texts.hours import Hours, read_days_off, read_hours
from bot.texts.lines import Place, last, places
from bot.texts.markup import Field, Slip, Template, check_links, template
from bot.texts.names import COMMON, FIELD_BYTES, NAMES, REPLY_BYTES
from bot.texts.patterns import TRIAL_SECONDS, Budget, read_pattern
from recsys.search.fold import fold

LARGEST_FILE = 256 * 1024
MOST_RULES = 500
MOST_KEYWORDS = 100
LONGEST_KEYWORD = 100
LONGEST_NAME = 30
SECTIONS = ("texts", "office_hours", "rule")
RULE_KEYS = ("name", "exact", "contains", "regex", "answer", "commands")
HOURS_KEYS = ("open", "closed")
SYNTAX = {
    "Unterminated string": "引号没有关上",
    "Expected \"'": "引号没有关上",
    "Invalid value": '等号后面的写法不对；文字要放在英文引号 " 里，不能用中文引号“”',
    "Cannot overwrite a value": "同一个名字写了两遍",
    "Cannot declare": "同一节写了两遍；规则每条用 [[rule]] 两层方括号",
    "Cannot mutate": "同一节写了两遍",
    "Unclosed array": "列表的方括号没有关上",
    "Expected '=' after a key": '名字后面少了等号；一段文字有几行时，头尾用三个引号 """',
    "Expected newline or end": '一行里多写了东西；文字里的英文引号写成 \\"，或改用三个引号',
    "Unescaped '\\'": "引号里的反斜杠要写两个；正则放在单引号 ' 里就不用",
    "Illegal character": '文字里有不能直接写的字符；一段文字有几行时，头尾用三个引号 """',
    "Expected ']": "方括号没有关上",
    "Invalid statement": "看不懂这一行；注释以 # 开头",
    "Invalid initial character": "名字只能用英文字母、数字和 _",
}


def load_file(path: str, chat: ChatSettings) -> Book:
    """Read a file. ``TextsWrong`` names everything that is wrong with it, a missing file included."""
    return read(read_bytes(path), path, chat)


def read_bytes(path: str) -> bytes:
    """Return what is in the file. ``TextsWrong`` when it cannot be read, or is too large to be one of ours."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise TextsWrong(path, [(0, "找不到这个文件；看看 [chat] texts_file 写得对不对")]) from None
    except OSError as error:
        raise TextsWrong(path, [(0, f"读不了这个文件（{error.strerror}）")]) from None
    if len(data) > LARGEST_FILE:
        raise TextsWrong(path, [(0, f"文件太大，最多 {LARGEST_FILE // 1024} KB")])
    return data


def read(data: bytes, path: str, chat: ChatSettings) -> Book:
    """Read what was in a file. ``TextsWrong`` names everything that is wrong; nothing is half taken."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TextsWrong(path, [(line, "不是 UTF-8 编码；用记事本的话，另存为时编码选 UTF-8")]) from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TextsWrong(path, [_syntax(str(error), text)]) from None
    except RecursionError:
        raise TextsWrong(path, [(0, "括号套得太深")]) from None
    reader = _Reader(raw, places(text), chat)
    book = reader.book(text)
    if reader.problems:
        raise TextsWrong(path, sorted(reader.problems))
    return book


def _syntax(said: str, text: str) -> tuple[int, str]:
    found = re.search(r"\(at line (\d+), column (\d+)\)", said)
    line = int(found[1]) if found else last(text)
    why = next((told for start, told in SYNTAX.items() if said.startswith(start)), "写法不对")
    return line, f"{why}（第 {found[2]} 个字符附近）" if found else f"{why}（从这里直到文件末尾）"


class _Reader:
    """Reads one part after another and collects what is wrong."""

    def __init__(self, raw: Mapping[str, Any], lines: Mapping[Place, int], chat: ChatSettings) -> None:
        self.problems: list[tuple[int, str]] = []
        self._raw = raw
        self._lines = lines
        self._trial = Budget(TRIAL_SECONDS)
        self._known: dict[str, str | None] = {"account": chat.account_name, "contact": chat.human_contact or None}

    def book(self, source: str) -> Book:
        self._strangers(self._raw, SECTIONS, lambda key: self._line(key) or self._line("", 0, key), "文件里")
        hours = self._hours()
        self._known["hours"] = hours.told if hours else None
        return Book(self._words(), self._rules(), hours, source)

    def _line(self, table: str, at: int = 0, key: str = "") -> int:
        return self._lines.get((table, at, key)) or self._lines.get((table, at, "")) or 0

    def _strangers(self, given: Iterable[str], known: Sequence[str], line: Any, where: str) -> None:
        for key in given:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"，是不是 {close[0]}？" if close else f"；这里可以写 {'、'.join(known)}"
                hint = "；这段话要写在 [texts] 下面、第一条 [[rule]] 前面" if key in NAMES else hint
                self.problems.append((line(key), f"{where}不认识的名字 {key}{hint}"))

    def _table(self, name: str) -> Mapping[str, Any]:
        table = self._raw.get(name, {})
        if isinstance(table, dict):
            return table
        self.problems.append((self._line(name) or self._line("", 0, name), f"{name} 应是一节，写成 [{name}]"))
        return {}

    def _hours(self) -> Hours | None:
        if "office_hours" not in self._raw:
            return None
        table = self._table("office_hours")
        self._strangers(table, HOURS_KEYS, lambda key: self._line("office_hours", 0, key), "[office_hours] 里")
        key, off = "closed", frozenset[date]()
        try:
            off = read_days_off(_days(table.get(key, [])))
            key = "open"
            return read_hours(self._strings(table.get(key), key), off)
        except Slip as slip:
            self.problems.append((self._line("office_hours", 0, key), str(slip)))
            return None

    def _words(self) -> dict[str, Template]:
        table = self._table("texts")
        self._strangers(table, tuple(NAMES), lambda key: self._line("texts", 0, key), "[texts] 里")
        found: dict[str, Template] = {}
        for key, value in table.items():
            if key not in NAMES:
                continue
            try:
                found[key] = self._word(key, value)
            except Slip as slip:
                self.problems.append((self._line("texts", 0, key), f"{key} {slip}"))
        return found

    def _word(self, key: str, value: Any) -> Template:
        name = NAMES[key]
        if not isinstance(value, str):
            raise Slip("应是一段文字，写在引号里")
        read = template(value, self._known, name.fields)
        for needed, instead in name.needs.items():
            if not re.search(rf"\{{\s*{needed}\s*\}}", value) and not (instead and instead in value):
                what = COMMON.get(needed) or name.fields[needed]
                raise Slip(f"里要有 {{{needed}}}（{what}）" + (f"，或者自己提到「{instead}」" if instead else ""))
        _check(read, name.limit)
        return read

    def _rules(self) -> tuple[Rule, ...]:
        rules = self._raw.get("rule", [])
        if not isinstance(rules, list) or not all(isinstance(each, dict) for each in rules):
            self.problems.append((self._line("rule"), "规则要写成 [[rule]]，两层方括号"))
            return ()
        if len(rules) > MOST_RULES:
            self.problems.append((self._line("rule", MOST_RULES), f"规则太多，最多 {MOST_RULES} 条"))
            return ()
        return tuple(rule for at, table in enumerate(rules) if (rule := self._rule(at, table)) is not None)

    def _rule(self, at: int, table: Mapping[str, Any]) -> Rule | None:
        before = len(self.problems)
        self._strangers(table, RULE_KEYS, lambda key: self._line("rule", at, key), f"规则 {at + 1} 里")
        exact = self._keywords(at, table, "exact", folded)
        contains = self._keywords(at, table, "contains", fold)
        sources = self._keywords(at, table, "regex", str)
        patterns = [
            self._tried(at, "regex", lambda source: read_pattern(source, self._trial), each)
            for each in sources.values()
        ]
        answer = self._tried(at, "answer", self._answer, table.get("answer"))
        commands = self._tried(at, "commands", _switch, table.get("commands", False))
        if len(self.problems) == before and not (exact or contains or sources):
            self._wrong(at, "", "没有关键词；写上 exact（一模一样）、contains（包含）或 regex（正则）中的一种")
        name = self._tried(at, "name", _name, table.get("name", ""))
        if len(self.problems) > before:
            return None
        shown = name or next(iter({**exact, **contains, **sources}.values()))
        ready = tuple(each for each in patterns if each is not None)
        line = self._line("rule", at)
        return Rule(at + 1, shown, line, answer or "", exact, contains, ready, commands=bool(commands))

    def _wrong(self, at: int, key: str, why: str) -> None:
        self.problems.append((self._line("rule", at, key), f"规则 {at + 1} {key} {why}".replace("  ", " ")))

    def _tried(self, at: int, key: str, work: Any, value: Any) -> Any:
        try:
            return work(value)
        except Slip as slip:
            self._wrong(at, key, str(slip))
            return None

    def _keywords(self, at: int, table: Mapping[str, Any], kind: str, prepare: Any) -> dict[str, str]:
        if kind not in table:
            return {}
        given = self._tried(at, kind, lambda value: self._strings(value, kind), table[kind]) or []
        found: dict[str, str] = {}
        for keyword in given:
            bare = prepare(keyword)
            if not bare.strip():
                self._wrong(at, kind, f"里有空的关键词「{keyword}」，它会对上所有消息")
            elif kind != "regex" and len(keyword) > LONGEST_KEYWORD:
                self._wrong(at, kind, f"里的关键词太长（{len(keyword)} 个字），最多 {LONGEST_KEYWORD} 个")
            else:
                found[bare] = keyword
        return found

    @staticmethod
    def _strings(value: Any, key: str) -> list[str]:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values) or not values:
            raise Slip(f'{key} 应是一段文字或文字的列表，如 ["甲", "乙"]')
        if len(values) > MOST_KEYWORDS:
            raise Slip(f"太多了（{len(values)} 个），最多 {MOST_KEYWORDS} 个；分成几条")
        return values

    def _answer(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Slip(
                "应是一段文字，写在引号里，是这条规则的回答" if value is not None else "没有写：对上以后回什么"
            )
        read = template(value, self._known)
        _check(read, REPLY_BYTES)
        return read.render({})


def _days(value: Any) -> list[str | date]:
    days = value if isinstance(value, list) else [value]
    if any(isinstance(day, datetime) or not isinstance(day, (str, date)) for day in days):
        raise Slip('closed 应是休息日的列表，如 ["2026-10-01 至 2026-10-07"]')
    return days


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Slip("应是 true 或 false，不加引号")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME or "\n" in value:
        raise Slip(f"应是一行文字，最多 {LONGEST_NAME} 个字")
    return value.strip()


def _check(read: Template, limit: int) -> None:
    """Refuse what would not arrive whole, and links that do not work."""
    size = sum(
        FIELD_BYTES.get(part.name, 0) if isinstance(part, Field) else len(part.encode()) for part in read.parts
    )
    if size > limit:
        raise Slip(f"太长：占位符填好后约 {size} 字节，最多 {limit} 字节（一个汉字 3 字节，链接的网址也算）")
    check_links("".join(part if isinstance(part, str) else "字" for part in read.parts))
