"""Puts the simulator together: two ports and what answers on them. Each part lives in its own file."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from bot.simulator import page, webview
from bot.simulator.cashier import Cashier
from bot.simulator.courier import Courier
from bot.simulator.faults import Faults
from bot.simulator.mch import MchHandler
from bot.simulator.messages import Value
from bot.simulator.notes import Sort
from bot.simulator.notices import Notices
from bot.simulator.oauth import AuthorizeHandler
from bot.simulator.once import ConsentHandler
from bot.simulator.people import Follower
from bot.simulator.phone import Phone
from bot.simulator.settings import Credentials, Mode, SimulatorKeys, SimulatorSettings
from bot.simulator.stage import Call, Stage
from bot.simulator.transfers import TransferDesk, TransferHandler
from bot.simulator.transferview import TransferViewHandler
from bot.simulator.weixin import WeixinHandler

_STATIC = Path(__file__).parent / "static"
_HOST = "127.0.0.1"


class Simulator:
    """Both WeChat hosts, the in-WeChat browser and any number of phones, on loopback.

    `start` first, `stop` at the end; between them `url` is the API hosts and the phone page,
    `webview_url` what the shop must be told is its public address.
    """

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        *,
        keys: SimulatorKeys | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        settings = settings or SimulatorSettings()
        self.settings = settings
        self._stage = Stage(settings, keys or SimulatorKeys.generate(), now, settings.shop_url.rstrip("/"))
        self._courier = Courier(self._stage)
        self._stage.report = self._courier.report
        self._notices = Notices(self._stage)
        self._jars = webview.CookieJars()
        self._phones: dict[str, Phone] = {}
        self._servers: list[HTTPServer] = []
        self._forget: Callable[[list[str]], None] | None = None
        self._stage.push = self._push
        self.pay = Cashier(self._stage, self._notices)
        self.transfers = TransferDesk(self._stage, self._notices)

    # ---- life ----

    async def start(self, port: int = 0, webview_port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        stage = self._stage
        stage.url = self._listen(self._host_app(), port)
        stage.webview_url = self._listen(self._webview_app(), webview_port)

    async def stop(self) -> None:
        """Close everything; nothing is left running."""
        for server in self._servers:
            server.stop()
        await self._stage.close()
        for server in self._servers:
            await server.close_all_connections()
        self._servers.clear()

    def attach(self, shop_url: str, *, forget: Callable[[list[str]], None] | None = None) -> None:
        """Say where the shop really listens, and what a reset calls so that the shop forgets these openids too."""
        self._stage.shop_url = shop_url.rstrip("/")
        self._forget = forget

    def reset(self) -> None:
        """Forget everything that happened. Keys, addresses, openids and menus stay; nobody follows any more."""
        self._stage.reset()
        if self._forget is not None:
            self._forget([follower.openid for follower in self._stage.people])
        self._notices.sent.clear()
        self._jars.clear()

    # ---- what the shop must know ----

    @property
    def url(self) -> str:
        """Origin of the API hosts and of the phone page."""
        return self._stage.url

    @property
    def webview_url(self) -> str:
        """Origin of the web view: the shop's public address."""
        return self._stage.webview_url

    @property
    def credentials(self) -> Credentials:
        """Keys and serials of the merchant."""
        return self._stage.credentials

    # ---- who plays ----

    def phone(self, name: str = "小林", *, following: bool = False) -> Phone:
        """Return that person's phone. With `following` they follow already, and the shop is not told."""
        follower = self._stage.people.named(name)
        if following and not follower.subscribed:
            follower.subscribed, follower.subscribed_at = True, self._stage.now()
        self._stage.ring()
        return self._phone_of(follower)

    def add_template(self, sort: Sort, title: str, fields: Mapping[str, str]) -> str:
        """Give the account a template ("template", "subscribe", "once"); `fields` maps fields to their labels."""
        return self._stage.notes.add(sort, title, fields).template_id

    async def settle(self) -> None:
        """Wait until what the simulator does by itself (results of notices, say) is done."""
        await self._stage.settle()

    def tag(self, name: str, *phones: Phone) -> int:
        """Return the number of the account's tag of that name, given to these people as their last one."""
        number = self._stage.tags.named(name)
        for phone in phones:
            self._stage.tags.give(number, self._stage.people.named(phone.name))
        self._stage.ring()
        return number

    def make_menu_in_console(self, buttons: list[dict[str, Any]], *, switched_on: bool = True) -> None:
        """Publish a menu as an operator does in the web console, in the shape it is told in."""
        self._stage.menus.make_in_console(buttons)
        self._stage.menus.is_open = switched_on
        self._stage.ring()

    @property
    def faults(self) -> Faults:
        """The switches; all off at first."""
        return self._stage.faults

    @property
    def calls(self) -> list[Call]:
        """Every call that the shop made to either API, in order."""
        return self._stage.calls

    # ---- the callback address ----

    def envelope(
        self, xml: str, *, timestamp: str | None = None, nonce: str | None = None, mode: Mode | None = None
    ) -> tuple[str, bytes]:
        """Return the query string and body of a signed (in safe mode sealed) delivery of any XML."""
        return self._courier.envelope(xml, timestamp=timestamp, nonce=nonce, mode=mode)

    def echo_query(self, echostr: str) -> str:
        """Return the query string of the GET that checks the callback address."""
        return self._courier.echo_query(echostr)

    async def verify_callback(self) -> bool:
        """Check the callback address as saving the server settings does."""
        return await self._courier.verify_callback()

    # ---- helpers ----

    def _phone_of(self, follower: Follower) -> Phone:
        if follower.openid not in self._phones:
            self._phones[follower.openid] = Phone(self._stage, self._courier, follower)
        return self._phones[follower.openid]

    async def _push(self, follower: Follower, name: str, fields: dict[str, Value]) -> None:
        await self._phone_of(follower).push(name, fields)

    def _listen(self, app: Application, port: int) -> str:
        server = HTTPServer(app)
        sockets = bind_sockets(port, _HOST)
        server.add_sockets(sockets)
        self._servers.append(server)
        return f"http://{_HOST}:{sockets[0].getsockname()[1]}"

    def _host_app(self) -> Application:
        stage = {"stage": self._stage}
        files = {path.name: path.read_bytes() for path in _STATIC.iterdir() if path.is_file()}
        desk = {"desk": page.Desk(self._stage, self.pay, self.phone, self.reset)}
        return Application(
            [
                (r"/", page.PageHandler, {"files": files, "name": "phone.html"}),
                (r"/static/(phone\.css|phone\.js)", page.PageHandler, {"files": files}),
                (r"/phone/api/(state|screen)", page.LookHandler, desk),
                (r"/phone/api/(followers|act|scan-pay|reset)", page.ActHandler, desk),
                (r"/connect/oauth2/authorize", AuthorizeHandler, stage),
                (r"/v3/fund-app/.*", TransferHandler, {**stage, "notices": self._notices}),
                (r"/mp/subscribemsg", ConsentHandler, stage),
                (r"/v3/.*", MchHandler, {**stage, "notices": self._notices}),
                (r"/(?:cgi-bin|sns|customservice)/.*", WeixinHandler, stage),
            ],
            log_function=lambda _: None,
        )

    def _webview_app(self) -> Application:
        stage = {"stage": self._stage}
        return Application(
            [
                (r"/__wx/open", webview.OpenHandler, stage),
                (r"/__wx/bridge\.js", webview.BridgeHandler, {"script": (_STATIC / "bridge.js").read_bytes()}),
                (r"/__wx/pay/(check|confirm)", webview.PayHandler, {**stage, "cashier": self.pay}),
                (r"/__wx/transfer/(verify|check|confirm)", TransferViewHandler, {**stage, "desk": self.transfers}),
                (r".*", webview.ProxyHandler, {**stage, "jars": self._jars}),
            ],
            log_function=lambda _: None,
        )
