"""What the tests of refunds share: a course that was bought, learnt a little, and days that pass."""

import re
from dataclasses import replace

from bot.models import TradeType

ANNA = "oAnna0000000000000000000000a"
BEN = "oBen00000000000000000000000b"
COURSE = "EDU001"  # four lessons
TITLE = "Python零基础入门课"
FEN = 9900


async def buy(world, openid=ANNA, course=COURSE):
    """Buy and pay a course; returns the order."""
    placed = await world.shop.orders.place(openid, course)
    attempt = await world.shop.orders.checkout(placed.order.order_no, TradeType.JSAPI, openid)
    await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, attempt.total_fen, openid), "notice")
    return await order_of(world, placed.order.order_no)


async def order_of(world, order_no):
    return await world.shop.store.read(lambda tx: tx.orders.get(order_no))


async def learn(world, *positions, openid=ANNA, course=COURSE):
    """Finish lessons."""

    def work(tx):
        for position in positions:
            tx.lessons.finish(openid, course, position, world.clock.now())

    await world.shop.store.write(work)


async def refunds_of(world, order):
    return await world.shop.store.read(lambda tx: tx.refunds.of(order.order_no))


async def owned(world, openid=ANNA):
    return await world.shop.store.read(lambda tx: tx.entitlements.owned(openid))


def sure(reply):
    """Return (words, tap id) of the way to confirm that a preview shows."""
    found = re.search(r"msgmenuid=(r%3A[0-9A-Z]+%3A\d+)\">(确认退款 [0-9A-Z]{6})</a>", reply)
    assert found, reply
    return found[2], found[1].replace("%3A", ":")


async def confirm(world, reply, openid=ANNA):
    """Tap the confirmation that a preview shows."""
    words, tap_id = sure(reply)
    return await world.say(openid, words, bizmsgmenuid=tap_id)


def plain(reply):
    return re.sub(r"<[^>]*>", "", reply)


def wechat_says(world, refund, status):
    """Let WeChat Pay know a refund under that status, and tell it in a notice's place."""
    facts = replace(world.cashier.refunds[refund.out_refund_no], status=status, refund_id="5030001")
    world.cashier.refunds[refund.out_refund_no] = facts
    return world.shop.orders.book_refund(facts)
