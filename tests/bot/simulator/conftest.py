"""A tiny shop that answers what a test tells it to, and a simulator that plays to it on a stopped clock."""

import asyncio
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from bot.simulator import Simulator, SimulatorKeys, SimulatorSettings
from tests.wire import Account

NOON = 1_795_492_800.0  # 2026-11-24 12:00 in Beijing


class Clock:
    """Time that moves only when a test says so."""

    def __init__(self):
        self.at = NOON

    def __call__(self):
        return self.at

    def forward(self, seconds):
        self.at += seconds


@dataclass
class Delivery:
    """One POST to the callback address, as the shop saw it."""

    query: dict
    body: bytes
    fields: dict


@dataclass
class Shop:
    """Answers `/wechat`, `/pay/notify` and any page with what the test put into its attributes."""

    account: Account
    reply: Callable = lambda _fields: b"success"
    sealed: bool = True
    statuses: list = field(default_factory=list)  # of the next deliveries; 200 when used up
    hold: list = field(default_factory=list)  # one bool per delivery: let WeChat wait until it gives up
    deliveries: list = field(default_factory=list)
    notices: list = field(default_factory=list)  # (path, headers, body)
    notice_statuses: list = field(default_factory=list)  # 204 when used up
    pages: dict = field(default_factory=dict)  # path → (status, headers, body)
    requests: list = field(default_factory=list)  # page requests
    url: str = ""
    notified: asyncio.Event = field(default_factory=asyncio.Event)

    def xml(self, fields, *, to=None, **other):
        """Return a passive reply's XML."""
        head = {"ToUserName": to or fields["FromUserName"], "FromUserName": self.account.original_id}
        head |= {"CreateTime": int(NOON)} | other
        tags = "".join(f"<{name}>{_cdata(value)}</{name}>" for name, value in head.items())
        return f"<xml>{tags}</xml>"

    def text(self, content, **other):
        """Make every reply that text."""
        self.reply = lambda fields: self.wrap(self.xml(fields, MsgType="text", Content=content, **other))

    def raw(self, make_xml):
        """Make every reply what `make_xml(fields)` returns, sealed as the mode wants it."""
        self.reply = lambda fields: self.wrap(make_xml(fields))

    def wrap(self, xml, *, app_id=None, signature=None):
        if not self.sealed:
            return xml.encode()
        encrypted = self.account.encrypt(xml, app_id)
        signature = signature or self.account.sign(str(int(NOON)), "n", encrypted)
        return (
            f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature>{signature}</MsgSignature>"
            f"<TimeStamp>{int(NOON)}</TimeStamp><Nonce>n</Nonce></xml>"
        ).encode()


def _cdata(value):
    if isinstance(value, int) or (isinstance(value, str) and re.match("<item>|<MediaId>|<ThumbMediaId>", value)):
        return value
    return f"<![CDATA[{value}]]>"


class Callback(RequestHandler):
    def initialize(self, shop):
        self.shop = shop
        self.gone = asyncio.Event()

    def on_connection_close(self):
        self.gone.set()

    def get(self):
        self.finish(self.get_query_argument("echostr"))

    async def post(self):
        shop = self.shop
        query = {name: values[-1].decode() for name, values in self.request.query_arguments.items()}
        root = ET.fromstring(self.request.body)
        if query.get("encrypt_type") == "aes" and root.find("FromUserName") is None:
            root = ET.fromstring(shop.account.decrypt(root.findtext("Encrypt")))
        fields = {each.tag: each.text or "" for each in root}
        shop.deliveries.append(Delivery(query, self.request.body, fields))
        if shop.hold and shop.hold.pop(0):
            await self.gone.wait()
            return
        self.set_status(shop.statuses.pop(0) if shop.statuses else 200)
        self.finish(shop.reply(fields))


class Notify(RequestHandler):
    def initialize(self, shop):
        self.shop = shop

    def post(self):
        self.shop.notices.append((self.request.path, dict(self.request.headers), self.request.body))
        self.shop.notified.set()
        self.set_status(self.shop.notice_statuses.pop(0) if self.shop.notice_statuses else 204)


class Pages(RequestHandler):
    SUPPORTED_METHODS = ("GET", "POST", "HEAD")

    def initialize(self, shop):
        self.shop = shop

    def get(self):
        self.shop.requests.append(self.request)
        status, headers, body = self.shop.pages.get(self.request.path, (404, {}, ""))
        self.set_status(status)
        for name, value in headers.items():
            self.set_header(name, value)
        if status != 204:
            self.write(body)

    post = head = get


@dataclass
class World:
    """What a test plays with."""

    sim: Simulator
    shop: Shop
    clock: Clock
    http: AsyncHTTPClient

    async def fetch(self, url, **options):
        options.setdefault("follow_redirects", False)
        return await self.http.fetch(url, raise_error=False, **options)


@pytest.fixture(scope="session")
def keys():
    return SimulatorKeys.generate()


@pytest.fixture
def play(keys):
    """Return a runner: ``play(story)`` tells the story to a fresh simulator and a fresh shop."""

    async def run(story, options):
        clock = Clock()
        options.setdefault("delivery_timeout", 2.0)
        options.setdefault("notice_delays", ())
        sim = Simulator(SimulatorSettings(**options), keys=keys, now=clock)
        settings = sim.settings
        account = Account(settings.app_id, settings.original_id, settings.token, settings.encoding_aes_key)
        shop = Shop(account, sealed=settings.mode == "safe")
        sock, port = bind_unused_port()
        hands = {"shop": shop}
        server = HTTPServer(
            Application(
                [(r"/wechat", Callback, hands), (r"/pay/.*", Notify, hands), (r".*", Pages, hands)],
                log_function=lambda _: None,
            )
        )
        server.add_sockets([sock])
        shop.url = f"http://127.0.0.1:{port}"
        await sim.start()
        sim.attach(shop.url)
        world = World(sim, shop, clock, AsyncHTTPClient(force_instance=True, max_clients=50))
        try:
            return await story(world)
        finally:
            world.http.close()
            await sim.stop()
            server.stop()
            await server.close_all_connections()

    def start(story, **options):
        return asyncio.run(run(story, options))

    return start
