"""``courses``: import, list, show, add, edit, publish, retire."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bot import catalog
from bot.errors import ImportRefused, NotFound
from bot.models import Course, CourseStatus, Lesson
from handlers.cli.common import Desk, sentences, show, yuan

FIELDS = ("title", "subtitle", "teacher", "category", "tags", "description", "price", "level", "minutes", "status")


@click.group("courses", help="课程：导入、查看、上架、下架。")
def group() -> None:
    """Gather the commands."""


@group.command("import", help="从 CSV 导入课程（UTF-8，表头见 README）；有一行不对就一行也不导入。")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--lessons", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="课时 CSV")
@click.pass_obj
def import_(desk: Desk, file: Path, lessons: Path | None) -> None:
    """Import a file of courses, and one of lessons, whole or not at all."""
    with sentences():
        courses = catalog.read_courses(file.read_bytes(), file.name)
        steps = catalog.read_lessons(lessons.read_bytes(), lessons.name) if lessons else {}
    now = datetime.now(UTC)
    with desk.store() as store, click.progressbar(length=len(courses) + len(steps), label="导入") as bar:

        def work(tx: Any) -> tuple[catalog.Imported, catalog.Imported | None]:
            done = catalog.store_courses(tx, courses, now, bar.update)
            taught = catalog.store_lessons(tx, steps, lessons.name, bar.update) if lessons else None
            return done, taught

        done, taught = store.write_now(work, durable=True)
    click.echo(f"课程：新增 {done.added}，更新 {done.changed}，未变 {done.same}")
    if taught is not None:
        click.echo(f"课时：{taught.added} 门课新增，{taught.changed} 门更新，{taught.same} 门未变")


@group.command("list", help="列出课程。")
@click.option("--status", type=click.Choice([each.value for each in CourseStatus]), help="只看某种状态")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, status: str | None, as_json: bool) -> None:
    """List the courses."""
    with desk.store() as store:
        found = store.write_now(lambda tx: tx.courses.all(status=CourseStatus(status) if status else None))
    rows = [
        {"course_id": c.course_id, "title": c.title, "price_fen": c.price_fen, "status": c.status.value}
        for c in found
    ]
    show(rows, as_json=as_json, empty="还没有课程；用 courses import 导入")


@group.command("show", help="查看一门课和它的课时。")
@click.argument("course_id")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, course_id: str, as_json: bool) -> None:
    """Show one course."""
    with desk.store() as store:
        course, lessons = store.write_now(lambda tx: (_get(tx, course_id), tx.lessons.of(course_id)))
    row = {**asdict(course), "status": course.status.value, "lessons": _titles(lessons)}
    if as_json:
        show([row], as_json=True, empty="")
        return
    row = {name: value for name, value in row.items() if name != "price_fen"} | {"price": yuan(course.price_fen)}
    for name, value in row.items():
        click.echo(f"{name:<12} {'、'.join(value) if isinstance(value, (list, tuple)) else value}")


@group.command("add", help="添加一门课。")
@click.argument("course_id")
@click.option("--title", required=True, help="课程名")
@click.option("--price", required=True, help="价格（元），如 99.00")
@click.option("--subtitle", default="", help="一句话简介")
@click.option("--teacher", default="", help="老师")
@click.option("--category", default="", help="分类")
@click.option("--tags", default="", help="标签，用 | 分开")
@click.option("--description", default="", help="介绍")
@click.option("--level", default="", help="难度")
@click.option("--minutes", default="", help="总时长（分钟）")
@click.option("--status", default="draft", show_default=True, help="draft、published 或 retired")
@click.pass_obj
def add(desk: Desk, /, course_id: str, **fields: str) -> None:
    """Add one course; an existing id is refused."""

    def work(tx: Any) -> None:
        if tx.courses.get(course_id) is not None:
            raise ImportRefused(course_id, [f"课程 {course_id} 已经有了；用 courses edit 修改"])
        catalog.store_courses(tx, [_read(course_id, fields)], datetime.now(UTC))

    with desk.store() as store:
        store.write_now(work, durable=True)
    click.echo(f"已添加 {course_id}")


@group.command("edit", help="修改一门课；只写要改的项。")
@click.argument("course_id")
@click.option("--title", help="课程名")
@click.option("--price", help="价格（元）")
@click.option("--subtitle", help="一句话简介")
@click.option("--teacher", help="老师")
@click.option("--category", help="分类")
@click.option("--tags", help="标签，用 | 分开")
@click.option("--description", help="介绍")
@click.option("--level", help="难度")
@click.option("--minutes", help="总时长（分钟）")
@click.option("--status", help="draft、published 或 retired")
@click.pass_obj
def edit(desk: Desk, /, course_id: str, **fields: str | None) -> None:
    """Change some fields of one course."""

    def work(tx: Any) -> None:
        before = _get(tx, course_id)
        values = {**_written(before), **{name: value for name, value in fields.items() if value is not None}}
        catalog.store_courses(tx, [_read(course_id, values)], datetime.now(UTC))

    with desk.store() as store:
        store.write_now(work, durable=True)
    click.echo(f"已修改 {course_id}，运行中的服务会自动更新")


@group.command("publish", help="上架一门课。")
@click.argument("course_id")
@click.pass_obj
def publish(desk: Desk, course_id: str) -> None:
    """Publish one course."""
    _set(desk, course_id, CourseStatus.PUBLISHED)


@group.command("retire", help="下架一门课；已购的人照常学习。")
@click.argument("course_id")
@click.pass_obj
def retire(desk: Desk, course_id: str) -> None:
    """Retire one course."""
    _set(desk, course_id, CourseStatus.RETIRED)


def _set(desk: Desk, course_id: str, status: CourseStatus) -> None:
    with desk.store() as store:
        course = store.write_now(
            lambda tx: catalog.set_status(tx, course_id, status, datetime.now(UTC)), durable=True
        )
    click.echo(f"《{course.title}》现在是 {course.status}")


def _get(tx: Any, course_id: str) -> Course:
    course: Course | None = tx.courses.get(course_id)
    if course is None:
        raise NotFound(f"没有课程 {course_id}；用 courses list 看有哪些")
    return course


def _written(course: Course) -> dict[str, str]:
    """Return a course's fields as the import file would have them."""
    values = {name: str(getattr(course, name)) for name in FIELDS if name not in {"price", "tags"}}
    return {**values, "price": yuan(course.price_fen), "tags": "|".join(course.tags), "cover_url": course.cover_url}


def _read(course_id: str, fields: Any) -> Course:
    """Check one course by the very rules of the import."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["course_id", *fields])
    writer.writeheader()
    writer.writerow({"course_id": course_id, **fields})
    return catalog.read_courses(text.getvalue().encode(), course_id)[0]


def _titles(lessons: list[Lesson]) -> list[str]:
    return [f"{each.position}. {each.title}" for each in lessons]
