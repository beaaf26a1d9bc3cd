"""``recsys``: train and take back, evaluate, rank files, try and explain recommendations."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from bot.errors import NotAllowed, NotFound
from bot.shop import Shop
from bot.store.people import Known
from bot.suggestions import STRANGER, Person
from handlers.cli.common import Desk, Failure, sentences, show
from handlers.cli.rank import rank

RIVALS = {"popularity": "热度", "former": "在用的模型"}


@click.group("recsys", help="推荐：训练、评测、试推荐、看理由。")
def group() -> None:
    """Gather the commands."""


group.add_command(rank)


@group.command("train", help="用积累的事件训练；比在用的模型差就不启用。运行中的服务几秒内换上新模型。")
@click.pass_obj
def train(desk: Desk) -> None:
    """Count popularity anew, learn from the events, and put the model in force if it is no worse."""
    from bot import training  # noqa: PLC0415 - brings scikit-learn, which other commands need not wait for

    with desk.shop() as shop:
        counted = shop.store.write_now(shop.suggestions.recount, durable=True)
        click.echo(f"统计了 {counted} 个事件")
        with click.progressbar(length=4, label="训练") as bar:
            try:
                made = training.learn(
                    desk.config, shop.store, shop.clock, lambda done, _of: bar.update(done - bar.pos)
                )
            except NotAllowed as error:
                click.echo()
                raise Failure(str(error)) from None
    check = made.check
    click.echo(
        f"模型 {made.version}：{made.people} 人、{made.events} 次；"
        f"在 {check.people} 人身上检验，NDCG@10 {check.ndcg:.4f}"
    )
    for rival, (gain, spread) in check.gains.items():
        click.echo(f"  比{RIVALS[rival]}{'高' if gain >= 0 else '低'} {abs(gain):.4f} ± {spread:.4f}")
    if not made.in_force:
        raise Failure(f"新模型不如{RIVALS[check.lost_to]}，没有启用；在用的不变")
    click.echo("已启用；不满意可以 recsys rollback")


@group.command("rollback", help="换回上一个模型。")
@click.pass_obj
def rollback(desk: Desk) -> None:
    """Take the latest model back."""
    from bot import training  # noqa: PLC0415

    with sentences():
        version = training.roll_back(desk.config)
    click.echo(f"已换回 {version}" if version else "已停用模型，只按兴趣和热度推荐")


@group.command("evaluate", help="用账号自己的事件评测每种推荐方法，和热度比较。")
@click.option("--k", type=click.IntRange(1, 100), default=10, show_default=True, help="名单长度")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="把结果画成 PNG")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def evaluate(desk: Desk, k: int, picture: Path | None, *, as_json: bool) -> None:
    """Split the events by time and compare the sources with popularity."""
    from bot import training  # noqa: PLC0415

    with desk.store() as store:
        report = training.evaluate(desk.config, store, k)
    rows = report.rows()
    if not as_json:
        rows = [
            {
                "人群": SLICES[row["slice"]],
                "方法": SOURCES.get(row["source"], row["source"]),
                "人数": row["users"],
                f"NDCG@{k}": f"{row['ndcg']:.4f}±{row['ndcg_se']:.4f}",
                "召回": f"{row['recall']:.4f}±{row['recall_se']:.4f}",
                "命中": f"{row['hit']:.4f}±{row['hit_se']:.4f}",
                "覆盖": f"{row['coverage']:.3f}",
                "新奇": f"{row['novelty']:.2f}",
                "比热度": VERDICTS[row["verdict"]],
            }
            for row in rows
        ]
    show(rows, as_json=as_json, empty="没有可评测的事件")
    if picture is not None:
        with sentences():
            training.draw(report, picture)
        click.echo(f"图在 {picture}", err=True)


SLICES = {"all": "全部", "strangers": "新人", "few": "一两次行为", "many": "更多行为", "new": "新课"}
SOURCES = {
    "popularity": "热度",
    "live": "综合（在用）",
    "content": "内容",
    "walk": "随机游走",
    "ease": "EASE",
    "words": "词语",
    "formula": "公式",
    "segments": "分群",
    "cosine": "近邻",
}
VERDICTS = {"better": "更好", "worse": "更差", "no clear difference": "差不多"}


@group.command("segments", help="按兴趣把关注者分成几群，看每群多大、爱学什么。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def segments(desk: Desk, *, as_json: bool) -> None:
    """List the groups of followers."""
    from bot import training  # noqa: PLC0415

    with desk.store() as store:
        found = training.segments(desk.config, store)
    rows = [{"name": each.name, "people": each.people, "courses": list(each.titles)} for each in found]
    show(rows, as_json=as_json, empty="还没有可分群的事件")


@group.command("weights", help="看主推设置（boosts）：每门课的权重 α（合计为 1）、加多少分、让热门名次怎样变。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def weights(desk: Desk, *, as_json: bool) -> None:
    """Show the house's own weights and what they do to the popular list."""
    with desk.shop() as shop:
        asyncio.run(_refresh(shop))
        rows = [
            {
                "course_id": each.course.course_id,
                "title": each.course.title,
                "alpha": round(each.alpha, 6),
                "bonus": round(each.bonus, 4),
                "rank_without": each.rank_without,
                "rank_with": each.rank_with,
            }
            for each in shop.suggestions.boosted()
        ]
    show(rows, as_json=as_json, empty='没有主推的课；在 config.toml 的 [recsys] boosts 里写，如 ["EDU001=2"]')


@group.command("recommend", help="看看会给这位关注者推荐什么；不写 OPENID 就当作新来的人。")
@click.argument("openid", default="")
@click.option("--words", default="", help="假设他这样说，如 心理学")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def recommend(desk: Desk, openid: str, words: str, as_json: bool) -> None:
    """Recommend as the chat would."""
    with desk.shop() as shop:
        person, exclude = _stocked(shop, openid)
        found = shop.suggestions.suggest(
            shop.suggestions.understand(words),
            person,
            now=shop.clock.now(),
            exclude=exclude,
            k=shop.config.chat.list_size,
        ).courses
        titles = shop.suggestions.shelf.courses
        rows = [
            {"course_id": f.item_id, "title": titles[f.item_id].title, "score": round(f.score, 4), "basis": f.basis}
            for f in found
        ]
    show(rows, as_json=as_json, empty="没有可推荐的课程")


@group.command("explain", help="这门课对这位关注者的得分由什么组成；不写 OPENID 就当作新来的人。")
@click.argument("openid", nargs=-1, metavar="[OPENID]")
@click.argument("course_id")
@click.option("--words", default="", help="假设他这样说，如 心理学")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def explain(desk: Desk, openid: tuple[str, ...], course_id: str, words: str, as_json: bool) -> None:
    """Take a score apart."""
    if len(openid) > 1:
        raise click.UsageError("最多写一个 OPENID 和一个课程编号")
    with desk.shop() as shop:
        person, _exclude = _stocked(shop, "".join(openid))
        if course_id not in shop.suggestions.shelf.courses:
            raise NotFound(f"没有在售的课程 {course_id}")
        suggestions = shop.suggestions
        found = suggestions.explain(course_id, suggestions.understand(words), person, shop.clock.now())
    rows = [{"kind": p.kind, "term": p.term, "value": round(p.value, 4)} for p in found.parts]
    show(rows, as_json=as_json, empty="没有依据（得分为 0）")


def _stocked(shop: Shop, openid: str) -> tuple[Person, set[str]]:
    """Fill the shelf and fetch what is known of the follower; nobody is a stranger."""
    asyncio.run(_refresh(shop))
    if not openid:
        return STRANGER, set()

    def work(tx: Any) -> Known:
        known: Known | None = tx.followers.known(openid)
        if known is None:
            raise NotFound(f"没有关注者 {openid}")
        return known

    known = shop.store.write_now(work)
    person = Person(shop.suggestions.profile(known.profile), known.owned)
    return person if known.follower.personalised else STRANGER, {*known.owned, *known.hidden}


async def _refresh(shop: Shop) -> None:
    await shop.suggestions.refresh(shop.store, shop.clock.now())
