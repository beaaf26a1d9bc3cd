"""Courses, lessons, progress in them, and how popular each course is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.models import Course, CourseStatus, Kind, Lesson
from bot.store.rows import Row, Rows, epoch, instant

COURSE = (
    "course_id, title, price_fen, status, subtitle, teacher, category, tags, description, level, minutes,"
    " cover_url, created_at, mini_program_appid, mini_program_path, article_url, kind"
)


def _course(row: Row) -> Course:
    return Course(
        course_id=row[0],
        title=row[1],
        price_fen=row[2],
        status=CourseStatus(row[3]),
        subtitle=row[4],
        teacher=row[5],
        category=row[6],
        tags=tuple(row[7].split("|")) if row[7] else (),
        description=row[8],
        level=row[9],
        minutes=row[10],
        cover_url=row[11],
        created_at=instant(row[12]),
        mini_program_appid=row[13],
        mini_program_path=row[14],
        article_url=row[15],
        kind=Kind(row[16]),
    )


def _values(course: Course, now: datetime) -> tuple[object, ...]:
    return (
        course.course_id,
        course.title,
        course.price_fen,
        course.status.value,
        course.subtitle,
        course.teacher,
        course.category,
        "|".join(course.tags),
        course.description,
        course.level,
        course.minutes,
        course.cover_url,
        epoch(course.created_at or now),
        course.mini_program_appid,
        course.mini_program_path,
        course.article_url,
        course.kind.value,
    )


class Courses:
    """The catalogue."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, course_id: str) -> Course | None:
        """Return one course, whatever its status."""
        row = self._rows.one(f"select {COURSE} from courses where course_id = ?", course_id)
        return _course(row) if row else None

    def all(self, *, status: CourseStatus | None = None) -> list[Course]:
        """Return courses in the order of their ids."""
        if status is None:
            rows = self._rows.all(f"select {COURSE} from courses order by course_id")
        else:
            rows = self._rows.all(
                f"select {COURSE} from courses where status = ? order by course_id",
                status.value,
            )
        return [_course(row) for row in rows]

    def put_many(self, courses: Iterable[Course], now: datetime) -> None:
        """Add or replace courses; the day a course was first seen stays."""
        self._rows.run_many(
            f"insert into courses ({COURSE}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " on conflict (course_id) do update set title = excluded.title, price_fen = excluded.price_fen,"
            " status = excluded.status, subtitle = excluded.subtitle, teacher = excluded.teacher,"
            " category = excluded.category, tags = excluded.tags, description = excluded.description,"
            " level = excluded.level, minutes = excluded.minutes, cover_url = excluded.cover_url,"
            " mini_program_appid = excluded.mini_program_appid, mini_program_path = excluded.mini_program_path,"
            " article_url = excluded.article_url, kind = excluded.kind",
            [_values(course, now) for course in courses],
        )


class Lessons:
    """The steps of each course, and who finished which."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def of(self, course_id: str) -> list[Lesson]:
        """Return the lessons of a course in order."""
        rows = self._rows.all(
            "select course_id, position, title, minutes, free, body from lessons where course_id = ?"
            " order by position",
            course_id,
        )
        return [Lesson(row[0], row[1], row[2], row[3], bool(row[4]), row[5]) for row in rows]

    def replace(self, course_id: str, lessons: Iterable[Lesson]) -> None:
        """Put these lessons in the place of a course's old ones."""
        self._rows.run("delete from lessons where course_id = ?", course_id)
        self._rows.run_many(
            "insert into lessons (course_id, position, title, minutes, free, body) values (?, ?, ?, ?, ?, ?)",
            [(course_id, each.position, each.title, each.minutes, int(each.free), each.body) for each in lessons],
        )

    def finish(self, openid: str, course_id: str, position: int, now: datetime) -> bool:
        """Note that a lesson was finished; False when it was before."""
        return bool(
            self._rows.run(
                "insert into progress (openid, course_id, position, finished_at) values (?, ?, ?, ?)"
                " on conflict do nothing",
                openid,
                course_id,
                position,
                epoch(now),
            )
        )

    def begun(self, openid: str) -> list[str]:
        """Return the courses of which a follower has finished a lesson, the latest first."""
        rows = self._rows.all(
            "select course_id from progress where openid = ? group by course_id"
            " order by max(finished_at) desc, course_id",
            openid,
        )
        return [row[0] for row in rows]

    def finished(self, openid: str, course_id: str) -> set[int]:
        """Return the positions a follower has finished."""
        rows = self._rows.all("select position from progress where openid = ? and course_id = ?", openid, course_id)
        return {row[0] for row in rows}


class PopularityScores:
    """One decayed count a course, with the moment it was valid."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def all(self) -> dict[str, tuple[float, float]]:
        """Return course id → (score, epoch seconds)."""
        rows = self._rows.all("select course_id, score, at from popularity")
        return {row[0]: (row[1], float(row[2])) for row in rows}

    def get(self, course_id: str) -> tuple[float, float] | None:
        """Return (score, epoch seconds) of one course."""
        row = self._rows.one("select score, at from popularity where course_id = ?", course_id)
        return (row[0], float(row[1])) if row else None

    def put(self, course_id: str, score: float, at: float) -> None:
        """Keep the count of one course."""
        self._rows.run(
            "insert into popularity (course_id, score, at) values (?, ?, ?)"
            " on conflict (course_id) do update set score = excluded.score, at = excluded.at",
            course_id,
            float(score),
            int(at),
        )

    def clear(self) -> None:
        """Forget all counts, before they are counted anew."""
        self._rows.run("delete from popularity")


class Trials:
    """How new courses fared in the place kept for them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def all(self) -> dict[str, tuple[int, int]]:
        """Return course id → how often it was (shown, opened)."""
        return {row[0]: (row[1], row[2]) for row in self._rows.all("select course_id, shown, taken from trials")}

    def show(self, course_id: str) -> None:
        """Count one showing."""
        self._rows.run(
            "insert into trials (course_id, shown) values (?, 1)"
            " on conflict (course_id) do update set shown = shown + 1",
            course_id,
        )

    def take(self, course_id: str) -> None:
        """Count one opening."""
        self._rows.run(
            "insert into trials (course_id, taken) values (?, 1)"
            " on conflict (course_id) do update set taken = taken + 1",
            course_id,
        )
