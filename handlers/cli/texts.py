"""``texts``: check the operator's file of texts, and show every text as the phone will."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from bot.errors import TextsWrong
from bot.texts import NAMES, Book, load_file
from bot.texts.markup import plain
from handlers.chat import wording
from handlers.cli.common import Desk, Failure, sentences, show


@click.group("texts", help="公众号说的话：检查、预览；文件是 [chat] texts_file，改了一两秒后生效。")
def group() -> None:
    """Gather the commands."""


def file_of(desk: Desk) -> str:
    """Return the path of the file of texts; ``Failure`` when the settings name none."""
    path = desk.config.chat.texts_file
    if not path:
        raise Failure("没有设置 [chat] texts_file，说的都是自带的话")
    return path


def book_of(desk: Desk) -> Book:
    """Read the file of texts; ``Failure`` names every mistake in it."""
    with sentences():
        try:
            return load_file(file_of(desk), desk.config.chat)
        except TextsWrong as error:
            raise Failure(f"{error}\n改好之前，服务器照旧说上一次没有错的那些") from None


@group.command("check", help="检查文字、规则和人工时间；不写 FILE 就检查正在用的那一份。有错时退出码是 1。")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_context
def check(context: click.Context, file: Path | None, as_json: bool) -> None:
    """Name what is wrong, then what is allowed but probably not meant."""
    desk: Desk = context.obj
    path = str(file.absolute()) if file is not None else file_of(desk)
    wrong = False
    try:
        book = load_file(path, desk.config.chat)
        found = [_finding("remark", line, said) for line, said in wording.remarks(book)]
        verdict = f"没有错误：{book.counts()}"
    except TextsWrong as error:
        wrong = True
        found = [_finding("error", line, why) for line, why in error.problems]
        verdict = f"{path}：{len(found)} 处错误，改好之前不会生效"
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        for each in found:
            where = f"第 {each['line']} 行：" if each["line"] else ""
            click.echo(f"{'✗' if each['level'] == 'error' else '!'} {where}{each['detail']}")
        click.echo(verdict)
    context.exit(int(wrong))


def _finding(level: str, line: int, detail: str) -> dict[str, Any]:
    return {"level": level, "line": line, "detail": detail}


@group.command("preview", help="看看每段话在手机上的样子；〔〕里的字可以点。写上名字就只看那一段。")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def preview(desk: Desk, name: str | None, as_json: bool) -> None:
    """Show the texts, the file's own and the defaults."""
    if name is not None and name not in NAMES:
        raise Failure(f"没有 {name} 这段话；有 {'、'.join(NAMES)}")
    with sentences():
        book = book_of(desk) if desk.config.chat.texts_file else Book()
    rows = [_row(desk, book, each) for each in ([name] if name else NAMES)]
    if as_json:
        show(rows, as_json=True, empty="")
        return
    for row in rows:
        source = "文件里的" if row["own"] else "自带的"
        click.echo(f"── {row['name']}（{row['about']}，{source}，{row['bytes']} 字节）")
        if row["fields"]:
            click.echo("   另有占位符 " + "，".join(f"{{{each}}} {means}" for each, means in row["fields"].items()))
        click.echo(plain(row["text"]) + "\n")


def _row(desk: Desk, book: Book, name: str) -> dict[str, Any]:
    text = wording.shown(name, book, desk.config.chat, desk.config.refund.terms)
    return {
        "name": name,
        "about": NAMES[name].about,
        "own": name in book.words,
        "fields": dict(NAMES[name].fields),
        "bytes": len(text.encode()),
        "text": text,
    }
