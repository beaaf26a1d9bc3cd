"""A shop that pays for friends, on the strict simulator: for the tests of invitations, rewards and transfers."""

import asyncio
import json
import re
from dataclasses import replace

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from bot.shop import open_shop
from bot.simulator import Simulator, SimulatorSettings
from handlers.chat.told import teller
from handlers.cli.demo import settings_for, stock
from handlers.web.app import make_app
from tests.scenarios.conftest import NOON, StoppedClock
from tests.scenarios.world import COURSE, Till, keys, tokenizer

REWARD = 500


def invite(story, folder, *, start=NOON, refund_days=7, **changes):
    """Tell ``story(shop, simulator, clock)`` to a shop with ``[referral]`` on; ``changes`` are its settings."""
    clock = StoppedClock()
    clock.at = start

    async def run():
        simulator = Simulator(SimulatorSettings(notice_delays=()), keys=keys(), now=lambda: clock.now().timestamp())
        await simulator.start()
        config = settings_for(simulator, folder, "127.0.0.1", {})
        config = replace(config, referral=replace(config.referral, **{"enabled": True} | changes))
        config = replace(config, refund=replace(config.refund, until_days=refund_days))
        shop = open_shop(config, tell=teller(config.server.public_url), clock=clock, tokenizer=tokenizer())
        stock(shop)
        await shop.suggestions.refresh(shop.store, clock.now())
        sock, port = bind_unused_port()
        server = HTTPServer(make_app(shop))
        server.add_sockets([sock])
        simulator.attach(f"http://127.0.0.1:{port}")
        try:
            return await story(shop, simulator, clock)
        finally:
            server.stop()
            await server.close_all_connections()
            await simulator.stop()
            shop.close()

    return asyncio.run(run())


async def link_of(phone):
    """Ask for one's own link in the chat, having followed if need be."""
    if not phone.subscribed:
        await phone.follow()
    told = await phone.say("邀请好友")
    return next(href for _label, href in told.links if "/i/" in href)


async def come(simulator, link, name):
    """Open somebody's link and follow by the code on it; returns the friend's phone."""
    friend = simulator.phone(name)
    page = await friend.open(link)
    assert page.status == 200, page.text
    await friend.follow(f"inv_{link.rsplit('/', 1)[1]}")
    return friend


async def buy(simulator, phone, course=COURSE):
    """Buy a course on its page; returns the number of the order."""
    await phone.open(f"{simulator.webview_url}/c/{course}")
    url = f"{simulator.webview_url}/c/{course}/order"
    placed = json.loads((await phone.open(url, method="POST", body="", headers={"X-Zhike": "1"})).text)
    assert placed["state"] == "pay", placed
    till = Till(placed["order_no"], placed["bridge"]["package"].removeprefix("prepay_id="))
    await simulator.pay.confirm(till.prepay_id, phone.openid)
    return till.order_no


async def earn(shop, simulator, clock, phone, *names):
    """Let friends come by somebody's link and buy, and let the refund window pass."""
    link = await link_of(phone)
    for name in names:
        await buy(simulator, await come(simulator, link, name))
    clock.forward(days=8)
    await shop.jobs.run_due()


async def press_take(simulator, phone):
    """Press 领取, as the page's script does; returns the JSON answer."""
    page_url = f"{simulator.webview_url}/rewards"
    assert (await phone.open(page_url)).status == 200
    body, headers = json.dumps({"url": page_url}), {"X-Zhike": "1", "Content-Type": "application/json"}
    return json.loads((await phone.open(f"{page_url}/take", method="POST", body=body, headers=headers)).text)


async def state_of(simulator, phone, bill):
    page = await phone.open(f"{simulator.webview_url}/rewards/{bill}/state")
    return json.loads(page.text)["state"]


async def rewards(shop):
    found = await shop.store.read(lambda tx: tx.rewards.all())
    return [(each.state.value, each.amount_fen) for each in reversed(found)]


async def anomalies(shop):
    return [each.kind for each in await shop.store.read(lambda tx: tx.anomalies.open())]


def received(simulator):
    """Return what each follower really got, in fen."""
    got = {}
    for bill in simulator.transfers.bills:
        if bill.state == "SUCCESS":
            got[bill.openid] = got.get(bill.openid, 0) + bill.amount
    return got


def sums(page):
    """Read the sums of the page."""
    return dict(re.findall(r"<dt>([^<（]+).*?</dt><dd[^>]*>(?:约 )?¥([\d.]+)</dd>", page.text))
