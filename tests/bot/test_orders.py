"""Refunds under trouble, against the strict simulator: what was refused can be repeated, and never twice."""

from dataclasses import replace

import pytest

from bot import privacy
from bot.errors import CannotBuy, NotAllowed, NotFound, Obstacle, PayRejected, PayUnknown
from bot.models import CourseStatus, OrderState, RefundState, TradeType
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import COURSE, FEN, go_to_the_till, pay_twice, play


class Twice:
    """An order that its follower paid twice, whose automatic refund WeChat Pay refused."""

    def __init__(self, shop, simulator, order_no):
        self.shop = shop
        self.simulator = simulator
        self.order_no = order_no
        self.first, self.second = f"{order_no}01", f"{order_no}02"

    async def refunds(self):
        return await self.shop.store.read(lambda tx: tx.refunds.of(self.order_no))

    async def order(self):
        return await self.shop.store.read(lambda tx: tx.orders.get(self.order_no))

    async def owned(self):
        openid = (await self.order()).openid
        return await self.shop.store.read(lambda tx: tx.entitlements.owned(openid))

    def given_back(self, number):
        """Return the fen that WeChat Pay gave back of one payment."""
        return self.simulator.pay.trade(number).refunded


def tell(story, tmp_path):
    """Tell a story of an order that was paid twice, two minutes later."""
    clock = StoppedClock()

    async def told(shop, simulator):
        twice = Twice(shop, simulator, (await pay_twice(shop, simulator)).order_no)
        clock.forward(minutes=2)
        return await story(twice, clock)

    return play(told, tmp_path, clock=clock)


def test_a_refused_refund_of_a_second_payment_can_be_repeated_and_takes_no_course_away(tmp_path):
    async def story(twice, _clock):
        before = [each.state for each in await twice.refunds()]
        again = await twice.shop.orders.refund(twice.order_no, None, "重复付款", payment=twice.second)
        done = await twice.shop.orders.sync_order(twice.order_no)
        numbers = {each.out_refund_no for each in await twice.refunds()}
        back = twice.given_back(twice.first), twice.given_back(twice.second)
        return before, again.out_trade_no == twice.second, back, len(numbers), done.state, await twice.owned()

    before, *rest = tell(story, tmp_path)

    assert before == [RefundState.REJECTED]
    assert rest == [True, (0, FEN), 2, OrderState.PAID, [COURSE]]


def test_a_refund_still_on_its_way_when_its_owner_was_forgotten_arrives_and_is_told_to_nobody(tmp_path):
    async def story(twice, clock):
        store, number = twice.shop.store, twice.order_no
        await twice.shop.orders.refund(number, None, "重复付款", payment=twice.second)
        openid = (await twice.order()).openid
        await store.write(lambda tx: privacy.forget(tx, openid))
        await twice.shop.orders.sync_order(number)
        clock.forward(minutes=2)
        untold = await store.write(lambda tx: tx.outbox.claim(clock.now(), until=clock.now(), limit=9))
        return twice.given_back(twice.second), [each.kind for each in untold]

    assert tell(story, tmp_path) == (FEN, [])


def test_with_two_payments_to_give_back_neither_is_guessed(tmp_path):
    async def story(twice, _clock):
        with pytest.raises(NotAllowed, match=r"2 笔付款可退.*买课的.*重复付的.*--payment"):
            await twice.shop.orders.refund(twice.order_no, None, "退款")
        return twice.given_back(twice.first), twice.given_back(twice.second), len(await twice.refunds())

    assert tell(story, tmp_path) == (0, 0, 1)


def test_each_payment_is_given_back_at_most_once(tmp_path):
    async def story(twice, clock):
        orders, number = twice.shop.orders, twice.order_no
        await orders.refund(number, None, "重复付款", payment=twice.second)
        await orders.sync_order(number)
        clock.forward(minutes=2)
        with pytest.raises(NotAllowed, match="没有可退的钱"):
            await orders.refund(number, None, "重复付款", payment=twice.second)
        await orders.refund(number, None, "不想学了")  # the only one that has something left
        refunded = await orders.sync_order(number)
        clock.forward(minutes=2)
        with pytest.raises(NotAllowed, match="已经全部退款"):
            await orders.refund(number, None, "再来")
        back = twice.given_back(twice.first), twice.given_back(twice.second)
        return back, refunded.state, await twice.owned()

    assert tell(story, tmp_path) == ((FEN, FEN), OrderState.REFUNDED, [])


def test_while_one_refund_of_a_payment_is_unfinished_there_is_no_other(tmp_path):
    async def story(twice, clock):
        twice.simulator.faults.refund_status = "PROCESSING"
        await twice.shop.orders.refund(twice.order_no, 100, "部分", payment=twice.second)
        clock.forward(minutes=2)
        with pytest.raises(NotAllowed, match="还没有结果"):
            await twice.shop.orders.refund(twice.order_no, 100, "再来", payment=twice.second)
        return twice.given_back(twice.second)

    assert tell(story, tmp_path) == 100


def test_a_refund_that_was_taken_although_the_answer_said_no_is_not_sent_again(tmp_path):
    async def story(twice, clock):
        [refused] = await twice.refunds()
        await twice.shop.gateway.refund(refused.request)  # as if it had reached WeChat by another way
        with pytest.raises(NotAllowed, match="其实已经受理"):
            await twice.shop.orders.refund(twice.order_no, None, "重复付款", payment=twice.second)
        clock.forward(minutes=2)
        await twice.shop.jobs.run_due()
        return [each.state for each in await twice.refunds()], twice.given_back(twice.second)

    assert tell(story, tmp_path) == ([RefundState.SUCCESS], FEN)


def test_a_refund_found_to_be_on_its_way_after_all_is_asked_about_until_it_ends(tmp_path):
    async def story(twice, clock):
        [refused] = await twice.refunds()
        twice.simulator.faults.refund_status = "PROCESSING"
        await twice.shop.gateway.refund(refused.request)
        with pytest.raises(NotAllowed, match="其实已经受理"):
            await twice.shop.orders.refund(twice.order_no, None, "重复付款", payment=twice.second)
        twice.simulator.faults.no_notice = True
        await twice.simulator.pay.settle_refund(refused.out_refund_no, "SUCCESS")
        clock.forward(minutes=2)
        await twice.shop.jobs.run_due()
        return [each.state for each in await twice.refunds()]

    assert tell(story, tmp_path) == [RefundState.SUCCESS]


@pytest.mark.parametrize("problem", [PayUnknown("timeout"), PayRejected(401, "SIGN_ERROR", "key")], ids=repr)
def test_as_long_as_wechat_does_not_say_that_the_refused_one_is_dead_there_is_no_new_number(tmp_path, problem):
    async def story(twice, _clock):
        async def unclear(_number):
            raise problem

        twice.shop.gateway.query_refund = unclear
        with pytest.raises(NotAllowed, match="没有再退"):
            await twice.shop.orders.refund(twice.order_no, None, "重复付款", payment=twice.second)
        return len(await twice.refunds()), twice.given_back(twice.second)

    assert tell(story, tmp_path) == (1, 0)


def test_a_refund_that_wechat_closed_may_have_a_new_number(tmp_path):
    async def story(twice, clock):
        twice.simulator.faults.refund_status = "CLOSED"
        await twice.shop.orders.refund(twice.order_no, None, "重复付款", payment=twice.second)
        await twice.shop.orders.sync_order(twice.order_no)
        twice.simulator.faults.refund_status = None
        clock.forward(minutes=2)
        await twice.shop.orders.refund(twice.order_no, None, "重复付款", payment=twice.second)
        await twice.shop.orders.sync_order(twice.order_no)
        return [each.state for each in await twice.refunds()], twice.given_back(twice.second)

    states, back = tell(story, tmp_path)

    assert states == [RefundState.REJECTED, RefundState.CLOSED, RefundState.SUCCESS]
    assert back == FEN


def test_a_payment_of_another_order_is_not_given_back_here(tmp_path):
    async def story(twice, _clock):
        with pytest.raises(NotFound, match="没有一笔已付的"):
            await twice.shop.orders.refund(twice.order_no, None, "退款", payment="ZK000000OTHER01")
        return len(await twice.refunds())

    assert tell(story, tmp_path) == 1


def test_what_cannot_be_bought_names_the_obstacle_and_leaves_the_words_to_the_front_desk(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        found = []

        async def refused(wish):
            with pytest.raises(CannotBuy) as told:
                await wish
            found.append(told.value.why)

        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        await refused(shop.orders.checkout(till.order_no, TradeType.JSAPI, phone.openid))
        late = (await shop.orders.place("", COURSE, session="browser")).order
        clock.forward(hours=1)
        await refused(shop.orders.checkout(late.order_no, TradeType.NATIVE, ""))
        course = await shop.store.read(lambda tx: tx.courses.get(COURSE))
        free, retired = replace(course, price_fen=0), replace(course, status=CourseStatus.RETIRED)
        await shop.store.write(lambda tx: tx.courses.put_many([free], clock.now()))
        await refused(shop.orders.place("", COURSE, session="browser"))
        await shop.store.write(lambda tx: tx.courses.put_many([retired], clock.now()))
        await refused(shop.orders.place("oBen", COURSE))
        return found

    assert play(story, tmp_path, clock=clock) == [
        Obstacle.SETTLED,
        Obstacle.OVER,
        Obstacle.IN_WECHAT_ONLY,
        Obstacle.OFF_SALE,
    ]
