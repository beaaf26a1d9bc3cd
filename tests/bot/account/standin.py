"""A strict stand-in for api.weixin.qq.com: it hands out tokens, knows which are good, and says its lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from bot.account.client import AccountClient
from bot.account.settings import AccountSettings

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
APP_ID, SECRET = "wx0123456789abcdef", "the-app-secret"


class StoppedClock:
    """A clock that stands at noon until it is moved."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment

    def move(self, **by: float) -> None:
        self.moment += timedelta(**by)


class MemoryTokens:
    """A ``TokenStore`` in memory, for as many workers as share it."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, datetime]] = {}

    async def get(self, kind: str) -> tuple[str, datetime] | None:
        return self.kept.get(kind)

    async def put(self, kind: str, value: str, expires_at: datetime) -> None:
        self.kept[kind] = (value, expires_at)

    async def expire(self, kind: str, value: str) -> None:
        if self.kept.get(kind, ("", NOON))[0] == value:
            del self.kept[kind]


@dataclass
class Line:
    """What to answer to the next call that is not about tokens."""

    data: Any = field(default_factory=lambda: {"errcode": 0, "errmsg": "ok"})
    status: int = 200
    raw: bytes | None = None
    silent: bool = False

    @property
    def body(self) -> bytes:
        return self.raw if self.raw is not None else json.dumps(self.data).encode()


@dataclass
class StandIn:
    """The server's side: the token that is good now, what it is going to say, and what it heard."""

    base: str
    timeouts: dict[str, float]
    clock: StoppedClock = field(default_factory=StoppedClock)
    store: MemoryTokens = field(default_factory=MemoryTokens)
    token: str = "token-1"
    expires_in: int = 7200
    token_answer: Line | None = None
    lines: list[Line] = field(default_factory=list)
    fetches: int = 0
    heard: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def says(self, *lines: Line) -> None:
        self.lines.extend(lines)

    def client(self) -> AccountClient:
        """A worker of the shop; several share the store."""
        settings = AccountSettings(APP_ID, SECRET, self.base, "https://open.weixin.qq.com")
        return AccountClient(settings, self.store, self.clock, **self.timeouts)

    def answer(self, request: Any) -> Line:
        if request.path == "/cgi-bin/stable_token":
            return self.stable_token(request)
        query = {name: values[0].decode() for name, values in request.query_arguments.items()}
        self.heard.append((request.method, request.path, query, request.body))
        if request.path.startswith("/cgi-bin/") and query.get("access_token") != self.token:
            return Line({"errcode": 40001, "errmsg": "invalid credential rid: 1-2-3"})
        return self.lines.pop(0)

    def stable_token(self, request: Any) -> Line:
        self.fetches += 1
        asked = json.loads(request.body)
        wanted = {"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET, "force_refresh": False}
        if request.method != "POST" or request.query or asked != wanted:
            return Line({"errcode": 40013, "errmsg": "not asked properly"})
        return self.token_answer or Line({"access_token": self.token, "expires_in": self.expires_in})


class Talk(RequestHandler):
    def initialize(self, standin: Callable[[], StandIn]) -> None:
        self.standin = standin()

    async def answer(self) -> None:
        line = self.standin.answer(self.request)
        if line.silent:
            await self.standin.over.wait()
        self.set_status(line.status)
        self.write(line.body)

    get = post = answer


@asynccontextmanager
async def a_standin(**timeouts: float) -> AsyncIterator[StandIn]:
    """Run a server on a free port of this machine."""
    sockets = bind_sockets(0, "127.0.0.1")
    standin = StandIn(f"http://127.0.0.1:{sockets[0].getsockname()[1]}", timeouts)
    quiet = {"log_function": lambda _handler: None}
    server = HTTPServer(Application([(".*", Talk, {"standin": lambda: standin})], **quiet))
    server.add_sockets(sockets)
    try:
        yield standin
    finally:
        standin.over.set()
        server.stop()
        await server.close_all_connections()
