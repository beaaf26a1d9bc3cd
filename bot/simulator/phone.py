"""A follower's phone: every thing a person can do in the chat, as a method. How it travels is courier.py."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders

from bot.simulator import quota
from bot.simulator.courier import Courier
from bot.simulator.messages import Repeated, Value
from bot.simulator.people import Follower, Received, links_in
from bot.simulator.stage import Stage

FOLLOWER_COOKIE = "wx_simulated_follower"

_TAP_EVENTS = frozenset({"CLICK", "SCAN", "subscribe", "scancode_push", "scancode_waitmsg"})
_MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_message_ids = count(24_000_000_000_000_001)  # 64-bit, as WeChat's are; unique in this process


class NotFollowing(Exception):
    """Who does not follow the account cannot write to it: call `follow` first."""


@dataclass(frozen=True)
class WebPage:
    """What the in-WeChat browser ended on."""

    url: str
    status: int
    headers: HTTPHeaders
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()


class Phone:
    """One follower's phone. Actions return the passive reply, or None when the account kept silent.

    A reply that WeChat would refuse raises BadReply; no reply in three deliveries is a Received of kind "error".
    """

    def __init__(self, stage: Stage, courier: Courier, follower: Follower) -> None:
        self._stage = stage
        self._courier = courier
        self._follower = follower
        self._last_event: tuple[str, str, int] = ("", "", 0)

    @property
    def openid(self) -> str:
        """The follower's openid under this account."""
        return self._follower.openid

    @property
    def name(self) -> str:
        """The nickname, which the account never learns."""
        return self._follower.name

    @property
    def subscribed(self) -> bool:
        """Whether this person follows the account now."""
        return self._follower.subscribed

    @property
    def screen(self) -> list[Received]:
        """Everything in the chat, oldest first."""
        return self._follower.screen

    @property
    def menu(self) -> list[dict[str, Any]] | None:
        """The buttons of the menu under the chat, or None when there is none."""
        return self._stage.menus.of(self._follower)

    @property
    def platform(self) -> str:
        """The system of the phone: 1 iOS, 2 Android, 3 another."""
        return self._follower.platform

    @platform.setter
    def platform(self, platform: str) -> None:
        self._follower.platform = platform
        self._follower.bell.ring()

    async def next_message(self, seconds: float = 5.0) -> Received:
        """Return the next thing that the account shows unasked. Raises TimeoutError."""
        seen = len(self.screen)
        async with asyncio.timeout(seconds):
            while len(self.screen) == seen:
                await self._follower.bell.wait(seconds)
        return self.screen[seen]

    # ---- messages ----

    async def say(self, text: str, bizmsgmenuid: str | None = None) -> Received | None:
        """Write `text`; with `bizmsgmenuid`, by tapping a message-menu item."""
        extra: dict[str, Value] = {} if bizmsgmenuid is None else {"bizmsgmenuid": bizmsgmenuid}
        return await self._send("text", {"Content": text, **extra}, text)

    async def voice(self, recognition: str | None = None) -> Received | None:
        """Speak; `recognition` is what WeChat understood, None when it tells nothing."""
        fields: dict[str, Value] = {"MediaId": "media-voice", "Format": "amr"}
        if recognition is not None:
            fields["Recognition"] = recognition
        return await self._send("voice", fields, recognition or "")

    async def image(self) -> Received | None:
        """Send a photo."""
        return await self._send("image", {"PicUrl": f"{self._stage.url}/photo.jpg", "MediaId": "media-image"})

    async def video(self) -> Received | None:
        """Send a video."""
        return await self._send("video", {"MediaId": "media-video", "ThumbMediaId": "media-thumb"})

    async def location(self, latitude: float = 31.23, longitude: float = 121.47) -> Received | None:
        """Send a place on the map."""
        fields: dict[str, Value] = {
            "Location_X": latitude,
            "Location_Y": longitude,
            "Scale": 15,
            "Label": "上海市黄浦区人民大道",
        }
        return await self._send("location", fields)

    async def link(self, url: str = "https://example.com/", title: str = "一篇文章") -> Received | None:
        """Share a link."""
        return await self._send("link", {"Title": title, "Description": title, "Url": url}, title)

    async def tap(self, label: str) -> Received | None:
        """Tap the newest message-menu link in the chat with that label. Raises LookupError."""
        for received in reversed(self.screen):
            for shown, href in received.links:
                if shown == label and href.startswith("weixin://bizmsgmenu?"):
                    query = parse_qs(urlsplit(href).query)
                    return await self.say(query["msgmenucontent"][0], query["msgmenuid"][0])
        raise LookupError(f"no message-menu link {label!r} on the screen")

    # ---- events ----

    async def follow(self, scene: str | None = None, *, event_key: str | None = None) -> Received | None:
        """Follow the account; `scene` names the QR code used, `event_key` gives the raw EventKey instead."""
        follower = self._follower
        follower.subscribed, follower.subscribed_at = True, self._stage.now()
        follower.scene = (scene or "").removeprefix("qrscene_")
        key = event_key if event_key is not None else f"qrscene_{follower.scene}" if scene else ""
        ticket: dict[str, Value] = {"Ticket": "ticket-" + follower.scene} if scene else {}
        return await self.event("subscribe", EventKey=key, **ticket)

    async def unfollow(self) -> None:
        """Leave the account: nothing can be sent to this follower any more."""
        self._follower.subscribed = False
        self._stage.tags.leave(self.openid)
        self._follower.quota.close()
        await self._courier.deliver(self._follower, self._event_fields("unsubscribe", {"EventKey": ""}))
        self._follower.bell.ring()

    async def click(self, key: str) -> Received | None:
        """Tap a menu button of type click."""
        return await self.event("CLICK", EventKey=key)

    async def scan(self, scene: str) -> Received | None:
        """Scan one of the account's QR codes: SCAN for a follower, else following by that code."""
        if not self._follower.subscribed:
            return await self.follow(scene)
        return await self.event("SCAN", EventKey=scene, Ticket="ticket-" + scene)

    async def scan_code(self, code: str) -> Received | None:
        """Scan a code of the account: its ticket, or the address that its picture says. Raises LookupError."""
        found = self._stage.qrcodes.find(code, self._stage.now())
        if found is None:
            raise LookupError("no such code of this account, or its time is over")
        if not self._follower.subscribed:
            return await self.follow(found.scene)
        return await self.event("SCAN", EventKey=found.scene, Ticket=found.ticket)

    async def allow(self, *template_ids: str) -> None:
        """Allow one 订阅通知 of each template, in the dialogue that a page of the account opened."""
        for template_id in template_ids:
            self._follower.consents[template_id] = self._follower.consents.get(template_id, 0) + 1
        await self._answer("Popup", dict.fromkeys(template_ids, "accept"))

    async def decline(self, *template_ids: str) -> None:
        """Refuse them in that dialogue; what was allowed before is gone."""
        for template_id in template_ids:
            self._follower.consents[template_id] = 0
        await self._answer("Popup", dict.fromkeys(template_ids, "reject"))

    async def switch_off(self, template_id: str) -> None:
        """Refuse a template from now on, in WeChat's own settings of the account."""
        self._follower.consents[template_id] = 0
        await self._answer("Change", {template_id: "reject"})

    async def _answer(self, where: str, answers: Mapping[str, str]) -> None:
        """Tell the account what was answered; who does not follow it may have been on one of its pages."""
        scene: dict[str, Value] = {"PopupScene": 2} if where == "Popup" else {}
        parts = [{"TemplateId": each, "SubscribeStatusString": said, **scene} for each, said in answers.items()]
        nested: dict[str, Value] = {f"SubscribeMsg{where}Event": {"List": Repeated(parts)}}
        await self.push(f"subscribe_msg_{where.lower()}_event", nested)

    async def push(self, name: str, fields: Mapping[str, Value]) -> None:
        """Push an event that the follower does not answer for, whether or not they follow."""
        await self._courier.deliver(self._follower, self._event_fields(name, fields))

    async def view(self, url: str) -> Received | None:
        """Tap a menu button of type view: only the event; `open` opens the page."""
        return await self.event("VIEW", EventKey=url, MenuId="431000001")

    async def event(self, name: str, **fields: Value) -> Received | None:
        """Push any event, with the given fields as they are."""
        self._must_follow()
        if name in _TAP_EVENTS:
            self._follower.quota.open(quota.TAP, self._stage.now())
        self._follower.last_sent = self._stage.now()
        return await self._courier.deliver(self._follower, self._event_fields(name, fields))

    # ---- agents ----

    async def agent_takes(self, account: str = "kf2001@gh_test") -> None:
        """Let an agent take the session: for 30 minutes messages go to them, and the account sees none."""
        self._follower.agent, self._follower.agent_since = account, self._stage.now()
        await self.push("kf_create_session", {"KfAccount": account})

    async def agent_closes(self) -> None:
        """Let the agent close the session. Raises LookupError when there is none."""
        account, self._follower.agent = self._follower.agent, ""
        if not account:
            raise LookupError("no agent has this session")
        await self.push("kf_close_session", {"KfAccount": account})

    async def agent_says(self, text: str) -> None:
        """Let the agent answer; the account hears nothing of it. Raises LookupError when nobody has the session."""
        if not self.served:
            raise LookupError("no agent has this session")
        self._follower.see(Received("text", text, links_in(text), via="customer_service", at=self._stage.now()))

    @property
    def served(self) -> bool:
        """Whether an agent has the session now."""
        return self._stage.served(self._follower)

    # ---- the web view ----

    async def open(
        self, url: str, *, method: str = "GET", body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> WebPage:
        """Open a page as the in-WeChat browser does: as this follower, redirects followed.

        A POST's body is sent as a form unless `headers` say otherwise.
        """
        stage = self._stage
        if urlsplit(url).netloc == urlsplit(stage.shop_url).netloc:
            url = stage.webview_url + url.removeprefix(stage.shop_url)
        sent = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        sent |= {**(headers or {}), "Cookie": f"{FOLLOWER_COOKIE}={self.openid}"}
        for _ in range(_MOST_REDIRECTS):
            if urlsplit(url).netloc not in {urlsplit(stage.url).netloc, urlsplit(stage.webview_url).netloc}:
                raise ValueError(f"the web view was led out of the stage: {url}")
            request = HTTPRequest(url.partition("#")[0], method=method, headers=sent, body=body)
            response = await stage.client.fetch(request, raise_error=False)
            if response.code not in _REDIRECTS or "Location" not in response.headers:
                return WebPage(url, response.code, response.headers, response.body)
            url = urljoin(url, response.headers["Location"])
            if response.code not in {307, 308}:
                method, body = "GET", None
                sent.pop("Content-Type", None)
        raise ValueError(f"more than {_MOST_REDIRECTS} redirects; the last one led to {url}")

    def link_to(self, url: str) -> str:
        """Return the address that opens `url` in the web view as this follower, for a real browser."""
        return f"{self._stage.webview_url}/__wx/open?{urlencode({'as': self.openid, 'to': url})}"

    # ---- helpers ----

    def _must_follow(self) -> None:
        if not self._follower.subscribed:
            raise NotFollowing(f"{self.name} does not follow the account: call follow() first")

    async def _send(self, kind: str, fields: Mapping[str, Value], text: str = "") -> Received | None:
        self._must_follow()
        now = self._stage.now()
        # Tapping a message-menu item counts as a click, not as a message.
        self._follower.quota.open(quota.TAP if "bizmsgmenuid" in fields else quota.MESSAGE, now)
        self._follower.last_sent = now
        self._follower.see(Received(kind, text, via="self", at=now))
        if self.served:
            return None
        head = self._head(int(now))
        return await self._courier.deliver(
            self._follower, {**head, "MsgType": kind, **fields, "MsgId": next(_message_ids)}
        )

    def _head(self, created: int) -> dict[str, Value]:
        return {
            "ToUserName": self._stage.settings.original_id,
            "FromUserName": self.openid,
            "CreateTime": created,
        }

    def _event_fields(self, name: str, fields: Mapping[str, Value]) -> dict[str, Value]:
        """Keep an event from repeating within a second: having no MsgId, it would count as a second delivery."""
        created = int(self._stage.now())
        last_name, last_key, last_created = self._last_event
        key = str(fields.get("EventKey", fields.get("MsgID", "")))
        if (name, key) == (last_name, last_key):
            created = max(created, last_created + 1)
        self._last_event = (name, key, created)
        return {**self._head(created), "MsgType": "event", "Event": name, **fields}
