"""What followers may ask about their own data, by the front door: to see it, to have it forgotten, to leave."""

import json

import pytest

from bot.models import OrderState
from tests.scenarios.test_pages import WECHAT, Browser, pay, text

ANNA = "oAnna0000000000000000000000a"
BEN = "oBen00000000000000000000000b"
COURSE = "EDU001"
TITLE = "Python零基础入门课"
LINK = "https://shop.example.cn/my-data"
CONFIRM = "确认删除我的数据"


async def buy(world, openid):
    """Place an order on the course's page and pay it."""
    browser = Browser(world)
    await browser.log_in(f"/c/{COURSE}", openid)
    await browser.open(f"/c/{COURSE}/order", method="POST")
    await pay(world, openid)
    world.cashier.trades.clear()


async def kept(world, openid):
    """Return what the store has of a person: interests, events, courses, orders."""

    def work(tx):
        events = [(event.kind, event.detail) for event in tx.events.of(openid)]
        return tx.interests.get(openid), events, tx.entitlements.owned(openid), tx.orders.of(openid)

    return await world.shop.store.read(work)


async def my_page(world, openid):
    browser = Browser(world)
    back, _ = await browser.log_in("/my-data", openid)
    return text(await browser.open(back.headers["Location"]))


@pytest.mark.parametrize("words", ["导出我的数据", "导出", "我要导出我的数据"])
def test_the_data_are_behind_a_link_that_opens_for_their_owner(live, words):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        await buy(world, ANNA)
        return await world.say(ANNA, words), await my_page(world, ANNA)

    reply, page = live(story)

    assert f'<a href="{LINK}">' in reply
    assert "1 门课、1 笔订单" in reply
    assert ANNA not in reply
    for shown in ("excel", TITLE, "¥99", "已付款", ANNA):
        assert shown in page


def test_whoever_else_opens_the_link_sees_their_own_data_or_none(live):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        await world.say(ANNA, "导出我的数据")
        stranger = await my_page(world, BEN)
        await world.say(BEN, "摄影")
        return stranger, await my_page(world, BEN), text(await Browser(world, agent="Firefox").open("/my-data"))

    stranger, other, outside = live(story)

    assert "没有你的数据" in stranger
    assert "摄影" in other
    for page in (stranger, other, outside):
        assert ANNA not in page
        assert "excel" not in page
    assert "请在微信里打开" in outside


def test_an_openid_in_the_address_a_forged_cookie_or_a_preview_shows_nothing(live):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        forger = Browser(world)
        forger.cookies["zk"] = json.dumps({"sid": "x", "openid": ANNA})
        forged = await forger.open(f"/my-data?openid={ANNA}")
        preview, _ = await Browser(world, agent=WECHAT).log_in("/my-data", ANNA, virtual=True)
        return forged, preview

    forged, preview = live(story)

    assert forged.headers["Location"].startswith("https://open.weixin.qq.com/")
    assert preview.code == 403


def test_what_was_said_comes_out_on_the_page_as_text(live):
    async def story(world):
        await world.shop.store.write(
            lambda tx: (
                tx.followers.seen(ANNA, world.clock.now()),
                tx.events.add(ANNA, "mention", world.clock.now(), detail="<script>alert(1)</script>"),
            )
        )
        return await my_page(world, ANNA)

    page = live(story)

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_deletion_says_what_is_lost_and_happens_on_the_very_words_only(live):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        await buy(world, ANNA)
        await world.say(BEN, "摄影")
        asked, still = await world.say(ANNA, "删除我的数据"), await kept(world, ANNA)
        erased = await world.say(ANNA, CONFIRM)
        return asked, still, erased, await kept(world, ANNA), await kept(world, BEN), await my_page(world, ANNA)

    asked, still, erased, gone, other, page = live(story)

    assert CONFIRM in asked
    assert f"《{TITLE}》" in asked
    assert "1 门是花钱买的，不会因此退款" in asked
    assert still[2] == [COURSE]
    assert "已删除" in erased
    assert "1 笔订单" in erased
    assert gone == ("", [], [], [])
    assert other[0]
    assert "没有你的数据" in page


def test_after_a_deletion_the_orders_stay_for_the_accounts_and_are_nobodys(live):
    async def story(world):
        await buy(world, ANNA)
        await world.say(ANNA, "删除我的数据")
        await world.say(ANNA, CONFIRM)
        return await world.shop.store.read(lambda tx: tx.orders.all()), await world.say(ANNA, "我的课程")

    orders, mine = live(story)

    assert [(order.state, order.amount_fen) for order in orders] == [(OrderState.PAID, 9900)]
    assert orders[0].openid.startswith("anon-")
    assert "还没有课程" in mine


@pytest.mark.parametrize(
    "words",
    [
        ["删除我的数据"],
        ["注销"],
        ["删除我的数据", "删除我的数据"],
        ["删除我的数据", "确认"],
        ["删除我的数据", "好的"],
        ["删除我的数据", "确认删除"],
        ["删除我的数据", "请帮我确认删除我的数据吧"],
        ["删除我的数据", "不删了", CONFIRM],
        [CONFIRM],
        [CONFIRM, "好的"],
        ["导出我的数据"],
    ],
    ids=" ".join,
)
def test_nothing_else_deletes(live, words):
    async def story(world):
        await buy(world, ANNA)
        await world.say(ANNA, "Excel 函数")
        for said in words:
            await world.say(ANNA, said)
        return await kept(world, ANNA)

    interests, events, owned, orders = live(story)

    assert interests
    assert ("buy", "") in events
    assert (owned, len(orders)) == ([COURSE], 1)


def test_a_tapped_link_does_not_delete(live):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        await world.say(ANNA, "删除我的数据")
        await world.say(ANNA, CONFIRM, bizmsgmenuid="x")
        return await kept(world, ANNA)

    assert live(story)[0]


@pytest.mark.parametrize(("seconds", "gone"), [(299, True), (300, False)])
def test_the_words_count_for_five_minutes(live, seconds, gone):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        await world.say(ANNA, "删除我的数据")
        world.clock.forward(seconds=seconds)
        return await world.say(ANNA, CONFIRM), await kept(world, ANNA)

    reply, (interests, *_) = live(story)

    assert (not interests) is gone
    assert ("已删除" in reply) is gone


def test_one_persons_question_is_not_anothers_to_confirm(live):
    async def story(world):
        for openid in (ANNA, BEN):
            await world.say(openid, "Excel 函数")
        await world.say(ANNA, "删除我的数据")
        await world.say(BEN, CONFIRM)
        return await kept(world, ANNA), await kept(world, BEN)

    for interests, *_ in live(story):
        assert interests


def test_the_same_confirmation_delivered_again_gets_the_same_reply_and_deletes_nothing_new(live):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        await world.say(ANNA, "删除我的数据")
        confirmation = world.message(ANNA, Content=CONFIRM)
        first = await world.deliver(confirmation)
        await world.say(ANNA, "摄影")
        return first, await world.deliver(confirmation), await kept(world, ANNA)

    first, again, (interests, *_) = live(story)

    assert first == again
    assert interests


def test_nobody_is_deleted_while_money_may_still_come(live):
    async def story(world):
        browser = Browser(world)
        await browser.log_in(f"/c/{COURSE}", ANNA)
        await world.say(ANNA, "删除我的数据")
        await browser.open(f"/c/{COURSE}/order", method="POST")
        late = await world.say(ANNA, CONFIRM)
        asked = await world.say(ANNA, "删除我的数据")
        world.clock.forward(minutes=31)
        return late, asked, await world.say(ANNA, "删除我的数据"), await kept(world, ANNA)

    late, asked, over, (*_, orders) = live(story)

    for refused in (late, asked):
        assert "取消订单" in refused
        assert CONFIRM not in refused
    assert "等微信支付确认" in over
    assert len(orders) == 1


def test_forgotten_interests_are_in_no_event_and_no_export_and_do_not_come_back(live):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        await world.say(ANNA, "不喜欢摄影")
        await world.say(ANNA, "忘记我的兴趣")
        page = await my_page(world, ANNA)
        await world.say(ANNA, "换一批")
        return page, await kept(world, ANNA), await world.say(ANNA, "我的兴趣")

    page, (interests, events, *_), mine = live(story)

    for word in ("excel", "Excel", "函数", "摄影"):
        assert word not in page
    assert interests == ""
    assert {kind for kind, _ in events} == {"impression"}
    assert "还没有记住" in mine


def test_a_month_after_an_unfollow_nothing_is_left_but_courses_and_orders(live):
    async def story(world):
        await buy(world, ANNA)
        await world.say(ANNA, "Excel 函数")
        await world.event(ANNA, "unsubscribe")
        world.clock.forward(days=29, hours=23)
        await world.shop.jobs.run_due()
        before = await kept(world, ANNA)
        world.clock.forward(hours=2)
        await world.shop.jobs.run_due()
        after = await kept(world, ANNA)
        world.clock.forward(seconds=5)
        return before, after, await world.event(ANNA, "subscribe"), await world.say(ANNA, "我的课程")

    before, after, welcome, mine = live(story)

    assert before[0]
    assert ("unfollow", "") in before[1]
    assert after[:2] == ("", [])
    assert after[2:] == before[2:]
    assert "欢迎回来" in welcome
    assert TITLE in mine


def test_who_comes_back_within_the_month_finds_everything_as_it_was(live):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        await world.event(ANNA, "unsubscribe")
        world.clock.forward(days=20)
        await world.event(ANNA, "subscribe")
        world.clock.forward(days=20)
        await world.shop.jobs.run_due()
        return await kept(world, ANNA)

    interests, events, *_ = live(story)

    assert interests
    assert ("mention", "excel 函数") in events


def test_the_month_is_a_setting(live):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        await world.event(ANNA, "unsubscribe")
        world.clock.forward(days=2)
        await world.shop.jobs.run_due()
        return await world.shop.store.read(lambda tx: tx.followers.get(ANNA))

    assert live(story, keep_unfollowed_days=2) is None
