"""A stand-in for one of WeChat's hosts, on loopback: it hears what is asked and says its lines.

How strict it is, and what it says, is each host's own matter: tests/bot/account and tests/bot/wechatpay.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # noon in Beijing


class StoppedClock:
    """A clock that stands at noon until it is moved."""

    def __init__(self, moment: datetime = NOON) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def move(self, **by: float) -> None:
        self.moment += timedelta(**by)


@dataclass(kw_only=True)
class Line:
    """What to answer next: JSON, or ``raw`` bytes instead; a silent one never comes."""

    status: int = 200
    data: Any = None
    raw: bytes | None = None
    silent: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return self.raw if self.raw is not None else b"" if self.data is None else json.dumps(self.data).encode()


@dataclass
class StandIn:
    """The server's side: what it is going to say, and since when it need not be silent any more."""

    base: str
    lines: list[Line] = field(default_factory=list, kw_only=True)
    over: asyncio.Event = field(default_factory=asyncio.Event, kw_only=True)

    def says(self, *lines: Line) -> None:
        self.lines.extend(lines)

    def answer(self, request: Any) -> Line:
        """Hear a request, and choose the line for it."""
        raise NotImplementedError


S = TypeVar("S", bound=StandIn)


class Talk(RequestHandler):
    def initialize(self, standin: Callable[[], StandIn]) -> None:
        self.standin = standin()

    async def answer(self) -> None:
        line = self.standin.answer(self.request)
        if line.silent:
            await self.standin.over.wait()
        self.set_status(line.status)
        for name, value in line.headers.items():
            self.set_header(name, value)
        if line.status == 204:
            self.clear_header("Content-Type")
        else:
            self.write(line.body)

    get = post = answer


@asynccontextmanager
async def standing(make: Callable[[str], S]) -> AsyncIterator[S]:
    """Let what ``make`` returns for an address answer there, on a free port of this machine."""
    sockets = bind_sockets(0, "127.0.0.1")
    standin = make(f"http://127.0.0.1:{sockets[0].getsockname()[1]}")
    quiet = {"log_function": lambda _handler: None}
    server = HTTPServer(Application([(".*", Talk, {"standin": lambda: standin})], **quiet))
    server.add_sockets(sockets)
    try:
        yield standin
    finally:
        standin.over.set()
        server.stop()
        await server.close_all_connections()
