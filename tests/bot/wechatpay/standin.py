"""A strict stand-in for api.mch.weixin.qq.com: it verifies each request over its raw bytes, then says its line."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from bot.wechatpay import crypto
from bot.wechatpay.client import PayClient
from tests.bot.wechatpay.builders import MCH_ID, SERIAL, StoppedClock, a_key, a_merchant, signed_headers

AUTHORIZATION = re.compile(
    r'WECHATPAY2-SHA256-RSA2048 mchid="(?P<mchid>[^"]+)",nonce_str="(?P<nonce>[0-9A-Za-z]{1,32})",'
    r'signature="(?P<signature>[^"]+)",timestamp="(?P<timestamp>\d+)",serial_no="(?P<serial>[^"]+)"'
)


@dataclass
class Line:
    """What to answer next. A genuine signature unless ``headers`` say otherwise."""

    status: int = 200
    data: Any = None
    raw: bytes | None = None
    signed: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False

    @property
    def body(self) -> bytes:
        return self.raw if self.raw is not None else b"" if self.data is None else json.dumps(self.data).encode()


@dataclass
class StandIn:
    """The server's side: what it is going to say, and what it heard."""

    base: str
    clock: StoppedClock
    client: PayClient
    lines: list[Line] = field(default_factory=list)
    heard: list[tuple[str, str, bytes]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def says(self, *lines: Line) -> None:
        self.lines.extend(lines)

    def complaint(self, request: Any) -> str | None:
        given = AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if given is None:
            return "no proper Authorization"
        message = crypto.request_message(
            request.method, request.uri, int(given["timestamp"]), given["nonce"], request.body
        )
        if abs(int(given["timestamp"]) - self.clock.now().timestamp()) > 300:
            return "stale"
        if not crypto.verify(a_key("merchant").public_key(), message, given["signature"]):
            return "bad signature"
        if given["mchid"] != MCH_ID or request.headers.get("Wechatpay-Serial") != SERIAL:
            return "wrong merchant or serial"
        if "zhike" not in request.headers.get("User-Agent", ""):
            return "no User-Agent"
        if request.headers.get("Accept") != "application/json":
            return "no Accept"
        if request.method == "POST" and request.headers.get("Content-Type") != "application/json":
            return "no Content-Type"
        return None


class Talk(RequestHandler):
    def initialize(self, standin: Callable[[], StandIn]) -> None:
        self.standin = standin()

    async def answer(self) -> None:
        request, standin = self.request, self.standin
        standin.heard.append((request.method, request.uri, request.body))
        if complaint := standin.complaint(request):
            standin.complaints.append(complaint)
            self.say(Line(401, {"code": "SIGN_ERROR", "message": complaint}, signed=False))
            return
        line = standin.lines.pop(0)
        if line.silent:
            await standin.over.wait()
        self.say(line)

    def say(self, line: Line) -> None:
        self.set_status(line.status)
        self.set_header("Request-ID", "REQ-1")
        if line.signed:
            for name, value in signed_headers(line.body, at=self.standin.clock.now()).items():
                self.set_header(name, value)
        for name, value in line.headers.items():
            self.set_header(name, value)
        if line.status == 204:
            self.clear_header("Content-Type")
        else:
            self.write(line.body)

    get = post = answer


@asynccontextmanager
async def a_standin(**timeouts: float) -> AsyncIterator[StandIn]:
    """Run a server on a free port of this machine, with a client that talks to it."""
    sockets = bind_sockets(0, "127.0.0.1")
    base = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    clock = StoppedClock()
    standin = StandIn(base, clock, PayClient(a_merchant(api_base=base), clock, **timeouts))
    quiet = {"log_function": lambda _handler: None}
    server = HTTPServer(Application([(".*", Talk, {"standin": lambda: standin})], **quiet))
    server.add_sockets(sockets)
    try:
        yield standin
    finally:
        standin.over.set()
        server.stop()
        await server.close_all_connections()
