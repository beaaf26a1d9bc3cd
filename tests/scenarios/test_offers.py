"""Coupons and limited prices as followers meet them: in the chat, on the page, and at the till."""

import json
import re
from datetime import timedelta
from urllib.parse import quote

import pytest

from bot.models import OrderState, TradeType
from bot.offers import limited
from bot.store.coupons import Coupon
from tests.scenarios.test_pages import Browser, pay, text
from tests.scenarios.world import TITLE, play

ANNA, BEN = "oAnna0000000000000000000000a", "oBen00000000000000000000000b"
COURSE, FEN = "EDU001", 9900
OTHER = "EDU002"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64) Firefox"


async def put(world, **fields):
    coupon = Coupon(**{"code": "SPRING", "amount_fen": 2000, **fields})
    await world.shop.store.write(lambda tx: tx.coupons.put(coupon, world.clock.now()))


async def on_offer(world, fen=4900, hours=1):
    now = world.clock.now()
    course = await world.shop.store.read(lambda tx: tx.courses.get(COURSE))
    await world.shop.store.write(lambda tx: limited.add(tx, course, fen, now, now + timedelta(hours=hours), now))


async def known(world, openid=ANNA):
    """Return a browser that WeChat has said to be somebody's."""
    browser = Browser(world)
    await browser.log_in(f"/c/{COURSE}", openid)
    return browser


async def press(browser, shown, course_id=COURSE):
    """Press the button of a page: send what it showed; returns the answer."""
    found = re.search(r'data-total="(\d+)" data-coupon="([^"]*)"', shown)
    address = f"/c/{course_id}/order?total={found[1]}&coupon={found[2]}"
    return json.loads(text(await browser.open(address, method="POST")))


def price_of(page):
    """Return the lines that a page or an answer shows, the price and what the button would send."""
    lines = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    total = re.search(r'id="total">(.*?)<', page)
    return dict(lines), total and total[1]


# In the chat ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["优惠码 SPRING", "优惠码：spring", "用优惠券SPRING", "Spring", "ＳＰＲＩＮＧ"])
def test_a_code_typed_in_the_chat_is_on_the_card_and_in_its_link(live, said):
    async def story(world):
        await put(world)
        return await world.say(ANNA, said), await world.say(ANNA, TITLE)

    kept, card = live(story)

    assert "优惠码 SPRING 记下了：所有课程减 ¥20" in kept
    assert "优惠码 SPRING 再减 ¥20，实付 ¥79" in card
    assert f'/c/{COURSE}?from=title&coupon=SPRING">点这里购买 ¥79</a>' in card


def test_a_code_typed_while_a_course_lies_open_shows_its_new_price_at_once(live):
    async def story(world):
        await put(world)
        await world.say(ANNA, TITLE)
        typed = await world.say(ANNA, "优惠码 SPRING")
        return typed, await world.say(ANNA, "多少钱")

    for answer in live(story):
        assert "实付 ¥79" in answer
        assert "coupon=SPRING" in answer


def test_a_kept_code_that_a_course_cannot_take_says_so_and_charges_the_plain_price(live):
    async def story(world):
        await put(world, course_id=OTHER)
        kept = await world.say(ANNA, "优惠码 SPRING")
        return kept, await world.say(ANNA, TITLE)

    kept, card = live(story)

    assert "》减 ¥20" in kept
    assert "优惠码 SPRING 不能用在这里" in card
    assert "点这里购买 ¥99" in card
    assert "coupon=" not in card


def test_the_list_of_coupons_has_what_one_may_use_now_and_nothing_else(live):
    async def story(world):
        now = world.clock.now()
        await put(world, title="新人券", audience="new", usable_until=now + timedelta(days=1))
        await put(world, code="SECRET", listed=False)
        await put(world, code="LATER", usable_from=now + timedelta(days=1))
        await put(world, code="GONE", usable_until=now)
        mine = await world.say(ANNA, "我的优惠券")
        await put(world, stopped=True)
        return mine, await world.say(ANNA, "优惠券")

    mine, none = live(story)

    assert "SPRING" in mine
    assert "新人券" in mine
    assert "11月25日 12:00 前" in mine
    assert not any(code in mine for code in ("SECRET", "LATER", "GONE"))
    assert "现在没有优惠券" in none


def test_a_code_that_is_not_listed_asks_for_the_word_before_it(live):
    async def story(world):
        await put(world, listed=False)
        return await world.say(ANNA, "SPRING"), await world.say(ANNA, "优惠码 SPRING")

    bare, named = live(story)

    assert "记下了" not in bare
    assert "记下了" in named


def test_guessing_in_the_chat_and_on_the_page_is_counted_together(live):
    async def story(world):
        await put(world)
        browser = await known(world)
        wrong = [await world.say(ANNA, f"优惠码 NOPE{number}") for number in range(3)]
        pages = [text(await browser.open(f"/c/{COURSE}?coupon=NOPE{number}")) for number in range(2)]
        blocked = await world.say(ANNA, "优惠码 SPRING"), text(await browser.open(f"/c/{COURSE}?coupon=SPRING"))
        order = json.loads(text(await browser.open(f"/c/{COURSE}/order?coupon=SPRING&total=7900", method="POST")))
        orders = await world.shop.store.read(lambda tx: tx.orders.all())
        others = await world.say(BEN, "优惠码 SPRING")
        world.clock.forward(minutes=10)
        return wrong, pages, blocked, order, orders, others, await world.say(ANNA, "优惠码 SPRING")

    wrong, pages, blocked, order, orders, others, later = live(story)

    assert all("不存在" in answer for answer in (*wrong, *pages))
    assert all("10 分钟后再试" in answer for answer in (*blocked, order["quote"]))
    assert (order["state"], order["total"], orders) == ("price", FEN, [])
    assert "记下了" in others
    assert "记下了" in later


def test_a_limited_price_stands_in_lists_cards_and_answers_with_its_end(live):
    async def story(world):
        await on_offer(world)
        said = [await world.say(ANNA, words) for words in ("Python 零基础", TITLE, "多少钱")]
        world.clock.forward(hours=1)
        return said, await world.say(ANNA, TITLE)

    said, after = live(story)

    for answer in said:
        assert "限时价 ¥49（原价 ¥99，11月24日 13:00 结束）" in answer
    assert "点这里购买 ¥49" in said[1]
    assert "限时" not in after
    assert "点这里购买 ¥99" in after


def test_an_unpaid_order_is_paid_on_with_its_coupon_and_listed_with_its_lines(live):
    async def story(world):
        await world.say(ANNA, "Python")
        await put(world)
        await on_offer(world)
        browser = await known(world)
        await press(browser, text(await browser.open(f"/c/{COURSE}?coupon=spring")))
        return await world.say(ANNA, "继续支付"), await world.say(ANNA, "我的订单")

    again, orders = live(story)

    assert "coupon=SPRING" in again
    assert "¥29 还没付款" in again
    assert "价格有变动" not in again
    assert "¥29（原价 ¥99，限时优惠 −¥50，优惠码 SPRING −¥20）" in orders


# On the page ------------------------------------------------------------------------------------------------------


def test_the_page_explains_the_price_and_the_till_and_the_order_have_the_same(live):
    async def story(world):
        await put(world)
        await on_offer(world)
        browser = await known(world)
        page = text(await browser.open(f"/c/{COURSE}?from=card&coupon=spring"))
        placed = await press(browser, page)
        [order] = await world.shop.store.read(lambda tx: tx.orders.of(ANNA))
        asked = json.loads(world.cashier.prepays[-1])
        await pay(world, ANNA, order.amount_fen)
        done = json.loads(text(await browser.open(f"/order/{order.order_no}/state")))
        return page, placed, order, asked, done

    page, placed, order, asked, done = live(story)

    lines = {"原价": "¥99", "限时优惠": "−¥50", "优惠码 SPRING": "−¥20", "应付": "¥29"}
    assert price_of(page) == (lines, "¥29")
    assert "限时价 11月24日 13:00 结束" in page
    assert placed["state"] == "pay"
    assert (order.amount_fen, asked["fen"]) == (2900, 2900)
    assert done["state"] == OrderState.PAID


def test_a_price_that_rose_between_page_and_button_is_shown_and_not_charged(live):
    async def story(world):
        await put(world)
        await on_offer(world)
        browser = await known(world)
        page = text(await browser.open(f"/c/{COURSE}?coupon=SPRING"))
        world.clock.forward(hours=1)
        answer = await press(browser, page)
        orders = await world.shop.store.read(lambda tx: tx.orders.all())
        address = f"/c/{COURSE}/order?total={answer['total']}&coupon={answer['coupon']}"
        again = json.loads(text(await browser.open(address, method="POST")))
        return answer, orders, again, json.loads(world.cashier.prepays[-1])["fen"], len(world.cashier.prepays)

    answer, orders, again, fen, calls = live(story)

    assert (answer["state"], answer["total"], answer["price"], answer["coupon"]) == ("price", 7900, "¥79", "SPRING")
    assert price_of(answer["quote"])[0] == {"原价": "¥99", "优惠码 SPRING": "−¥20", "应付": "¥79"}
    assert orders == []
    assert (again["state"], fen, calls) == ("pay", 7900, 1)


@pytest.mark.parametrize("total", ["1", "9901", "-9900", "９９００", "abc", "9" * 40])
def test_no_other_total_than_the_price_is_ever_ordered(live, total):
    async def story(world):
        browser = await known(world)
        answer = await browser.open(f"/c/{COURSE}/order?total={total}", method="POST")
        return json.loads(text(answer)), await world.shop.store.read(lambda tx: tx.orders.all())

    answer, orders = live(story)

    assert (answer["state"], answer["total"], orders) == ("price", FEN, [])


def test_a_coupon_that_others_took_in_the_meantime_is_named_and_nothing_charged(live):
    async def story(world):
        await put(world, total_limit=1)
        anna, ben = await known(world), await known(world, BEN)
        shown = [text(await each.open(f"/c/{COURSE}?coupon=SPRING")) for each in (anna, ben)]
        first, second = [await press(each, page) for each, page in zip((anna, ben), shown, strict=True)]
        return first["state"], second, await world.shop.store.read(lambda tx: tx.orders.of(BEN))

    first, second, orders = live(story)

    assert first == "pay"
    assert (second["state"], second["total"], second["coupon"], orders) == ("price", FEN, "", [])
    assert "优惠码 SPRING 已经被领完了" in second["quote"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"code": "OTHER"}, "SPRING 不存在"),
        ({"stopped": True}, "已经过期了"),
        ({"course_id": OTHER}, "不能用在这里"),
        ({"audience": "没有这个标签"}, "只给一部分人"),
        ({"floor_fen": FEN}, "减不了"),
    ],
    ids=str,
)
def test_a_code_that_cannot_be_used_says_why_and_the_course_can_be_bought_without(live, fields, sentence):
    async def story(world):
        await put(world, **fields)
        browser = await known(world)
        page = text(await browser.open(f"/c/{COURSE}?coupon=SPRING"))
        return page, await press(browser, page), json.loads(world.cashier.prepays[-1])["fen"]

    page, placed, fen = live(story)

    assert sentence in page
    assert price_of(page)[1] == "¥99"
    assert (placed["state"], fen) == ("pay", FEN)


def test_a_coupon_for_everything_opens_the_course_without_a_till(live):
    async def story(world):
        await put(world, amount_fen=FEN)
        browser = await known(world)
        page = text(await browser.open(f"/c/{COURSE}?coupon=SPRING"))
        placed = await press(browser, page)
        return page, placed, world.cashier.prepays, text(await browser.open(placed["learn"]))

    page, placed, prepays, lessons = live(story)

    assert "免费领取" in page
    assert (placed, prepays) == ({"state": "owned", "learn": f"/learn/{COURSE}"}, [])
    assert "学完了" in lessons


def test_who_has_used_the_coupon_for_this_course_is_led_to_it(live):
    async def story(world):
        await put(world)
        browser = await known(world)
        page = text(await browser.open(f"/c/{COURSE}?coupon=SPRING"))
        await press(browser, page)
        await pay(world, ANNA, 7900)
        return await press(browser, page)

    assert live(story) == {"state": "owned", "learn": f"/learn/{COURSE}"}


def test_outside_wechat_the_code_of_a_coupon_for_everybody_counts_and_others_send_into_wechat(live):
    async def story(world):
        browser = Browser(world, FIREFOX)
        await put(world)
        personal = text(await browser.open(f"/c/{COURSE}?coupon=SPRING"))
        unknown = text(await browser.open(f"/c/{COURSE}?coupon=NOPE"))
        await put(world, each_limit=0)
        page = text(await browser.open(f"/c/{COURSE}?coupon=SPRING"))
        return personal, unknown, await press(browser, page), json.loads(world.cashier.prepays[-1])["fen"]

    personal, unknown, placed, fen = live(story)

    assert "请在微信里打开" in personal
    assert "请在微信里打开" in unknown
    assert (placed["state"], fen) == ("scan", 7900)


@pytest.mark.parametrize("code", ['"><script>alert(1)</script>', "' or 1=1 --", "\x00\u202e", "码" * 200])
def test_whatever_stands_in_the_address_is_only_a_code_that_does_not_exist(live, code):
    async def story(world):
        browser = await known(world)
        page = await browser.open(f"/c/{COURSE}?coupon={quote(code)}")
        return page.code, text(page)

    status, page = live(story)

    assert status in {200, 400}
    assert "<script>alert" not in page
    assert "Traceback" not in page


# At the till ------------------------------------------------------------------------------------------------------


def test_the_price_shown_charged_and_recorded_at_wechat_pay_are_one(tmp_path):
    async def story(shop, simulator):
        phone, now = simulator.phone(), shop.clock.now()
        await shop.store.write(lambda tx: tx.coupons.put(Coupon("SPRING", percent=15), now))
        course = await shop.store.read(lambda tx: tx.courses.get(COURSE))
        await shop.store.write(lambda tx: limited.add(tx, course, 4999, now, now + timedelta(hours=1), now))
        await phone.follow()
        await phone.say("优惠码 SPRING")
        card = await phone.say(TITLE)
        page = await phone.open(next(href for _label, href in card.links if f"/c/{COURSE}" in href))
        found = re.search(r'data-total="(\d+)" data-coupon="([^"]*)"', page.text)
        url = f"{simulator.webview_url}/c/{COURSE}/order?total={found[1]}&coupon={found[2]}"
        answer = await phone.open(url, method="POST", body="", headers={"X-Zhike": "1"})
        placed = json.loads(answer.text)
        await simulator.pay.confirm(placed["bridge"]["package"].removeprefix("prepay_id="), phone.openid)
        await shop.jobs.run_due()
        order = await shop.store.read(lambda tx: tx.orders.get(placed["order_no"]))
        trade = simulator.pay.trade(f"{order.order_no}01")
        return card.text, int(found[1]), order.amount_fen, order.state, trade.total

    card, shown, ordered, state, charged = play(story, tmp_path)

    assert "点这里购买 ¥42.50" in card
    assert (shown, ordered, charged, state) == (4250, 4250, 4250, OrderState.PAID)


def test_a_coupon_that_nobody_named_takes_nothing_off(live):
    async def story(world):
        await put(world)
        placed = await world.shop.orders.place(ANNA, COURSE)
        return (await world.shop.orders.checkout(placed.order.order_no, TradeType.JSAPI, ANNA)).total_fen

    assert live(story) == FEN
