"""Money back, in the chat: the preview by the promise, a confirmation bound to it, and what follows."""

import asyncio

import pytest

from bot.errors import CannotRefund, NoRefund, NotAllowed, PayRejected, PayUnknown
from bot.models import OrderState, RefundState
from tests.refunding import (
    ANNA,
    BEN,
    COURSE,
    FEN,
    TITLE,
    buy,
    confirm,
    learn,
    order_of,
    owned,
    plain,
    refunds_of,
    sure,
    wechat_says,
)

AUTO = {"auto_pro_rata": True}


# The promise, branch by branch ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "learnt", "fen", "shown", "part"),
    [
        (0, 0, 9900, "¥99", "付款不到 1 天，学了 0/4 课，可以全额退"),
        (6, 1, 9900, "¥99", "付款满 6 天，学了 1/4 课，可以全额退"),
        (7, 1, 9900, "¥99", "付款满 7 天，学了 1/4 课，可以全额退"),
        (6, 2, 4950, "¥49.50", "付款满 6 天，学了 2/4 课，按没学的 2/4 退"),
        (8, 1, 7425, "¥74.25", "付款满 8 天，学了 1/4 课，按没学的 3/4 退"),
        (30, 3, 2475, "¥24.75", "付款满 30 天，学了 3/4 课，按没学的 1/4 退"),
    ],
)
def test_the_preview_follows_the_promise_and_is_what_goes_back_to_the_fen(live, days, learnt, fen, shown, part):
    async def story(world):
        order = await buy(world)
        await learn(world, *range(1, learnt + 1))
        world.clock.forward(days=days)
        preview = await world.say(ANNA, "退款")
        answer = await confirm(world, preview)
        [refund] = await refunds_of(world, order)
        return plain(preview), answer, refund, await owned(world)

    preview, answer, refund, courses = live(story, refund=AUTO)

    assert f"《{TITLE}》可以退 {shown}" in preview
    assert part in preview
    assert (refund.amount_fen, refund.state) == (fen, RefundState.PROCESSING)
    assert (refund.origin, refund.gives_up, courses) == ("chat", True, [])
    assert "微信已经受理" in answer


@pytest.mark.parametrize(("days", "learnt", "why"), [(31, 0, "过了可以退款的时间"), (10, 4, "课时都学完了")])
def test_after_the_time_or_all_lessons_nothing_goes_back_and_the_answer_says_why(live, days, learnt, why):
    async def story(world):
        order = await buy(world)
        await learn(world, *range(1, learnt + 1))
        world.clock.forward(days=days)
        reply = await world.say(ANNA, "我要退款")
        forced = await world.say(ANNA, f"确认退款 {order.order_no[-6:]}")
        return reply, forced, await refunds_of(world, order), await owned(world)

    reply, forced, refunds, courses = live(story, refund=AUTO)

    assert why in reply
    assert "人工" in reply
    assert why in forced
    assert (refunds, courses) == ([], [COURSE])


def test_the_promise_is_the_one_of_the_day_the_order_was_placed(live):
    async def before(world):
        return await buy(world)

    async def after(world):
        return await world.say(ANNA, "退款"), await world.say(BEN, TITLE)

    live(before)
    reply, shown = live(after, refund={"full_days": 0, "until_days": 0})

    assert "可以退 ¥99" in reply
    assert "学习未过半全额退" in reply
    assert "购买后不支持退款" in shown


def test_an_unpaid_order_under_another_promise_is_not_offered_again(live):
    async def before(world):
        return (await world.shop.orders.place(ANNA, COURSE)).order.order_no

    async def after(world):
        placed = await world.shop.orders.place(ANNA, COURSE)
        return placed.order.order_no, placed.ended

    first = live(before)
    again, ended = live(after, refund={"full_days": 3})

    assert again != first
    assert ended == (first,)


# Bound to the order and to what was shown -----------------------------------------------------------------------


def test_the_words_may_be_typed_too_and_anything_less_refunds_nothing(live):
    async def story(world):
        order = await buy(world)
        preview = await world.say(ANNA, "退款")
        words, _ = sure(preview)
        less = [await world.say(ANNA, said) for said in ("确认", "好的", "确认退款", "是", "1")]
        before = await refunds_of(world, order)
        return less, before, await world.say(ANNA, words.lower()), len(await refunds_of(world, order))

    less, before, answer, count = live(story)

    assert before == []
    assert "可以退 ¥99" in less[2]
    assert "微信已经受理" in answer
    assert count == 1


def test_without_a_preview_the_words_only_show_one(live):
    async def story(world):
        order = await buy(world)
        reply = await world.say(ANNA, f"确认退款 {order.order_no[-6:]}")
        return reply, await refunds_of(world, order)

    reply, refunds = live(story)

    assert "可以退 ¥99" in reply
    assert refunds == []


def test_a_confirmation_is_good_for_five_minutes(live):
    async def story(world):
        order = await buy(world)
        first = await world.say(ANNA, "退款")
        world.clock.forward(minutes=5)
        late = await confirm(world, first)
        before = await refunds_of(world, order)
        world.clock.forward(minutes=4, seconds=59)
        answer = await confirm(world, late)
        return plain(late), before, answer

    late, before, answer = live(story)

    assert "可以退 ¥99" in late
    assert before == []
    assert "微信已经受理" in answer


def test_when_a_lesson_or_the_time_changed_the_amount_the_new_one_is_shown_and_nothing_goes_back(live):
    async def story(world):
        order = await buy(world)
        await learn(world, 1, 2)
        first = await world.say(ANNA, "退款")
        await learn(world, 3)
        second = await confirm(world, first)
        stale = await confirm(world, first)
        before = await refunds_of(world, order)
        await confirm(world, second)
        return (
            plain(first),
            plain(second),
            plain(stale),
            before,
            [e.amount_fen for e in await refunds_of(world, order)],
        )

    first, second, stale, before, amounts = live(story, refund=AUTO)

    assert "可以退 ¥49.50" in first
    assert "可以退 ¥24.75" in second
    assert "可以退 ¥24.75" in stale
    assert (before, amounts) == ([], [2475])


def test_the_last_second_of_the_full_refund_may_pass_between_preview_and_confirmation(live):
    async def story(world):
        order = await buy(world)
        await learn(world, 1)
        world.clock.forward(days=7)
        first = await world.say(ANNA, "退款")
        world.clock.forward(seconds=1)
        second = await confirm(world, first)
        return plain(first), plain(second), await refunds_of(world, order)

    first, second, refunds = live(story, refund=AUTO)

    assert "可以退 ¥99" in first
    assert "可以退 ¥74.25" in second
    assert refunds == []


def test_several_orders_are_a_list_to_tap_or_to_number(live):
    async def story(world):
        one = await buy(world)
        world.clock.forward(minutes=1)
        two = await buy(world, course="EDU002")
        listed = await world.say(ANNA, "退款")
        by_number = await world.say(ANNA, "2")
        by_words = await world.say(ANNA, "退款 1")
        tapped = await world.say(ANNA, f"退款 {two.order_no[-6:]}", bizmsgmenuid=f"退款 {two.order_no[-6:]}")
        wrong = await world.say(ANNA, "9")
        await world.say(ANNA, "热门课程")
        opened = await world.say(ANNA, "1")
        await confirm(world, by_number)
        return listed, by_number, by_words, tapped, wrong, opened, await refunds_of(world, one), one, two

    listed, by_number, by_words, tapped, wrong, opened, refunds, one, two = live(story)

    assert "想退哪一门" in listed
    assert [tail in listed for tail in (one.order_no[-6:], two.order_no[-6:])] == [True, True]
    assert f"《{TITLE}》可以退" in by_number
    assert f"《{two.title}》可以退" in by_words
    assert f"《{two.title}》可以退" in tapped
    assert "不在最近的列表里" in wrong
    assert "可以退" not in opened
    assert refunds == []  # what was shown last was another order


def test_nobody_refunds_the_order_of_another(live):
    async def story(world):
        order = await buy(world)
        await world.say(BEN, "退款")
        tail = order.order_no[-6:]
        said = [await world.say(BEN, words) for words in (f"退款 {tail}", f"确认退款 {tail}")]
        with pytest.raises(CannotRefund) as forced:
            await world.shop.refunds.request(BEN, order.order_no, FEN, "chat")
        with pytest.raises(CannotRefund):
            await world.shop.refunds.request("", order.order_no, FEN, "page")
        return said, forced.value.why, await refunds_of(world, order)

    said, why, refunds = live(story)

    assert all("没有找到这笔订单" in each for each in said)
    assert (why, refunds) == (NoRefund.NOT_THEIRS, [])


def test_free_courses_and_unpaid_orders_get_a_plain_sentence(live):
    async def story(world):
        nobody = await world.say(BEN, "退款")
        await world.shop.orders.place(ANNA, "EDU007")
        free = await world.say(ANNA, "退款")
        unpaid = (await world.shop.orders.place(ANNA, COURSE)).order
        return nobody, free, await world.say(ANNA, f"退款 {unpaid.order_no[-6:]}")

    nobody, free, unpaid = live(story)

    assert "你还没有付过款的订单" in nobody
    assert "没有付过款，没有钱可退" in free
    assert "没有付过款" in unpaid


def test_a_changed_mind_refunds_nothing(live):
    async def story(world):
        order = await buy(world)
        preview = await world.say(ANNA, "退款")
        kept = await world.say(ANNA, "不退了")
        return kept, plain(await confirm(world, preview)), await refunds_of(world, order)

    kept, shown_again, refunds = live(story)

    assert "没有退" in kept
    assert "可以退 ¥99" in shown_again
    assert refunds == []


def test_switched_off_only_people_refund(live):
    async def story(world):
        order = await buy(world)
        tail = order.order_no[-6:]
        said = [await world.say(ANNA, words) for words in ("退款", f"退款 {tail}", f"确认退款 {tail}")]
        return said, await refunds_of(world, order)

    said, refunds = live(story, refund={"enabled": False})

    assert all("由工作人员处理" in each for each in said)
    assert refunds == []


# Repeats and races ----------------------------------------------------------------------------------------------


def test_saying_it_again_tells_how_far_it_got_and_refunds_once(live):
    async def story(world):
        order = await buy(world)
        preview = await world.say(ANNA, "退款")
        await confirm(world, preview)
        again = [await confirm(world, preview), await world.say(ANNA, "退款"), await world.say(ANNA, "不退了")]
        [refund] = await refunds_of(world, order)
        await wechat_says(world, refund, "SUCCESS")
        world.clock.forward(minutes=2)
        after = [await confirm(world, preview), await world.say(ANNA, "退款")]
        return again, after, len(await refunds_of(world, order)), (await order_of(world, order.order_no)).state

    again, after, count, state = live(story)

    assert "正在原路退回" in again[0]
    assert "正在原路退回" in again[1]
    assert "撤不回来" in again[2]
    assert "已经退过款" in after[0]
    assert (count, state) == (1, OrderState.REFUNDED)


def test_chat_page_and_desk_at_once_make_one_refund(live):
    async def story(world):
        order = await buy(world)
        preview = await world.say(ANNA, "退款")

        async def desk():
            return await world.shop.orders.refund(order.order_no, None, "管理员")

        wishes = [confirm(world, preview) for _ in range(8)]
        wishes += [world.shop.refunds.request(ANNA, order.order_no, FEN, "page") for _ in range(8)]
        wishes += [desk() for _ in range(8)]
        came = await asyncio.gather(*wishes, return_exceptions=True)
        odd = [each for each in came if isinstance(each, Exception) and not isinstance(each, NotAllowed)]
        return odd, [each.amount_fen for each in await refunds_of(world, order)], len(world.cashier.refunds)

    assert live(story) == ([], [FEN], 1)


def test_an_unclear_answer_of_wechat_is_told_as_it_is_and_the_same_number_goes_on(live):
    async def story(world):
        order = await buy(world)
        refund, preview = world.cashier.refund, await world.say(ANNA, "退款")

        async def lost(request):
            await refund(request)
            raise PayUnknown("timeout")

        world.cashier.refund = lost
        answer = await confirm(world, preview)
        courses = await owned(world)
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        [kept] = await refunds_of(world, order)
        return answer, courses, kept.state, len(world.cashier.refunds), await owned(world)

    answer, before, state, count, after = live(story)

    assert "等微信支付确认" in answer
    assert (before, state, count, after) == ([COURSE], RefundState.PROCESSING, 1, [])


# How it may end -------------------------------------------------------------------------------------------------


async def confirmed(world):
    order = await buy(world)
    answer = await confirm(world, await world.say(ANNA, "退款"))
    [refund] = await refunds_of(world, order)
    return order, refund, answer


def told(world):
    return [plain(words) for openid, words in world.phone.received if openid == ANNA and "退款" in words]


def test_a_refund_that_wechat_closes_gives_the_course_again_and_may_be_asked_for_anew(live):
    async def story(world):
        order, refund, _ = await confirmed(world)
        during = await owned(world)
        await wechat_says(world, refund, "CLOSED")
        closed = await owned(world)
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        await confirm(world, await world.say(ANNA, "退款"))
        numbers = [(each.out_refund_no[-2:], each.state) for each in await refunds_of(world, order)]
        granted = await world.shop.store.read(lambda tx: tx.entitlements.get(ANNA, COURSE))
        return during, closed, numbers, told(world), granted

    during, closed, numbers, heard, granted = live(story)

    assert (during, closed) == ([], [COURSE])
    assert numbers == [("01", RefundState.CLOSED), ("02", RefundState.PROCESSING)]
    assert [each for each in heard if "没有退成" in each]
    assert granted is None


def test_an_abnormal_refund_keeps_the_course_away_and_says_that_people_see_to_it(live):
    async def story(world):
        _, refund, _ = await confirmed(world)
        await wechat_says(world, refund, "ABNORMAL")
        await world.shop.jobs.run_due()
        waiting = await owned(world)
        asked = await world.say(ANNA, "退款")
        done = await world.shop.refunds.redirect(refund.out_refund_no)
        await wechat_says(world, done, "SUCCESS")
        await world.shop.jobs.run_due()
        kinds = [each.kind for each in await world.shop.store.read(lambda tx: tx.anomalies.open())]
        return waiting, asked, done.state, told(world), kinds

    waiting, asked, state, heard, kinds = live(story)

    assert (waiting, state) == ([], RefundState.PROCESSING)
    assert "没能退到原来的账户" in asked
    assert any("改由工作人员转给你" in each for each in heard)
    assert not any("已原路退回" in each for each in heard)
    assert kinds == ["refund_abnormal", "refund_by_hand"]


def test_a_refund_that_wechat_refuses_leaves_the_course_and_is_told(live):
    async def story(world):
        async def refused(_request):
            raise PayRejected(403, "NO_AUTH", "no right")

        world.cashier.refund = refused
        _, refund, answer = await confirmed(world)
        return refund.state, answer, await owned(world)

    state, answer, courses = live(story)

    assert (state, courses) == (RefundState.REJECTED, [COURSE])
    assert "没有退成，课程不受影响" in answer


def test_without_balance_the_same_number_waits_and_goes_on(live):
    async def story(world):
        refund_now = world.cashier.refund

        async def poor(_request):
            raise PayRejected(403, "NOT_ENOUGH", "no money")

        world.cashier.refund = poor
        order, refund, answer = await confirmed(world)
        kept = await owned(world)
        world.cashier.refund = refund_now
        world.clock.forward(minutes=6)
        await world.shop.jobs.run_due()
        return refund.state, answer, kept, [(e.out_refund_no, e.state) for e in await refunds_of(world, order)]

    state, answer, kept, refunds = live(story)

    assert (state, kept) == (RefundState.NEW, [COURSE])
    assert "等微信支付确认" in answer
    assert [each[1] for each in refunds] == [RefundState.PROCESSING]


# Waiting for an admin -------------------------------------------------------------------------------------------


def test_by_default_part_of_the_price_waits_for_an_admin_and_the_course_stays_until_wechat_accepts(live):
    async def story(world):
        order = await buy(world)
        await learn(world, 1, 2)
        preview = await world.say(ANNA, "退款")
        answer = await confirm(world, preview)
        again = await world.say(ANNA, "退款")
        await learn(world, 3)
        [asked] = await refunds_of(world, order)
        waiting = await owned(world), len(world.cashier.refunds)
        done = await world.shop.refunds.approve(asked.out_refund_no)
        await wechat_says(world, done, "SUCCESS")
        for _ in range(2):
            await world.shop.jobs.run_due()
        final = await order_of(world, order.order_no)
        return plain(preview), answer, again, asked, waiting, done, await owned(world), told(world), final.state

    preview, answer, again, asked, waiting, done, courses, heard, state = live(story)

    assert "先由工作人员审核" in preview
    assert "在等工作人员审核" in answer
    assert "在等工作人员审核" in again
    assert (asked.state, waiting) == (RefundState.REQUESTED, ([COURSE], 0))
    assert (done.state, done.amount_fen, courses, state) == (
        RefundState.PROCESSING,
        4950,
        [],
        OrderState.REFUNDED_PART,
    )
    assert ["申请通过了" in heard[0], "已原路退回" in heard[1]] == [True, True]


def test_above_the_limit_an_admin_decides_and_a_no_is_told_with_its_reason(live):
    async def story(world):
        order = await buy(world)
        await confirm(world, await world.say(ANNA, "退款"))
        [asked] = await refunds_of(world, order)
        await world.shop.refunds.reject(asked.out_refund_no, "课程已下载")
        await world.shop.jobs.run_due()
        with pytest.raises(NotAllowed, match="没有在等审核"):
            await world.shop.refunds.approve(asked.out_refund_no)
        later = await world.say(ANNA, "退款")
        return asked.state, await owned(world), told(world), len(world.cashier.refunds), plain(later)

    state, courses, heard, sent, later = live(story, refund={"auto_limit": 98})

    assert (state, courses, sent) == (RefundState.REQUESTED, [COURSE], 0)
    assert "没有通过：课程已下载" in heard[0]
    assert "可以退 ¥99" in later


def test_while_one_waits_the_desk_is_sent_to_decide_on_it(live):
    async def story(world):
        order = await buy(world)
        await confirm(world, await world.say(ANNA, "退款"))
        with pytest.raises(NotAllowed, match="refunds approve"):
            await world.shop.orders.refund(order.order_no, None, "管理员")
        came = await asyncio.gather(
            *(world.shop.refunds.approve(each.out_refund_no) for each in (await refunds_of(world, order)) * 5),
            return_exceptions=True,
        )
        return sum(not isinstance(each, Exception) for each in came), len(world.cashier.refunds)

    assert live(story, refund={"auto_limit": 0}) == (1, 1)


def test_what_an_admin_gave_back_before_is_taken_off(live):
    async def story(world):
        order = await buy(world)
        first = await world.shop.orders.refund(order.order_no, 2000, "补偿")
        await wechat_says(world, first, "SUCCESS")
        kept = await owned(world)
        world.clock.forward(minutes=2)
        preview = await world.say(ANNA, "退款")
        await confirm(world, preview)
        return kept, plain(preview), [each.amount_fen for each in await refunds_of(world, order)]

    kept, preview, amounts = live(story)

    assert kept == [COURSE]
    assert "可以退 ¥79" in preview
    assert "减去已经退过的 ¥20" in preview
    assert amounts == [2000, 7900]


def test_a_course_may_be_bought_again_after_its_refund_and_learnt_lessons_still_count(live):
    async def story(world):
        order, refund, _ = await confirmed(world)
        await wechat_says(world, refund, "SUCCESS")
        again = await buy(world)
        return again.order_no != order.order_no, await owned(world), (await order_of(world, order.order_no)).state

    assert live(story) == (True, [COURSE], OrderState.REFUNDED)


def test_my_orders_lead_to_the_page_and_to_refunds(live):
    async def story(world):
        await buy(world)
        return await world.say(ANNA, "我的订单")

    reply = live(story)

    assert "https://shop.example.cn/my-orders" in reply
    assert "退款" in reply
