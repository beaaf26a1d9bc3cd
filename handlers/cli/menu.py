"""``menu``: check, draw, compare, push and take back the account's menu."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from bot import doors
from bot.errors import AccountError
from bot.menus import compare, lint, write
from bot.menus.draw import drawing
from bot.menus.lint import Problem
from bot.menus.model import MenuSet, from_wire, leaves, of_config
from bot.menus.service import Live, Menus, Pushed
from bot.ports import SystemClock
from bot.store import SqliteStore
from handlers.chat import routes
from handlers.cli.common import Desk, Failure, confirm, sentences, show

T = TypeVar("T")
WITNESSES = 3  # followers of our own whom trymatch is asked about
DELETING, DELETED = "删掉公众号的全部菜单，包括个性化菜单？", "已删除，关注者看不到菜单了"
SOURCES = {"api": "接口做的", "console": "在网页后台做的", "none": "没有菜单"}
JSON = click.option("--json", "as_json", is_flag=True, help="输出 JSON")
YES = click.option("--yes", is_flag=True, help="不再询问")
TRY = click.option(
    "--try", "tried", metavar="OPENID", multiple=True, help="推送后问微信这位关注者看到什么；可以写几次"
)


@click.group("menu", help="公众号菜单：检查、比较、推送、恢复。菜单写在 config.toml 的 [menu]。")
def group() -> None:
    """Gather the commands; their own sentences say what the log would."""
    logging.getLogger("zhike").addHandler(logging.NullHandler())


# ---- without WeChat ----


@group.command("check", help="检查 config.toml 里的菜单，画出它在手机上的样子；有错退出码是 1。")
@JSON
@click.pass_context
def check(context: click.Context, *, as_json: bool) -> None:
    """Lint and draw."""
    desk: Desk = context.obj
    problems = lint.check(desk.config.menu, routes.ways())
    serious = any(problem.serious for problem in problems)
    if as_json:
        click.echo(json.dumps([_row(problem) for problem in problems], ensure_ascii=False, indent=1))
        context.exit(int(serious))
    if not serious:
        menus = of_config(desk.config.menu)
        _draw(menus, {})
        _tell_words(menus)
    _tell(problems)
    if serious:
        raise Failure("菜单有错；改好再运行 menu check")
    click.echo("菜单没有问题" if not problems else "菜单可以推送")


def _row(problem: Problem) -> dict[str, Any]:
    level = "error" if problem.serious else "warning"
    return {"level": level, "where": problem.where, "code": problem.code, "text": problem.text}


def _tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(f"{'✗' if problem.serious else '!'} {problem.where}：{problem.text}", err=True)


def _tell_words(menus: MenuSet) -> None:
    """Say which answers have no button and are had by a word."""
    everywhere = [menus.default, *(each.buttons for each in menus.conditional)]
    keys = {dict(leaf.values).get("key") for buttons in everywhere for leaf in leaves(buttons)}
    if spoken := [f"{key}（回复「{word}」）" for key, word in routes.ways().items() if word and key not in keys]:
        click.echo(f"没有放进菜单、可以打字得到的：{'、'.join(spoken)}")


def _draw(menus: MenuSet, tags: Mapping[str, str]) -> None:
    for title, buttons in menus.menus(tags):
        click.echo(f"{title}\n{drawing(buttons)}\n")


# ---- what is live ----


@group.command("show", help="画出线上现在的菜单，包括在网页后台做的。")
@JSON
@click.pass_obj
def show_(desk: Desk, *, as_json: bool) -> None:
    """Draw the live menu."""
    live, tags = _ask(desk, _live)
    if as_json:
        menus = [{"menu": title, "buttons": compare.lines(buttons)} for title, buttons in live.menus.menus(tags)]
        click.echo(json.dumps(menus, ensure_ascii=False, indent=1))
        return
    _draw(live.menus, tags)
    click.echo(_origin(live))


@group.command("diff", help="比较 config.toml 和线上的菜单；+ 是推送后会有的，- 是会没有的。")
@JSON
@click.pass_obj
def diff(desk: Desk, *, as_json: bool) -> None:
    """Compare."""
    wanted = _wanted(desk)

    live, tags, numbered = _ask(desk, lambda menus: _beside(menus, wanted))
    found = compare.changes(live.menus, numbered, tags)
    if as_json:
        rows = [{"menu": each.menu, "sign": each.sign, "line": each.line} for each in found]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    _tell_changes(found, live)


def _tell_changes(found: list[compare.Change], live: Live, *, same: str = "线上的菜单和 config.toml 一样") -> None:
    if live.source == "console":
        click.echo("线上的菜单是在网页后台做的，推送会替换它")
    if not live.switched_on:
        click.echo("注意：菜单在网页后台被停用了，关注者现在看不到")
    for title in dict.fromkeys(each.menu for each in found):
        click.echo(title)
        for each in found:
            if each.menu == title:
                click.echo(f"  {each.sign} {each.line}")
    if not found:
        click.echo(same)


@group.command("pull", help="把线上的菜单变成 config.toml 里的写法打印出来。")
@click.option("--write", "in_place", is_flag=True, help="直接换掉配置文件里的 [menu]，原来的存成 .bak")
@click.pass_obj
def pull(desk: Desk, *, in_place: bool) -> None:
    """Turn the live menu into settings."""
    live, tags = _ask(desk, _live)
    if not live.menus.default and not live.menus.conditional:
        raise Failure("线上没有菜单，什么也没有做")
    tables = write.toml(live.menus, tags)
    if in_place:
        with sentences():
            _replace(desk.path, write.put_in(_settings(desk.path), tables))
        click.echo(f"已写进 {desk.path}；原来的在 {_backup(desk.path)}")
    else:
        click.echo(tables, nl=False)
    _tell(lint.check(_as_config(live.menus), routes.ways()))


def _settings(path: Path) -> str:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return file.read().replace("\r\n", "\n")


def _replace(path: Path, text: str) -> None:
    _backup(path).write_bytes(path.read_bytes())
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, "utf-8")
    os.replace(beside, path)  # noqa: PTH105 - whole or not at all


def _backup(path: Path) -> Path:
    return path.with_name(path.name + ".bak")


def _as_config(menus: MenuSet) -> dict[str, Any]:
    return menus.wire()


# ---- changes ----


@group.command("push", help="检查菜单，存下线上的，推送，再读回来核对；推不上去就恢复原样。")
@YES
@TRY
@click.pass_obj
def push(desk: Desk, tried: tuple[str, ...], *, yes: bool) -> None:
    """Push the menu of the settings."""
    wanted = _wanted(desk)

    live, tags, numbered = _ask(desk, lambda menus: _beside(menus, wanted))
    found = compare.changes(live.menus, numbered, tags)
    _tell_changes(found, live)
    if (found or live.source == "console") and not yes:
        confirm("推送这些改动？")
    done = _ask(desk, lambda menus: menus.push(numbered, witnesses=tried or _witnesses(desk)))
    _tell_pushed(done, "已推送")


@group.command("rollback", help="恢复成上一份菜单；写版本号就恢复成那一版。再运行一次就是取消恢复。")
@click.argument("version", type=click.IntRange(1), required=False)
@YES
@TRY
@click.pass_obj
def rollback(desk: Desk, version: int | None, tried: tuple[str, ...], *, yes: bool) -> None:
    """Go back."""

    async def earlier(menus: Menus) -> tuple[Live, Mapping[str, str], MenuSet]:
        return await _beside(menus, await menus.version(version))

    live, tags, wanted = _ask(desk, earlier)
    _tell_changes(compare.changes(live.menus, wanted, tags), live, same="线上已经是这一版")
    bare = not wanted.default
    if bare and live.source != "none":
        click.echo("注意：这一版没有菜单，恢复成它就是删掉线上的菜单", err=True)
    if not yes:
        confirm(DELETING if bare else "恢复成这份菜单？")
    seen = () if bare else tried or _witnesses(desk)  # who has no menu sees none of ours
    done = _ask(desk, lambda menus: menus.push(wanted, source="rollback", witnesses=seen))
    if bare and done.changed:
        click.echo(DELETED)
    else:
        _tell_pushed(done, "已恢复")


@group.command("delete", help="删掉公众号的全部菜单，个性化菜单也一起；可以用 rollback 恢复。")
@YES
@click.pass_obj
def delete(desk: Desk, *, yes: bool) -> None:
    """Take every menu away."""
    desk.calling()
    if not yes:
        confirm(DELETING)
    done = _ask(desk, lambda menus: menus.delete())
    click.echo(DELETED if done.changed else "本来就没有菜单")


@group.command("history", help="列出线上有过的菜单，新的在前；用 rollback 恢复。")
@JSON
@click.pass_obj
def history(desk: Desk, *, as_json: bool) -> None:
    """List the versions."""
    with desk.store() as store:
        versions = store.write_now(lambda tx: tx.menus.all())
    rows = []
    for each in versions:
        menus = from_wire(each.content)
        names = [button.name for button in menus.default]
        row = {"version": each.version, "at": each.at, "source": each.source, "buttons": names}
        rows.append({**row, "conditional": len(menus.conditional)})
    show(rows, as_json=as_json, empty="还没有推送过菜单")


def _tell_pushed(done: Pushed, what: str) -> None:
    if done.changed:
        click.echo(f"{what}并读回核对（第 {done.version} 版）；手机上最迟五分钟后看到，重新关注立刻看到")
    else:
        click.echo("没有改动")
    for each in done.witnesses:
        click.echo(f"  {each.openid} 看到：{each.title or each.trouble}")
    if any(not each.title for each in done.witnesses):
        raise Failure("有关注者看到的菜单没有核对上；用 menu show 看线上现在是什么")


# ---- helpers ----


def _wanted(desk: Desk) -> MenuSet:
    """Return the menu of the settings; ``Failure`` after naming every fault."""
    problems = lint.check(desk.config.menu, routes.ways())
    serious = [problem for problem in problems if problem.serious]
    _tell(serious)
    if serious:
        raise Failure("菜单有错，什么也没有推送；改好再试")
    return of_config(desk.config.menu)


async def _live(menus: Menus) -> tuple[Live, Mapping[str, str]]:
    """Return what is live, and the names of the tags where somebody's menu hangs on one."""
    live = await menus.live()
    return live, await _tags(menus, live.menus)


async def _beside(menus: Menus, wanted: MenuSet) -> tuple[Live, Mapping[str, str], MenuSet]:
    """Return what is live, the names of the tags, and what is wanted with numbers for tags."""
    live, numbered = await menus.live(), await menus.numbered(wanted)
    return live, await _tags(menus, live.menus, numbered), numbered


async def _tags(menus: Menus, *shown: MenuSet) -> Mapping[str, str]:
    """Return the names of the tags if they are needed and can be had; numbers will do."""
    if not any(each.rule.tag_id for menu in shown for each in menu.conditional):
        return {}
    try:
        return await menus.tags()
    except AccountError:
        return {}


def _origin(live: Live) -> str:
    told = f"线上的菜单：{SOURCES[live.source]}"
    return told if live.switched_on else f"{told}；在网页后台被停用了，关注者现在看不到"


def _witnesses(desk: Desk) -> tuple[str, ...]:
    """Return a few followers who were here lately."""
    with desk.store() as store:
        latest = store.write_now(lambda tx: tx.followers.all(limit=50))
    return tuple(each.openid for each in latest if each.subscribed)[:WITNESSES]


def _ask(desk: Desk, work: Callable[[Menus], Awaitable[T]]) -> T:
    """Do something with the account's menus."""
    config, clock = desk.calling(), SystemClock()

    async def run(store: SqliteStore) -> T:
        return await work(Menus(doors.account(config, store, clock), store, clock))

    with desk.store() as store:
        return asyncio.run(run(store))
