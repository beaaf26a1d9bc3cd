"""A strict stand-in for api.weixin.qq.com: it hands out tokens, knows which are good, and says its lines."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.account.client import AccountClient
from bot.account.settings import AccountSettings
from tests import standin
from tests.standin import NOON, StoppedClock

APP_ID, SECRET = "wx0123456789abcdef", "the-app-secret"


class MemoryTokens:
    """A ``TokenStore`` in memory, for as many workers as share it."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, datetime]] = {}
        self.leases: dict[str, str] = {}

    async def get(self, kind: str) -> tuple[str, datetime] | None:
        return self.kept.get(kind)

    async def put(self, kind: str, value: str, expires_at: datetime) -> None:
        self.kept[kind] = (value, expires_at)

    async def expire(self, kind: str, value: str) -> None:
        if self.kept.get(kind, ("", NOON))[0] == value:
            del self.kept[kind]

    async def lease(self, kind: str, holder: str, _until: datetime) -> bool:
        return self.leases.setdefault(kind, holder) == holder

    async def release(self, holder: str) -> None:
        self.leases = {kind: who for kind, who in self.leases.items() if who != holder}


@dataclass
class Line(standin.Line):
    """What to answer to the next call that is not about tokens."""

    data: Any = field(default_factory=lambda: {"errcode": 0, "errmsg": "ok"})


@dataclass
class StandIn(standin.StandIn):
    """The server's side: the token that is good now, what it is going to say, and what it heard."""

    timeouts: dict[str, float]
    clock: StoppedClock = field(default_factory=StoppedClock)
    store: MemoryTokens = field(default_factory=MemoryTokens)
    token: str = "token-1"
    expires_in: int = 7200
    token_answer: Line | None = None
    fetches: int = 0
    heard: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def client(self) -> AccountClient:
        """A worker of the shop; several share the store."""
        settings = AccountSettings(APP_ID, SECRET, self.base, "https://open.weixin.qq.com")
        return AccountClient(settings, self.store, self.clock, **self.timeouts)

    def answer(self, request: Any) -> standin.Line:
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


def a_standin(**timeouts: float) -> AbstractAsyncContextManager[StandIn]:
    """Run it on a free port of this machine; its clients get these time-outs."""
    return standin.standing(lambda base: StandIn(base, timeouts))
