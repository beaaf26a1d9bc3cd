"""The phone page and the small JSON interface behind it. The chat itself is phone.py; the look is in static/."""

import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

from tornado.escape import json_decode
from tornado.web import HTTPError, RequestHandler

from bot.simulator.book import PayRefused
from bot.simulator.cashier import Cashier
from bot.simulator.people import Follower
from bot.simulator.phone import NotFollowing, Phone
from bot.simulator.replies import BadReply
from bot.simulator.stage import Stage

_POLL_SECONDS = 20.0
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


class PhoneBook(Protocol):
    """Finds or makes the phone of a name."""

    def __call__(self, name: str = ..., *, following: bool = ...) -> Phone:
        """Return the phone."""


@dataclasses.dataclass(frozen=True)
class Desk:
    """What the page's handlers work with."""

    stage: Stage
    cashier: Cashier
    phone: PhoneBook
    reset: Callable[[], None]

    def follower(self, openid: str) -> Follower:
        """Return the follower, or 404."""
        if follower := self.stage.people.get(openid):
            return follower
        raise HTTPError(404, "nobody has that openid")

    def state(self, follower: Follower | None) -> dict[str, Any]:
        """Return all that the page shows around the screen."""
        stage = self.stage
        return {
            "account": stage.settings.account_name,
            "webview": stage.webview_url,
            "shop": stage.shop_url,
            "menu": self.menu(follower),
            "platform": follower.platform if follower else "1",
            "followers": [{"openid": each.openid, "name": each.name} for each in stage.people],
            "subscribed": follower.subscribed if follower else False,
            "typing": follower.typing if follower else False,
            "served": stage.served(follower) if follower else False,
            "notices": self.notices(follower) if follower else [],
        }

    def notices(self, follower: Follower) -> list[dict[str, Any]]:
        """Return the account's templates of 订阅通知, and how many of each the follower allows."""
        return [
            {"id": each.template_id, "title": each.title, "allowed": follower.consents.get(each.template_id, 0)}
            for each in self.stage.notes.templates.values()
            if each.sort == "subscribe"
        ]

    def menu(self, follower: Follower | None) -> dict[str, Any] | None:
        """Return the menu that the follower sees now."""
        buttons = self.stage.menus.of(follower) if follower else None
        return {"button": buttons} if buttons else None


class PageHandler(RequestHandler):
    """The page's three files."""

    def initialize(self, files: dict[str, bytes], name: str = "") -> None:
        """Take the files, read at the start."""
        self.files, self.name = files, name

    def get(self, name: str = "") -> None:
        """Serve one."""
        name = name or self.name
        self.set_header("Content-Type", _TYPES[name.rpartition(".")[2]] + "; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(self.files[name])


class DeskHandler(RequestHandler):
    """Base of the JSON handlers."""

    def initialize(self, desk: Desk) -> None:
        """Take what is worked with."""
        self.desk = desk

    def check_xsrf_cookie(self) -> None:
        """JSON only, which no foreign form can send."""

    def tell(self, told: dict[str, Any]) -> None:
        """Answer with JSON, in raw UTF-8."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(told, ensure_ascii=False))


class LookHandler(DeskHandler):
    """state: at once; screen: as soon as there is more than `after` entries, or another state."""

    async def get(self, what: str) -> None:
        """Answer {"state": …} and, for a screen, the new {"items": […], "total": n}."""
        openid = self.get_query_argument("openid", "")
        follower = self.desk.follower(openid) if openid else None
        if what == "state" or follower is None:
            self.tell({"state": self.desk.state(follower)})
            return
        after = int(self.get_query_argument("after", "0"))
        known = self.get_query_argument("known", "")
        if len(follower.screen) == after and self._mark(follower) == known:
            await follower.bell.wait(_POLL_SECONDS)
        start = after if after <= len(follower.screen) else 0
        items = [dataclasses.asdict(each) for each in follower.screen[start:]]
        self.tell(
            {
                "state": self.desk.state(follower),
                "known": self._mark(follower),
                "start": start,
                "items": items,
            }
        )

    def _mark(self, follower: Follower) -> str:
        around = json.dumps([self.desk.menu(follower), self.desk.notices(follower)], sort_keys=True)
        served = self.desk.stage.served(follower)
        return f"{follower.subscribed:d}{follower.typing:d}{served:d}{follower.platform}{hash(around)}"


class ActHandler(DeskHandler):
    """Everything that the person does on the page."""

    async def post(self, what: str) -> None:
        """Do it and answer {}; {"error": …} when the simulator has something to say to the developer."""
        if not self.request.headers.get("Content-Type", "").startswith("application/json"):
            raise HTTPError(415)
        body = json_decode(self.request.body)
        if not isinstance(body, dict):
            raise HTTPError(400)
        try:
            self.tell(await self._do(what, body) or {})
        except LookupError:
            self.tell({"error": "现在没有客服在接待"})
        except (BadReply, NotFollowing, PayRefused) as error:
            self.tell({"error": str(error)})

    async def _do(self, what: str, body: dict[str, Any]) -> dict[str, Any] | None:
        desk = self.desk
        if what == "followers":
            name = str(body.get("name", "")).strip()[:20] or f"访客{len(list(desk.stage.people)) + 1}"
            return {"openid": desk.phone(name).openid}
        if what == "reset":
            desk.reset()
            return None
        follower = desk.follower(str(body.get("openid", "")))
        if what == "scan-pay":
            return await self._scan_pay(body, follower.openid)
        act = _ACTS.get(str(body.get("do", "")))
        if act is None:
            raise HTTPError(400, "no such act")
        await act(desk.phone(follower.name), body)
        return None

    async def _scan_pay(self, body: dict[str, Any], openid: str) -> dict[str, Any]:
        code_url = str(body.get("code_url", "")).strip()
        sheet = self.desk.cashier.look(code_url)
        if body.get("confirm"):
            await self.desk.cashier.scan(code_url, openid, wait=False)
            return {"paid": True}
        return {"sheet": dataclasses.asdict(sheet)}


def _text(body: dict[str, Any], name: str) -> str:
    return str(body.get(name, ""))


async def _say(phone: Phone, body: dict[str, Any]) -> None:
    await phone.say(_text(body, "text"), _text(body, "bizmsgmenuid") or None)


async def _view(phone: Phone, body: dict[str, Any]) -> None:
    url = _text(body, "url")
    if not urlsplit(url).netloc:
        raise HTTPError(400, "no address to view")
    await phone.view(url)


async def _scan(phone: Phone, body: dict[str, Any]) -> None:
    """Scan what is pasted: the address or ticket of a code, else the scene of one that was printed before."""
    text = _text(body, "scene")
    try:
        await phone.scan_code(text)
    except LookupError:
        await phone.scan(text)


async def _platform(phone: Phone, body: dict[str, Any]) -> None:
    if (platform := _text(body, "platform")) not in {"1", "2", "3"}:
        raise HTTPError(400, "no such platform")
    phone.platform = platform


_ACTS: dict[str, Callable[[Phone, dict[str, Any]], Awaitable[object]]] = {
    "say": _say,
    "view": _view,
    "follow": lambda phone, body: phone.follow(_text(body, "scene") or None),
    "unfollow": lambda phone, _: phone.unfollow(),
    "platform": _platform,
    "scan": _scan,
    "allow": lambda phone, body: phone.allow(_text(body, "template_id")),
    "decline": lambda phone, body: phone.decline(_text(body, "template_id")),
    "agent_takes": lambda phone, _: phone.agent_takes(),
    "agent_closes": lambda phone, _: phone.agent_closes(),
    "agent_says": lambda phone, body: phone.agent_says(_text(body, "text")),
    "click": lambda phone, body: phone.click(_text(body, "key")),
    "voice": lambda phone, body: phone.voice(_text(body, "recognition") or None),
    "image": lambda phone, _: phone.image(),
    "video": lambda phone, _: phone.video(),
    "location": lambda phone, _: phone.location(),
    "link": lambda phone, _: phone.link(),
}
