"""Buying any item as a page does, in the light world of the scenarios."""

import json
from dataclasses import replace

from bot import catalog
from tests.scenarios.conftest import ROOT
from tests.scenarios.test_pages import ANNA, Browser, text


async def stock_offers(world):
    """Put the sample bundles and memberships on the shelf."""
    file = catalog.File("offers.csv", (ROOT / "data" / "offers.csv").read_bytes())
    entries = catalog.read_files(file, None, ()).courses
    shop = world.shop
    await shop.store.write(lambda tx: catalog.store_entries(tx, entries, world.clock.now()))
    await shop.suggestions.refresh(shop.store, world.clock.now())


async def a_browser(world, openid=ANNA):
    """Return a browser of WeChat that is logged in."""
    browser = Browser(world)
    await browser.log_in("/c/EDU001", openid)
    return browser


async def press_buy(browser, item):
    """Press the button of an item's page; returns the JSON answer."""
    return json.loads(text(await browser.open(f"/c/{item}/order", method="POST")))


async def charged(world, order_no):
    """Return the fen that WeChat Pay was asked to charge for an order's first attempt."""
    return next(
        json.loads(each)["fen"] for each in world.cashier.prepays if json.loads(each)["no"] == f"{order_no}01"
    )


async def pay(world, order_no, openid=ANNA):
    """Pay what WeChat Pay was asked to charge, and bring the notice."""
    fen = await charged(world, order_no)
    return await world.shop.orders.book_paid(world.cashier.paid(f"{order_no}01", fen, openid), "notice")


async def buy(world, browser, item, openid=ANNA):
    """Buy an item on its page; returns the number of the order."""
    placed = await press_buy(browser, item)
    assert placed["state"] == "pay", placed
    await pay(world, placed["order_no"], openid)
    return placed["order_no"]


async def refund(world, order_no):
    """Give back all that was paid for an order, and let WeChat Pay say so."""
    world.clock.forward(minutes=2)
    asked = await world.shop.orders.refund(order_no, None, "不想要了")
    facts = world.cashier.refunds[asked.out_refund_no]
    world.cashier.refunds[asked.out_refund_no] = replace(facts, status="SUCCESS")
    await world.shop.orders.sync_order(order_no)


async def owned(world, openid=ANNA):
    """Return what is theirs."""
    return set(await world.shop.store.read(lambda tx: tx.entitlements.owned(openid)))


async def order(world, order_no):
    """Return an order."""
    return await world.shop.store.read(lambda tx: tx.orders.get(order_no))
