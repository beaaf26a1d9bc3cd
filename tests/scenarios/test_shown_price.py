"""The pages of giving and buying together order at the price that they showed, or order nothing."""

import re
from datetime import timedelta

from bot.offers import limited
from tests.scenarios import test_gifts as giving
from tests.scenarios import test_groups as grouping
from tests.scenarios.test_gifts import ANNA, BEN, COURSE


async def a_limited_price(world, fen):
    """Lower the price of the course for an hour."""
    now = world.clock.now()

    def work(tx):
        return limited.add(tx, tx.courses.get(COURSE), fen, now, now + timedelta(hours=1), now)

    return await world.shop.store.write(work)


def total_on(page):
    return re.search(r'data-total="(\d+)"', page.body.decode())[1]


async def press(browser, path):
    """Open a page, and return (what its button is to order at, a function that presses it)."""
    total = total_on(await browser.open(path))
    return int(total), lambda: browser.press(path, total=total)


async def last_order(world, openid=ANNA):
    orders = await world.shop.store.read(lambda tx: tx.orders.of(openid))
    return orders[0].amount_fen if orders else None


def test_a_gift_is_not_ordered_at_another_price_than_its_page_showed(live):
    async def story(world):
        await a_limited_price(world, 3000)
        anna = await giving.visitor(world, ANNA)
        first, tap = await press(anna, f"/c/{COURSE}/gift")
        world.clock.forward(hours=2)
        told, none = await tap(), await last_order(world)
        second, tap = await press(anna, f"/c/{COURSE}/gift")
        return first, told, none, second, (await tap())["state"], await last_order(world)

    assert live(story) == (3000, {"state": "price"}, None, giving.FEN, "pay", giving.FEN)


def test_a_seat_is_not_ordered_at_another_price_than_its_page_showed(live):
    async def story(world):
        first_deal = await grouping.a_deal(world)
        anna = await giving.visitor(world, ANNA)
        first, tap = await press(anna, f"/c/{COURSE}/group")
        await world.shop.store.write(lambda tx: tx.groups.stop(first_deal, world.clock.now()))
        await grouping.a_deal(world, price=6900)
        return first, await tap(), await last_order(world)

    assert live(story) == (grouping.FEN, {"state": "price"}, None)


def test_a_limited_price_below_the_groups_is_shown_and_charged(live):
    async def story(world):
        await grouping.a_deal(world)
        await a_limited_price(world, 3000)
        anna, ben = await giving.visitor(world, ANNA), await giving.visitor(world, BEN)
        opening, tap = await press(anna, f"/c/{COURSE}/group")
        opened = (await tap())["state"]
        order = (await world.shop.store.read(lambda tx: tx.orders.of(ANNA)))[0]
        await grouping.pay(world, order, 3000)
        joining, tap = await press(ben, f"/group/{order.ref}")
        return opening, opened, order.amount_fen, joining, (await tap())["state"], await last_order(world, BEN)

    assert live(story) == (3000, "pay", 3000, 3000, "pay", 3000)


def test_what_gives_nothing_yet_has_no_page_to_give_it(live):
    async def story(world):
        def work(tx):
            course = tx.courses.get(COURSE)
            hollow = type(course)("BOXX", "空专栏", 100, kind=type(course.kind)("bundle"), status=course.status)
            tx.courses.put_many([hollow], world.clock.now())

        await world.shop.store.write(work)
        anna = await giving.visitor(world, ANNA)
        return (await anna.open("/c/BOXX/gift")).code

    assert live(story) == 404
