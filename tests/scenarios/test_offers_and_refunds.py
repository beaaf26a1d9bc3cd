"""Where offers and refunds meet: a refund that waits, comes to nothing or is repeated, beside gifts and groups."""

from dataclasses import replace

import pytest

from bot.errors import NotAllowed
from bot.models import RefundState, TradeType
from bot.offers import codes, gifts
from bot.offers.quoting import Wish
from bot.store.coupons import Coupon
from tests import refunding, selling
from tests.scenarios import test_gifts as giving
from tests.scenarios import test_groups as grouping

ANNA, BEN, COURSE, FEN = refunding.ANNA, refunding.BEN, refunding.COURSE, refunding.FEN
BOX = "BOX002"  # EDU005, EDU001, EDU002, EDU003


async def preview(world, order, openid=ANNA):
    now = world.clock.now()
    return await world.shop.store.read(lambda tx: world.shop.refunds.preview(tx, openid, order.order_no, now))


async def ask_back(world, order, openid=ANNA):
    shown = await preview(world, order, openid)
    return await world.shop.refunds.request(openid, order.order_no, shown.amount_fen, "chat")


async def states(world, order):
    return [each.state for each in await refunding.refunds_of(world, order)]


@pytest.mark.parametrize("agreed", [False, True])
def test_a_failed_group_owes_the_money_whatever_an_admin_says_of_an_earlier_wish(live, agreed):
    async def story(world):
        await grouping.a_deal(world)
        order = await grouping.open_group(world, ANNA)
        await grouping.pay(world, order)
        waiting = await ask_back(world, order)
        world.clock.forward(hours=25)
        await world.shop.jobs.run_due()
        before = await states(world, order)
        decide = world.shop.refunds
        await (decide.approve(waiting.out_refund_no) if agreed else decide.reject(waiting.out_refund_no, "再等等"))
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        return before, await states(world, order), await grouping.owned(world, ANNA)

    before, after, courses = live(story, refund={"auto_limit": 0})

    assert before == [RefundState.REQUESTED]
    assert after == ([] if agreed else [RefundState.DECLINED]) + [RefundState.PROCESSING]
    assert courses == []


def test_the_money_of_a_gift_that_is_over_goes_back_after_an_admins_no(live):
    async def story(world):
        order, gift = await giving.a_gift(world)
        waiting = await ask_back(world, order)
        world.clock.forward(days=31)
        await world.shop.jobs.run_due()
        await world.shop.refunds.reject(waiting.out_refund_no, "礼物还在")
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        return await states(world, order), await giving.claim(world, gift.token, BEN)

    refunds, claimed = live(story, refund={"auto_limit": 0})

    assert refunds == [RefundState.DECLINED, RefundState.PROCESSING]
    assert claimed is gifts.Claiming.GONE


def test_what_a_giver_has_learnt_takes_nothing_off_a_gift_that_nobody_claimed(live):
    async def story(world):
        await refunding.buy(world)
        await refunding.learn(world, 1, 2, 3, 4)
        order, _gift = await giving.a_gift(world)
        return (await preview(world, order)).amount_fen

    assert live(story) == FEN


def test_a_credited_course_that_was_learnt_takes_nothing_off_the_refund_of_the_bundle(live):
    async def story(world):
        await selling.stock_offers(world)
        browser = await selling.a_browser(world)
        await selling.buy(world, browser, COURSE)
        await refunding.learn(world, 1, 2, 3, 4)
        order = await selling.order(world, await selling.buy(world, browser, BOX))
        world.clock.forward(days=10)
        return (await preview(world, order)).amount_fen, order.amount_fen

    shown, paid = live(story)

    assert shown == paid


def test_a_bundle_that_was_a_gift_lowers_no_other_price_as_a_course_that_was_a_gift(live):
    async def story(world):
        await selling.stock_offers(world)
        order = (await world.shop.orders.place(BEN, BOX, wish=Wish(giving.Purpose.GIFT))).order
        await giving.pay(world, order)
        gift = await giving.gift_of(world, order)
        await giving.claim(world, gift.token, ANNA)
        grants = await world.shop.store.read(lambda tx: tx.entitlements.grants(openid=ANNA))
        given = {each.source for each in grants}
        refund = await world.shop.orders.refund(order.order_no, None, "不送了")
        taken = await refunding.owned(world)
        await refunding.wechat_says(world, refund, "CLOSED")
        grants = await world.shop.store.read(lambda tx: tx.entitlements.grants(openid=ANNA))
        return given, taken, {each.source for each in grants}, len(grants)

    assert live(story) == ({"gift"}, [], {"gift"}, 5)


def test_repeating_a_dead_refund_twice_gives_the_money_back_once(live):
    async def story(world):
        order = await refunding.buy(world)
        dead = await world.shop.orders.refund(order.order_no, 3000, "补偿")
        await refunding.wechat_says(world, dead, "CLOSED")
        world.clock.forward(minutes=2)
        fresh = await world.shop.refunds.again(dead.out_refund_no)
        await refunding.wechat_says(world, fresh, "SUCCESS")
        world.clock.forward(minutes=2)
        with pytest.raises(NotAllowed, match=fresh.out_refund_no):
            await world.shop.refunds.again(dead.out_refund_no)
        return [(each.state, each.amount_fen) for each in await refunding.refunds_of(world, order)]

    assert live(story) == [(RefundState.CLOSED, 3000), (RefundState.SUCCESS, 3000)]


def test_a_coupon_comes_back_with_the_money_and_not_before(live):
    async def story(world):
        coupon = Coupon("BACK", amount_fen=1000, total_limit=1, back=True)
        await world.shop.store.write(lambda tx: tx.coupons.put(coupon, world.clock.now()))
        order = (await world.shop.orders.place(ANNA, COURSE, wish=Wish(coupon="BACK"))).order
        attempt = await world.shop.orders.checkout(order.order_no, TradeType.JSAPI, ANNA)
        paid = world.cashier.paid(attempt.out_trade_no, order.amount_fen, ANNA)
        await world.shop.orders.book_paid(paid, "notice")
        counts = []
        refund = await world.shop.orders.refund(order.order_no, None, "不想要了")
        for status in ("PROCESSING", "CLOSED"):
            await refunding.wechat_says(world, refund, status)
            counts.append(await world.shop.store.read(lambda tx: tx.coupons.counts("BACK")))
        courses = await refunding.owned(world)
        world.clock.forward(minutes=2)
        refund = await world.shop.orders.refund(order.order_no, None, "不想要了")
        await refunding.wechat_says(world, refund, "SUCCESS")
        counts.append(await world.shop.store.read(lambda tx: tx.coupons.counts("BACK")))
        return counts, courses, await refunding.owned(world)

    counts, kept, after = live(story)

    assert counts == [{"USED": 1}, {"USED": 1}, {"FREED": 1}]
    assert (kept, after) == ([COURSE], [])


def test_a_refund_that_arrives_after_wechat_closed_it_is_in_the_books(live):
    async def story(world):
        order = await refunding.buy(world)
        refund = await world.shop.orders.refund(order.order_no, None, "不想要了")
        await refunding.wechat_says(world, refund, "CLOSED")
        kept = await refunding.owned(world)
        await refunding.wechat_says(world, refund, "SUCCESS")
        order = await refunding.order_of(world, order.order_no)
        return kept, await states(world, order), order.state, await refunding.owned(world)

    assert live(story) == ([COURSE], [RefundState.SUCCESS], "REFUNDED", [])


@pytest.mark.parametrize("item", ["VIPX", "BOXX"])
def test_a_code_for_what_gives_nothing_yet_is_not_used_up(live, item):
    """A membership without months, and a bundle without courses."""

    async def story(world):
        kind = "membership" if item == "VIPX" else "bundle"
        await a_hollow_item(world, item, kind)
        code = await giving.a_code(world, course_id=item)
        done = await redeem(world, code)
        orders = await world.shop.store.read(lambda tx: tx.orders.of(ANNA))
        used = await world.shop.store.read(lambda tx: tx.codes.batches()[0].used)
        return done, orders, used, await refunding.owned(world)

    assert live(story) == (codes.Redeeming.OVER, [], 0, [])


async def a_hollow_item(world, item, kind):
    def work(tx):
        course = replace(tx.courses.get(COURSE), course_id=item, kind=type(tx.courses.get(COURSE).kind)(kind))
        tx.courses.put_many([course], world.clock.now())

    await world.shop.store.write(work)


async def redeem(world, code):
    now, orders = world.clock.now(), world.shop.orders
    return (await world.shop.store.write(lambda tx: codes.redeem(tx, orders, ANNA, code, now))).outcome


@pytest.mark.parametrize("offer", ["group", "gift"])
def test_what_wechat_closes_again_and_again_is_tried_once_a_day_and_arrives_in_the_end(live, offer):
    async def story(world):
        if offer == "group":
            await grouping.a_deal(world)
            order = await grouping.open_group(world, ANNA)
            await grouping.pay(world, order)
        else:
            order, _gift = await giving.a_gift(world)
        world.clock.forward(days=31)
        counts = [await rounds(world, order, "CLOSED"), await rounds(world, order, "CLOSED")]
        world.clock.forward(days=1)
        counts += [await rounds(world, order, "CLOSED")]
        world.clock.forward(days=1)
        counts += [await rounds(world, order, "SUCCESS")]
        world.clock.forward(days=2)
        return [*counts, await rounds(world, order, "SUCCESS")]

    assert live(story) == [1, 1, 2, 3, 3]


async def rounds(world, order, status):
    """Let ten minutes pass in which WeChat ends every refund in the same way; returns how many there are then."""
    for _ in range(5):
        await world.shop.jobs.run_due()
        for each in await refunding.refunds_of(world, order):
            if each.state is RefundState.PROCESSING:
                await refunding.wechat_says(world, each, status)
        world.clock.forward(minutes=2)
    return len(await refunding.refunds_of(world, order))


def test_a_late_payment_whose_refund_wechat_closes_gets_no_seat_too_many(live):
    async def story(world):
        await grouping.a_deal(world)
        first = await grouping.open_group(world, ANNA)
        await grouping.pay(world, first)
        late = await grouping.join(world, "oCleo0000000000000000000000c", first.ref)
        attempt = await world.shop.orders.checkout(late.order_no, TradeType.JSAPI, late.openid)
        await world.shop.orders.withdraw(late.order_no)
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        await grouping.pay(world, await grouping.join(world, BEN, first.ref))
        paid = world.cashier.paid(attempt.out_trade_no, late.amount_fen, late.openid)
        await world.shop.orders.book_paid(paid, "notice")
        await rounds(world, late, "CLOSED")
        seats = await world.shop.store.read(lambda tx: [each.openid for each in tx.groups.seats(first.ref)])
        courses = await refunding.owned(world, late.openid)
        world.clock.forward(days=1)
        await rounds(world, late, "SUCCESS")
        return seats, courses, await states(world, late)

    assert live(story) == ([ANNA, BEN], [], [RefundState.CLOSED, RefundState.SUCCESS])
