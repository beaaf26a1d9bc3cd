"""Coupons and limited prices: what they take off, for whom and when, and never one more than their limits."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import AlreadyPaid, CannotBuy, CouponFault, CouponRefused
from bot.models import Kind, Line, OrderState, RefundFacts, RefundState, TradeType
from bot.offers import coupons as rules
from bot.offers import keeping, limited
from bot.offers.coupons import Coupons
from bot.offers.delivery import CourseDelivery, Deliveries
from bot.offers.limited import Limited
from bot.offers.pricing import price, price_typed
from bot.offers.qualifying import Qualifying
from bot.offers.quoting import Quoting, Wish
from bot.orders import Booked, Merchant, Orders, Outcome
from bot.store import SqliteStore
from bot.store.coupons import Coupon
from bot.tagging import Rule
from tests.scenarios.conftest import MERCHANT

ANNA, BEN = "oAnna0000000000000000000000a", "oBen00000000000000000000000b"
COURSE, FEN = "EDU001", 9900
OTHER = "EDU002"
SPRING = Wish(coupon="SPRING")


async def put(world, **fields):
    coupon = Coupon(**{"code": "SPRING", "amount_fen": 2000, **fields})
    await world.shop.store.write(lambda tx: tx.coupons.put(coupon, world.clock.now()))
    return coupon


async def uses(world, code="SPRING"):
    return await world.shop.store.read(lambda tx: tx.coupons.counts(code))


async def fault(world, openid=ANNA, course_id=COURSE, **place):
    """Return why an order with the coupon is refused."""
    with pytest.raises(CouponRefused) as refused:
        await world.shop.orders.place(openid, course_id, wish=SPRING, **place)
    return refused.value.fault


async def order(world, openid=ANNA, course_id=COURSE, wish=SPRING):
    return (await world.shop.orders.place(openid, course_id, wish=wish)).order


async def till(world, placed, openid=ANNA):
    return await world.shop.orders.checkout(placed.order_no, TradeType.JSAPI, openid)


async def pay(world, attempt, openid=ANNA):
    trade = world.cashier.paid(attempt.out_trade_no, attempt.total_fen, openid)
    return await world.shop.orders.book_paid(trade, "notice")


async def refund(world, order_no):
    done = await world.shop.orders.refund(order_no, None, "不想学了")
    facts = RefundFacts(done.out_refund_no, "SUCCESS", out_trade_no=done.out_trade_no, refund_fen=done.amount_fen)
    await world.shop.orders.book_refund(facts)


async def over(world):
    """Let every unpaid order run out of time, be closed and cancelled."""
    world.clock.forward(hours=1)
    for _ in range(3):
        await world.shop.orders.run_due()
        world.clock.forward(minutes=31)


# What it takes off ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "total"),
    [
        ({"amount_fen": 2000}, 7900),
        ({"amount_fen": 0, "percent": 33}, 9900 - 3267),
        ({"amount_fen": 99_999}, 0),
        ({"amount_fen": 9000, "floor_fen": 5000}, 5000),
        ({"amount_fen": 0, "percent": 100, "floor_fen": 1}, 1),
    ],
    ids=str,
)
def test_a_coupon_takes_off_an_amount_or_a_share_and_never_goes_below_its_floor(live, fields, total):
    async def story(world):
        await put(world, **fields)
        course = await world.shop.store.read(lambda tx: tx.courses.get(COURSE))
        return await world.shop.store.read(
            lambda tx: world.shop.orders.quote_in(tx, ANNA, course, world.clock.now(), SPRING)
        )

    quote = live(story)

    assert quote.total_fen == total
    assert quote.lines == (Line("list", FEN), Line("coupon", total - FEN, "SPRING"))


def test_a_coupon_comes_on_top_of_a_limited_price_and_all_three_figures_are_one(live):
    async def story(world):
        await put(world, amount_fen=0, percent=10)
        now = world.clock.now()
        course = await world.shop.store.read(lambda tx: tx.courses.get(COURSE))
        await world.shop.store.write(lambda tx: limited.add(tx, course, 4950, now, now + timedelta(hours=1), now))
        shown = await world.shop.store.read(lambda tx: price(tx, world.shop.orders, ANNA, course, now, SPRING))
        placed = await order(world)
        return shown, placed, await till(world, placed)

    shown, placed, attempt = live(story)

    assert [line.amount_fen for line in placed.lines] == [9900, -4950, -495]
    assert shown.quote.lines == placed.lines
    assert shown.total_fen == placed.amount_fen == attempt.total_fen == 4455
    assert '"fen": 4455' in attempt.request


def test_what_is_already_at_the_floor_gets_nothing_off(live):
    async def story(world):
        await put(world, floor_fen=FEN)
        return await fault(world)

    assert live(story) is CouponFault.NO_USE


def test_a_coupon_for_the_whole_price_gives_the_course_at_once_and_is_used_up(live):
    async def story(world):
        await put(world, amount_fen=FEN)
        placed = await world.shop.orders.place(ANNA, COURSE, wish=SPRING)
        owned = await world.shop.store.read(lambda tx: tx.entitlements.owned(ANNA))
        [kept] = await world.shop.store.read(lambda tx: tx.orders.of(ANNA))
        return (
            placed.outcome,
            owned,
            kept.state,
            kept.amount_fen,
            await uses(world),
            await fault(world, ANNA, OTHER),
        )

    assert live(story) == (Outcome.GRANTED, [COURSE], OrderState.PAID, 0, {"USED": 1}, CouponFault.USED)


# For whom, for what, when ---------------------------------------------------------------------------------------


def test_a_coupon_counts_from_its_first_second_to_just_before_its_end(live):
    async def story(world):
        now = world.clock.now()
        await put(world, usable_from=now + timedelta(hours=1), usable_until=now + timedelta(hours=2))
        early = await fault(world)
        world.clock.forward(hours=1)
        first = await order(world)
        world.clock.forward(seconds=3599)
        last = await order(world, BEN)
        world.clock.forward(seconds=1)
        return early, first.amount_fen, last.amount_fen, await fault(world, "oCarl")

    assert live(story) == (CouponFault.EARLY, 7900, 7900, CouponFault.OVER)


def test_a_coupon_that_was_stopped_or_does_not_exist_says_so(live):
    async def story(world):
        unknown = await fault(world)
        await put(world, stopped=True)
        return unknown, await fault(world)

    assert live(story) == (CouponFault.UNKNOWN, CouponFault.OVER)


def test_a_coupon_for_one_course_or_category_counts_nowhere_else(live):
    async def story(world):
        course = await world.shop.store.read(lambda tx: tx.courses.get(COURSE))
        await put(world, course_id=OTHER)
        elsewhere = await fault(world)
        await put(world, category="没有这个分类")
        other_kind = await fault(world)
        await put(world, category=course.category)
        return elsewhere, other_kind, (await order(world)).amount_fen

    assert live(story) == (CouponFault.NOT_HERE, CouponFault.NOT_HERE, 7900)


def test_a_coupon_for_newcomers_is_for_whoever_has_never_paid(live):
    async def story(world):
        await put(world, audience="new", each_limit=0)
        await order(world)  # an order that nobody paid makes nobody an old customer
        first = await order(world, ANNA, OTHER)
        await pay(world, await till(world, first))
        return await fault(world)

    assert live(story) is CouponFault.NOT_YOURS


def test_a_coupon_for_a_tag_is_for_whoever_its_rules_name(live):
    async def story(world):
        suggestions, store, now = world.shop.suggestions, world.shop.store, world.clock.now()
        owned = await store.read(lambda tx: tx.courses.get(COURSE))
        given = [
            Rule("老学员", "bought", owned.category),
            Rule("地铁", "channel", "subway"),
            Rule("爱编程", "interest", "Python"),
        ]
        qualifying = Qualifying(given, suggestions)
        await world.say(ANNA, "我想学 Python")
        await world.shop.store.write(lambda tx: tx.coupons.put(Coupon("FREE", amount_fen=FEN), now))
        await world.shop.orders.place(ANNA, COURSE, wish=Wish(coupon="FREE"))
        await world.event(BEN, "subscribe", "qrscene_subway")

        def who(tx):
            return [
                [qualifying.belongs(tx, openid, name, now) for openid in (ANNA, BEN, "oNobody")]
                for name in ("", "老学员", "地铁", "爱编程", "没有这个标签")
            ]

        chosen = await store.read(who)
        await world.say(ANNA, "关闭个性化")
        return chosen, await store.read(lambda tx: qualifying.belongs(tx, ANNA, "老学员", now))

    chosen, without_personalisation = live(story)

    assert chosen == [
        [True, True, True],
        [True, False, False],
        [False, True, False],
        [True, False, False],
        [False, False, False],
    ]
    assert without_personalisation is False


def test_outside_wechat_only_coupons_that_ask_for_nobody_count_and_others_look_all_the_same(live):
    async def story(world):
        kept = []
        for fields in ({}, {"each_limit": 0, "audience": "new"}, {"each_limit": 0, "listed": False}):
            await put(world, **fields)
            kept.append(await fault(world, "", session="browser"))
        with pytest.raises(CouponRefused) as unknown:
            await world.shop.orders.place("", COURSE, session="browser", wish=Wish(coupon="NOPE"))
        await put(world, each_limit=0, total_limit=1)
        first = await world.shop.orders.place("", COURSE, session="browser", wish=SPRING)
        again = await world.shop.orders.place("", COURSE, session="browser", wish=SPRING)
        other = await fault(world, "", session="another")
        return {*kept, unknown.value.fault}, first.order == again.order, first.order.amount_fen, other

    assert live(story) == ({CouponFault.IN_WECHAT_ONLY}, True, 7900, CouponFault.EXHAUSTED)


# Limits ---------------------------------------------------------------------------------------------------------


def test_the_own_unpaid_order_does_not_count_and_another_course_does(live):
    async def story(world):
        await put(world, total_limit=1)
        first = await order(world)
        again = await order(world)
        now = world.clock.now()
        course = await world.shop.store.read(lambda tx: tx.courses.get(COURSE))
        await world.shop.store.write(lambda tx: limited.add(tx, course, 5000, now, now + timedelta(hours=1), now))
        replaced = await order(world)
        counted = await uses(world)
        return (
            first == again,
            replaced.amount_fen,
            counted,
            await fault(world, ANNA, OTHER),
            await fault(world, BEN),
        )

    same, fen, counted, elsewhere, another = live(story)

    assert same
    assert (fen, counted) == (3000, {"FREED": 1, "HELD": 1})
    assert (elsewhere, another) == (CouponFault.USED, CouponFault.EXHAUSTED)


def test_a_cancelled_order_frees_its_coupon_but_not_before_wechat_has_closed_it(live):
    async def story(world):
        await put(world, total_limit=1)
        placed = await order(world)
        await till(world, placed)
        world.clock.forward(minutes=30)
        waiting = await fault(world, BEN)
        await over(world)
        return waiting, await uses(world), (await order(world, BEN)).amount_fen

    assert live(story) == (CouponFault.EXHAUSTED, {"FREED": 1}, 7900)


@pytest.mark.parametrize(("back", "left"), [(True, {"FREED": 1}), (False, {"USED": 1})])
def test_a_whole_refund_frees_the_coupon_only_where_it_says_so(live, back, left):
    async def story(world):
        await put(world, back=back)
        placed = await order(world)
        await pay(world, await till(world, placed))
        paid = await uses(world)
        await refund(world, placed.order_no)
        return paid, await uses(world)

    assert live(story) == ({"USED": 1}, left)


def test_an_order_that_expires_beside_its_payment_keeps_the_coupon_used(live):
    async def story(world):
        await put(world)
        placed = await order(world)
        native = await world.shop.orders.checkout(placed.order_no, TradeType.NATIVE, "")
        world.clock.forward(minutes=2)
        await pay(world, await till(world, placed))
        await over(world)
        kept = await world.shop.store.read(lambda tx: tx.orders.get(placed.order_no))
        return native.order_no == placed.order_no, kept.state, await uses(world)

    assert live(story) == (True, OrderState.PAID, {"USED": 1})


def test_a_late_payment_takes_its_coupon_again_while_there_is_one(live):
    async def story(world):
        await put(world, total_limit=1)
        placed = await order(world)
        attempt = await till(world, placed)
        await over(world)
        booked = await pay(world, attempt)
        return booked, await uses(world), await world.shop.store.read(lambda tx: tx.entitlements.owned(ANNA))

    assert live(story) == (Booked.PAID, {"USED": 1}, [COURSE])


def test_a_late_payment_whose_coupon_went_to_others_goes_back_with_a_word_of_its_own(live):
    async def story(world):
        await world.say(ANNA, "Python")
        await put(world, total_limit=1)
        attempt = await till(world, await order(world))
        await over(world)
        await pay(world, await till(world, await order(world, BEN), BEN), BEN)
        booked = await pay(world, attempt)
        await world.shop.jobs.run_due()
        store = world.shop.store
        [back] = await store.read(lambda tx: tx.refunds.of(attempt.order_no))
        kinds = [each.kind for each in await store.read(lambda tx: tx.anomalies.open())]
        owned = await store.read(lambda tx: tx.entitlements.owned(ANNA))
        [words] = [content for openid, content in world.phone.received if openid == ANNA]
        return booked, kinds, owned, (back.amount_fen, back.state), words, await uses(world)

    booked, kinds, owned, back, words, counted = live(story)

    assert (booked, kinds, owned) == (Booked.GONE, ["offer_gone"], [])
    assert back == (7900, RefundState.PROCESSING)
    assert "优惠或名额已经没有了" in words
    assert "你已经有了" not in words
    assert counted == {"FREED": 1, "USED": 1}


def test_a_coupon_bought_twice_over_is_one_use_and_the_second_payment_goes_back(live):
    async def story(world):
        await put(world, total_limit=1)
        old = await till(world, await order(world))
        now = world.clock.now()
        course = await world.shop.store.read(lambda tx: tx.courses.get(COURSE))
        await world.shop.store.write(lambda tx: limited.add(tx, course, 5000, now, now + timedelta(hours=1), now))
        new = await till(world, await order(world))
        booked = [await pay(world, old), await pay(world, new)]
        return booked, await uses(world)

    assert live(story) == ([Booked.PAID, Booked.SECOND], {"USED": 1, "FREED": 1})


def test_two_workers_and_five_hundred_followers_take_a_hundred_coupons_exactly(live):
    async def story(world):
        await put(world, total_limit=100)
        path, clock = world.shop.config.store.path, world.clock
        results = []

        def worker(openids):
            store = SqliteStore(path)
            qualifying = Qualifying((), world.shop.suggestions)
            orders = Orders(
                store,
                world.cashier,
                clock,
                merchant=Merchant(**MERCHANT),
                order_minutes=30,
                quoting=Quoting([Limited(), Coupons(qualifying)]),
                deliveries=Deliveries({Kind.COURSE: CourseDelivery(world.shop.suggestions)}),
                refund=world.shop.config.refund,
            )

            async def one(openid):
                try:
                    placed = await orders.place(openid, COURSE, wish=SPRING)
                    if placed.order is None:
                        return placed.outcome
                    attempt = await orders.checkout(placed.order.order_no, TradeType.JSAPI, openid)
                except CouponRefused as refused:
                    return refused.fault
                except (AlreadyPaid, CannotBuy) as settled:  # by their other window
                    return type(settled)
                return await orders.book_paid(world.cashier.paid(attempt.out_trade_no, 7900, openid), "notice")

            async def race():
                return await asyncio.gather(*(one(openid) for openid in openids))

            try:
                results.extend(asyncio.run(race()))
            finally:
                store.close()

        crowd = [f"oFollower{number:03d}" for number in range(500)]
        # Each follower is in both workers' queues: whoever gets a coupon gets one.
        threads = [threading.Thread(target=worker, args=(half,)) for half in (crowd, crowd[::-1])]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])
        owners = await world.shop.store.read(lambda tx: [each.openid for each in tx.orders.all()])
        return results, await uses(world), owners

    results, counted, owners = live(story)

    assert len(results) == 1000
    assert (results.count(Booked.PAID), counted.get("USED")) == (100, 100)
    assert counted.get("HELD", 0) == 0
    assert len(set(owners)) == 100


# Guessing -------------------------------------------------------------------------------------------------------


def test_after_five_unknown_codes_nothing_is_told_for_ten_minutes(live):
    async def story(world):
        await put(world)
        course = await world.shop.store.read(lambda tx: tx.courses.get(COURSE))

        async def tried(code):
            return (
                await world.shop.store.write(
                    lambda tx: price_typed(
                        tx, world.shop.orders, ANNA, course, world.clock.now(), Wish(coupon=code)
                    )
                )
            ).fault

        guesses = [await tried(f"NOPE{number}") for number in range(5)]
        blocked = await tried("SPRING")
        world.clock.forward(minutes=10)
        return set(guesses), blocked, await tried("SPRING")

    assert live(story) == ({CouponFault.UNKNOWN}, CouponFault.TOO_MANY_TRIES, None)


@pytest.mark.parametrize(
    ("typed", "code"), [(" spring ", "SPRING"), ("ＳＰＲＩＮＧ", "SPRING"), ("x" * 99, "X" * 32), ("", "")]
)
def test_a_code_is_read_however_it_was_typed(typed, code):
    assert rules.code_in(typed) == code


# Limited prices -------------------------------------------------------------------------------------------------


def test_a_limited_price_begins_and_ends_to_the_second(live):
    async def story(world):
        now = world.clock.now()
        course = await world.shop.store.read(lambda tx: tx.courses.get(COURSE))
        begin, end = now + timedelta(hours=1), now + timedelta(hours=2)
        await world.shop.store.write(lambda tx: limited.add(tx, course, 4900, begin, end, now))
        seen = []
        for moment in (begin - timedelta(seconds=1), begin, end - timedelta(seconds=1), end):
            world.clock.at = moment
            priced = await world.shop.store.read(
                lambda tx: price(tx, world.shop.orders, ANNA, course, world.clock.now())
            )
            seen.append((priced.total_fen, priced.until == end))
        return seen

    assert live(story) == [(9900, False), (4900, True), (4900, True), (9900, False)]


def test_a_limited_price_above_a_list_price_that_fell_is_left_out(live):
    async def story(world):
        now = world.clock.now()
        course = await world.shop.store.read(lambda tx: tx.courses.get(COURSE))
        await world.shop.store.write(lambda tx: limited.add(tx, course, 4900, now, now + timedelta(hours=1), now))
        cheaper = replace(course, price_fen=3900)
        await world.shop.store.write(lambda tx: tx.courses.put_many([cheaper], now))
        return (await order(world, wish=Wish())).lines

    assert live(story) == (Line("list", 3900),)


def test_an_edit_leaves_placed_orders_alone_and_a_stop_lets_them_be_paid(live):
    async def story(world):
        await put(world)
        placed = await order(world)
        store, now = world.shop.store, world.clock.now()
        await store.write(lambda tx: keeping.stop(tx, "SPRING", now))
        booked = await pay(world, await till(world, placed))
        return placed.amount_fen, booked, await fault(world, BEN)

    assert live(story) == (7900, Booked.PAID, CouponFault.OVER)
