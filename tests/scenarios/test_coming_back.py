"""Who left and comes back learns what became of their money, and nothing else that was never told."""

from bot.models import TradeType
from tests.scenarios.test_money import ANNA, COURSE, FEN, a_refund, an_attempt, wechat_says

REFUNDED, PAID = "已原路退回", "付款成功"


async def refunded(world, refund):
    """Let WeChat Pay say that the money went back, and let us ask."""
    wechat_says(world, refund, "SUCCESS")
    world.clock.forward(minutes=2)
    await world.shop.orders.push_refund(refund.out_refund_no)


def test_a_refund_that_ends_after_an_unfollow_is_told_at_the_next_follow_once(live):
    async def story(world):
        await world.say(ANNA, "Python")
        _, refund = await a_refund(world)
        await world.shop.jobs.run_due()
        sent_before = len(world.phone.received)
        await world.event(ANNA, "unsubscribe")
        await refunded(world, refund)
        for _ in range(2):
            await world.shop.jobs.run_due()
        pushed = len(world.phone.received) - sent_before
        back = await world.event(ANNA, "subscribe")
        await world.shop.jobs.run_due()
        return pushed, back, await world.say(ANNA, "帮助"), len(world.phone.received) - sent_before

    pushed, back, after, told_otherwise = live(story)

    assert (pushed, told_otherwise) == (0, 0)
    assert back.count(REFUNDED) == 1
    assert REFUNDED not in after


def test_a_refund_that_was_still_to_be_told_at_an_unfollow_is_told_at_the_next_message(live):
    async def story(world):
        await world.say(ANNA, "Python")
        _, refund = await a_refund(world)
        await world.shop.jobs.run_due()
        await refunded(world, refund)
        await world.event(ANNA, "unsubscribe")
        sent = len(world.phone.received)
        world.clock.forward(days=20)
        await world.shop.jobs.run_due()
        return len(world.phone.received) - sent, await world.say(ANNA, "帮助")

    pushed, back = live(story)

    assert pushed == 0
    assert back.count(REFUNDED) == 1


def test_a_second_payment_that_goes_back_is_told_after_coming_back(live):
    async def story(world):
        await world.say(ANNA, "Python")
        attempt = await an_attempt(world)
        await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, FEN, ANNA), "notice")
        await world.shop.jobs.run_due()
        await world.shop.store.write(
            lambda tx: tx.outbox.put(
                "paid_twice",
                "x",
                ANNA,
                {"title": "课", "amount_fen": FEN},
                world.clock.now(),
                due=world.clock.now(),
            )
        )
        await world.event(ANNA, "unsubscribe")
        return await world.event(ANNA, "subscribe")

    assert "会自动原路退回" in live(story)


def test_what_has_nothing_to_do_with_money_is_not_told_after_an_unfollow(live):
    async def story(world):
        now = world.clock.now()
        await world.say(ANNA, "Python")
        await world.shop.store.write(lambda tx: tx.outbox.put("unanswered", "x", ANNA, {}, now, due=now))
        await world.event(ANNA, "unsubscribe")
        await world.shop.jobs.run_due()
        return world.phone.received, await world.event(ANNA, "subscribe")

    received, back = live(story)

    assert received == []
    assert "没处理完" not in back


def test_who_paid_before_ever_following_is_told_in_the_first_answer(live):
    async def story(world):
        placed = await world.shop.orders.place("", COURSE, session="browser-1")
        number = f"{placed.order.order_no}01"
        await world.shop.orders.checkout(placed.order.order_no, TradeType.NATIVE, "")
        await world.shop.orders.book_paid(world.cashier.paid(number, FEN, ANNA), "notice")
        await world.shop.jobs.run_due()
        first = await world.event(ANNA, "subscribe", f"last_trade_no_{number}")
        return world.phone.received, first, await world.say(ANNA, "帮助")

    received, first, second = live(story)

    assert received == []
    assert first.count(PAID) == 1
    assert PAID not in second
