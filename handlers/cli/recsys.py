"""``recsys``: train, recommend, explain."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from bot.errors import NotFound
from bot.shop import Shop
from handlers.cli.common import Desk, show


@click.group("recsys", help="推荐：重新统计、试推荐、看理由。")
def group() -> None:
    """Gather the commands."""


@group.command("train", help="从事件重新统计热度；运行中的服务一分钟内采用。")
@click.pass_obj
def train(desk: Desk) -> None:
    """Count popularity anew."""
    with desk.shop() as shop:
        counted = shop.store.write_now(shop.suggestions.recount, durable=True)
    click.echo(f"统计了 {counted} 个事件")


@group.command("recommend", help="看看会给这位关注者推荐什么。")
@click.argument("openid")
@click.option("--words", default="", help="假设他这样说")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def recommend(desk: Desk, openid: str, words: str, as_json: bool) -> None:
    """Recommend as the chat would."""
    with desk.shop() as shop:
        text, exclude = _stocked(shop, openid)
        found = shop.suggestions.suggest(
            shop.suggestions.understand(words),
            shop.suggestions.profile(text),
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


@group.command("explain", help="这门课对这位关注者的得分由什么组成。")
@click.argument("openid")
@click.argument("course_id")
@click.option("--words", default="", help="假设他这样说")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def explain(desk: Desk, openid: str, course_id: str, words: str, as_json: bool) -> None:
    """Take a score apart."""
    with desk.shop() as shop:
        text, _exclude = _stocked(shop, openid)
        if course_id not in shop.suggestions.shelf.courses:
            raise NotFound(f"没有在售的课程 {course_id}")
        suggestions = shop.suggestions
        wish, profile = suggestions.understand(words), suggestions.profile(text)
        found = suggestions.explain(course_id, wish, profile, shop.clock.now())
    rows = [{"kind": p.kind, "term": p.term, "value": round(p.value, 4)} for p in found.parts]
    show(rows, as_json=as_json, empty="没有依据（得分为 0）")


def _stocked(shop: Shop, openid: str) -> tuple[str, set[str]]:
    """Fill the shelf and fetch what is known of the follower."""
    asyncio.run(_refresh(shop))

    def work(tx: Any) -> tuple[str, set[str]]:
        if tx.followers.get(openid) is None:
            raise NotFound(f"没有关注者 {openid}")
        return tx.interests.get(openid), {*tx.entitlements.owned(openid), *tx.dislikes.of(openid)}

    return shop.store.write_now(work)


async def _refresh(shop: Shop) -> None:
    await shop.suggestions.refresh(shop.store, shop.clock.now())
