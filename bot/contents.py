"""What the catalogue's files say of items that are not courses: what a bundle includes, what a membership opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.models import Course, Kind, Plan
from bot.offers import bundles, membership
from bot.store import Tx

COLUMNS = ("includes", "months", "opens")


@dataclass(frozen=True, slots=True)
class Contents:
    """What one row says; None where the file says nothing, and then what is stored stays."""

    includes: tuple[str, ...] | None = None
    months: int | None = None
    opens: tuple[str, ...] | None = None


SILENT = Contents()


def read(row: Mapping[str, str]) -> tuple[Contents, list[str]]:
    """Read the cells of one row; returns what they say, and what is wrong with them."""
    cell = {name: row[name].strip() for name in COLUMNS if name in row}
    months = cell.get("months", "")
    if months and not (
        months.isascii() and months.isdigit() and len(months) < len(str(membership.MOST_MONTHS)) + 2
    ):
        return SILENT, [f"months {months!r} 应是 1 到 {membership.MOST_MONTHS} 的整数"]
    includes = _parts(cell["includes"]) if cell.get("includes") else None
    opens = _parts(cell["opens"]) if "opens" in cell and (months or cell["opens"]) else None
    return Contents(includes, int(months) if months else None, opens), []


def faults(course: Course, contents: Contents) -> list[str]:
    """Say what a row may not tell of an item of its kind."""
    problems = []
    if course.kind is not Kind.BUNDLE and contents.includes is not None:
        problems.append("includes 只有专栏（kind 为 bundle）才能填")
    if course.kind is not Kind.MEMBERSHIP and (contents.months is not None or contents.opens):
        problems.append("months 和 opens 只有会员（kind 为 membership）才能填")
    if course.kind is Kind.MEMBERSHIP and course.free:
        problems.append("会员的价格要大于 0")
    return problems


def store(tx: Tx, rows: Iterable[tuple[str, Course, Contents]], now: datetime) -> tuple[set[str], list[str]]:
    """Keep what the items hold, all items being there; returns which changed, and what is wrong, by its place."""
    changed, problems = set(), []
    for place, course, contents in rows:
        did, wrong = _bundle(tx, course, contents, now) if course.kind is Kind.BUNDLE else (False, [])
        if course.kind is Kind.MEMBERSHIP:
            did, wrong = _membership(tx, course, contents)
        problems += [f"{place}{each}" for each in wrong]
        changed |= {course.course_id} if did else set()
    return changed, problems


def _bundle(tx: Tx, course: Course, contents: Contents, now: datetime) -> tuple[bool, list[str]]:
    if contents.includes is None:
        there = tx.bundles.of(course.course_id)
        return False, [] if there else ["专栏要在 includes 里写有哪些课，用 | 分开"]
    wrong = bundles.faults(tx, contents.includes)
    return (
        (False, wrong) if wrong else (bundles.set_courses(tx, course.course_id, contents.includes, now).moved, [])
    )


def _membership(tx: Tx, course: Course, contents: Contents) -> tuple[bool, list[str]]:
    kept = tx.memberships.plan(course.course_id)
    months = contents.months if contents.months is not None else kept.months if kept else None
    if months is None:
        return False, ["会员要在 months 里写几个月"]
    opens = contents.opens if contents.opens is not None else kept.categories if kept else ()
    wrong = membership.faults(months, opens, membership.categories_of(tx))
    return (False, wrong) if wrong else (membership.set_plan(tx, Plan(course.course_id, months, opens)), [])


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|") if part.strip())
