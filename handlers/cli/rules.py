"""``rules``: list the keyword rules, and say which rule or command would answer a message, and why."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from bot.shop import Shop
from bot.texts import Book, Hit
from bot.texts.book import KINDS
from bot.texts.markup import plain
from handlers.chat import routes
from handlers.cli.common import Desk, show
from handlers.cli.texts import book_of

SHOWN = 40  # characters of an answer in the listing


@click.group("rules", help="关键词规则：列出来，或看一句话由谁回答。规则写在 [chat] texts_file 里。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="按先后列出规则；同一句话由排在前面的回答。")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, as_json: bool) -> None:
    """List the rules in their order."""
    rows = [
        {
            "rule": rule.number,
            "rule_name": rule.name,
            "line": rule.line,
            "keywords": [f"{KINDS[kind]} {keyword}" for kind, keyword in rule.keywords()],
            "commands": rule.commands,
            "answer": rule.answer if as_json else _short(plain(rule.answer)),
        }
        for rule in book_of(desk).rules
    ]
    show(rows, as_json=as_json, empty="还没有规则；在 texts_file 里写 [[rule]]，文件里有例子")


def _short(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


@group.command("test", help="看一句话由哪条规则、哪个命令回答，还是拿去找课，以及为什么，如 rules test 怎么退款。")
@click.argument("text", metavar="这句话")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def test(desk: Desk, text: str, as_json: bool) -> None:
    """Say who answers a message."""
    book = book_of(desk)
    with desk.shop() as shop:
        asyncio.run(shop.suggestions.refresh(shop.store, shop.clock.now()))
        found = _answered(text, book, shop)
    if as_json:
        click.echo(json.dumps([found], ensure_ascii=False, indent=1))
        return
    click.echo(f"{found['title']}来回答：{found['why']}")
    click.echo("\n".join(found["also"]), nl=bool(found["also"]))
    if found["answer"]:
        click.echo(f"\n{plain(found['answer'])}")


def _answered(text: str, book: Book, shop: Shop) -> dict[str, Any]:
    """Return who answers, why, and who would have if it were not for that."""
    said, intent = routes.said(text), routes.recognise(text, shop.suggestions.words)
    winner = book.match(said, command=intent is not None and intent.kept)
    others = [hit for rule in book.rules if (hit := rule.hit(said)) and (winner is None or hit.rule != winner.rule)]
    also = [f"{hit.rule.title}也对得上（{_by(hit)}），{_why_not(hit, winner)}" for hit in others]
    if winner is not None:
        if intent is not None:
            also.append(f"自带的命令「{intent.words}」让给了它")
        return _told("rule", winner.rule.title, f"{_by(winner)}，在第 {winner.rule.line} 行", also, winner)
    if intent is not None:
        why = "这是自带的命令" if intent.words == text else f"听成自带的命令「{intent.words}」"
        return _told("command", f"命令「{intent.words}」", why, also)
    course = shop.suggestions.titled(text)
    if course is not None:
        return _told("title", f"课程《{course.title}》", "和课名一样，会打开这门课", also)
    words = "、".join(dict.fromkeys(shop.suggestions.words(text)))
    why = (
        f"没有规则也没有命令对得上，听出的词有：{words}"
        if words
        else "没有规则也没有命令对得上，也没听出能找课的词"
    )
    return _told("search", "找课", why, also)


def _told(by: str, title: str, why: str, also: list[str], hit: Hit | None = None) -> dict[str, Any]:
    rule = hit.rule if hit is not None else None
    return {
        "by": by,
        "title": title,
        "why": why,
        "rule": rule.number if rule else None,
        "line": rule.line if rule else None,
        "answer": rule.answer if rule else "",
        "also": also,
    }


def _by(hit: Hit) -> str:
    return f"{KINDS[hit.kind]}「{hit.keyword}」"


def _why_not(hit: Hit, winner: Hit | None) -> str:
    if winner is not None and winner.rule.number < hit.rule.number:
        return "但排在后面"
    return "但自带的命令先答；真要盖住就写 commands = true"
