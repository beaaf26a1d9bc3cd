"""A coupon kept for the talk that is no longer good is told of once, and then the talk is without it."""

from datetime import timedelta

import pytest

from bot.offers.quoting import Wish
from tests.scenarios.test_coupons import ANNA, BEN, order, pay, put, till

TITLE, OTHER, THIRD = "Python零基础入门课", "Python数据分析实战课", "SQL查询从零到会用"


async def expires(world, _coupon):
    world.clock.forward(minutes=10)


async def is_stopped(world, coupon):
    await put(world, **{**_fields(coupon), "stopped": True})


async def is_used_up(world, _coupon):
    await pay(world, await till(world, await order(world, BEN), BEN), BEN)


async def was_used(world, _coupon):
    await pay(world, await till(world, await order(world, course_id="EDU003")))


def _fields(coupon):
    return {name: getattr(coupon, name) for name in ("code", "amount_fen", "total_limit", "usable_until")}


async def kept(world):
    """Keep a coupon for the talk; returns it."""
    until = world.clock.now() + timedelta(minutes=10)
    coupon = await put(world, total_limit=1, usable_until=until)
    await world.say(ANNA, "优惠码 SPRING")
    return coupon


@pytest.mark.parametrize(
    ("happens", "told"),
    [(expires, "已经过期"), (is_stopped, "已经过期"), (is_used_up, "领完了"), (was_used, "已经用过")],
)
def test_what_became_of_a_kept_coupon_is_said_once_and_later_cards_are_without_it(live, happens, told):
    async def story(world):
        coupon = await kept(world)
        before = await world.say(ANNA, TITLE)
        await happens(world, coupon)
        return before, await world.say(ANNA, OTHER), await world.say(ANNA, THIRD), await world.say(ANNA, "多少钱")

    before, first, *later = live(story)

    assert "优惠码 SPRING 再减 ¥20" in before
    assert told in first
    assert ["SPRING" in reply for reply in later] == [False, False]


def test_asking_for_the_price_is_told_once_too(live):
    async def story(world):
        await kept(world)
        await world.say(ANNA, TITLE)
        world.clock.forward(minutes=10)
        return await world.say(ANNA, "多少钱"), await world.say(ANNA, "多少钱")

    first, again = live(story)

    assert "已经过期" in first
    assert "SPRING" not in again
    assert "¥99" in again


def test_a_coupon_that_only_does_not_fit_one_course_stays_for_the_others(live):
    async def story(world):
        await put(world, course_id="EDU001")
        await world.say(ANNA, "优惠码 SPRING")
        elsewhere = [await world.say(ANNA, OTHER), await world.say(ANNA, THIRD)]
        here = await world.say(ANNA, TITLE)
        return elsewhere, here

    elsewhere, here = live(story)

    assert all("不能用在这里" in reply for reply in elsewhere)
    assert "再减 ¥20" in here


def test_a_coupon_held_by_an_unpaid_order_stays_until_that_is_over(live):
    async def story(world):
        await put(world)
        await world.say(ANNA, "优惠码 SPRING")
        placed = await order(world, wish=Wish(coupon="SPRING"))
        meanwhile = await world.say(ANNA, OTHER)
        await world.shop.orders.withdraw(placed.order_no)
        return meanwhile, await world.say(ANNA, THIRD)

    meanwhile, later = live(story)

    assert "待付款订单" in meanwhile
    assert "再减 ¥20" in later
