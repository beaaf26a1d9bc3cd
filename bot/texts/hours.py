"""Office hours: when people answer, in Beijing time. Pure: the moment comes in as an argument."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise

from bot.texts.markup import Slip

BEIJING = timezone(timedelta(hours=8))
WEEKDAYS = "一二三四五六日"
DAY = 24 * 60
LOOK_AHEAD_DAYS = 60
LONGEST_HOLIDAY = 366
_ENTRY = re.compile(r"(?P<days>\S.*?)\s*(?P<times>\d{1,2}[:：].+)")
_TIMES = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-–—~～至到]\s*(\d{1,2})[:：](\d{2})")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
_SPAN = re.compile(
    r"(?:周|星期|礼拜)([一二三四五六日天])(?:\s*[至到~～-]\s*(?:周|星期|礼拜)?([一二三四五六日天]))?"
)
_NAMED = {"每天": range(7), "天天": range(7), "工作日": range(5), "周末": range(5, 7)}
SHOULD = "应形如「周一至周五 09:00-18:00」「每天 9:00-12:00、13:30-18:00」「2026-10-10 09:00-18:00」"

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans of minutes by weekday, by date where one differs, and whole days off."""

    told: str
    weekly: Mapping[int, Spans]
    dated: Mapping[date, Spans] = field(default_factory=dict)
    off: frozenset[date] = frozenset()

    def open_at(self, now: datetime) -> bool:
        """Tell whether somebody is there."""
        local = now.astimezone(BEIJING)
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self._of(local.date()))

    def next_opening(self, now: datetime) -> str:
        """Say when somebody will be there next, such as 明天 09:00; 上班时间 when that is far off."""
        local = now.astimezone(BEIJING)
        for ahead in range(LOOK_AHEAD_DAYS):
            day = local.date() + timedelta(days=ahead)
            for start, _end in self._of(day):
                if ahead or start > local.hour * 60 + local.minute:
                    return f"{_day(day, ahead)} {start // 60:02d}:{start % 60:02d}"
        return "上班时间"

    def _of(self, day: date) -> Spans:
        if day in self.dated:
            return self.dated[day]
        return () if day in self.off else self.weekly.get(day.weekday(), ())


def _day(day: date, ahead: int) -> str:
    if ahead < 2:  # noqa: PLR2004  today and tomorrow have names
        return "明天" if ahead else "今天"
    return f"周{WEEKDAYS[day.weekday()]}" if ahead < 7 else f"{day.month}月{day.day}日"  # noqa: PLR2004  a week


def read_hours(entries: Sequence[str], off: frozenset[date] = frozenset()) -> Hours:
    """Read when people are there. ``Slip`` names the entry that cannot be understood."""
    every: dict[int | date, Spans] = {}
    for entry in entries:
        days, spans = _entry(entry)
        for day in days:
            every[day] = _joined(every.get(day, ()), spans, entry)
    weekly = {day: spans for day, spans in every.items() if isinstance(day, int)}
    dated = {day: spans for day, spans in every.items() if isinstance(day, date)}
    told = "；".join(each.strip() for each in entries if not _DATE.match(each.strip()))
    if not weekly:
        raise Slip(f"open 里至少要有一条每周的时间，{SHOULD}")
    return Hours(told, weekly, dated, off)


def read_days_off(given: Sequence[str | date]) -> frozenset[date]:
    """Read the days when nobody is there. ``Slip`` names the entry that cannot be understood."""
    return frozenset(day for each in given for day in _days_off(each))


def _joined(former: Spans, spans: Spans, entry: str) -> Spans:
    """Add spans to those of the same day, in order; they must not overlap."""
    every = tuple(sorted((*former, *spans)))
    if any(later[0] < earlier[1] for earlier, later in pairwise(every)):
        raise Slip(f"「{entry}」和同一天的别的时间重叠了")
    return every


def _entry(entry: str) -> tuple[Sequence[int | date], Spans]:
    found = _ENTRY.fullmatch(entry.strip())
    if found is None:
        raise Slip(f"看不懂「{entry}」，{SHOULD}")
    return _days(found["days"].strip(), entry), tuple(_spans(found["times"], entry))


def _days(text: str, entry: str) -> Sequence[int | date]:
    if _DATE.fullmatch(text):
        return [_date(text)]
    days: list[int] = []
    for part in re.split(r"[、,，和\s]+", text):
        span = _SPAN.fullmatch(part)
        if part in _NAMED:
            days += _NAMED[part]
        elif span is not None:
            first, last = (_weekday(each or span[1]) for each in span.groups())
            days += range(first, last + 1) if first <= last else [*range(first, 7), *range(last + 1)]
        else:
            raise Slip(f"看不懂「{entry}」里的「{part}」，{SHOULD}")
    if len(days) != len(set(days)):
        raise Slip(f"「{entry}」里同一天写了两次")
    return days


def _weekday(char: str) -> int:
    return WEEKDAYS.index(char.replace("天", "日"))


def _spans(text: str, entry: str) -> Iterator[tuple[int, int]]:
    for part in re.split(r"[、,，和\s]+(?=\d)", text.strip()):
        found = _TIMES.fullmatch(part.strip())
        if found is None:
            raise Slip(f"看不懂「{entry}」里的「{part}」，{SHOULD}")
        hour, minute, until_hour, until_minute = map(int, found.groups())
        start, end = hour * 60 + minute, until_hour * 60 + until_minute
        if minute >= 60 or until_minute >= 60 or end > DAY or start >= DAY:  # noqa: PLR2004  minutes of an hour
            raise Slip(f"「{entry}」里没有「{part}」这样的时间，应在 00:00 到 24:00 之间")
        if start >= end:
            raise Slip(
                f"「{entry}」的结束时间要晚于开始时间；过了半夜的分成两条写，如 22:00-24:00 和次日 00:00-02:00"
            )
        yield start, end


def _days_off(given: str | date) -> Iterator[date]:
    if isinstance(given, date):
        yield given
        return
    parts = [part.strip() for part in re.split(r"\s*(?:至|到|~|～)\s*", given.strip())]
    if not 1 <= len(parts) <= 2 or not all(map(_DATE.fullmatch, parts)):  # noqa: PLR2004  a day, or first and last
        raise Slip(f"看不懂休息日「{given}」，应形如「2026-10-01」或「2026-10-01 至 2026-10-07」")
    first, last = _date(parts[0]), _date(parts[-1])
    if not 0 <= (last - first).days < LONGEST_HOLIDAY:
        raise Slip(f"休息日「{given}」的先后不对，或超过一年")
    yield from (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))


def _date(text: str) -> date:
    try:
        return date(*map(int, text.split("-")))
    except ValueError:
        raise Slip(f"没有「{text}」这一天") from None
