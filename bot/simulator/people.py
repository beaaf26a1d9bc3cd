"""The followers and what each of them sees. How they act is phone.py; what they are sent is in replies.py."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bot.simulator.quota import Quota

Via = Literal["reply", "customer_service", "template", "subscribe", "once", "mass", "self", "system"]

BROKEN = "该公众号提供的服务出现故障，请稍后再试"

_ANCHOR = re.compile(r"<a\s([^<>]*)>([^<>]*)</a>")
_HREF = re.compile(r"""\bhref=(?:"([^"]*)"|'([^']*)')""")


@dataclass(frozen=True)
class Article:
    """One item of a news card."""

    title: str
    description: str = ""
    url: str = ""
    picture: str = ""


@dataclass(frozen=True)
class Received:
    """One thing on the follower's screen."""

    kind: str  # "text", "news", "image", "voice", "video", "music", "msgmenu", "transfer", "tip", "error", ...
    text: str = ""
    links: tuple[tuple[str, str], ...] = ()  # (label, href) of every <a> in the text
    articles: tuple[Article, ...] = ()
    via: Via = "reply"
    at: float = 0.0  # unix seconds
    media_id: str = ""


def links_in(text: str) -> tuple[tuple[str, str], ...]:
    """Return (label, href) of every in-text link, in order. The href is taken as it stands."""
    found = []
    for attributes, label in _ANCHOR.findall(text):
        if href := _HREF.search(attributes):
            found.append((label, href.group(1) or href.group(2) or ""))
    return tuple(found)


class Bell:
    """Wakes whoever waits for something to change."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who waits now."""
        rung, self._event = self._event, asyncio.Event()
        rung.set()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or when `seconds` have passed."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return


@dataclass
class Follower:
    """One person with WeChat, following the account or not."""

    openid: str
    name: str
    subscribed: bool = False
    subscribed_at: float = 0.0
    scene: str = ""  # of the QR code they came by
    tags: list[int] = field(default_factory=list)  # that the account gave them, the last one last
    platform: str = "1"  # of the phone: 1 iOS, 2 Android, 3 another
    screen: list[Received] = field(default_factory=list)
    quota: Quota = field(default_factory=Quota)
    last_sent: float = 0.0  # when they last sent anything; the typing state needs it
    typing: bool = False
    agent: str = ""  # the customer-service account that has the session
    agent_since: float = 0.0
    consents: dict[str, int] = field(default_factory=dict)  # template → notices still allowed
    once: set[tuple[str, str]] = field(default_factory=set)  # (template, scene) of 一次性订阅消息 agreed to
    bell: Bell = field(default_factory=Bell)

    def see(self, received: Received) -> Received:
        """Put `received` on the screen."""
        self.screen.append(received)
        if received.via != "self":
            self.typing = False
        self.bell.ring()
        return received

    def forget(self) -> None:
        """Start over: not following, with an empty screen."""
        self.subscribed, self.subscribed_at, self.scene = False, 0.0, ""
        self.last_sent, self.typing, self.agent = 0.0, False, ""
        self.tags.clear()
        self.screen.clear()
        self.consents.clear()
        self.once.clear()
        self.quota.close()
        self.bell.ring()


class People:
    """Everyone who has a phone. The same name has the same openid under the same account, run after run."""

    def __init__(self, app_id: str) -> None:
        self._app_id = app_id
        self._by_openid: dict[str, Follower] = {}

    def named(self, name: str) -> Follower:
        """Return the follower of that name, made when there is none yet."""
        openid = openid_of(self._app_id, name)
        return self._by_openid.setdefault(openid, Follower(openid, name))

    def get(self, openid: str) -> Follower | None:
        """Return the follower with that openid, or None."""
        return self._by_openid.get(openid)

    def __iter__(self) -> Iterator[Follower]:
        return iter(list(self._by_openid.values()))


def openid_of(app_id: str, name: str) -> str:
    """Return an openid that looks like a real one: "o" and 27 characters."""
    digest = hashlib.sha256(f"{app_id}/{name}".encode()).digest()
    return "o" + base64.urlsafe_b64encode(digest).decode()[:27]
