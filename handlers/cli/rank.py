"""``recsys rank``: ranked lists for files, so that anyone can score the recommender."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from handlers.cli.common import Failure, sentences

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("rank", help="为文件里的提问排出课程名单，供离线评测；所有设置都从训练文件自行选定。")
@click.option("--items", type=_FILE, required=True, help="课程：item_id、title、tags、text，制表符分隔")
@click.option("--train", type=_FILE, required=True, help="训练事件：user_id、item_id、t")
@click.option("--queries", type=_FILE, required=True, help="提问：用户、已有课程（|）、已知的词（|），无表头")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="名单写到哪里")
@click.option("--candidates", type=_FILE, help="只推荐这些课程，一行一个 item_id；可有表头")
@click.option("--k", type=click.IntRange(1), default=20, show_default=True, help="每份名单的长度")
def rank(items: Path, train: Path, queries: Path, out: Path, candidates: Path | None, k: int) -> None:
    """Rank, with a bar on stderr."""
    from recsys import ranking  # noqa: PLC0415 - scipy and scikit-learn take a second, and other commands need neither
    from recsys.files import FileRefused  # noqa: PLC0415

    with sentences(), click.progressbar(length=1_000, label="排名", file=sys.stderr) as bar:

        def tell(done: int, of: int) -> None:
            bar.update(1_000 * done // of - bar.pos)

        try:
            ranking.rank(items, train, queries, out, candidates=candidates, k=k, tell=tell)
        except FileRefused as error:
            raise Failure(str(error)) from None
