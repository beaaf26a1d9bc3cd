"""Buying together: never more seats than a group has, nothing granted before it is full, all money back if not."""

import asyncio
import json
from datetime import timedelta

import pytest

from bot.errors import CannotBuy, Obstacle
from bot.models import OrderState, Purpose, TradeType
from bot.offers import groups
from bot.orders import Booked
from bot.shop import open_shop
from bot.store.groups import Deal, GroupState, SeatState
from handlers.chat.told import teller
from tests.scenarios.test_pages import Browser

ANNA = "oAnna0000000000000000000000a"
BEN = "oBen00000000000000000000000b"
CLEO = "oCleo0000000000000000000000c"
COURSE = "EDU001"
FEN = 5900


async def a_deal(world, *, size=2, hours=24, most=0, price=FEN):
    now = world.clock.now()
    deal = Deal(0, COURSE, size, price, hours, now + timedelta(days=30), most, now)
    return await world.shop.store.write(lambda tx: groups.offer(tx, deal))


async def open_group(world, openid):
    wish = await world.shop.store.read(lambda tx: groups.wish(tx, openid, COURSE))
    return (await world.shop.orders.place(openid, COURSE, wish=wish)).order


async def join(world, openid, group_id):
    return (await world.shop.orders.place(openid, COURSE, wish=groups.wish_to_join(group_id))).order


async def pay(world, order, fen=FEN):
    attempt = await world.shop.orders.checkout(order.order_no, TradeType.JSAPI, order.openid)
    return await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, fen, order.openid), "notice")


async def owned(world, openid):
    return await world.shop.store.read(lambda tx: tx.entitlements.owned(openid))


async def seats(world, group_id):
    return await world.shop.store.read(lambda tx: [each.state for each in tx.groups.seats(group_id)])


async def state(world, group_id):
    return (await world.shop.store.read(lambda tx: tx.groups.get(group_id))).state


async def refunds(world, order):
    found = await world.shop.store.read(lambda tx: tx.refunds.of(order.order_no))
    return [each.amount_fen for each in found]


async def refused(work):
    with pytest.raises(CannotBuy) as why:
        await work
    return why.value.why


async def let_refunds_arrive(world):
    for number, facts in list(world.cashier.refunds.items()):
        world.cashier.refunds[number] = type(facts)(**{**vars_of(facts), "status": "SUCCESS"})
    world.clock.forward(minutes=10)
    await world.shop.jobs.run_due()


def vars_of(facts):
    return {name: getattr(facts, name) for name in facts.__dataclass_fields__}


def test_the_last_payment_opens_the_course_for_everybody_and_all_are_told(live):
    async def story(world):
        for openid in (ANNA, BEN):
            await world.say(openid, "你好")
        await a_deal(world)
        first = await open_group(world, ANNA)
        await pay(world, first)
        before = await owned(world, ANNA)
        await pay(world, await join(world, BEN, first.ref))
        await world.shop.jobs.run_due()
        return first, before, await owned(world, ANNA), await owned(world, BEN), world.phone.received

    first, before, annas, bens, received = live(story)

    assert (first.amount_fen, first.purpose) == (FEN, Purpose.GROUP)
    assert [line.kind for line in first.lines] == ["list", "group"]
    assert (before, annas, bens) == ([], [COURSE], [COURSE])
    told = [(openid, text) for openid, text in received if "拼团" in text]
    assert {openid for openid, text in told if "拼团成功" in text} == {ANNA, BEN}


def test_a_group_that_is_not_full_at_its_end_gives_every_payment_back_once(live):
    async def story(world):
        await world.say(ANNA, "你好")
        await a_deal(world, size=3)
        first = await open_group(world, ANNA)
        await pay(world, first)
        second = await join(world, BEN, first.ref)
        await pay(world, second)
        world.clock.forward(hours=25)
        for _ in range(3):
            await world.shop.jobs.run_due()
        await let_refunds_arrive(world)
        for _ in range(2):
            await world.shop.jobs.run_due()
        orders = [await world.shop.store.read(lambda tx, no=o.order_no: tx.orders.get(no)) for o in (first, second)]
        back = [await refunds(world, order) for order in (first, second)]
        return await state(world, first.ref), [o.state for o in orders], back, await owned(world, ANNA)

    assert live(story) == (GroupState.FAILED, [OrderState.REFUNDED] * 2, [[FEN], [FEN]], [])


def test_a_seat_held_at_the_end_is_waited_for_and_its_payment_counts(live):
    async def story(world):
        await a_deal(world, hours=1)
        first = await open_group(world, ANNA)
        await pay(world, first)
        world.clock.forward(minutes=50)
        second = await join(world, BEN, first.ref)
        attempt = await world.shop.orders.checkout(second.order_no, TradeType.JSAPI, BEN)
        world.clock.forward(minutes=15)
        world.cashier.paid(attempt.out_trade_no, FEN, BEN)  # paid, and no notice comes
        await world.shop.jobs.run_due()
        return await state(world, first.ref), await owned(world, ANNA), await owned(world, BEN)

    assert live(story) == (GroupState.FULL, [COURSE], [COURSE])


def test_a_full_group_takes_nobody_and_a_stranger_cannot_join_before_the_opener_paid(live):
    async def story(world):
        await a_deal(world)
        first = await open_group(world, ANNA)
        early = await refused(join(world, BEN, first.ref))
        await pay(world, first)
        await join(world, BEN, first.ref)
        held = await refused(join(world, CLEO, first.ref))
        return early, held

    assert live(story) == (Obstacle.NO_GROUP, Obstacle.GROUP_FULL)


def test_pressing_twice_holds_one_seat_and_an_unpaid_seat_is_free_again(live):
    async def story(world):
        await a_deal(world)
        one, two = await open_group(world, ANNA), await open_group(world, ANNA)
        await pay(world, one)
        again = await refused(open_group(world, ANNA))
        left = await join(world, BEN, one.ref)
        world.clock.forward(minutes=40)
        await world.shop.jobs.run_due()
        freed = await seats(world, one.ref)
        return one.order_no == two.order_no, again, freed, (await join(world, CLEO, one.ref)).ref == left.ref

    assert live(story) == (True, Obstacle.IN_GROUP, [SeatState.TAKEN], True)


def test_a_held_seat_is_paid_on_the_page_of_its_group(live):
    async def story(world):
        await a_deal(world)
        await world.say(ANNA, "你好")
        order = await open_group(world, ANNA)
        return order, await world.say(ANNA, "继续支付")

    order, told = live(story)

    assert f"/group/{order.ref}" in told
    assert f"/c/{COURSE}" not in told


def test_a_payment_for_a_seat_that_is_gone_goes_back_by_itself(live):
    async def story(world):
        await world.say(BEN, "你好")
        await a_deal(world)
        first = await open_group(world, ANNA)
        await pay(world, first)
        late = await join(world, BEN, first.ref)
        attempt = await world.shop.orders.checkout(late.order_no, TradeType.JSAPI, BEN)
        world.clock.forward(minutes=40)
        await world.shop.jobs.run_due()
        await pay(world, await join(world, CLEO, first.ref))
        trade = world.cashier.paid(attempt.out_trade_no, FEN, BEN)
        booked = await world.shop.orders.book_paid(trade, "notice")
        await world.shop.jobs.run_due()
        kinds = [each.kind for each in await world.shop.store.read(lambda tx: tx.anomalies.open())]
        return booked, await refunds(world, late), await owned(world, BEN), kinds, world.phone.received[-1][1]

    booked, back, courses, kinds, told = live(story)

    assert (booked, back, courses, kinds) == (Booked.GONE, [FEN], [], ["offer_gone"])
    assert "名额已经没有了" in told


def test_leaving_before_it_is_full_frees_the_seat_and_gives_the_money_back(live):
    async def story(world):
        await a_deal(world)
        first = await open_group(world, ANNA)
        await pay(world, first)
        shown = await world.say(ANNA, "我的拼团")
        said = await world.say(ANNA, "退出拼团")
        again = await world.say(ANNA, "退出拼团")
        for _ in range(2):
            await world.shop.jobs.run_due()
        return shown, said, again, await refunds(world, first), await seats(world, first.ref)

    shown, said, again, back, left = live(story)

    assert "还差 1 人" in shown
    assert "已退出" in said
    assert "没有正在等人的拼团" in again
    assert (back, left) == ([FEN], [])


def test_who_bought_alone_in_the_meantime_gets_the_seat_back_in_money(live):
    async def story(world):
        await a_deal(world)
        first = await open_group(world, ANNA)
        await pay(world, first)
        alone = (await world.shop.orders.place(ANNA, COURSE)).order
        await pay(world, alone, 9900)
        await pay(world, await join(world, BEN, first.ref))
        for _ in range(2):
            await world.shop.jobs.run_due()
        return (
            await refunds(world, first),
            await refunds(world, alone),
            await owned(world, ANNA),
            await owned(world, BEN),
        )

    assert live(story) == ([FEN], [], [COURSE], [COURSE])


def test_an_owned_course_cannot_be_bought_together_and_no_deal_means_no_group(live):
    async def story(world):
        none = await refused(open_group(world, ANNA))
        await pay(world, (await world.shop.orders.place(ANNA, COURSE)).order, 9900)
        await a_deal(world, most=1)
        placed = await world.shop.orders.place(ANNA, COURSE, wish=groups.wish_to_join("abcdefgh1234"))
        await pay(world, await open_group(world, BEN))
        return none, placed.outcome, await refused(open_group(world, CLEO))

    assert live(story) == (Obstacle.NO_GROUP, "owned", Obstacle.NO_GROUP)


def test_two_workers_and_five_hundred_followers_racing_for_one_group_fill_exactly_its_seats(live, tokenizer):
    async def story(world):
        await a_deal(world, size=3)
        first = await open_group(world, ANNA)
        await pay(world, first)
        other = open_shop(
            world.shop.config,
            tell=teller("https://shop.example.cn"),
            gateway=world.cashier,
            messenger=world.phone,
            oauth=world.authority,
            clock=world.clock,
            tokenizer=tokenizer,
        )
        wish = groups.wish_to_join(first.ref)
        people = [f"oRacer{number:022d}" for number in range(500)]

        async def run(at, openid):
            try:
                placed = await (world.shop, other)[at % 2].orders.place(openid, COURSE, wish=wish)
            except CannotBuy:
                return None
            return placed.order

        held = [order for order in await asyncio.gather(*(run(*each) for each in enumerate(people))) if order]
        for order in held:
            await pay(world, order)
        other.close()
        having = [openid for openid in (ANNA, *people) if await owned(world, openid)]
        return len(held), await state(world, first.ref), len(having)

    assert live(story) == (2, GroupState.FULL, 3)


def test_a_crash_between_the_end_and_the_refunds_forgets_nobody(live):
    async def story(world):
        await a_deal(world, size=3)
        first = await open_group(world, ANNA)
        await pay(world, first)
        second = await join(world, BEN, first.ref)
        await pay(world, second)
        world.clock.forward(hours=25)
        await world.shop.orders.refund(first.order_no, None, "先退了一笔")  # as if it died right after this
        await world.shop.jobs.run_due()
        await world.shop.jobs.run_due()
        return await refunds(world, first), await refunds(world, second)

    assert live(story) == ([FEN], [FEN])


def test_the_pages_open_a_group_show_it_and_let_a_friend_join(live):
    async def story(world):
        await a_deal(world)
        anna = Browser(world)
        await anna.log_in(f"/c/{COURSE}", ANNA)
        course = (await anna.open(f"/c/{COURSE}")).body.decode()
        opening = (await anna.open(f"/c/{COURSE}/group")).body.decode()
        placed = json.loads((await anna.open(f"/c/{COURSE}/group", method="POST")).body)
        order = (await world.shop.store.read(lambda tx: tx.orders.of(ANNA)))[0]
        await pay(world, order)
        told = json.loads((await anna.open(f"/order/{placed['order_no']}/state")).body)
        hers = (await anna.open(told["learn"])).body.decode()
        ben = Browser(world)
        await ben.log_in(f"/group/{order.ref}", BEN)
        shown = (await ben.open(f"/group/{order.ref}")).body.decode()
        joined = json.loads((await ben.open(f"/group/{order.ref}", method="POST")).body)
        forged = (await ben.open(f"/group/{order.ref}", method="POST", same_site=False)).code
        outside = (await Browser(world, "Mozilla/5.0").open(f"/group/{order.ref}")).body.decode()
        unknown = (await ben.open("/group/nosuchgroup1")).code
        return course, opening, placed, told, hers, shown, joined, forged, outside, unknown

    course, opening, placed, told, hers, shown, joined, forged, outside, unknown = live(story)

    assert "2 人拼团价 ¥59" in course
    assert "自动全额原路退回" in opening
    assert placed["state"] == joined["state"] == "pay"
    assert told["learn"].startswith("/group/")
    assert "发给朋友" in hers
    assert "还差 1 人" in shown
    assert ANNA not in shown
    assert (forged, unknown) == (403, 404)
    assert "请在微信里打开" in outside


def test_the_card_of_a_course_offers_to_buy_it_together(live):
    async def story(world):
        await a_deal(world)
        return await world.say(ANNA, "Python零基础入门课")

    shown = live(story)

    assert "2 人拼团每人 ¥59" in shown
    assert f"https://shop.example.cn/c/{COURSE}/group" in shown


def test_a_seat_of_which_a_part_was_given_back_gets_the_rest_when_the_group_fails(live):
    async def story(world):
        await a_deal(world, size=3)
        first = await open_group(world, ANNA)
        await pay(world, first)
        await world.shop.orders.refund(first.order_no, 1000, "先退一部分")
        world.clock.forward(hours=25)
        await world.shop.jobs.run_due()
        waiting = await refunds(world, first)
        await let_refunds_arrive(world)
        await world.shop.jobs.run_due()
        await let_refunds_arrive(world)
        return waiting, await refunds(world, first)

    assert live(story) == ([1000], [1000, FEN - 1000])
