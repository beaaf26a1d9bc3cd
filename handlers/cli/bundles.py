"""``bundles``: list, show, set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from bot.amounts import yuan
from bot.models import Course, Kind
from bot.offers import bundles
from bot.store import Tx
from handlers.cli.common import Desk, show, show_one


@click.group("bundles", help="专栏：几门课合成一份卖。先用 courses add --kind bundle 建好，再放课。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出专栏和里面的课。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the bundles."""

    def work(tx: Tx) -> list[dict[str, Any]]:
        return [_row(tx, each) for each in tx.courses.all() if each.kind is Kind.BUNDLE]

    with desk.store() as store:
        rows = store.write_now(work)
    show(rows, as_json=as_json, empty="还没有专栏；用 courses add ID --kind bundle 或 courses import 添加")


@group.command("show", help="查看一个专栏：里面的课、单买的总价、有多少人买了。")
@click.argument("bundle_id")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, bundle_id: str, as_json: bool) -> None:
    """Show one bundle."""

    def work(tx: Tx) -> dict[str, Any]:
        within = bundles.courses_in(tx, bundle_id)
        row = {**_row(tx, bundles.get(tx, bundle_id)), "buyers": tx.entitlements.learners().get(bundle_id, 0)}
        if not as_json:
            row["within"] = [f"{each.course_id}《{each.title}》{yuan(each.price_fen)} 元" for each in within]
        return row

    with desk.store() as store:
        row = store.write_now(work)
    show_one(row, as_json=as_json)


@group.command("set", help="写明专栏里有哪些课，按这个次序；买过的人会得到新加的课，拿掉的课他们照样能学。")
@click.argument("bundle_id")
@click.option("--courses", "written", required=True, help="课程编号，用逗号分开，如 EDU001,EDU002")
@click.pass_obj
def set_(desk: Desk, bundle_id: str, written: str) -> None:
    """Put courses into a bundle."""
    course_ids = [part.strip() for part in written.replace("，", ",").split(",") if part.strip()]
    with desk.store() as store:
        done = store.write_now(
            lambda tx: bundles.set_courses(tx, bundle_id, course_ids, datetime.now(UTC)), durable=True
        )
    if not done.moved:
        click.echo(f"{bundle_id} 没有变化")
        return
    given = f"；{done.given} 位买过的人也得到了新加的课" if done.given else ""
    click.echo(
        f"{bundle_id} 现在有 {len(course_ids)} 门课：加了 {len(done.added)}，拿掉 {len(done.removed)}{given}"
    )


def _row(tx: Tx, bundle: Course) -> dict[str, Any]:
    within = bundles.courses_in(tx, bundle.course_id)
    return {
        "course_id": bundle.course_id,
        "title": bundle.title,
        "price_fen": bundle.price_fen,
        "apart_fen": sum(each.price_fen for each in within),
        "status": bundle.status.value,
        "within": [each.course_id for each in within],
    }
