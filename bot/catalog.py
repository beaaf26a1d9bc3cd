"""The catalogue as admins keep it: files of courses and lessons that import whole or not at all, single edits."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation

from bot.errors import ImportRefused, NotFound
from bot.models import Course, CourseStatus, Lesson
from bot.store import Tx

COURSE_COLUMNS = (
    "course_id",
    "title",
    "subtitle",
    "teacher",
    "category",
    "tags",
    "description",
    "price",
    "level",
    "minutes",
    "cover_url",
    "status",
)
LESSON_COLUMNS = ("course_id", "position", "title", "minutes", "free", "body")
REQUIRED = ("course_id", "title", "price")
ID_PATTERN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.+:-]{0,63}")
LONGEST_TITLE = 100
LONGEST_TEXT = 5000
HIGHEST_FEN = 10_000_000
MOST_MINUTES = 100_000
BATCH = 200


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows were new, changed, or the same as before."""

    added: int
    changed: int
    same: int


def price_fen(text: str) -> int:
    """Turn yuan as people write them ("99", "99.00") into fen. ``ValueError`` says what it should be."""
    try:
        fen = Decimal(text.strip()) * 100
    except InvalidOperation:
        raise ValueError(f"价格 {text!r} 不是数字，应形如 99.00") from None
    if not fen.is_finite() or fen != fen.to_integral_value() or not 0 <= fen <= HIGHEST_FEN:
        raise ValueError(f"价格 {text!r} 应在 0 到 {HIGHEST_FEN // 100} 元之间，最多两位小数")
    return int(fen)


def _text(row: Mapping[str, str], column: str, longest: int) -> str:
    value = row.get(column, "").strip()
    if len(value) > longest:
        raise ValueError(f"{column} 太长（{len(value)} 字，最多 {longest} 字）")
    return value


def _count(row: Mapping[str, str], column: str, most: int) -> int:
    text = row.get(column, "").strip()
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise ValueError(f"{column} {text!r} 应是 0 到 {most} 的整数")
    return int(text)


def _course(row: Mapping[str, str]) -> Course:
    """Read one row. ``ValueError`` says what is wrong with it."""
    course_id = row["course_id"].strip()
    if not ID_PATTERN.fullmatch(course_id):
        raise ValueError(f"course_id {course_id!r} 应是 1 到 64 个字母、数字或 _ . + : -，以字母或数字开头")
    title = _text(row, "title", LONGEST_TITLE)
    if not title:
        raise ValueError("title 不能为空")
    status = row.get("status", "").strip() or CourseStatus.PUBLISHED.value
    if status not in set(CourseStatus):
        raise ValueError(f"status {status!r} 应是 {'、'.join(CourseStatus)} 之一")
    return Course(
        course_id=course_id,
        title=title,
        price_fen=price_fen(row["price"]),
        status=CourseStatus(status),
        subtitle=_text(row, "subtitle", LONGEST_TITLE),
        teacher=_text(row, "teacher", LONGEST_TITLE),
        category=_text(row, "category", LONGEST_TITLE),
        tags=tuple(dict.fromkeys(tag.strip() for tag in row.get("tags", "").split("|") if tag.strip())),
        description=_text(row, "description", LONGEST_TEXT),
        level=_text(row, "level", 20),
        minutes=_count(row, "minutes", MOST_MINUTES),
        cover_url=_text(row, "cover_url", 1024),
    )


def _lesson(row: Mapping[str, str]) -> Lesson:
    position = _count(row, "position", 10_000)
    if position < 1:
        raise ValueError("position 应从 1 开始")
    free = row.get("free", "").strip() or "0"
    if free not in {"0", "1"}:
        raise ValueError(f"free {free!r} 应是 0 或 1")
    title = _text(row, "title", LONGEST_TITLE)
    if not title:
        raise ValueError("title 不能为空")
    return Lesson(
        course_id=row["course_id"].strip(),
        position=position,
        title=title,
        minutes=_count(row, "minutes", MOST_MINUTES),
        free=free == "1",
        body=_text(row, "body", LONGEST_TEXT),
    )


def _rows(
    data: bytes, name: str, columns: Sequence[str], required: Sequence[str]
) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV file as (line number, row). ``ImportRefused`` when it is no such file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImportRefused(name, ["文件不是 UTF-8 编码；用表格软件另存为“CSV UTF-8”"]) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise ImportRefused(name, [f"第 {reader.line_num} 行附近不是合法的 CSV：{error}"]) from None
    if not lines:
        raise ImportRefused(name, ["文件是空的"])
    header = [cell.strip() for cell in lines[0][1]]
    problems = [f"缺少列 {column}" for column in required if column not in header]
    problems += [f"不认识的列 {column!r}，应是 {'、'.join(columns)}" for column in header if column not in columns]
    problems += [f"列 {column} 出现了两次" for column in sorted({c for c in header if header.count(c) > 1})]
    problems += [
        f"第 {line} 行有 {len(cells)} 格，表头有 {len(header)} 格"
        for line, cells in lines[1:]
        if len(cells) != len(header)
    ]
    if problems:
        raise ImportRefused(name, problems)
    return [(line, dict(zip(header, cells, strict=True))) for line, cells in lines[1:]]


def read_courses(data: bytes, name: str) -> list[Course]:
    """Read a file of courses. ``ImportRefused`` names each bad row and what is wrong with it."""
    courses: dict[str, Course] = {}
    problems = []
    for line, row in _rows(data, name, COURSE_COLUMNS, REQUIRED):
        try:
            course = _course(row)
        except ValueError as error:
            problems.append(f"第 {line} 行：{error}")
            continue
        if course.course_id in courses:
            problems.append(f"第 {line} 行：course_id {course.course_id} 前面已经出现过")
        courses[course.course_id] = course
    if problems:
        raise ImportRefused(name, problems)
    return list(courses.values())


def read_lessons(data: bytes, name: str) -> dict[str, list[Lesson]]:
    """Read a file of lessons, by course. ``ImportRefused`` names each bad row."""
    lessons: dict[str, dict[int, Lesson]] = {}
    problems = []
    for line, row in _rows(data, name, LESSON_COLUMNS, ("course_id", "position", "title")):
        try:
            lesson = _lesson(row)
        except ValueError as error:
            problems.append(f"第 {line} 行：{error}")
            continue
        of_course = lessons.setdefault(lesson.course_id, {})
        if lesson.position in of_course:
            problems.append(f"第 {line} 行：{lesson.course_id} 的第 {lesson.position} 课出现了两次")
        of_course[lesson.position] = lesson
    if problems:
        raise ImportRefused(name, problems)
    return {course_id: [of[at] for at in sorted(of)] for course_id, of in lessons.items()}


def store_courses(
    tx: Tx, courses: Sequence[Course], now: datetime, tick: Callable[[int], None] = lambda _count: None
) -> Imported:
    """Keep courses; the ones that are as before are left alone, and running servers are told of the others.

    ``tick`` hears how many more courses are dealt with, as the work goes on.
    """
    kept = {course.course_id: replace(course, created_at=None) for course in tx.courses.all()}
    fresh = [course for course in courses if kept.get(course.course_id) != replace(course, created_at=None)]
    tick(len(courses) - len(fresh))
    for start in range(0, len(fresh), BATCH):
        batch = fresh[start : start + BATCH]
        tx.courses.put_many(batch, now)
        tick(len(batch))
    if fresh:
        tx.versions.bump("catalogue")
    added = sum(course.course_id not in kept for course in fresh)
    return Imported(added, len(fresh) - added, len(courses) - len(fresh))


def store_lessons(
    tx: Tx, lessons: Mapping[str, list[Lesson]], name: str, tick: Callable[[int], None] = lambda _count: None
) -> Imported:
    """Keep the lessons of each course in the place of its old ones; ``tick`` hears of every course.

    ``ImportRefused`` for unknown courses.
    """
    unknown = [course_id for course_id in lessons if tx.courses.get(course_id) is None]
    if unknown:
        raise ImportRefused(name, [f"没有课程 {course_id}，请先导入课程" for course_id in unknown])
    added = changed = same = 0
    for course_id, wanted in lessons.items():
        tick(1)
        before = tx.lessons.of(course_id)
        if before == wanted:
            same += 1
            continue
        added, changed = added + (not before), changed + bool(before)
        tx.lessons.replace(course_id, wanted)
    return Imported(added, changed, same)


def set_status(tx: Tx, course_id: str, status: CourseStatus, now: datetime) -> Course:
    """Publish or retire a course."""
    course = tx.courses.get(course_id)
    if course is None:
        raise NotFound(f"没有课程 {course_id}；用 courses list 看有哪些")
    edited = replace(course, status=status)
    store_courses(tx, [edited], now)
    return edited
