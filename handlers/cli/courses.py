"""``courses``: import, list, show, add, edit, publish, retire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bot import catalog
from bot.amounts import yuan
from bot.errors import NotAllowed
from bot.models import Course, CourseStatus, Kind, Lesson
from handlers.cli.common import Desk, show, show_one, word

STATUS = click.Choice([each.value for each in CourseStatus])
SHOWN_IDS = 10
COLUMNS = """\b
课程的列（前三列必有，其余可省）：
  course_id    课程编号，字母和数字，如 EDU001
  title        课程名
  price        价格（元），如 99.00；免费写 0
  subtitle     一句话简介
  teacher      老师
  category     分类
  tags         标签，用 | 分开
  description  介绍，可以换行
  level        难度
  minutes      总时长（分钟）
  cover_url    封面图片的网址
  mini_program_appid、mini_program_path
               小程序的 AppID 和页面，一起填
  article_url  图文介绍的网址
  kind         course 课程、bundle 专栏、membership 会员；
               不写就是课程，有了就不能改
  includes     专栏里有哪些课的编号，用 | 分开
  months       会员几个月
  opens        会员能看哪些分类，用 | 分开；空着是全部
  status       draft 草稿、published 上架、retired 下架；新课不写就上架

\b
课时的列（前三列必有，其余可省）：
  course_id    属于哪门课
  position     第几课，从 1 开始
  title        课时名
  minutes      时长（分钟）
  free         1 可以试看，0 买了才能看
  body         正文

\b
对已有的课程，表头里没有的列保持原样，空着的格会清空；
状态只有填了才改。一门课的课时整体替换，
同一课没有的列也保持原样。
"""


@click.group("courses", help="课程：导入、查看、上架、下架。")
def group() -> None:
    """Gather the commands."""


@group.command("import", help=f"从 CSV（UTF-8）导入课程和课时；有一行不对就一行也不导入。\n\n{COLUMNS}")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--lessons", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="课时 CSV，可以单独导入"
)
@click.pass_obj
def import_(desk: Desk, file: Path | None, lessons: Path | None) -> None:
    """Import a file of courses, one of lessons, or both; whole or not at all."""
    if file is None and lessons is None:
        raise click.UsageError("写上课程文件，或用 --lessons 写课时文件")
    with desk.store() as store:
        known = store.write_now(lambda tx: {course.course_id for course in tx.courses.all()})
        given = catalog.read_files(_file(file), _file(lessons), known)
        with click.progressbar(length=len(given.courses) + len(given.lessons), label="导入") as bar:

            def work(tx: Any) -> tuple[catalog.Imported, catalog.Imported, list[str]]:
                now, names = datetime.now(UTC), [each.name if each else "" for each in (file, lessons)]
                done = catalog.store_entries(tx, given.courses, now, bar.update, name=names[0])
                taught = catalog.store_lessons(tx, given.lessons, names[1], bar.update, silent=given.silent)
                on_sale = [c.course_id for c in tx.courses.all(status=CourseStatus.PUBLISHED)]
                return done, taught, catalog.without_lessons(tx, on_sale)

            done, taught, bare = store.write_now(work, durable=True)
    if file is not None:
        reopened = f"，重新上架 {done.reopened} 门" if done.reopened else ""
        click.echo(f"课程：新增 {done.added}，更新 {done.changed}，未变 {done.same}{reopened}")
    if lessons is not None:
        click.echo(f"课时：{taught.added} 门课新增，{taught.changed} 门更新，{taught.same} 门未变")
    _mention(bare)


def _file(path: Path | None) -> catalog.File | None:
    return catalog.File(path.name, path.read_bytes()) if path else None


def _mention(bare: Sequence[str]) -> None:
    """Say which courses have nothing to learn in them yet."""
    if bare:
        more = " 等" if len(bare) > SHOWN_IDS else ""
        shown = f"{'、'.join(bare[:SHOWN_IDS])}{more}"
        click.echo(f"{len(bare)} 门课还没有课时：{shown}；用 courses import --lessons 课时.csv 导入")


@group.command("list", help="列出课程。")
@click.option("--status", type=STATUS, help="只看某种状态")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, status: str | None, as_json: bool) -> None:
    """List the courses."""
    with desk.store() as store:
        found = store.write_now(lambda tx: tx.courses.all(status=CourseStatus(status) if status else None))
    rows = [
        {
            "course_id": c.course_id,
            "title": c.title,
            "price_fen": c.price_fen,
            "status": c.status.value,
            "kind" if as_json else "item": c.kind.value,
        }
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
        course, lessons = store.write_now(lambda tx: (catalog.get(tx, course_id), tx.lessons.of(course_id)))
    row = {**asdict(course), "status": course.status.value, "lessons": _titles(lessons)}
    row["kind" if as_json else "item"] = row.pop("kind").value
    show_one(row, as_json=as_json)


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
@click.option("--cover-url", default="", help="封面图片的网址")
@click.option("--mini-program-appid", default="", help="小程序的 AppID")
@click.option("--mini-program-path", default="", help="小程序里的页面")
@click.option("--article-url", default="", help="图文介绍的网址")
@click.option("--status", type=STATUS, default="draft", show_default=True, help="草稿、上架或下架")
@click.option(
    "--kind",
    type=click.Choice([each.value for each in Kind]),
    default="course",
    show_default=True,
    help="课程、专栏（再用 bundles set 放课）或会员（再用 members set 写月数）",
)
@click.pass_obj
def add(desk: Desk, /, course_id: str, **fields: str) -> None:
    """Add one course; an existing id is refused."""

    def work(tx: Any) -> Course:
        if tx.courses.get(course_id) is not None:
            raise NotAllowed(f"课程 {course_id} 已经有了；用 courses edit 修改")
        course = catalog.read_course({"course_id": course_id, **fields})
        catalog.store_courses(tx, [course], datetime.now(UTC))
        return course

    with desk.store() as store:
        course = store.write_now(work, durable=True)
    click.echo(f"已添加 {course_id}《{course.title}》，现在是{word('status', course.status)}")
    match course.kind:
        case Kind.COURSE:
            _mention([course_id])
        case Kind.BUNDLE:
            click.echo(f"还没有放课，买不了；用 bundles set {course_id} --courses A,B 放进去")
        case Kind.MEMBERSHIP:
            click.echo(f"还没有写月数，买不了；用 members set {course_id} --months 1 写上")


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
@click.option("--cover-url", help="封面图片的网址")
@click.option("--mini-program-appid", help="小程序的 AppID")
@click.option("--mini-program-path", help="小程序里的页面")
@click.option("--article-url", help="图文介绍的网址")
@click.option("--status", type=STATUS, help="草稿、上架或下架")
@click.pass_obj
def edit(desk: Desk, /, course_id: str, **fields: str | None) -> None:
    """Change some fields of one course."""

    def work(tx: Any) -> bool:
        before = catalog.get(tx, course_id)
        given = {name: value for name, value in fields.items() if value is not None}
        course = catalog.read_course({**_written(before), **given})
        return bool(catalog.store_courses(tx, [course], datetime.now(UTC)).changed)

    with desk.store() as store:
        changed = store.write_now(work, durable=True)
    click.echo(f"已修改 {course_id}，运行中的服务会自动更新" if changed else f"{course_id} 没有变化")


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
    def work(tx: Any) -> tuple[Course, bool, list[str]]:
        course, changed = catalog.set_status(tx, course_id, status, datetime.now(UTC))
        return course, changed, catalog.without_lessons(tx, [course_id]) if course.on_sale else []

    with desk.store() as store:
        course, changed, bare = store.write_now(work, durable=True)
    click.echo(f"《{course.title}》{'' if changed else '本来就是'}{word('status', course.status)}")
    _mention(bare)


def _written(course: Course) -> dict[str, str]:
    """Return a course's fields as the import file would have them."""
    values = {name: str(getattr(course, name)) for name in catalog.COURSE_COLUMNS if name not in {"price", "tags"}}
    return {**values, "price": yuan(course.price_fen), "tags": "|".join(course.tags)}


def _titles(lessons: list[Lesson]) -> list[str]:
    return [f"{each.position}. {each.title}" for each in lessons]
