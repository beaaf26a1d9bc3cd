"""Memberships by the front door: bought, stacked, ended to the second by the stopped clock, and taken back."""

import asyncio
import re
from dataclasses import replace

import pytest

from bot.models import OrderState
from bot.orders import Outcome
from tests import selling
from tests.scenarios.test_pages import ANNA, BEN, text

MONTH, YEAR, COURSE, LOCKED = "VIP001", "VIP002", "EDU001", "JOB002"
MONTH_FEN = 4900


async def a_member(world, item=MONTH):
    await selling.stock_offers(world)
    await world.say(ANNA, "帮助")
    browser = await selling.a_browser(world)
    return browser, await selling.buy(world, browser, item)


async def can_learn(browser, course=COURSE):
    return (await browser.open(f"/learn/{course}")).code == 200


async def messages(world):
    """Run the jobs twice, and return what was sent since."""
    before = len(world.phone.received)
    for _ in range(2):
        await world.shop.jobs.run_due()
    return [content for _openid, content in world.phone.received[before:]]


def test_a_membership_opens_every_course_and_nothing_before_it_is_paid(live):
    async def story(world):
        await selling.stock_offers(world)
        browser = await selling.a_browser(world)
        page = text(await browser.open(f"/c/{MONTH}"))
        placed = await selling.press_buy(browser, MONTH)
        unpaid = await can_learn(browser), (await browser.open(f"/learn/{COURSE}/1/done", method="POST")).code
        await selling.pay(world, placed["order_no"])
        paid = await can_learn(browser), (await browser.open(f"/learn/{COURSE}/1/done", method="POST")).code
        order = await selling.order(world, placed["order_no"])
        return page, unpaid, paid, order.amount_fen, await selling.owned(world)

    page, unpaid, paid, fen, owned = live(story)

    assert "现在开通可以看到 <strong>2026-12-24 12:00</strong>" in page
    assert (unpaid, paid) == ((False, 403), (True, 200))
    assert (fen, owned) == (MONTH_FEN, set())


def test_the_receipt_names_the_membership_once(live):
    async def story(world):
        await a_member(world)
        return await messages(world)

    [told] = live(story)

    assert "《知课月度会员》已开通" in told
    assert "/my-membership" in told


def test_a_member_is_opened_courses_instead_of_sold_them_and_may_still_buy_one_for_good(live):
    async def story(world):
        browser, _ = await a_member(world)
        listed = await world.say(ANNA, "Excel 函数")
        card = await world.say(ANNA, "Excel函数公式实战")
        page = text(await browser.open(f"/c/{LOCKED}"))
        await selling.buy(world, browser, LOCKED)
        world.clock.forward(days=31)
        return listed, card, page, await can_learn(browser, LOCKED), await can_learn(browser)

    listed, card, page, bought, rest = live(story)

    assert "会员可看" in listed
    assert not re.search(r"</a> ¥", listed)
    assert "你的会员可以看" in card
    assert "单独买下 ¥59" in card
    assert 'id="learn"' in page
    assert "到 2026-12-24 12:00 为止都能看" in page
    assert (bought, rest) == (True, False)


def test_a_membership_ends_to_the_second(live):
    async def story(world):
        browser, _ = await a_member(world)
        world.clock.forward(days=30, seconds=-1)
        last = await can_learn(browser), (await browser.open(f"/learn/{COURSE}/1/done", method="POST")).code
        world.clock.forward(seconds=1)
        over = await can_learn(browser), (await browser.open(f"/learn/{COURSE}/2/done", method="POST")).code
        return last, over, await world.say(ANNA, "我的会员")

    last, over, mine = live(story)

    assert (last, over) == ((True, 200), (False, 403))
    assert "你现在没有会员" in mine


def test_a_renewal_stacks_on_the_end(live):
    async def story(world):
        browser, _ = await a_member(world)
        world.clock.forward(days=10)
        before = text(await browser.open(f"/c/{MONTH}"))
        await selling.buy(world, browser, MONTH)
        mine, page = await world.say(ANNA, "我的会员"), text(await browser.open("/my-membership"))
        world.clock.forward(days=50)
        return before, mine, page, await can_learn(browser)

    before, mine, page, still = live(story)

    assert "现在续费可以看到 <strong>2027-01-24 12:00</strong>" in before
    assert "到 2027-01-24 12:00" in mine
    assert "<strong>2027-01-24 12:00</strong>" in page
    assert still


def test_the_page_that_follows_the_payment_offers_a_renewal_and_not_the_same_again(live):
    async def story(world):
        await selling.stock_offers(world)
        browser = await selling.a_browser(world)
        before = text(await browser.open(f"/c/{MONTH}"))
        placed = await selling.press_buy(browser, MONTH)
        await selling.pay(world, placed["order_no"])
        return before, text(await browser.open(f"/c/{MONTH}"))

    before, after = live(story)

    assert (">微信支付</button>" in before, "/my-membership" in before) == (True, False)
    assert (">微信支付</button>" in after, ">续费</button>" in after) == (False, True)
    assert "/my-membership" in after


def test_the_end_is_told_three_days_before_and_when_it_has_come_each_once(live):
    async def story(world):
        await a_member(world)
        told = [await messages(world)]
        for days in (26, 1, 1, 1, 1, 1):
            world.clock.forward(days=days)
            await world.say(ANNA, "帮助")
            told.append(await messages(world))
        return told

    receipt, early, before, *between, over, after = live(story)

    assert len(receipt) == 1
    assert early == []
    assert "2026-12-24 12:00 到期" in before[0]
    assert between == [[], []]
    assert "到期了" in over[0]
    assert after == []


def test_the_end_is_not_told_at_night(live):
    async def story(world):
        await a_member(world)
        await messages(world)
        world.clock.forward(days=27, hours=11)
        await world.say(ANNA, "帮助")
        night = await messages(world)
        world.clock.forward(hours=9, minutes=30)
        return night, await messages(world)

    night, morning = live(story)

    assert night == []
    assert "到期" in morning[0]


def test_who_renewed_is_not_told_that_the_first_month_ends(live):
    async def story(world):
        browser, _ = await a_member(world)
        await selling.buy(world, browser, MONTH)
        await messages(world)
        world.clock.forward(days=28)
        await world.say(ANNA, "帮助")
        return await messages(world)

    assert live(story) == []


@pytest.mark.parametrize(("which", "until"), [(0, "2027-01-04 12:02"), (1, "2026-12-24 12:00")])
def test_a_refund_takes_back_the_months_of_that_order_and_leaves_those_of_the_other(live, which, until):
    """Given back on 4 December: the first began on 24 November, the second was to begin when that ended."""

    async def story(world):
        browser, first = await a_member(world)
        second = await selling.buy(world, browser, MONTH)
        world.clock.forward(days=10)
        await selling.refund(world, (first, second)[which])
        state = (await selling.order(world, (first, second)[which])).state
        mine = await world.say(ANNA, "我的会员")
        return state, mine, await can_learn(browser)

    state, mine, open_now = live(story)

    assert state is OrderState.REFUNDED
    assert f"到 {until}" in mine
    assert open_now


def test_a_refund_of_the_only_month_ends_it_at_once_and_keeps_what_was_bought(live):
    async def story(world):
        browser, number = await a_member(world)
        await selling.buy(world, browser, COURSE)
        await selling.refund(world, number)
        told = await messages(world)
        world.clock.forward(days=30)
        await world.say(ANNA, "帮助")
        return await can_learn(browser, LOCKED), await can_learn(browser), len(told), await messages(world)

    locked, bought, told, later = live(story)

    assert (locked, bought) == (False, True)
    assert told >= 1
    assert later == [], "the refund was told; nothing is left to end"


def test_a_deletion_says_that_the_membership_is_lost_and_ends_it(live):
    async def story(world):
        browser, _ = await a_member(world)
        asked = await world.say(ANNA, "删除我的数据")
        await world.say(ANNA, "确认删除我的数据")
        return asked, await can_learn(browser), await world.shop.store.read(lambda tx: tx.memberships.all())

    asked, can, left = live(story)

    assert "你的会员（到 2026-12-24 12:00）也会失效" in asked
    assert not can
    assert left == []


def test_twenty_notices_at_once_give_one_month_and_one_receipt(live):
    async def story(world):
        await selling.stock_offers(world)
        await world.say(ANNA, "帮助")
        placed = await selling.press_buy(await selling.a_browser(world), MONTH)
        await asyncio.gather(*(selling.pay(world, placed["order_no"]) for _ in range(20)))
        rows = await world.shop.store.read(lambda tx: tx.memberships.of(ANNA))
        return len(rows), len(await messages(world))

    assert live(story) == (1, 1)


def test_a_membership_is_its_holders_alone(live):
    async def story(world):
        await a_member(world)
        ben = await selling.a_browser(world, BEN)
        return await can_learn(ben), await world.say(BEN, "我的会员")

    can, mine = live(story)

    assert not can
    assert "你现在没有会员" in mine
    assert "知课年度会员" in mine


def test_a_number_below_my_membership_opens_that_membership(live):
    async def story(world):
        await selling.stock_offers(world)
        await world.say(ANNA, "会员")
        return await world.say(ANNA, "2")

    card = live(story)

    assert "《知课年度会员》¥268" in card
    assert "现在开通可以看到 2027-11-24 12:00" in card


def test_a_membership_is_never_offered_unasked(live):
    async def story(world):
        await selling.stock_offers(world)
        return [await world.say(ANNA, each) for each in ("推荐", "热门课程", "新课", "换一批", "我想学 Python")]

    assert not any("会员" in each for each in live(story))


def test_a_bundle_that_a_membership_opens_is_not_offered(live):
    async def story(world):
        await a_member(world)
        return await world.say(ANNA, "数据分析转行")

    assert "数据分析转行专栏" not in live(story)


def test_my_courses_tell_what_the_membership_opens_and_what_was_begun_by_it(live):
    async def story(world):
        browser, _ = await a_member(world)
        await browser.open(f"/learn/{COURSE}/1/done", method="POST")
        return await world.say(ANNA, "我的课程")

    mine = live(story)

    assert "会员可看：全部课程，到 2026-12-24 12:00" in mine
    assert "Python零基础入门课" in mine


def test_a_membership_without_months_or_price_is_not_sold(live):
    async def story(world):
        await selling.stock_offers(world)
        browser = await selling.a_browser(world)
        await world.shop.store.write(
            lambda tx: tx.courses.put_many([_free(tx.courses.get(MONTH))], world.clock.now())
        )
        page, placed = text(await browser.open(f"/c/{MONTH}")), await selling.press_buy(browser, MONTH)
        return page, placed["state"], await world.shop.store.read(lambda tx: tx.memberships.all())

    page, state, found = live(story)

    assert "现在买不了" in page
    assert 'id="buy"' not in page
    assert (state, found) == ("refused", [])


def _free(course):
    return replace(course, price_fen=0)


def test_two_renewals_paid_at_once_are_two_months(live):
    async def story(world):
        await selling.stock_offers(world)
        browser, other = await selling.a_browser(world), await selling.a_browser(world)
        first = await selling.press_buy(browser, MONTH)
        same = await selling.press_buy(other, MONTH)
        await selling.pay(world, first["order_no"])
        again = await world.shop.orders.place(ANNA, MONTH)
        booked = await selling.pay(world, first["order_no"])
        rows = await world.shop.store.read(lambda tx: tx.memberships.of(ANNA))
        return first["order_no"] == same["order_no"], again.outcome, booked, len(rows)

    assert live(story) == (True, Outcome.TO_PAY, "again", 1)
