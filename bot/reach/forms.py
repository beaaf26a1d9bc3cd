"""Templates of the account: which field gets what, checked by type when the settings are read and before each send.

Pure. A form is ``{id, url, fields}``; a field's value is text with {placeholders}. Which kinds of news have one is
``PLACEHOLDERS``.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.models import OutboxRow
from bot.ports import BEIJING

SHORT = 20
EMOJI = re.compile("[\U00010000-\U0010ffff\u2600-\u27bf\ufe0f\u200d\u20e3]")
_NAME = re.compile(r"([a-z_]+?)(\d{1,3})")
_MONEY = frozenset({"title", "amount", "order_no", "time", "public_url"})
_ENDING = frozenset({"title", "course_id", "ends", "time", "public_url"})
PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    "paid": _MONEY | {"course_id"},
    "paid_twice": _MONEY,
    "offer_gone": _MONEY,
    "refunded": _MONEY,
    "paid_member": _MONEY | {"course_id"},
    "member_ending": _ENDING,
    "member_over": _ENDING,
}
SAMPLES = {
    "title": "课程名称",
    "amount": "¥99.00",
    "order_no": "ZK2611240123456789",
    "time": "2026-11-24 12:00",
    "course_id": "EDU001",
    "ends": "2026-12-24 12:00",
    "public_url": "https://shop.example.cn",
}
_DAY = r"\d{4}(?:-\d{1,2}-\d{1,2}|年\d{1,2}月\d{1,2}日|/\d{1,2}/\d{1,2})"
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_MOMENT = rf"(?:{_DAY}(?: {_CLOCK})?|{_CLOCK})"
RULES: Mapping[str, tuple[str, str]] = {
    "thing": (rf".{{1,{SHORT}}}", "20 个字以内"),
    "const": (rf".{{1,{SHORT}}}", "模板里列出的值，20 个字以内"),
    "enum": (rf".{{1,{SHORT}}}", "模板里列出的值，20 个字以内"),
    "short_thing": (r".{1,5}", "5 个字以内"),
    "phrase": (r"[\u4e00-\u9fff]{1,5}", "5 个汉字以内"),
    "name": (r"[\u4e00-\u9fff·]{1,10}|[A-Za-z .·]{1,20}", "10 个汉字或 20 个字母以内"),
    "character_string": (r"[!-~ ]{1,32}", "32 个以内的字母、数字和符号"),
    "letter": (r"[A-Za-z]{1,32}", "32 个以内的字母"),
    "number": (r"\d{1,32}|\d{1,28}\.\d{1,3}", "数字"),
    "amount": (r"[¥￥$€£]?\d{1,10}(?:\.\d{1,2})?元?", "金额，如 ¥99.00 或 99元"),
    "time": (rf"{_MOMENT}(?:~{_MOMENT})?", "时间，如 2026-11-24 12:00"),
    "date": (rf"{_DAY}(?: {_CLOCK})?(?:~{_DAY}(?: {_CLOCK})?)?", "日期，如 2026-11-24"),
    "phone_number": (r"[\d+-]{1,17}", "17 位以内的电话号码"),
    "car_number": (r"[\u4e00-\u9fffA-Z0-9]{1,8}", "8 位以内的车牌号"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """One template with what goes into its fields; ``url`` is opened by a tap, or empty."""

    template_id: str
    fields: Mapping[str, str]
    url: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A form with its values, each of which its field takes."""

    template_id: str
    data: Mapping[str, str]
    url: str = ""


@dataclass(frozen=True, slots=True)
class Forms:
    """What may be sent, by kind of news."""

    template: Mapping[str, Form] = field(default_factory=dict)
    subscribe: Mapping[str, Form] = field(default_factory=dict)


def read_forms(section: str, raw: object) -> tuple[dict[str, Form], list[str]]:
    """Read ``[template.KIND]`` or ``[subscribe.KIND]`` tables; returns the forms and a sentence for each fault."""
    if not isinstance(raw, Mapping):
        return {}, [f"[{section}] 应分成几张表，如 [{section}.paid]"]
    forms: dict[str, Form] = {}
    problems: list[str] = []
    for kind, table in raw.items():
        found = list(_faults(kind, table))
        problems += [f"[{section}.{kind}] {fault}" for fault in found]
        if not found:
            forms[kind] = Form(table["id"], dict(table["fields"]), table.get("url", ""))
    return forms, problems


def values_of(row: OutboxRow, public_url: str) -> dict[str, str]:
    """Return what the placeholders stand for in the news of one row."""
    told = {name: str(row.payload[name]) for name in ("title", "order_no", "course_id") if name in row.payload}
    if "amount_fen" in row.payload:
        fen = int(str(row.payload["amount_fen"]))
        told["amount"] = f"¥{fen // 100}.{fen % 100:02d}"
    if "ends_at" in row.payload:
        ends = datetime.fromtimestamp(int(str(row.payload["ends_at"])), BEIJING)
        told["ends"] = f"{ends:%Y-%m-%d %H:%M}"
    told["time"] = f"{row.created_at.astimezone(BEIJING):%Y-%m-%d %H:%M}"
    return {**told, "public_url": public_url}


def fill(form: Form, values: Mapping[str, str]) -> Filled:
    """Fill a form; long things are cut with an ellipsis. ``ValueError`` names a field that would not be taken."""
    data = {}
    for name, pattern in form.fields.items():
        kind = _kind(name)
        text = _one_line(pattern.format_map(values))
        if kind == "thing" and len(text) > SHORT:
            text = text[: SHORT - 1] + "…"
        if problem := refusal(name, text):
            raise ValueError(problem)
        data[name] = text
    return Filled(form.template_id, data, form.url.format_map(values))


def _one_line(text: str) -> str:
    """Leave out what no field takes: line breaks, doubled spaces, emoji."""
    return " ".join(EMOJI.sub("", text).split())


def refusal(name: str, value: str) -> str:
    """Say why WeChat would refuse a value in a field; empty when it would not."""
    pattern, should = RULES[_kind(name)]
    if re.fullmatch(pattern, value) and not EMOJI.search(value):
        return ""
    return f"{name} 应是{should}，不能换行，也不能有表情（现在是“{value}”）"


def _kind(name: str) -> str:
    found = _NAME.fullmatch(name)
    return found[1] if found else ""


def _faults(kind: str, table: object) -> Iterable[str]:
    if kind not in PLACEHOLDERS:
        yield f"没有这种通知，只能是 {'、'.join(PLACEHOLDERS)} 之一"
        return
    if not isinstance(table, Mapping):
        yield "应是一张表，写 id 和 fields"
        return
    yield from (f"里不认识的键 {key}" for key in table if key not in {"id", "url", "fields"})
    if not isinstance(table.get("id"), str) or not re.fullmatch(r"[\w-]{1,64}", table["id"], re.ASCII):
        yield "id 应是模板 ID，在公众平台的模板页面复制"
    url = table.get("url", "")
    if not isinstance(url, str) or (url and not url.startswith(("https://", "http://", "{public_url}"))):
        yield "url 应是网址，或以 {public_url} 开头"
    elif fault := _unknown(url, kind):
        yield f"url {fault}"
    fields = table.get("fields")
    if not isinstance(fields, Mapping) or not fields:
        yield 'fields 应写出模板的每个字段，如 { thing1 = "{title}" }'
        return
    for name, pattern in fields.items():
        yield from _field_faults(name, pattern, kind)


def _field_faults(name: str, pattern: object, kind: str) -> Iterable[str]:
    if _kind(name) not in RULES:
        yield f"字段 {name} 不像微信的字段名，应是 {'、'.join(RULES)} 之一加数字"
    elif not isinstance(pattern, str):
        yield f"字段 {name} 应是一段文字"
    elif fault := _unknown(pattern, kind) or _too_long(name, pattern):
        yield f"字段 {name} {fault}"
    else:
        try:
            fill(Form("x", {name: pattern}), SAMPLES)
        except ValueError as error:
            yield f"字段 {error}"


def _too_long(name: str, pattern: str) -> str:
    """Say that the words which are always there fill a thing: what is cut at each send was never meant to be."""
    parts = list(string.Formatter().parse(pattern))
    fixed = len(_one_line("".join(text for text, *_rest in parts)))
    filled_in = any(part is not None for _text, part, *_rest in parts)
    if _kind(name) != "thing" or fixed < SHORT + (not filled_in):
        return ""
    why = "填进来的没有地方" if filled_in else f"最多 {SHORT} 个，多的会被截掉"
    return f"写死的字有 {fixed} 个，{why}；改短些"


def _unknown(pattern: str, kind: str) -> str:
    """Name the placeholder that there is none of, or say that the braces do not match."""
    known = PLACEHOLDERS[kind]
    should = "、".join(f"{{{name}}}" for name in sorted(known))
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        return f"里的花括号不成对；可用的有 {should}"
    for _text, name, spec, conversion in parts:
        if name is not None and (name not in known or spec or conversion):
            return f"里没有 {{{name}}} 可填；可用的有 {should}"
    return ""
