"""The state that every part of the simulator shares: addresses, clock, client, background work. No rules."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tornado.httpclient import AsyncHTTPClient
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from bot.simulator.book import TradeBook
from bot.simulator.faults import Faults
from bot.simulator.massbook import MassBook
from bot.simulator.people import People
from bot.simulator.settings import Credentials, SimulatorKeys, SimulatorSettings
from bot.simulator.tagbook import TagBook


class Call(NamedTuple):
    """One call that the shop made to either API."""

    path: str
    status: int  # 0 when the connection was dropped
    method: str
    query: str
    body: bytes


@dataclass
class Stage:
    """Everything behind the scenes. `reset` brings it back to the first moment, keys and addresses kept."""

    settings: SimulatorSettings
    keys: SimulatorKeys
    now: Callable[[], float]  # unix seconds
    shop_url: str
    url: str = ""
    webview_url: str = ""
    calls: list[Call] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)  # access token → when it expires
    stable_token: str = ""
    forced_at: list[float] = field(default_factory=list)  # when stable_token was forced to change
    codes: dict[str, "OAuthCode"] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    tags: TagBook = field(default_factory=TagBook)
    mass: MassBook = field(default_factory=MassBook)
    report: Callable[[Mapping[str, Any]], Awaitable[None]] | None = None  # delivers an event that nobody answers

    def __post_init__(self) -> None:
        self.credentials = Credentials.of(self.keys)
        self.people = People(self.settings.app_id)
        self.book = TradeBook()
        self.menu: Mapping[str, Any] | None = self.settings.menu
        self._client: AsyncHTTPClient | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def client(self) -> AsyncHTTPClient:
        """The client that plays WeChat's servers and the web view."""
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True,
                defaults={"follow_redirects": False, "decompress_response": False},
                max_clients=500,
            )
        return self._client

    def background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` beside everything else, until it ends or the simulator stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def ring(self) -> None:
        """Wake every page that watches a phone: something around the screens changed."""
        for follower in self.people:
            follower.bell.ring()

    async def close(self) -> None:
        """Stop the background work, wake who waits, close the client."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.ring()
        if self._client is not None:
            self._client.close()
            self._client = None

    def reset(self) -> None:
        """Forget everything that happened: screens, follows, trades, tokens, calls, faults, the pushed menu."""
        for task in list(self._tasks):
            task.cancel()
        for follower in self.people:
            follower.forget()
        self.calls.clear()
        self.tokens.clear()
        self.codes.clear()
        self.forced_at.clear()
        self.faults.clear()
        self.stable_token, self.menu = "", self.settings.menu
        self.book.clear()
        self.tags.clear()
        self.mass.clear()
        self.ring()


@dataclass
class OAuthCode:
    """A code that the authorize page gave out."""

    openid: str
    issued: float
    used: bool = False
