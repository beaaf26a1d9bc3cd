"""我的订单 and 退款 leave nothing out: a refund on its way, a gift, and what only a person gives back."""

import re

import pytest

from bot.models import RefundState, TradeType
from bot.offers.quoting import Wish
from tests.refunding import ANNA, BEN, COURSE, TITLE, buy, confirm, learn, plain, refunds_of, wechat_says
from tests.scenarios.test_gifts import a_gift, an_order, claim
from tests.scenarios.test_pages import Browser
from tests.selling import stock_offers

MEMBERSHIP = "VIP002"


def line_of(reply, title):
    """Return what 我的订单 says of an order, on its two lines."""
    lines = plain(reply).splitlines()
    at = next(at for at, line in enumerate(lines) if title in line)
    return "\n".join(lines[at : at + 2])


async def page_of(world, openid=ANNA):
    browser = Browser(world)
    await browser.log_in("/my-orders", openid)
    return (await browser.open("/my-orders")).body.decode()


async def a_membership(world, openid=ANNA):
    """Buy and pay a membership; returns its title."""
    await stock_offers(world)
    order = (await world.shop.orders.place(openid, MEMBERSHIP, wish=Wish())).order
    attempt = await world.shop.orders.checkout(order.order_no, TradeType.JSAPI, openid)
    trade = world.cashier.paid(attempt.out_trade_no, attempt.total_fen, openid)
    await world.shop.orders.book_paid(trade, "notice")
    return order.title


def test_an_order_whose_refund_waits_for_a_persons_yes_says_so_until_it_is_decided(live):
    async def story(world):
        order = await buy(world)
        await learn(world, 1, 2)
        await confirm(world, await world.say(ANNA, "退款"))
        waits = await world.say(ANNA, "我的订单")
        [refund] = await refunds_of(world, order)
        await world.shop.refunds.reject(refund.out_refund_no, "已经学了一半")
        return line_of(waits, TITLE), line_of(await world.say(ANNA, "我的订单"), TITLE)

    waits, declined = live(story)

    assert "已付款｜退款等审核 ¥49.50｜尾号" in waits
    assert "退款" not in declined


@pytest.mark.parametrize(("status", "told"), [("PROCESSING", "正在退款 ¥99"), ("ABNORMAL", "退款由工作人员处理中")])
def test_an_order_whose_refund_is_under_way_says_so(live, status, told):
    async def story(world):
        order = await buy(world)
        await confirm(world, await world.say(ANNA, "退款"))
        [refund] = await refunds_of(world, order)
        await wechat_says(world, refund, status)
        return await world.say(ANNA, "我的订单")

    assert told in line_of(live(story), TITLE)


def test_the_refund_of_a_second_payment_is_not_taken_for_one_of_the_order(live):
    async def story(world):
        placed = (await world.shop.orders.place(ANNA, COURSE)).order
        first = await world.shop.orders.checkout(placed.order_no, TradeType.JSAPI, ANNA)
        second = await world.shop.orders.checkout(placed.order_no, TradeType.NATIVE, "")
        for attempt in (first, second):
            await world.shop.orders.book_paid(
                world.cashier.paid(attempt.out_trade_no, attempt.total_fen, ANNA), "notice"
            )
        [back] = await refunds_of(world, placed)
        assert back.state in {RefundState.NEW, RefundState.PROCESSING}
        return await world.say(ANNA, "我的订单")

    assert "退款" not in line_of(live(story), TITLE)


def test_a_gift_is_marked_in_the_list_and_on_the_page_and_an_own_order_is_not(live):
    async def story(world):
        await an_order(world, ANNA)
        await buy(world, BEN)
        gift, own = await world.say(ANNA, "我的订单"), await world.say(BEN, "我的订单")
        return line_of(gift, TITLE), line_of(own, TITLE), await page_of(world), await page_of(world, BEN)

    gift, own, page, plain_page = live(story)

    assert "礼物｜待付款｜尾号" in gift
    assert "礼物" not in own
    assert re.search(r"¥99｜礼物｜待付款", page)
    assert "礼物" not in plain_page


def test_beside_what_goes_back_by_itself_it_is_said_what_a_person_gives_back(live):
    async def story(world):
        _order, gift = await a_gift(world)
        await claim(world, gift.token, BEN)
        await buy(world, course="EDU002")
        title = await a_membership(world)
        return title, plain(await world.say(ANNA, "退款"))

    title, reply = live(story, human_contact="微信 zhike-help")
    told = [line for line in reply.splitlines() if "工作人员核对" in line]

    assert "可以退" in reply
    assert len(told) == 1
    assert f"《{title}》" in told[0]
    assert f"《{TITLE}》" in told[0]
    assert "联系 微信 zhike-help" in told[0]


def test_with_nothing_else_to_give_back_a_membership_is_told_once(live):
    async def story(world):
        title = await a_membership(world)
        return title, plain(await world.say(ANNA, "退款"))

    title, reply = live(story)

    assert reply.count(f"《{title}》") == 1
    assert "工作人员核对" in reply
    assert "回复「人工」" in reply


def test_old_orders_that_get_nothing_do_not_hide_what_a_person_gives_back(live):
    async def story(world):
        for course in ("EDU001", "EDU002", "EDU003"):
            await buy(world, course=course)
        title = await a_membership(world)
        world.clock.forward(days=60)
        return title, plain(await world.say(ANNA, "退款"))

    title, reply = live(story)

    assert f"《{title}》" in reply
    assert "过了可以退款的时间" in reply


def test_whoever_has_no_such_order_hears_nothing_of_people(live):
    async def story(world):
        await buy(world)
        return plain(await world.say(ANNA, "退款"))

    assert "工作人员核对" not in live(story)
