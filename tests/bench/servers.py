"""The four servers that the bench compares, one a process: ``python -m tests.bench.servers NAME FOLDER``.

A server prints one line that ends in its port and serves until SIGTERM. Measuring is ``run.py``'s.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from werobot import WeRoBot
from werobot.contrib.tornado import make_handler
from werobot.session.sqlitestorage import SQLiteStorage

from bot import catalog
from bot.config import Config, from_mapping
from bot.shop import Shop, open_shop
from bot.store import Tx
from handlers.chat.told import teller
from handlers.web.server import serve
from tests.bench import material
from tests.wire import Account

HOST = "127.0.0.1"
NOWHERE = "http://127.0.0.1:9"  # the discard port: should a server ever call out, it gets no further


class Hello(RequestHandler):
    """What Tornado itself costs."""

    def post(self) -> None:
        self.finish(material.HELLO)


def bare(_folder: Path) -> None:
    """Answer a constant."""
    _serve(Hello)


def echo(_folder: Path) -> None:
    """Echo by WeRoBot with its session switched off."""
    _serve(make_handler(_echo(SESSION_STORAGE=False)))


def echo_with_session(folder: Path) -> None:
    """Echo by WeRoBot with the session storage it chooses by itself, only in our folder."""
    _serve(make_handler(_echo(SESSION_STORAGE=SQLiteStorage(str(folder / "werobot_session.sqlite3")))))


def zhike(folder: Path) -> None:
    """Do the whole job the way ``run.py serve`` does it, on a stocked database."""
    config = _settings(folder)
    shop = open_shop(config, tell=teller(config.server.public_url))
    try:
        _stock(shop)
    finally:
        shop.close()
    serve(config, 0, _say)


SERVERS: dict[str, Callable[[Path], None]] = {
    "bare": bare,
    "echo": echo,
    "session": echo_with_session,
    "zhike": zhike,
}


def _echo(**settings: Any) -> WeRoBot:
    robot = WeRoBot(token=Account.token, **settings)
    robot.add_handler(lambda message: message.content, type="text")
    return robot


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _serve(handler: type[RequestHandler]) -> None:
    async def forever() -> None:
        sockets = bind_sockets(0, HOST)
        HTTPServer(Application([("/wechat", handler)])).add_sockets(sockets)
        _say(f"listening on http://{HOST}:{sockets[0].getsockname()[1]}")
        await asyncio.Event().wait()

    asyncio.run(forever())


def _settings(folder: Path) -> Config:
    account = Account()
    wechat = {"app_id": account.app_id, "app_secret": "s", "original_id": account.original_id}
    wechat |= {"token": account.token, "mode": "plain", "api_base": NOWHERE, "oauth_base": NOWHERE}
    raw = {"server": {"host": HOST}, "wechat": wechat, "store": {"url": f"sqlite:///{folder / 'zhike.db'}"}}
    return from_mapping(raw, environ={}, base=material.ROOT)


def _stock(shop: Shop) -> None:
    """Fill the database: the catalogue, and followers who have said something before.

    The training of the night is taken to be done: at some hours it would run beside what is measured.
    """
    now, rng = datetime.now(UTC), Random(2)
    shop.store.write_now(lambda tx: tx.tokens.put("job", "training", "done", now + timedelta(days=1)))
    courses = material.courses()
    shop.store.write_now(lambda tx: catalog.store_courses(tx, courses, now))
    tags = material.tags()

    def befriend(tx: Tx) -> None:
        for openid in material.openids():
            tx.followers.seen(openid, now)
            profile = shop.suggestions.profile("")
            for _ in range(material.TALKS):
                words = shop.suggestions.words(rng.choice(tags))
                shop.suggestions.mention(tx, openid, profile, words, now)

    shop.store.write_now(befriend)


if __name__ == "__main__":
    logging.getLogger("jieba").setLevel(logging.WARNING)
    SERVERS[sys.argv[1]](Path(sys.argv[2]))
