"""The state that every part of the simulator shares: addresses, clock, client, background work. No rules."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tornado.httpclient import AsyncHTTPClient
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from bot.simulator.bills import Bills
from bot.simulator.book import TradeBook
from bot.simulator.faults import Faults
from bot.simulator.massbook import MassBook
from bot.simulator.menubook import MenuBook
from bot.simulator.messages import Value
from bot.simulator.notes import Notes
from bot.simulator.people import Follower, People
from bot.simulator.qrcodes import Codes
from bot.simulator.settings import Credentials, SimulatorKeys, SimulatorSettings
from bot.simulator.tagbook import TagBook
from bot.simulator.transferbook import TransferBook

_SESSION_SECONDS = 1800  # an agent's session that nobody closes: after these the account gets the messages again


class Call(NamedTuple):
    """One call that the shop made to either API."""

    path: str
    status: int  # 0 when the connection was dropped
    method: str
    query: str
    body: bytes


Push = Callable[[Follower, str, dict[str, Value]], Coroutine[Any, Any, object]]


async def _nobody(_follower: Follower, _name: str, _fields: dict[str, Value]) -> None:
    """Push to nobody: no courier is there yet."""


@dataclass
class Stage:
    """Everything behind the scenes. `reset` brings it back to the first moment, keys, addresses and menus kept."""

    settings: SimulatorSettings
    keys: SimulatorKeys
    now: Callable[[], float]  # unix seconds
    shop_url: str
    url: str = ""
    webview_url: str = ""
    calls: list[Call] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)  # access token → when it expires
    stable_token: str = ""
    ticket: tuple[str, float] = ("", 0.0)  # of the JS-SDK, and when it expires
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
        self.bills = Bills()
        self.transfers = TransferBook()
        self.notes = Notes()
        self.qrcodes = Codes()
        self.push: Push = _nobody
        self.menus = MenuBook(self.settings.menu, self.tags)
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

    async def settle(self) -> None:
        """Wait until the background work of this moment is done."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def served(self, follower: Follower) -> bool:
        """Tell whether an agent has the session of a follower; one that nobody closes ends by itself."""
        return bool(follower.agent) and self.now() < follower.agent_since + _SESSION_SECONDS

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
        """Forget everything that happened: screens, follows, trades, tokens, calls, faults. The menus stay."""
        for task in list(self._tasks):
            task.cancel()
        for follower in self.people:
            follower.forget()
        self.calls.clear()
        self.tokens.clear()
        self.codes.clear()
        self.forced_at.clear()
        self.faults.clear()
        self.stable_token, self.ticket = "", ("", 0.0)
        self.book.clear()
        self.bills.clear()
        self.transfers.clear()
        self.notes.sent.clear()
        self.qrcodes.clear()
        self.tags.clear()
        self.mass.clear()
        self.ring()


@dataclass
class OAuthCode:
    """A code that the authorize page gave out."""

    openid: str
    issued: float
    used: bool = False
