"""My orders and the refund on a page: the same steps as in the chat, for nobody but the owner."""

import asyncio
import json
import re

from bot.models import OrderState, RefundState
from tests.refunding import ANNA, BEN, COURSE, FEN, TITLE, buy, learn, order_of, owned, refunds_of, wechat_says
from tests.scenarios.test_pages import Browser, text

LIST = "/my-orders"


async def logged_in(world, openid=ANNA):
    browser = Browser(world)
    await browser.log_in(LIST, openid)
    return browser


def asks(page):
    """Return the query that the button of a refund page sends."""
    found = re.search(r'data-fen="(\d+)" data-at="(\d+)"', text(page))
    return f"?fen={found[1]}&at={found[2]}"


def path_of(order):
    return f"{LIST}/{order.order_no}/refund"


async def press(browser, order, query, **options):
    return json.loads(text(await browser.open(path_of(order) + query, method="POST", **options)))


def test_from_the_list_to_the_money(live):
    async def story(world):
        order = await buy(world)
        browser = await logged_in(world)
        listed = await browser.open(LIST)
        page = await browser.open(path_of(order))
        pressed = await press(browser, order, asks(page))
        [refund] = await refunds_of(world, order)
        courses = await owned(world)
        waiting = json.loads(text(await browser.open(f"{path_of(order)}/state")))
        await wechat_says(world, refund, "SUCCESS")
        done = json.loads(text(await browser.open(f"{path_of(order)}/state")))
        state = (await order_of(world, order.order_no)).state
        return listed, page, pressed, refund, courses, waiting, done, state, text(await browser.open(LIST))

    listed, page, pressed, refund, courses, waiting, done, state, after = live(story)

    assert TITLE in text(listed)
    assert "申请退款" in text(listed)
    assert "现在可退 ¥99" in text(listed)
    assert page.headers["Cache-Control"] == "no-store"
    assert "确认退款 ¥99" in text(page)
    assert "可以全额退" in text(page)
    assert (refund.amount_fen, refund.origin, refund.gives_up) == (FEN, "page", True)
    assert (pressed["state"], waiting["state"], done["state"]) == ("PROCESSING", "PROCESSING", "SUCCESS")
    assert "正在原路退回" in pressed["told"]
    assert "已原路退回" in done["told"]
    assert (courses, state) == ([], OrderState.REFUNDED)
    assert "退款已到账：¥99" in after
    assert "申请退款" not in after


def test_the_preview_that_is_shown_is_the_only_one_that_can_be_confirmed(live):
    async def story(world):
        order = await buy(world)
        await learn(world, 1, 2)
        browser = await logged_in(world)
        page = await browser.open(path_of(order))
        await learn(world, 3)
        changed = await press(browser, order, asks(page))
        again = await browser.open(path_of(order))
        world.clock.forward(minutes=6)
        late = await press(browser, order, asks(again))
        odd = [await press(browser, order, query) for query in ("", "?fen=x&at=y", "?fen=-1&at=99999999999")]
        before = await refunds_of(world, order)
        fresh = await browser.open(path_of(order))
        done = await press(browser, order, asks(fresh))
        return page, changed, again, late, odd, before, done, await refunds_of(world, order)

    page, changed, again, late, odd, before, done, [refund] = live(story)

    assert "¥49.50" in text(page)
    assert "¥24.75" in text(again)
    assert [each["state"] for each in (changed, late, *odd)] == ["changed"] * 5
    assert before == []
    assert (done["state"], refund.amount_fen, refund.state) == ("REQUESTED", 2475, RefundState.REQUESTED)
    assert "提交退款申请 ¥24.75" in text(again)
    assert "在等工作人员审核" in done["told"]


def test_a_stranger_finds_nothing_and_moves_nothing(live):
    async def story(world):
        order = await buy(world)
        mine, stranger, nobody = await logged_in(world), await logged_in(world, BEN), Browser(world)
        query = asks(await mine.open(path_of(order)))
        page = await stranger.open(path_of(order))
        listed = await stranger.open(LIST)
        pressed = await stranger.open(path_of(order) + query, method="POST")
        state = await stranger.open(f"{path_of(order)}/state")
        unknown = await press(nobody, order, query)
        foreign = await mine.open(path_of(order) + query, method="POST", same_site=False)
        return page, listed, pressed, state, unknown, foreign, await refunds_of(world, order), order

    page, listed, pressed, state, unknown, foreign, refunds, order = live(story)

    assert [each.code for each in (page, pressed, state)] == [404, 404, 404]
    assert order.order_no not in text(listed)
    assert TITLE not in text(page)
    assert "你还没有订单" in text(listed)
    assert unknown["state"] == "refused"
    assert foreign.code == 403
    assert refunds == []


def test_outside_wechat_the_page_says_where_it_opens(live):
    async def story(world):
        order = await buy(world)
        browser = Browser(world, agent="Mozilla/5.0 Firefox")
        return [text(await browser.open(path)) for path in (LIST, path_of(order))]

    assert all("请在微信里打开" in page for page in live(story))


def test_pressing_many_times_at_once_refunds_once(live):
    async def story(world):
        order = await buy(world)
        browser = await logged_in(world)
        query = asks(await browser.open(path_of(order)))
        came = await asyncio.gather(*(press(browser, order, query) for _ in range(10)))
        return {each["state"] for each in came} <= {"NEW", "PROCESSING"}, len(await refunds_of(world, order))

    assert live(story) == (True, 1)


def test_the_page_tells_each_state_and_why_nothing_goes_back(live):
    async def story(world):
        order = await buy(world)
        browser = await logged_in(world)
        await press(browser, order, asks(await browser.open(path_of(order))))
        [asked] = await refunds_of(world, order)
        waiting = text(await browser.open(path_of(order)))
        listed = text(await browser.open(LIST))
        await world.shop.refunds.reject(asked.out_refund_no, "已经下载了资料")
        declined = text(await browser.open(path_of(order)))
        world.clock.forward(days=31)
        over = text(await browser.open(path_of(order)))
        unpaid = (await world.shop.orders.place(ANNA, "EDU002")).order
        return (
            waiting,
            listed,
            declined,
            over,
            text(await browser.open(path_of(unpaid))),
            text(await browser.open(LIST)),
        )

    waiting, listed, declined, over, unpaid, pending = live(story, refund={"auto_limit": 0})

    assert "在等工作人员审核" in waiting
    assert 'id="confirm"' not in waiting
    assert "退款等审核：¥99" in listed
    assert "没有通过：已经下载了资料" in declined
    assert 'id="confirm"' in declined
    assert "过了可以退款的时间" in over
    assert 'id="confirm"' not in over
    assert "没有付过款" in unpaid
    assert "去付款" in pending


def test_the_course_page_tells_the_promise(live):
    async def story(world):
        browser = Browser(world)
        await browser.log_in(f"/c/{COURSE}", ANNA)
        return text(await browser.open(f"/c/{COURSE}"))

    assert "购买后 3 天内、学习未过半全额退，30 天内按没学的课时退" in live(story, refund={"full_days": 3})
