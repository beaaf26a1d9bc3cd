"""Money: paid once is granted once, whatever WeChat says twice, late, wrongly or not at all."""

import asyncio
import json
from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from bot.errors import AlreadyPaid, NotAllowed, PayRejected, PayUnknown
from bot.models import AttemptState, OrderState, RefundState, TradeType
from bot.orders import Booked, Outcome

ANNA = "oAnna0000000000000000000000a"
COURSE = "EDU001"
FEN = 9900


async def an_attempt(world, openid=ANNA, kind=TradeType.JSAPI, payer=None):
    placed = await world.shop.orders.place(openid, COURSE)
    return await world.shop.orders.checkout(placed.order.order_no, kind, openid if payer is None else payer)


async def post_notice(world, trade, *, notice_id="N1"):
    body = json.dumps({"id": notice_id, "trade": asdict(trade)})
    url = f"{world.url}/pay/notify"
    return (await world.http.fetch(url, method="POST", body=body, raise_error=False)).code


def wechat_says(world, refund, status, **changes):
    """Let WeChat Pay know a refund under that status."""
    facts = world.cashier.refunds[refund.out_refund_no]
    world.cashier.refunds[refund.out_refund_no] = replace(facts, status=status, **changes)


async def a_refund(world):
    """Buy, pay and ask for all of it back."""
    attempt = await an_attempt(world)
    await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, FEN, ANNA), "notice")
    return attempt, await world.shop.orders.refund(attempt.order_no, None, "不想学了")


async def owned(world, openid=ANNA):
    return await world.shop.store.read(lambda tx: tx.entitlements.owned(openid))


async def order_of(world, attempt):
    return await world.shop.store.read(lambda tx: tx.orders.get(attempt.order_no))


async def anomalies(world):
    return [each.kind for each in await world.shop.store.read(lambda tx: tx.anomalies.open())]


def test_a_notice_grants_the_course_and_the_chat_tells_so(live):
    async def story(world):
        await world.say(ANNA, "Python")
        attempt = await an_attempt(world)
        code = await post_notice(world, world.cashier.paid(attempt.out_trade_no, FEN, ANNA))
        await world.shop.jobs.run_due()
        return code, await owned(world), (await order_of(world, attempt)).state, world.phone.received

    code, courses, state, received = live(story)

    assert (code, courses, state) == (204, [COURSE], OrderState.PAID)
    assert [openid for openid, _ in received] == [ANNA]
    assert "付款成功" in received[0][1]
    assert f"https://shop.example.cn/learn/{COURSE}" in received[0][1]


def test_twenty_notices_at_once_grant_once_and_tell_once(live):
    async def story(world):
        await world.say(ANNA, "Python")
        attempt = await an_attempt(world)
        trade = world.cashier.paid(attempt.out_trade_no, FEN, ANNA)
        codes = await asyncio.gather(*(post_notice(world, trade, notice_id=f"N{i}") for i in range(20)))
        for _ in range(3):
            await world.shop.jobs.run_due()
        return set(codes), await owned(world), len(world.phone.received), await anomalies(world)

    assert live(story) == ({204}, [COURSE], 1, [])


@pytest.mark.parametrize(
    "lie",
    [{"total_fen": 1}, {"mch_id": "1999999999"}, {"app_id": "wxffffffffffffffff"}, {"currency": "USD"}],
    ids=lambda lie: next(iter(lie)),
)
def test_a_notice_that_does_not_fit_is_kept_for_a_person_and_grants_nothing(live, lie):
    async def story(world):
        attempt = await an_attempt(world)
        code = await post_notice(world, world.cashier.paid(attempt.out_trade_no, FEN, ANNA, **lie))
        return code, await owned(world), (await order_of(world, attempt)).state, await anomalies(world)

    assert live(story) == (204, [], OrderState.PENDING, ["payment_mismatch"])


def test_a_notice_that_is_not_genuine_is_refused_with_4xx(live):
    async def story(world):
        url = f"{world.url}/pay/notify"
        response = await world.http.fetch(url, method="POST", body=b"\xff\x00junk", raise_error=False)
        return response.code, await anomalies(world)

    assert live(story) == (401, [])


def test_a_notice_may_come_before_the_answer_to_the_order(live):
    async def story(world):
        async def hasty(number):
            await post_notice(world, world.cashier.paid(number, FEN, ANNA))

        world.cashier.before_answer = hasty
        with pytest.raises(AlreadyPaid):
            await an_attempt(world)
        return await owned(world), await anomalies(world)

    assert live(story) == ([COURSE], [])


def test_an_answer_that_is_lost_is_asked_again_with_the_same_bytes(live):
    async def story(world):
        world.cashier.fail_next = [PayUnknown("timeout"), PayUnknown("timeout")]
        placed = await world.shop.orders.place(ANNA, COURSE)
        with pytest.raises(PayUnknown):
            await world.shop.orders.checkout(placed.order.order_no, TradeType.JSAPI, ANNA)
        again = await world.shop.orders.checkout(placed.order.order_no, TradeType.JSAPI, ANNA)
        return again.state, set(world.cashier.prepays), len(world.cashier.prepays)

    state, requests, calls = live(story)

    assert state is AttemptState.NOTPAY
    assert (len(requests), calls) == (1, 3)


def test_without_any_notice_the_query_finds_the_payment(live):
    async def story(world):
        attempt = await an_attempt(world)
        world.cashier.paid(attempt.out_trade_no, FEN, ANNA)
        before = await owned(world)
        world.clock.forward(seconds=6)
        await world.shop.jobs.run_due()
        return before, await owned(world)

    assert live(story) == ([], [COURSE])


def test_what_was_paid_before_a_restart_is_granted_and_told_after_it(live):
    async def before(world):
        await world.say(ANNA, "Python")
        attempt = await an_attempt(world)
        world.cashier.paid(attempt.out_trade_no, FEN, ANNA)

    async def after(world):
        world.clock.forward(seconds=30)
        await world.shop.jobs.run_due()
        await world.shop.jobs.run_due()
        return await owned(world), len(world.phone.received)

    live(before)
    assert live(after) == ([COURSE], 1)


def test_a_grant_that_was_not_told_before_a_restart_is_told_after_it_once(live):
    async def before(world):
        await world.say(ANNA, "Python")
        attempt = await an_attempt(world)
        await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, FEN, ANNA), "notice")

    async def after(world):
        await world.shop.jobs.run_due()
        await world.shop.jobs.run_due()
        return len(world.phone.received)

    live(before)
    assert live(after) == 1


def test_expiry_asks_closes_and_only_then_cancels(live):
    async def story(world):
        attempt = await an_attempt(world)
        world.clock.forward(minutes=31)
        world.cashier.fail_next = [PayUnknown("timeout")]
        await world.shop.jobs.run_due()
        unclear = (await order_of(world, attempt)).state
        world.clock.forward(minutes=40)
        await world.shop.jobs.run_due()
        return unclear, world.cashier.closed == [attempt.out_trade_no], (await order_of(world, attempt)).state

    assert live(story) == (OrderState.PENDING, True, OrderState.CANCELLED)


def test_a_payment_that_comes_after_expiry_is_honoured_and_noted(live):
    async def story(world):
        attempt = await an_attempt(world)
        world.clock.forward(minutes=40)
        await world.shop.jobs.run_due()
        cancelled = (await order_of(world, attempt)).state
        code = await post_notice(world, world.cashier.paid(attempt.out_trade_no, FEN, ANNA))
        return cancelled, code, await owned(world), await anomalies(world)

    assert live(story) == (OrderState.CANCELLED, 204, [COURSE], ["late_payment"])


def test_a_second_payment_is_given_back_by_itself(live):
    async def story(world):
        first = await an_attempt(world)
        second = await an_attempt(world, kind=TradeType.NATIVE, payer="")
        booked = [
            await world.shop.orders.book_paid(world.cashier.paid(each.out_trade_no, FEN, ANNA), "notice")
            for each in (first, second)
        ]
        await world.shop.jobs.run_due()
        refunds = await world.shop.store.read(lambda tx: tx.refunds.of(first.order_no))
        return booked, await owned(world), [(r.amount_fen, r.state) for r in refunds], await anomalies(world)

    booked, courses, refunds, kinds = live(story)

    assert booked == [Booked.PAID, Booked.SECOND]
    assert courses == [COURSE]
    assert refunds == [(FEN, RefundState.PROCESSING)]
    assert kinds == ["double_payment"]


def test_an_order_placed_outside_wechat_belongs_to_whoever_pays_it(live):
    async def story(world):
        placed = await world.shop.orders.place("", COURSE, session="browser-1")
        attempt = await world.shop.orders.checkout(placed.order.order_no, TradeType.NATIVE, "")
        await post_notice(world, world.cashier.paid(attempt.out_trade_no, FEN, ANNA))
        return await owned(world), (await order_of(world, attempt)).openid

    assert live(story) == ([COURSE], ANNA)


def test_an_open_order_is_reused_and_an_owned_course_is_not_sold_again(live):
    async def story(world):
        first = await an_attempt(world)
        again = await an_attempt(world)
        await world.shop.orders.book_paid(world.cashier.paid(first.out_trade_no, FEN, ANNA), "notice")
        return first.out_trade_no == again.out_trade_no, (await world.shop.orders.place(ANNA, COURSE)).outcome

    assert live(story) == (True, Outcome.OWNED)


def test_a_follower_out_of_reach_is_told_at_the_next_chat(live):
    async def story(world):
        await world.say(ANNA, "Python")
        world.phone.refuse_with = 45047
        attempt = await an_attempt(world)
        await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, FEN, ANNA), "notice")
        await world.shop.jobs.run_due()
        return world.phone.received, await world.say(ANNA, "帮助"), await world.say(ANNA, "帮助")

    received, first, second = live(story)

    assert received == []
    assert "付款成功" in first
    assert "付款成功" not in second


def test_access_ends_when_a_whole_refund_is_accepted_and_it_counts_only_when_wechat_says_so(live):
    async def story(world):
        attempt = await an_attempt(world)
        await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, FEN, ANNA), "notice")
        refund = await world.shop.orders.refund(attempt.order_no, None, "不想学了")
        accepted = refund.state, (await order_of(world, attempt)).state, await owned(world)
        wechat_says(world, refund, "SUCCESS")
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        return accepted, (await order_of(world, attempt)).state, await owned(world)

    accepted, state, courses = live(story)

    assert accepted == (RefundState.PROCESSING, OrderState.PAID, [])
    assert (state, courses) == (OrderState.REFUNDED, [])


def test_no_more_is_refunded_than_was_paid_and_never_two_at_a_time(live):
    async def story(world):
        attempt = await an_attempt(world)
        await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, FEN, ANNA), "notice")
        with pytest.raises(NotAllowed, match="最多还能退"):
            await world.shop.orders.refund(attempt.order_no, FEN + 1, "多退")
        await world.shop.orders.refund(attempt.order_no, 100, "部分")
        world.clock.forward(seconds=timedelta(minutes=2).seconds)
        with pytest.raises(NotAllowed, match="还没有结果"):
            await world.shop.orders.refund(attempt.order_no, 100, "再来")

    live(story)


def test_a_query_that_is_refused_never_makes_a_refund_look_refused(live):
    async def story(world):
        attempt = await an_attempt(world)
        await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, FEN, ANNA), "notice")
        refund = await world.shop.orders.refund(attempt.order_no, None, "不想学了")

        async def refused(_number):
            raise PayRejected(401, "SIGN_ERROR", "key")

        world.cashier.query_refund = refused
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        kept = await world.shop.store.read(lambda tx: tx.refunds.get(refund.out_refund_no))
        return kept.state, kept.next_query_at > world.clock.now()

    assert live(story) == (RefundState.PROCESSING, True)


def test_while_an_attempt_is_unclear_no_second_one_is_opened(live):
    async def story(world):
        first = await an_attempt(world)
        world.cashier.fail_next = [PayUnknown("timeout")]
        with pytest.raises(PayUnknown):
            await an_attempt(world, kind=TradeType.NATIVE, payer="")
        world.cashier.fail_next = [PayUnknown("timeout")]
        with pytest.raises(PayUnknown):
            await an_attempt(world, kind=TradeType.NATIVE, payer="")
        world.cashier.paid(first.out_trade_no, FEN, ANNA)
        with pytest.raises(AlreadyPaid):
            await an_attempt(world, kind=TradeType.NATIVE, payer="")
        return len(await world.shop.store.read(lambda tx: tx.attempts.of(first.order_no))), await owned(world)

    assert live(story) == (1, [COURSE])


@pytest.mark.parametrize("lie", [{"refund_fen": 1}, {"refund_fen": 0}, {"out_trade_no": "ZK0"}], ids=str)
def test_a_refund_that_does_not_fit_is_kept_for_a_person_and_changes_nothing(live, lie):
    async def story(world):
        attempt, refund = await a_refund(world)
        wechat_says(world, refund, "SUCCESS", **lie)
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        kept = await world.shop.store.read(lambda tx: tx.refunds.get(refund.out_refund_no))
        return (await order_of(world, attempt)).state, kept.state, await anomalies(world)

    assert live(story) == (OrderState.PAID, RefundState.PROCESSING, ["refund_mismatch"])


def test_a_refund_in_a_state_that_nobody_knows_is_asked_about_again(live):
    async def story(world):
        attempt, refund = await a_refund(world)
        wechat_says(world, refund, "ON_ITS_WAY")
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        wechat_says(world, refund, "SUCCESS")
        world.clock.forward(hours=1)
        await world.shop.jobs.run_due()
        return (await order_of(world, attempt)).state

    assert live(story) is OrderState.REFUNDED


def test_an_abnormal_refund_that_was_put_right_is_found_by_a_sync(live):
    async def story(world):
        attempt, refund = await a_refund(world)
        wechat_says(world, refund, "ABNORMAL")
        abnormal = (await world.shop.orders.sync_order(attempt.order_no)).state, await anomalies(world)
        wechat_says(world, refund, "SUCCESS")
        return abnormal, (await world.shop.orders.sync_order(attempt.order_no)).state

    assert live(story) == ((OrderState.PAID, ["refund_abnormal"]), OrderState.REFUNDED)


def test_an_order_that_is_refused_at_the_second_try_is_not_tried_under_its_number_again(live):
    async def story(world):
        world.cashier.fail_next = [PayUnknown("timeout"), PayRejected(403, "NO_AUTH", "no contract")]
        with pytest.raises(PayRejected):
            await an_attempt(world)
        order = (await world.shop.store.read(lambda tx: tx.orders.of(ANNA)))[0]
        return [each.state for each in await world.shop.store.read(lambda tx: tx.attempts.of(order.order_no))]

    assert live(story) == [AttemptState.FAILED]


def test_wechat_is_asked_ever_more_rarely_also_after_the_time_to_pay(live):
    async def story(world):
        attempt = await an_attempt(world)
        asked = []

        async def unclear(_number):
            asked.append(world.clock.now())
            raise PayUnknown("down")

        world.cashier.query = unclear
        for _ in range(6 * 60):
            world.clock.forward(minutes=1)
            await world.shop.jobs.run_due()
        return [at - attempt.time_expire for at in asked]

    after = [since for since in live(story) if since > timedelta()]

    assert after[0] <= timedelta(minutes=1)
    assert 8 <= len(after) <= 14


def test_an_attempt_that_cannot_be_settled_does_not_keep_the_others_waiting(live):
    async def story(world):
        first = await an_attempt(world)
        second = await an_attempt(world, openid="oBen00000000000000000000000b")
        for attempt in (first, second):  # under one transaction id, which WeChat never gives twice
            world.cashier.paid(attempt.out_trade_no, FEN, attempt.payer)
            trade = world.cashier.trades[attempt.out_trade_no]
            world.cashier.trades[attempt.out_trade_no] = replace(trade, transaction_id="T1")
        third = await an_attempt(world, openid="oCleo0000000000000000000000c")
        world.cashier.paid(third.out_trade_no, FEN, third.payer)
        world.clock.forward(seconds=6)
        await world.shop.jobs.run_due()
        return [await owned(world, each.payer) for each in (first, second, third)]

    assert live(story) == [[COURSE], [], [COURSE]]


def test_an_order_that_an_attempt_may_still_pay_does_not_stand_in_the_way_of_those_to_be_cancelled(live):
    async def story(world):
        attempt = await an_attempt(world)
        untried = (await world.shop.orders.place("oBen00000000000000000000000b", COURSE)).order
        world.clock.forward(minutes=31)
        over = await world.shop.store.read(lambda tx: tx.orders.expired(world.clock.now()))
        world.cashier.fail_next = [PayUnknown("timeout")]
        await world.shop.jobs.run_due()
        states = [
            (await world.shop.store.read(lambda tx, no=no: tx.orders.get(no))).state
            for no in (attempt.order_no, untried.order_no)
        ]
        return [order.order_no for order in over] == [untried.order_no], states

    assert live(story) == (True, [OrderState.PENDING, OrderState.CANCELLED])
