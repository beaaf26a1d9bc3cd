"""A strict stand-in for api.mch.weixin.qq.com: it verifies each request over its raw bytes, then says its line."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from bot.wechatpay import crypto
from bot.wechatpay.client import PayClient
from tests import standin
from tests.bot.wechatpay.builders import MCH_ID, SERIAL, a_key, a_merchant, signed_headers
from tests.standin import StoppedClock

AUTHORIZATION = re.compile(
    r'WECHATPAY2-SHA256-RSA2048 mchid="(?P<mchid>[^"]+)",nonce_str="(?P<nonce>[0-9A-Za-z]{1,32})",'
    r'signature="(?P<signature>[^"]+)",timestamp="(?P<timestamp>\d+)",serial_no="(?P<serial>[^"]+)"'
)


@dataclass
class Line(standin.Line):
    """What to answer next. A genuine signature unless ``headers`` say otherwise."""

    status: int = 200
    data: Any = None
    signed: bool = True


@dataclass
class StandIn(standin.StandIn):
    """The server's side: what it is going to say, and what it heard."""

    clock: StoppedClock
    client: PayClient
    heard: list[tuple[str, str, bytes]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def answer(self, request: Any) -> standin.Line:
        self.heard.append((request.method, request.uri, request.body))
        if complaint := self.complaint(request):
            self.complaints.append(complaint)
            line: Any = Line(401, {"code": "SIGN_ERROR", "message": complaint}, signed=False)
        else:
            line = copy(self.lines.pop(0))
        signature = signed_headers(line.body, at=self.clock.now()) if line.signed else {}
        line.headers = {"Request-ID": "REQ-1", **signature, **line.headers}
        return line

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


def a_standin(**timeouts: float) -> AbstractAsyncContextManager[StandIn]:
    """Run it on a free port of this machine, with a client that talks to it."""

    def make(base: str) -> StandIn:
        clock = StoppedClock()
        return StandIn(base, clock, PayClient(a_merchant(api_base=base), clock, **timeouts))

    return standin.standing(make)
