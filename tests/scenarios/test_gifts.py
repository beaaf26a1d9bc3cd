"""Gifts are claimed once, codes redeemed once, and nothing unpaid or refunded is ever to be had."""

import asyncio
import json
from urllib.parse import urlencode

import pytest

from bot.errors import CannotBuy, Obstacle
from bot.models import OrderState, Purpose, TradeType
from bot.offers import codes
from bot.offers.quoting import Wish
from bot.shop import open_shop
from bot.store.gifts import Batch, GiftState
from handlers.chat.told import teller
from tests.scenarios.test_pages import Browser

ANNA = "oAnna0000000000000000000000a"
BEN = "oBen00000000000000000000000b"
CLEO = "oCleo0000000000000000000000c"
COURSE = "EDU001"
TITLE = "Python零基础入门课"
FEN = 9900


class Visitor(Browser):
    """A browser that is logged in and presses buttons of forms."""

    async def press(self, path, **fields):
        headers = {"User-Agent": "MicroMessenger", "X-Zhike": "1"}
        headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        reply = await self.world.http.fetch(
            self.world.url + path, method="POST", headers=headers, body=urlencode(fields), raise_error=False
        )
        return json.loads(reply.body)


async def visitor(world, openid):
    made = Visitor(world)
    await made.log_in(f"/c/{COURSE}", openid)
    return made


async def an_order(world, openid=ANNA):
    return (await world.shop.orders.place(openid, COURSE, wish=Wish(Purpose.GIFT))).order


async def pay(world, order):
    attempt = await world.shop.orders.checkout(order.order_no, TradeType.JSAPI, order.openid)
    trade = world.cashier.paid(attempt.out_trade_no, order.amount_fen, order.openid)
    return await world.shop.orders.book_paid(trade, "notice")


async def gift_of(world, order):
    return await world.shop.store.read(lambda tx: tx.gifts.of_order(order.order_no))


async def a_gift(world, openid=ANNA):
    order = await an_order(world, openid)
    await pay(world, order)
    return order, await gift_of(world, order)


async def claim(world, token, openid):
    now, gifts = world.clock.now(), world.shop.gifts
    return (await world.shop.store.write(lambda tx: gifts.claim(tx, token, openid, now))).outcome


async def owned(world, openid):
    return await world.shop.store.read(lambda tx: tx.entitlements.owned(openid))


async def refunds(world, order):
    return [each.amount_fen for each in await world.shop.store.read(lambda tx: tx.refunds.of(order.order_no))]


async def a_code(world, **changes):
    now = world.clock.now()
    given = {"name": "讲座", "course_id": COURSE, "count": 1, "created_at": now} | changes
    batch = Batch(0, expires_at=now.replace(year=now.year + 1), **given)
    _number, made = await world.shop.store.write(lambda tx: codes.create(tx, batch))
    return made[0]


def test_a_gift_is_bought_greeted_passed_on_and_claimed_once_and_its_giver_is_told(live):
    async def story(world):
        await world.say(ANNA, TITLE)
        offered = await world.say(ANNA, "送朋友")
        anna = await visitor(world, ANNA)
        page = (await anna.open(f"/c/{COURSE}/gift")).body.decode()
        placed = json.loads((await anna.open(f"/c/{COURSE}/gift", method="POST")).body)
        order = (await world.shop.store.read(lambda tx: tx.orders.of(ANNA)))[0]
        await pay(world, order)
        landing = json.loads((await anna.open(f"/order/{placed['order_no']}/state")).body)["learn"]
        link = (await anna.open(landing)).headers["Location"]
        greeted = await anna.press(f"{link}/greeting", words="一起学 <b>Python</b>")
        ben = await visitor(world, BEN)
        seen = (await ben.open(link)).body.decode()
        claimed = await ben.press(link)
        again = await ben.press(link)
        late = await (await visitor(world, CLEO)).press(link)
        await world.shop.jobs.run_due()
        told = [text for openid, text in world.phone.received if openid == ANNA]
        return (
            offered,
            page,
            greeted,
            seen,
            claimed,
            again,
            late,
            await owned(world, BEN),
            told,
            await owned(world, ANNA),
        )

    offered, page, greeted, seen, claimed, again, late, bens, told, annas = live(story)

    assert f"/c/{COURSE}/gift" in offered
    assert "30 天没有人领" in page
    assert greeted["state"] == "kept"
    assert "一起学 &lt;b&gt;Python&lt;/b&gt;" in seen
    assert ANNA not in seen
    assert (claimed["state"], again["state"], late["state"]) == ("claimed", "yours", "gone")
    assert claimed["go"] == f"/learn/{COURSE}"
    assert (bens, annas) == ([COURSE], [])
    assert any("可以送出了" in text for text in told)
    assert any("被领走啦" in text for text in told)


def test_an_unpaid_gift_is_paid_on_its_own_page_and_a_paid_one_is_no_course_of_its_giver(live):
    async def story(world):
        await world.say(ANNA, "你好")
        anna = await visitor(world, ANNA)
        await anna.open(f"/c/{COURSE}/gift", method="POST")
        told, waiting = await world.say(ANNA, "继续支付"), (await anna.open("/my-orders")).body.decode()
        order = (await world.shop.store.read(lambda tx: tx.orders.of(ANNA)))[0]
        await pay(world, order)
        before = (await anna.open("/my-orders")).body.decode()
        await pay(world, (await world.shop.orders.place(ANNA, COURSE)).order)
        return order, told, waiting, before, (await anna.open("/my-orders")).body.decode()

    order, told, waiting, before, after = live(story)

    assert "送朋友的" in told
    assert f'/c/{COURSE}/gift"' in told
    assert f'/c/{COURSE}/gift"' in waiting
    assert f"/my-gift/{order.order_no}" in before
    assert ("接着学" in before, after.count("接着学")) == (False, 1)


def test_twenty_claims_at_once_give_it_to_one(live):
    async def story(world):
        _order, gift = await a_gift(world)
        people = [f"oFriend{number:021d}" for number in range(20)]
        outcomes = await asyncio.gather(*(claim(world, gift.token, openid) for openid in people))
        having = [openid for openid in people if await owned(world, openid)]
        return sorted(outcomes).count("claimed"), len(having)

    assert live(story) == (1, 1)


def test_an_unpaid_gift_does_not_exist_and_a_stranger_cannot_guess_or_greet(live):
    async def story(world):
        order = await an_order(world)
        none = await gift_of(world, order)
        await pay(world, order)
        gift = await gift_of(world, order)
        ben = await visitor(world, BEN)
        forged = await ben.press(f"/gift/{gift.token}/greeting", words="我送的")
        theirs = (await ben.open(f"/my-gift/{order.order_no}")).code
        unknown = await claim(world, "0" * 32, BEN)
        no_header = (await ben.open(f"/gift/{gift.token}", method="POST", same_site=False)).code
        cold = (await Browser(world, "Mozilla/5.0").open(f"/gift/{gift.token}")).body.decode()
        return none, forged["state"], theirs, unknown, no_header, cold, await owned(world, BEN)

    none, forged, theirs, unknown, no_header, cold, bens = live(story)

    assert (none, forged, theirs, unknown, no_header, bens) == (None, "gone", 404, "gone", 403, [])
    assert "请在微信里打开" in cold


def test_a_giver_who_keeps_a_gift_is_asked_once_and_until_then_it_can_still_be_sent(live):
    async def story(world):
        order, gift = await a_gift(world)
        anna, ben, link = await visitor(world, ANNA), await visitor(world, BEN), f"/gift/{gift.token}"
        page, theirs = (await anna.open(link)).body.decode(), (await ben.open(link)).body.decode()
        asked = await anna.press(link)
        between = (await gift_of(world, order)).state, await owned(world, ANNA)
        kept = await anna.press(link, sure="1")
        return page, theirs, asked, between, kept, await owned(world, ANNA), await ben.press(link)

    page, theirs, asked, between, kept, annas, late = live(story)

    assert "确定自己留着？" in page
    assert "确定自己留着" not in theirs
    assert (asked["state"], asked["go"]) == ("sure", "")
    assert between == (GiftState.OPEN, [])
    assert (kept["state"], annas, late["state"]) == ("claimed", [COURSE], "gone")


def test_after_the_question_a_friend_may_still_be_first(live):
    async def story(world):
        _order, gift = await a_gift(world)
        anna, ben, link = await visitor(world, ANNA), await visitor(world, BEN), f"/gift/{gift.token}"
        await anna.press(link)
        return await ben.press(link), await anna.press(link, sure="1"), await owned(world, ANNA)

    bens, annas, owned_by_anna = live(story)

    assert (bens["state"], annas["state"], owned_by_anna) == ("claimed", "gone", [])


def test_who_has_the_course_leaves_the_gift_for_another_and_the_giver_may_keep_it(live):
    async def story(world):
        _order, gift = await a_gift(world)
        await pay(world, (await world.shop.orders.place(BEN, COURSE)).order)
        having = await claim(world, gift.token, BEN)
        return having, await claim(world, gift.token, ANNA), await owned(world, ANNA)

    assert live(story) == ("owned", "claimed", [COURSE])


def test_a_gift_nobody_claims_is_paid_back_once_and_told(live):
    async def story(world):
        await world.say(ANNA, "你好")
        order, gift = await a_gift(world)
        world.clock.forward(days=31)
        await world.say(ANNA, "你好")
        for _ in range(3):
            await world.shop.jobs.run_due()
        late = await claim(world, gift.token, BEN)
        told = [text for _openid, text in world.phone.received if "到期没有人领" in text]
        return await refunds(world, order), late, len(told), (await gift_of(world, order)).state

    assert live(story) == ([FEN], "gone", 1, GiftState.RETURNED)


def test_a_gift_being_refunded_cannot_be_claimed_and_a_claimed_one_is_taken_back(live):
    async def story(world):
        first, gift = await a_gift(world)
        await world.shop.orders.refund(first.order_no, None, "不送了")
        early = await claim(world, gift.token, BEN)
        second, other = await a_gift(world)
        await claim(world, other.token, CLEO)
        before = await owned(world, CLEO)
        asked = await world.shop.orders.refund(second.order_no, None, "退")
        facts = world.cashier.refunds[asked.out_refund_no]
        await world.shop.orders.book_refund(
            type(facts)(facts.out_refund_no, "SUCCESS", "R1", facts.out_trade_no, facts.refund_fen)
        )
        state = (await world.shop.store.read(lambda tx: tx.orders.get(second.order_no))).state
        return early, before, await owned(world, CLEO), state, await owned(world, BEN)

    assert live(story) == ("gone", [COURSE], [], OrderState.REFUNDED, [])


def test_a_free_course_cannot_be_given_and_the_chat_says_what_is_missing(live):
    async def story(world):
        with pytest.raises(CannotBuy) as refused:
            await world.shop.orders.place(ANNA, "EDU007", wish=Wish(Purpose.GIFT))
        return refused.value.why, await world.say(ANNA, "送朋友"), await world.say(ANNA, "我的礼物")

    why, without, none = live(story)

    assert why is Obstacle.NOT_TO_GIVE
    assert "先打开想送的课" in without
    assert "还没有送过课" in none


def test_a_code_opens_the_course_once_however_it_is_written(live):
    async def story(world):
        code = await a_code(world)
        said = await world.say(ANNA, f"兑换 {codes.shown(code).lower()}")
        again = await world.say(ANNA, codes.shown(code))
        other = await world.say(BEN, codes.shown(code))
        orders = await world.shop.store.read(lambda tx: tx.orders.of(ANNA))
        return said, again, other, await owned(world, ANNA), await owned(world, BEN), orders

    said, again, other, annas, bens, orders = live(story)

    assert "兑换成功" in said
    assert "已经兑换过" in again
    assert "已经被用过" in other
    assert (annas, bens) == ([COURSE], [])
    assert [(order.amount_fen, order.state) for order in orders] == [(0, OrderState.PAID)]
    assert sum(line.amount_fen for line in orders[0].lines) == 0


def test_two_workers_redeeming_one_code_at_once_open_one_course(live, tokenizer):
    async def story(world):
        code = await a_code(world)
        other = open_shop(
            world.shop.config,
            tell=teller("https://shop.example.cn"),
            gateway=world.cashier,
            messenger=world.phone,
            oauth=world.authority,
            clock=world.clock,
            tokenizer=tokenizer,
        )
        people = [f"oRacer{number:022d}" for number in range(40)]
        now = world.clock.now()

        async def run(at, openid):
            shop = (world.shop, other)[at % 2]
            return (await shop.store.write(lambda tx: codes.redeem(tx, shop.orders, openid, code, now))).outcome

        outcomes = await asyncio.gather(*(run(*each) for each in enumerate(people)))
        other.close()
        return outcomes.count("redeemed"), len([each for each in people if await owned(world, each)])

    assert live(story) == (1, 1)


def test_a_code_for_what_is_theirs_is_not_used_up(live):
    async def story(world):
        code = await a_code(world)
        await pay(world, (await world.shop.orders.place(ANNA, COURSE)).order)
        kept = await world.say(ANNA, codes.shown(code))
        return kept, await world.say(BEN, codes.shown(code))

    kept, redeemed = live(story)

    assert "没有用掉" in kept
    assert "兑换成功" in redeemed


def test_guessing_is_slowed_down_and_a_slip_costs_no_try(live):
    async def story(world):
        code = await a_code(world)
        slip = code[:-2] + ("2" if code[-2] != "2" else "3") + code[-1]
        slips = [await world.say(ANNA, f"兑换 {slip}") for _ in range(6)]
        wrong = [await world.say(ANNA, f"兑换 {codes.shown(codes.new_code())}") for _ in range(5)]
        stopped = await world.say(ANNA, codes.shown(code))
        world.clock.forward(minutes=11)
        return slips, wrong, stopped, await world.say(ANNA, codes.shown(code))

    slips, wrong, stopped, later = live(story)

    assert all("少抄或抄错" in text for text in slips)
    assert all("没有这个兑换码" in text for text in wrong)
    assert "试错太多次" in stopped
    assert "兑换成功" in later


def test_an_expired_or_stopped_code_gives_nothing(live):
    async def story(world):
        old, stopped = await a_code(world), await a_code(world)
        now = world.clock.now()
        await world.shop.store.write(lambda tx: tx.codes.stop(2, now))
        first = await world.say(BEN, codes.shown(stopped))
        world.clock.forward(days=366)
        return first, await world.say(ANNA, codes.shown(old)), await owned(world, ANNA), await owned(world, BEN)

    first, second, annas, bens = live(story)

    assert "过期或停用" in first
    assert "过期或停用" in second
    assert (annas, bens) == ([], [])


def test_the_page_redeems_a_code_too(live):
    async def story(world):
        code = await a_code(world)
        anna = await visitor(world, ANNA)
        page = (await anna.open("/redeem")).body.decode()
        return page, await anna.press("/redeem", code="123"), await anna.press("/redeem", code=codes.shown(code))

    page, slip, done = live(story)

    assert "兑换码" in page
    assert slip == {"state": "mistyped", "go": ""}
    assert done == {"state": "redeemed", "go": f"/learn/{COURSE}"}


def test_a_gift_of_which_a_part_was_given_back_can_still_be_claimed(live):
    async def story(world):
        order, gift = await a_gift(world)
        await world.shop.orders.refund(order.order_no, 1000, "退一部分")
        return await claim(world, gift.token, BEN), await owned(world, BEN)

    assert live(story) == ("claimed", [COURSE])
