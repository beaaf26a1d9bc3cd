"""A running server on a real database, a stopped clock, honest doubles at the doors, and a follower's phone."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from bot import catalog
from bot.config import Config, from_mapping
from bot.errors import AccountError, NoticeRefused
from bot.models import Notice, RefundFacts, Trade
from bot.shop import open_shop
from bot.suggestions import read_words
from handlers.chat.told import teller
from handlers.web.app import make_app
from recsys.text import Tokenizer
from tests.wire import Account

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


class StoppedClock:
    """Time that moves only when a test says so."""

    def __init__(self):
        self.at = NOON

    def now(self):
        return self.at

    def forward(self, **delta):
        self.at += timedelta(**delta)


class Phone:
    """Records what the account sends; refuses with an errcode when told to."""

    def __init__(self):
        self.received = []
        self.refuse_with = 0

    async def send_text(self, openid, content):
        if self.refuse_with:
            raise AccountError(self.refuse_with, "refused")
        self.received.append((openid, content))


class Cashier:
    """WeChat Pay as a small honest table of trades; ``read_notice`` takes JSON that a test calls genuine."""

    def __init__(self):
        self.trades = {}
        self.refunds = {}
        self.closed = []
        self.fail_next: list[Exception] = []
        self.prepays: list[str] = []
        self.before_answer: Callable | None = None

    def prepay_request(self, order):
        return json.dumps({"no": order.out_trade_no, "fen": order.total_fen, "payer": order.payer_openid})

    async def prepay(self, _trade_type, request):
        number = json.loads(request)["no"]
        self.prepays.append(request)
        self.trades.setdefault(number, Trade(number, "NOTPAY", MERCHANT["app_id"], MERCHANT["mch_id"]))
        if self.before_answer:
            await self.before_answer(number)
        if self.fail_next:
            raise self.fail_next.pop(0)
        return f"prepay-{number}"

    def bridge_params(self, prepay_id):
        return {"package": f"prepay_id={prepay_id}"}

    def paid(self, number, fen, openid, **changes):
        trade = Trade(
            out_trade_no=number,
            trade_state="SUCCESS",
            app_id=MERCHANT["app_id"],
            mch_id=MERCHANT["mch_id"],
            transaction_id=f"T{number}",
            trade_type="JSAPI",
            total_fen=fen,
            currency="CNY",
            payer_openid=openid,
        )
        self.trades[number] = trade
        return replace(trade, **changes)

    async def query(self, number):
        if self.fail_next:
            raise self.fail_next.pop(0)
        return self.trades.get(number)

    async def close(self, number):
        if self.fail_next:
            raise self.fail_next.pop(0)
        self.closed.append(number)

    def refund_request(self, *, out_refund_no, refund_fen, out_trade_no, total_fen, reason):
        return json.dumps({"no": out_refund_no, "fen": refund_fen, "of": [out_trade_no, total_fen, reason]})

    async def refund(self, request):
        asked = json.loads(request)
        facts = RefundFacts(asked["no"], "PROCESSING", out_trade_no=asked["of"][0], refund_fen=asked["fen"])
        self.refunds[asked["no"]] = facts
        return facts

    async def query_refund(self, number):
        return self.refunds.get(number)

    async def redirect_refund(self, _refund_id, number):
        self.refunds[number] = replace(self.refunds[number], status="PROCESSING")
        return self.refunds[number]

    def read_notice(self, _headers, body):
        try:
            told = json.loads(body)
            return Notice(told["id"], "TRANSACTION.SUCCESS", trade=Trade(**told["trade"]))
        except (ValueError, TypeError, KeyError) as error:
            raise NoticeRefused(str(error)) from None


class Authority:
    """WeChat's authorisation page: each code works once."""

    def __init__(self):
        self.codes = {}

    def authorize_url(self, redirect_uri, state):
        return f"https://open.weixin.qq.com/authorize?redirect_uri={redirect_uri}&state={state}"

    async def identify(self, code):
        identity = self.codes.pop(code, None)
        if identity is None:
            raise AccountError(40163, "code been used")
        return identity


MERCHANT = {"app_id": Account.app_id, "mch_id": "1900000001"}


@dataclass
class World:
    """Everything a story needs."""

    shop: object
    url: str
    account: Account
    clock: StoppedClock
    phone: Phone
    cashier: Cashier
    sealed: bool
    authority: Authority
    http: AsyncHTTPClient = field(default_factory=lambda: AsyncHTTPClient(force_instance=True, max_clients=64))

    async def post(self, query, body):
        """Deliver raw bytes; returns the HTTP response, whatever its status."""
        return await self.http.fetch(
            f"{self.url}/wechat?{query}", method="POST", body=body, raise_error=False, request_timeout=10
        )

    def envelope(self, xml):
        now = self.clock.now().timestamp()
        return self.account.sealed(xml, now) if self.sealed else self.account.open(None, xml, now)

    async def deliver(self, xml):
        """Deliver a message and return the checked text of the reply."""
        response = await self.post(*self.envelope(xml))
        assert response.code == 200, response.code
        openid = re.search(r"<FromUserName><!\[CDATA\[(.*?)\]\]>", xml).group(1)
        return self.account.read(response.body, to=openid, sealed=self.sealed)

    def message(self, openid, kind="text", **fields):
        return self.account.message(openid, self.clock.now().timestamp(), kind, **fields)

    async def say(self, openid, text, **fields):
        return await self.deliver(self.message(openid, Content=text, **fields))

    async def event(self, openid, name, key=""):
        return await self.deliver(self.message(openid, "event", Event=name, EventKey=key))


@pytest.fixture(scope="session")
def tokenizer():
    lists = [
        (ROOT / "data" / name).read_text("utf-8").splitlines() for name in ("stop_words.txt", "user_words.txt")
    ]
    return Tokenizer(*(read_words(lines) for lines in lists))


@pytest.fixture
def live(tmp_path, tokenizer):
    """Return a runner: ``live(story)`` starts a fresh server on the same database and tells the story to it."""
    account = Account()
    clock, phone, cashier, authority = StoppedClock(), Phone(), Cashier(), Authority()

    def settings(mode, sells, refund, chat) -> Config:
        wechat = {"app_id": account.app_id, "app_secret": "s", "original_id": account.original_id}
        wechat |= {"token": account.token, "encoding_aes_key": account.aes_key, "mode": mode}
        raw = {"wechat": wechat, "pay": {"mch_id": MERCHANT["mch_id"] if sells else ""}, "chat": chat}
        raw["refund"] = refund or {}
        raw["server"] = {"public_url": "https://shop.example.cn"}
        raw["store"] = {"url": f"sqlite:///{tmp_path / 'zhike.db'}"}
        raw["recsys"] = {"models_dir": str(tmp_path / "models")}
        return from_mapping(raw, environ={}, base=ROOT)

    async def run(story, config, sealed):
        shop = open_shop(
            config,
            tell=teller(config.server.public_url),
            gateway=cashier,
            messenger=phone,
            oauth=authority,
            clock=clock,
            tokenizer=tokenizer,
        )
        app = make_app(shop)
        sock, port = bind_unused_port()
        server = HTTPServer(app, max_body_size=1024 * 1024)
        server.add_sockets([sock])
        world = World(shop, f"http://127.0.0.1:{port}", account, clock, phone, cashier, sealed, authority)
        try:
            await shop.store.write(lambda tx: catalog.store_courses(tx, courses(), clock.now()))
            await shop.store.write(lambda tx: catalog.store_lessons(tx, lessons(), "lessons.csv"))
            await shop.suggestions.refresh(shop.store, clock.now())
            return await story(world)
        finally:
            world.http.close()
            server.stop()
            await server.close_all_connections()
            shop.close()

    def start(story, *, mode="safe", sells=True, refund=None, **chat):
        return asyncio.run(run(story, settings(mode, sells, refund, chat), mode == "safe"))

    return start


def courses():
    return catalog.read_courses((ROOT / "data" / "courses.csv").read_bytes(), "courses.csv")


def lessons():
    return catalog.read_lessons((ROOT / "data" / "lessons.csv").read_bytes(), "lessons.csv")
