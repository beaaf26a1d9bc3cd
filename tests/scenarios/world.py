"""The whole business on loopback: our real doors, keys and pages against the strict simulator, and how to buy.

The lighter world of most scenarios, with fakes at the doors, is conftest.py.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from functools import cache

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from bot import doors
from bot.config import from_mapping
from bot.models import TradeType
from bot.ports import SystemClock
from bot.shop import open_shop
from bot.simulator import Simulator, SimulatorKeys, SimulatorSettings
from handlers.chat.told import teller
from handlers.cli.demo import HOUSE, settings_for, stock
from handlers.web.app import make_app

COURSE = "EDU001"
TITLE = "Python零基础入门课"
FEN = 9900


@cache
def keys():
    """Return the pair of RSA keys that all these stories share: making one is slow."""
    return SimulatorKeys.generate()


@cache
def tokenizer():
    """Return the shipped tokenizer, whose dictionary takes a second to read."""
    return doors.tokenizer(from_mapping({}, environ={}, base=HOUSE))


def play(story, folder, *, mode="safe", clock=None, templates=None):
    """Tell ``story(shop, simulator)`` to a running shop on a fresh database; both sides live by ``clock``.

    By the machine's own clock there are no quiet hours, so that the story ends alike by day and by night.
    ``templates(simulator)`` gives the account templates and returns the shop's forms for them.
    """
    night = {} if clock else {"quiet_hours": ""}
    clock = clock or SystemClock()

    async def run():
        # One try of each notice: a test repeats it when it wants to.
        settings = SimulatorSettings(mode=mode, notice_delays=())
        simulator = Simulator(settings, keys=keys(), now=lambda: clock.now().timestamp())
        await simulator.start()
        config = settings_for(simulator, folder, "127.0.0.1", {})
        config = replace(config, reach=replace(config.reach, **night))
        config = replace(config, forms=templates(simulator)) if templates else config
        shop = open_shop(config, tell=teller(config.server.public_url), clock=clock, tokenizer=tokenizer())
        stock(shop)
        await shop.suggestions.refresh(shop.store, clock.now())
        sock, port = bind_unused_port()
        server = HTTPServer(make_app(shop))
        server.add_sockets([sock])
        simulator.attach(f"http://127.0.0.1:{port}")
        try:
            return await story(shop, simulator)
        finally:
            server.stop()
            await server.close_all_connections()
            await simulator.stop()
            shop.close()

    return asyncio.run(run())


@dataclass(frozen=True)
class Till:
    """What the page's script holds when it may open the cashier sheet."""

    order_no: str
    prepay_id: str

    @property
    def out_trade_no(self):
        return f"{self.order_no}01"  # the first attempt


async def press_buy(simulator, phone):
    """Press the button of the course page, as the page's script does; returns the JSON answer."""
    url = f"{simulator.webview_url}/c/{COURSE}/order"
    page = await phone.open(url, method="POST", body="", headers={"X-Zhike": "1"})
    return json.loads(page.text)


async def go_to_the_till(simulator, phone):
    """Follow, ask for the course, open the link of its card through WeChat's authorisation, and order."""
    await phone.follow()
    card = await phone.say(TITLE)
    page = await phone.open(next(href for _label, href in card.links if f"/c/{COURSE}" in href))
    assert page.status == 200, page.text
    placed = await press_buy(simulator, phone)
    assert placed["state"] == "pay", placed
    return Till(placed["order_no"], placed["bridge"]["package"].removeprefix("prepay_id="))


async def pay_twice(shop, simulator):
    """Pay the code of the page, then the sheet that should have been closed; let the way back be refused."""
    phone = simulator.phone()
    till = await go_to_the_till(simulator, phone)
    code = await shop.orders.checkout(till.order_no, TradeType.NATIVE, "")
    await simulator.pay.pay_anyway(till.out_trade_no, phone.openid)
    await simulator.pay.scan(code.prepay, phone.openid)
    simulator.faults.refunds_refused = 1
    await shop.jobs.run_due()
    return till


def told_paid(phone):
    """Return the messages on the screen that say that the payment arrived."""
    return [shown for shown in phone.screen if "付款成功" in shown.text]
