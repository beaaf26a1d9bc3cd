"""Bundles by the front door: what is owned comes off, and the price shown, charged and recorded are one number."""

import json
import re

from bot.models import OrderState
from bot.offers.bundles import credit
from bot.orders import Booked
from tests import selling
from tests.scenarios.test_pages import ANNA, Browser, text
from tests.scenarios.world import play

BOX, WITHIN = "BOX002", {"EDU005", "EDU001", "EDU002", "EDU003"}
LIST, APART, OWNED = 45900, 67600, 9900
OFF = credit(LIST, OWNED, APART)
TITLE = "数据分析转行专栏"


def prices(page):
    return re.findall(r'<p class="price" id="total">(.*?)</p>', text(page))


def test_a_bundle_with_one_owned_course_is_shown_charged_and_recorded_at_one_price(live):
    async def story(world):
        await selling.stock_offers(world)
        browser = await selling.a_browser(world)
        before = await browser.open(f"/c/{BOX}")
        await selling.buy(world, browser, "EDU001")
        card, page = await world.say(ANNA, TITLE), await browser.open(f"/c/{BOX}")
        placed = await selling.press_buy(browser, BOX)
        unpaid = await selling.owned(world)
        charged = await selling.charged(world, placed["order_no"])
        await selling.pay(world, placed["order_no"])
        order = await selling.order(world, placed["order_no"])
        after = await browser.open(f"/c/{BOX}")
        learn = await browser.open(f"/learn/{BOX}")
        return before, card, page, unpaid, charged, order, await selling.owned(world), after, learn

    before, card, page, unpaid, charged, order, owned, after, learn = live(story)

    price = LIST - OFF
    shown = f"¥{price / 100:.2f}"
    assert (prices(before), prices(page)) == (["¥459"], [shown])
    assert "✓ 已有" in text(page)
    assert f"<dt>已有《Python零基础入门课》</dt><dd>−¥{OFF / 100:.2f}</dd>" in text(page)
    assert f"已有《Python零基础入门课》 −¥{OFF / 100:.2f}" in card
    assert f"点这里购买 {shown}" in card
    assert unpaid == {"EDU001"}
    assert charged == order.amount_fen == sum(line.amount_fen for line in order.lines) == price
    assert owned == {BOX, *WITHIN}
    assert "都是你的了" in text(after)
    assert 'id="buy"' not in text(after)
    assert (learn.code, learn.headers["Location"]) == (302, f"/c/{BOX}?from=learn")


def test_wechat_pay_charges_what_the_card_says(tmp_path):
    """The same at the strict simulator: the sheet asks for the price of the card."""

    async def story(shop, simulator):
        phone = simulator.phone()
        await phone.follow()
        got = []
        for title, item in (("Python零基础入门课", "EDU001"), (TITLE, BOX)):
            card = await phone.say(title)
            await phone.open(next(href for _label, href in card.links if f"/c/{item}" in href))
            url = f"{simulator.webview_url}/c/{item}/order"
            placed = json.loads((await phone.open(url, method="POST", body="", headers={"X-Zhike": "1"})).text)
            trade = simulator.pay.trade(f"{placed['order_no']}01")
            await simulator.pay.confirm(placed["bridge"]["package"].removeprefix("prepay_id="), phone.openid)
            got.append((card.text, trade.total))
        return got[1], await shop.store.read(lambda tx: tx.entitlements.owned(phone.openid))

    (card, charged), owned = play(story, tmp_path)

    assert charged == LIST - OFF
    assert f"¥{charged / 100:.2f}" in card
    assert set(owned) == {BOX, *WITHIN}


def test_a_refund_of_the_bundle_leaves_the_course_that_was_bought_by_itself(live):
    async def story(world):
        await selling.stock_offers(world)
        browser = await selling.a_browser(world)
        await selling.buy(world, browser, "EDU001")
        number = await selling.buy(world, browser, BOX)
        await selling.refund(world, number)
        return (await selling.order(world, number)).state, await selling.owned(world)

    assert live(story) == (OrderState.REFUNDED, {"EDU001"})


def test_who_buys_the_last_course_elsewhere_meanwhile_gets_the_money_for_the_bundle_back(live):
    async def story(world):
        await selling.stock_offers(world)
        browser = await selling.a_browser(world)
        placed = await selling.press_buy(browser, BOX)
        for each in sorted(WITHIN):
            await selling.buy(world, browser, each)
        booked = await selling.pay(world, placed["order_no"])
        refunds = await world.shop.store.read(lambda tx: tx.refunds.of(placed["order_no"]))
        again = await selling.press_buy(browser, BOX)
        return booked, [each.amount_fen for each in refunds], await selling.owned(world), again["state"]

    assert live(story) == (Booked.SECOND, [LIST], WITHIN, "owned")


def test_a_price_that_changed_between_page_and_button_is_charged_as_it_is_now(live):
    """Buying a course of the bundle in another window makes a new order at the lower price."""

    async def story(world):
        await selling.stock_offers(world)
        browser = await selling.a_browser(world)
        first = await selling.press_buy(browser, BOX)
        await selling.buy(world, browser, "EDU001")
        second = await selling.press_buy(browser, BOX)
        return first["order_no"] != second["order_no"], await selling.charged(world, second["order_no"])

    assert live(story) == (True, LIST - OFF)


def test_a_list_shows_the_bundle_at_their_price_and_not_to_who_has_all_of_it(live):
    async def story(world):
        await selling.stock_offers(world)
        browser = await selling.a_browser(world)
        asked = "数据分析转行"
        before = await world.say(ANNA, asked)
        await selling.buy(world, browser, "EDU001")
        some = await world.say(ANNA, asked)
        for each in sorted(WITHIN - {"EDU001"}):
            await selling.buy(world, browser, each)
        return before, some, await world.say(ANNA, asked), await world.say(ANNA, "热门课程")

    before, some, *after = live(story)

    assert f"{TITLE}</a> ¥459" in before
    assert f"{TITLE}</a> ¥{(LIST - OFF) / 100:.2f}" in some
    assert not any(TITLE in each for each in after)


def test_outside_wechat_a_bundle_has_its_whole_price_and_belongs_to_its_payer(live):
    async def story(world):
        await selling.stock_offers(world)
        browser = Browser(world, agent="Firefox")
        page = await browser.open(f"/c/{BOX}")
        placed = await selling.press_buy(browser, BOX)
        await selling.pay(world, placed["order_no"], ANNA)
        return prices(page), await selling.owned(world)

    assert live(story) == (["¥459"], {BOX, *WITHIN})


def test_my_courses_and_my_orders_name_the_bundle(live):
    async def story(world):
        await selling.stock_offers(world)
        await selling.buy(world, await selling.a_browser(world), BOX)
        return await world.say(ANNA, "我的课程"), await world.say(ANNA, "我的订单")

    courses, orders = live(story)

    assert TITLE in courses
    assert "SQL查询从零到会用" in courses
    assert f"{TITLE} ¥459" in orders
