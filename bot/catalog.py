"""The catalogue as admins keep it: files of courses and lessons that import whole or not at all, single edits."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot import contents
from bot.contents import Contents
from bot.errors import ImportRefused, NotAllowed, NotFound
from bot.models import Course, CourseStatus, Kind, Lesson
from bot.store import Tx

REQUIRED = ("course_id", "title", "price")
LESSON_REQUIRED = ("course_id", "position", "title")
ID_PATTERN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.+:-]{0,63}")
PRICE = re.compile(r"¥?\s*((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*元?", re.ASCII)
LINE_BREAKS = re.compile(r"\s*[\t\r\n\v\f\x85\u2028\u2029]\s*")
LONGEST_TITLE = 100
LONGEST_TEXT = 5000
LONGEST_URL = 1024
LONGEST_ARTICLE = 512  # it stands in a message
APP_ID = re.compile(r"wx[0-9a-z]{16}")
MINI_PATH = re.compile(r"(?!/)[0-9A-Za-z_./?=&%+:,;~-]{1,256}")
HIGHEST_FEN = 10_000_000
MOST_MINUTES = 100_000
MOST_LESSONS = 10_000
BATCH = 200


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows were new, changed or the same as before, and how many retired courses are on sale again."""

    added: int
    changed: int
    same: int
    reopened: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a file: the course it describes, and the fields of which the file says nothing.

    ``contents`` is what it holds if it is not a course; ``line`` is where it stands.
    """

    course: Course
    silent: frozenset[str]
    contents: Contents = contents.SILENT
    line: int = 0

    def over(self, stored: Course | None) -> Course:
        """Return the course to keep: what the file does not say stays as it is stored."""
        if stored is None:
            return self.course
        return replace(self.course, **{name: getattr(stored, name) for name in self.silent})


def price_fen(text: str, what: str = "价格") -> int:
    """Turn yuan as people write them ("99", "¥1,299.00") into fen. ``ValueError`` says what it should be."""
    written = PRICE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if written is None:
        raise ValueError(f"{what} {text!r} 不是金额，应形如 99.00")
    fen = Decimal(written[1].replace(",", "")) * 100
    if fen != fen.to_integral_value() or fen > HIGHEST_FEN:
        raise ValueError(f"{what} {text!r} 应在 0 到 {HIGHEST_FEN // 100} 元之间，最多两位小数")
    return int(fen)


# Cells ------------------------------------------------------------------------------------------------------


def _course_id(text: str) -> str:
    if not ID_PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} 应是 1 到 64 个字母、数字或 _ . + : -，以字母或数字开头")
    return text


def _text(longest: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"太长（{len(text)} 字，最多 {longest} 字）")
        return text

    return read


def _line(longest: int) -> Callable[[str], str]:
    return lambda text: _text(longest)(LINE_BREAKS.sub(" ", text))


def _title(text: str) -> str:
    if not text:
        raise ValueError("不能为空")
    return _line(LONGEST_TITLE)(text)


def _count(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text and not (text.isascii() and text.isdigit() and int(text) <= most):
            raise ValueError(f"{text!r} 应是 0 到 {most} 的整数")
        return int(text or 0)

    return read


def _position(text: str) -> int:
    if (position := _count(MOST_LESSONS)(text)) < 1:
        raise ValueError("应从 1 开始")
    return position


def _free(text: str) -> bool:
    if text not in {"", "0", "1"}:
        raise ValueError(f"{text!r} 应是 0 或 1")
    return text == "1"


def _tags(text: str) -> tuple[str, ...]:
    parts = LINE_BREAKS.sub(" ", text).split("|")
    return tuple(dict.fromkeys(tag.strip() for tag in parts if tag.strip()))


def _cover(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/]\S*", text):
        raise ValueError(f"{text[:40]!r} 应是 https:// 或 http:// 开头的网址")
    return _text(LONGEST_URL)(text)


def _article(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/\"'<>]+[^\s\"'<>]*", text):
        raise ValueError(f"{text[:40]!r} 应是 https:// 或 http:// 开头的网址")
    return _text(LONGEST_ARTICLE)(text)


def _app_id(text: str) -> str:
    if text and not APP_ID.fullmatch(text):
        raise ValueError(f"{text[:40]!r} 应是小程序的 AppID，wx 开头的 18 位")
    return text


def _mini_path(text: str) -> str:
    if text and not MINI_PATH.fullmatch(text):
        raise ValueError(f"{text[:40]!r} 应形如 pages/course/index?id=1，不以 / 开头，最多 256 个字符")
    return text


def _status(text: str) -> CourseStatus:
    if text and text not in set(CourseStatus):
        raise ValueError(f"{text!r} 应是 {'、'.join(CourseStatus)} 之一")
    return CourseStatus(text or CourseStatus.PUBLISHED)


def _kind(text: str) -> Kind:
    if text and text not in set(Kind):
        raise ValueError(f"{text!r} 应是 {'、'.join(Kind)} 之一")
    return Kind(text or Kind.COURSE)


Columns = Mapping[str, Callable[[str], Any]]
COURSE_COLUMNS: Columns = {
    "course_id": _course_id,
    "title": _title,
    "subtitle": _line(LONGEST_TITLE),
    "teacher": _line(LONGEST_TITLE),
    "category": _line(LONGEST_TITLE),
    "tags": _tags,
    "description": _text(LONGEST_TEXT),
    "price": price_fen,
    "level": _line(20),
    "minutes": _count(MOST_MINUTES),
    "cover_url": _cover,
    "mini_program_appid": _app_id,
    "mini_program_path": _mini_path,
    "article_url": _article,
    "status": _status,
    "kind": _kind,
}
FILE_COLUMNS: Columns = {**COURSE_COLUMNS, **dict.fromkeys(contents.COLUMNS, str)}
LESSON_COLUMNS: Columns = {
    "course_id": _course_id,
    "position": _position,
    "title": _title,
    "minutes": _count(MOST_MINUTES),
    "free": _free,
    "body": _text(LONGEST_TEXT),
}
FIELD_OF = {"price": "price_fen"}  # the other columns are called like the fields of a course


def _cells(row: Mapping[str, str], columns: Columns) -> tuple[dict[str, Any], list[str]]:
    """Read the cells of one row; returns the values and what is wrong with the others."""
    values, problems = {}, []
    for column, read in columns.items():
        try:
            values[column] = read(row.get(column, "").strip())
        except ValueError as error:
            problems.append(str(error) if column == "price" else f"{column} {error}")
    if bool(row.get("mini_program_appid", "").strip()) != bool(row.get("mini_program_path", "").strip()):
        problems.append("mini_program_appid 和 mini_program_path 要一起填")
    return values, problems


# Files ------------------------------------------------------------------------------------------------------


Fault = tuple[int, str]  # the line, 0 for the whole file, and what is wrong


@dataclass(slots=True)
class _Sheet:
    """A CSV file, read as far as it can be: rows with their lines, the ids in all of them, what is wrong."""

    header: list[str] = field(default_factory=list)
    rows: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    problems: list[Fault] = field(default_factory=list)


def _sheet(data: bytes, columns: Columns, required: Sequence[str]) -> _Sheet:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _Sheet(problems=[(0, "文件不是 UTF-8 编码；用表格软件另存为“CSV UTF-8”")])
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        return _Sheet(problems=[(0, f"第 {reader.line_num} 行附近不是合法的 CSV：{error}")])
    if not lines:
        return _Sheet(problems=[(0, "文件是空的")])
    header = [cell.strip() for cell in _without_empty_end(lines[0][1], 0)]
    problems = [f"缺少列 {column}" for column in required if column not in header]
    problems += [f"不认识的列 {column!r}，应是 {'、'.join(columns)}" for column in header if column not in columns]
    problems += [f"列 {column} 出现了两次" for column in sorted({c for c in header if header.count(c) > 1})]
    if problems:
        return _Sheet(problems=[(0, problem) for problem in problems])
    sheet = _Sheet(header)
    for line, written in lines[1:]:
        cells = _without_empty_end(written, len(header))
        sheet.named.update(
            cell.strip() for cell, column in zip(cells, header, strict=False) if column == "course_id"
        )
        if len(cells) == len(header):
            sheet.rows.append((line, dict(zip(header, cells, strict=True))))
        else:
            sheet.problems.append((line, f"第 {line} 行有 {len(cells)} 格，表头有 {len(header)} 格"))
    return sheet


def _in_order(problems: list[Fault]) -> list[str]:
    return [sentence for _line, sentence in sorted(problems)]


def _without_empty_end(cells: list[str], least: int) -> list[str]:
    """Drop the empty cells that spreadsheets put at the end of a row."""
    end = len(cells)
    while end > least and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _absent(sheet: _Sheet, columns: Columns) -> frozenset[str]:
    """Return the fields for which the file has no column."""
    return frozenset(FIELD_OF.get(column, column) for column in columns if column not in sheet.header)


@dataclass(slots=True)
class _Courses:
    entries: dict[str, Entry] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    problems: list[Fault] = field(default_factory=list)


def _courses(data: bytes) -> _Courses:
    sheet = _sheet(data, FILE_COLUMNS, REQUIRED)
    found = _Courses(named=sheet.named, problems=sheet.problems)
    seen = set()
    absent = _absent(sheet, COURSE_COLUMNS)
    for line, row in sheet.rows:
        course_id = row["course_id"].strip()
        values, problems = _cells(row, COURSE_COLUMNS)
        held, wrong = contents.read(row)
        problems += wrong
        if course_id in seen:
            problems.append(f"course_id {course_id} 前面已经出现过")
        seen.add(course_id)
        if problems:
            found.problems.append((line, f"第 {line} 行：{'；'.join(problems)}"))
            continue
        unsaid = {name for name in ("status", "kind") if not row.get(name, "").strip()}
        found.entries[course_id] = Entry(_course(values), absent | {"created_at"} | unsaid, held, line)
    return found


def _course(values: Mapping[str, Any]) -> Course:
    return Course(**{FIELD_OF.get(column, column): value for column, value in values.items()})


@dataclass(slots=True)
class _Lessons:
    of: dict[str, list[Lesson]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    problems: list[Fault] = field(default_factory=list)


def _lessons(data: bytes, known: Collection[str] | None) -> _Lessons:
    """Read lessons by course; ``known`` are the courses that lessons may be of, None for any."""
    sheet = _sheet(data, LESSON_COLUMNS, LESSON_REQUIRED)
    problems = sheet.problems
    lessons: dict[str, dict[int, Lesson]] = {}
    for line, row in sheet.rows:
        values, wrong = _cells(row, LESSON_COLUMNS)
        course_id, position = values.get("course_id"), values.get("position")
        if course_id is not None and known is not None and course_id not in known:
            wrong.append(f"没有课程 {course_id}，请先导入课程")
        if position is not None and position in lessons.get(course_id or "", {}):
            wrong.append(f"{course_id} 的第 {position} 课出现了两次")
        if wrong:
            problems.append((line, f"第 {line} 行：{'；'.join(wrong)}"))
            continue
        lesson = Lesson(**values)
        lessons.setdefault(lesson.course_id, {})[lesson.position] = lesson
    in_order = {course_id: [of[at] for at in sorted(of)] for course_id, of in lessons.items()}
    return _Lessons(in_order, _absent(sheet, LESSON_COLUMNS), problems)


def read_course(row: Mapping[str, str]) -> Course:
    """Check one course by the rules of the import, columns by name. ``NotAllowed`` names every fault."""
    values, problems = _cells(row, COURSE_COLUMNS)
    problems = problems or contents.faults(_course(values), contents.SILENT)
    if problems:
        raise NotAllowed("；".join(problems))
    return _course(values)


def read_courses(data: bytes, name: str) -> list[Course]:
    """Read a file of courses. ``ImportRefused`` names each bad row and what is wrong with it."""
    found = _courses(data)
    if found.problems:
        raise ImportRefused(name, _in_order(found.problems))
    return [entry.course for entry in found.entries.values()]


def read_lessons(data: bytes, name: str) -> dict[str, list[Lesson]]:
    """Read a file of lessons, by course. ``ImportRefused`` names each bad row."""
    found = _lessons(data, None)
    if found.problems:
        raise ImportRefused(name, _in_order(found.problems))
    return found.of


@dataclass(frozen=True, slots=True)
class File:
    """A file to import."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Import:
    """What is to be imported; ``silent`` are the fields of lessons of which their file says nothing."""

    courses: list[Entry]
    lessons: dict[str, list[Lesson]]
    silent: frozenset[str]


def read_files(courses: File | None, lessons: File | None, known: Collection[str]) -> Import:
    """Read what is to be imported together; ``known`` are the ids of the courses that are there already.

    ``ImportRefused`` names each bad row of both files at once.
    """
    found = _courses(courses.data) if courses else _Courses()
    # Lessons of courses that could not be read are not blamed for it.
    unreadable = courses is not None and bool(found.problems) and not found.named
    theirs = None if unreadable else {*known, *found.named}
    taught = _lessons(lessons.data, theirs) if lessons else _Lessons()
    refused = [
        (file.name, _in_order(problems))
        for file, problems in ((courses, found.problems), (lessons, taught.problems))
        if file and problems
    ]
    if len(refused) == 1:
        raise ImportRefused(*refused[0])
    if refused:
        together = [f"{name} {problem}" for name, problems in refused for problem in problems]
        raise ImportRefused("、".join(name for name, _problems in refused), together)
    return Import(list(found.entries.values()), taught.of, taught.silent)


# Keeping ----------------------------------------------------------------------------------------------------


def store_entries(
    tx: Tx,
    entries: Sequence[Entry],
    now: datetime,
    tick: Callable[[int], None] = lambda _count: None,
    *,
    name: str = "",
) -> Imported:
    """Keep the items of a file; what the file does not say of one that is there already stays as it is.

    ``ImportRefused`` for what bundles and memberships cannot hold; the caller's transaction is given up then.
    """
    kept = {course.course_id: course for course in tx.courses.all()}
    courses = [entry.over(kept.get(entry.course.course_id)) for entry in entries]
    problems = [
        f"第 {entry.line} 行：{fault}"
        for entry, course in zip(entries, courses, strict=True)
        for fault in _kind_faults(course, kept.get(course.course_id), entry.contents)
    ]
    if problems:
        raise ImportRefused(name, problems)
    reopened = sum(
        course.on_sale and kept[course.course_id].status is CourseStatus.RETIRED
        for course in courses
        if course.course_id in kept
    )
    done = replace(store_courses(tx, courses, now, tick), reopened=reopened)
    rows = [
        (f"第 {entry.line} 行：", course, entry.contents) for entry, course in zip(entries, courses, strict=True)
    ]
    moved, problems = contents.store(tx, rows, now)
    if problems:
        raise ImportRefused(name, problems)
    within = sum(kept.get(course.course_id) == course for course in courses if course.course_id in moved)
    return replace(done, changed=done.changed + within, same=done.same - within)


def _kind_faults(course: Course, stored: Course | None, held: Contents) -> list[str]:
    if stored is not None and stored.kind is not course.kind:
        return [f"kind 不能从 {stored.kind} 改成 {course.kind}；换一个 course_id"]
    return contents.faults(course, held)


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
    tx: Tx,
    lessons: Mapping[str, list[Lesson]],
    name: str,
    tick: Callable[[int], None] = lambda _count: None,
    *,
    silent: Collection[str] = (),
) -> Imported:
    """Keep the lessons of each course in the place of its old ones; ``tick`` hears of every course.

    A lesson in the position of an old one takes over its ``silent`` fields. ``ImportRefused`` for unknown courses.
    """
    unknown = [course_id for course_id in lessons if tx.courses.get(course_id) is None]
    if unknown:
        raise ImportRefused(name, [f"没有课程 {course_id}，请先导入课程" for course_id in unknown])
    added = changed = same = 0
    for course_id, given in lessons.items():
        tick(1)
        before = tx.lessons.of(course_id)
        old = {each.position: each for each in before}
        wanted = [
            replace(each, **{key: getattr(old[each.position], key) for key in silent})
            if each.position in old
            else each
            for each in given
        ]
        if before == wanted:
            same += 1
            continue
        added, changed = added + (not before), changed + bool(before)
        tx.lessons.replace(course_id, wanted)
    return Imported(added, changed, same)


def without_lessons(tx: Tx, course_ids: Collection[str]) -> list[str]:
    """Return those of the courses that have no lessons yet; bundles and memberships need none."""
    others = {course.course_id for course in tx.courses.all() if course.kind is not Kind.COURSE}
    return [course_id for course_id in course_ids if course_id not in others and not tx.lessons.of(course_id)]


def get(tx: Tx, course_id: str) -> Course:
    """Return a course, whatever its status. ``NotFound`` says how to look for it."""
    course = tx.courses.get(course_id)
    if course is None:
        raise NotFound(f"没有课程 {course_id}；用 courses list 看有哪些")
    return course


def set_status(tx: Tx, course_id: str, status: CourseStatus, now: datetime) -> tuple[Course, bool]:
    """Publish or retire a course; tells whether that changed anything."""
    edited = replace(get(tx, course_id), status=status)
    return edited, bool(store_courses(tx, [edited], now).changed)
