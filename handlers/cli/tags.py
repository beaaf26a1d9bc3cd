"""``tags``: list, check, sync."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import click

from bot.errors import NotFound
from bot.mailing import AccountTag
from bot.shop import Shop
from bot.tagging import Change, Outcome, Plan, read_rules
from handlers.cli.common import Desk, Failure, confirm, show

WHY_SKIPPED = {40003: "已不再关注", 49003: "不属于这个公众号", 45059: "已有 20 个标签"}
KINDS = {"bought": "买过", "interest": "感兴趣", "channel": "来源"}


@click.group("tags", help="标签：查看公众号的标签，检查规则，按规则同步。规则在 config.toml 的 [tags]。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出公众号现有的标签。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the account's tags."""
    ruled = {rule.name for rule in read_rules(desk.serving().tags.rules)}
    with desk.shop() as shop:
        tags = asyncio.run(shop.tagging.calls.all())
    rows: list[dict[str, Any]] = [
        {"tag_id": tag.tag_id, "name": tag.name, "people": tag.people, "rule": tag.name in ruled} for tag in tags
    ]
    if not as_json:
        heads = ("编号", "标签", "人数", "有规则")
        rows = [dict(zip(heads, row.values(), strict=True)) for row in rows]
    show(rows, as_json=as_json, empty="公众号还没有标签")


@group.command("check", help="检查 [tags] 的规则：写的课程、分类、兴趣有没有。不连微信。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def check(desk: Desk, as_json: bool) -> None:
    """Look whether every rule means something."""
    rules = read_rules(desk.config.tags.rules)
    with desk.shop() as shop:
        problems = asyncio.run(_check(shop))
    rows: list[dict[str, Any]] = [{"name": each.name, "kind": each.kind, "value": each.value} for each in rules]
    if not as_json:
        rows = [{"标签": each.name, "条件": KINDS[each.kind], "内容": each.value} for each in rules]
    show(rows, as_json=as_json, empty='没有规则；在 config.toml 的 [tags] rules 里写，如 ["买过编程=bought:编程"]')
    if problems:
        raise Failure("\n".join(problems))
    if rules and not as_json:
        click.echo("规则没有问题")


@group.command("sync", help="让公众号的标签和规则一致：建标签、给人打上、取消不再符合的。")
@click.option("--dry-run", is_flag=True, help="只看会做什么，什么也不改")
@click.option("--prune", is_flag=True, help="删除以前按规则建的、现在没有规则的标签")
@click.option("--yes", is_flag=True, help="不再询问")
@click.option("--json", "as_json", is_flag=True, help="和 --dry-run 一起用：输出 JSON")
@click.pass_obj
def sync(desk: Desk, dry_run: bool, prune: bool, yes: bool, as_json: bool) -> None:
    """Bring the account level with the rules."""
    if as_json and not dry_run:
        raise click.UsageError("--json 要和 --dry-run 一起用")
    desk.serving()
    with desk.shop() as shop:
        plan = asyncio.run(_plan(shop))
        if as_json:
            show([_row(change) for change in plan.changes], as_json=True, empty="")
            return
        _describe(plan)
        if dry_run:
            return
        doomed = plan.orphans if prune else []
        if not doomed and all(change.level for change in plan.changes):
            click.echo("已经一致，不用改")
        else:
            if not yes:
                _ask(plan, doomed)
            _report(_apply(shop, plan, doomed), doomed)
    if plan.problems:
        raise Failure("\n".join(["这些规则没有起作用，对应的标签保持原样：", *plan.problems]))


async def _check(shop: Shop) -> list[str]:
    await shop.suggestions.refresh(shop.store, shop.clock.now())
    return await shop.tagging.check()


async def _plan(shop: Shop) -> Plan:
    await shop.suggestions.refresh(shop.store, shop.clock.now())
    return await shop.tagging.plan()


def _apply(shop: Shop, plan: Plan, doomed: Sequence[AccountTag]) -> Outcome:
    async def work() -> Outcome:
        with click.progressbar(length=sum(change.steps for change in plan.changes), label="同步") as bar:
            outcome = await shop.tagging.apply(plan, adopt=True, tell=bar.update)
        await shop.tagging.prune(doomed)
        return outcome

    return asyncio.run(work())


def _ask(plan: Plan, doomed: Sequence[AccountTag]) -> None:
    """Ask before people lose a tag that somebody else gave them, and before a tag is deleted."""
    foreign = [change for change in plan.changes if change.foreign]
    if foreign:
        names = "、".join(f"「{change.name}」（{len(change.remove)} 人）" for change in foreign)
        confirm(f"公众号里已有同名标签，不符合规则的人会被取消：{names}。以后它们归规则管，确定")
    if doomed:
        confirm(f"确定删除标签 {'、'.join(f'「{tag.name}」（{tag.people} 人）' for tag in doomed)}？不能恢复")


def _describe(plan: Plan) -> None:
    for change in plan.changes:
        made = "（新建）" if not change.tag_id else ""
        renamed = f"（由「{change.renamed_from}」改回）" if change.renamed_from else ""
        done = "一致" if change.level else f"打上 {len(change.add)}，取消 {len(change.remove)}"
        click.echo(f"「{change.name}」{made}{renamed} 符合 {change.matching} 人：{done}")
    for tag in plan.orphans:
        click.echo(f"「{tag.name}」没有规则了，仍有 {tag.people} 人；加 --prune 删除")
    if plan.over:
        click.echo(f"{plan.over} 人符合的标签超过 20 个，只取规则里靠前的 20 个")
    if not plan.changes and not plan.orphans and not plan.problems:
        raise NotFound('没有规则；在 config.toml 的 [tags] rules 里写，如 ["买过编程=bought:编程"]')


def _report(outcome: Outcome, doomed: Sequence[AccountTag]) -> None:
    skipped = [f"{WHY_SKIPPED[code]} {count} 人" for code, count in outcome.skipped.items()]
    click.echo(
        f"打上 {outcome.added}，取消 {outcome.removed}" + (f"；跳过：{'，'.join(skipped)}" if skipped else "")
    )
    if doomed:
        click.echo(f"删除了 {len(doomed)} 个标签")


def _row(change: Change) -> dict[str, Any]:
    return {
        "name": change.name,
        "tag_id": change.tag_id or None,
        "matching": change.matching,
        "add": len(change.add),
        "remove": len(change.remove),
        "foreign": change.foreign,
    }
