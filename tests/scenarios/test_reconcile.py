"""A day held against WeChat Pay's bills: what agrees is quiet, what does not is found once and by name."""

import asyncio
from datetime import date, timedelta

import pytest

from bot import ledger
from bot.errors import BillNotReady, BillUnreadable, NotAllowed, PayUnknown
from bot.models import OrderState, RefundState
from bot.reconciling import Verdict
from bot.store.ledger import Movement
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import FEN, go_to_the_till, pay_twice, play

DAY = date(2026, 11, 24)
FEE = 59  # 0.6 % of 99.00 yuan
NAMES = ("小林", "小周", "小吴", "小郑")


async def pay(simulator, name="小林"):
    """Let somebody buy the course and return the number of the payment."""
    phone = simulator.phone(name)
    till = await go_to_the_till(simulator, phone)
    await simulator.pay.confirm(till.prepay_id, phone.openid)
    return till


def on_the_morrow(story, tmp_path):
    """Tell ``story(shop, simulator, clock)`` and let it bring the next day itself."""
    clock = StoppedClock()

    async def told(shop, simulator):
        return await story(shop, simulator, clock)

    return play(told, tmp_path, clock=clock)


def the_next_day(clock):
    clock.forward(days=1)


async def anomalies(shop):
    return [(each.kind, each.key) for each in await shop.store.read(lambda tx: tx.anomalies.open())]


async def differences(shop):
    return await shop.store.read(ledger.check)


def test_a_day_that_agrees_has_no_differences_and_its_fees_are_in_the_ledger(tmp_path):
    async def story(shop, simulator, clock):
        tills = [await pay(simulator, name) for name in NAMES[:2]]
        await shop.orders.refund(tills[1].order_no, 4000, "部分退款")
        await shop.orders.sync_order(tills[1].order_no)
        the_next_day(clock)
        report = await shop.reconciling.run(DAY)
        again = await shop.reconciling.run(DAY)
        sums = await shop.store.read(lambda tx: ledger.sums(tx.ledger.between()))
        return report, again, sums, await anomalies(shop), await differences(shop)

    report, again, sums, open_, wrong = on_the_morrow(story, tmp_path)

    assert (report.equal, report.findings, report.booked, report.others) == (3, (), (), 0)
    assert (report.payments_fen, report.refunds_fen, report.fees_fen) == (2 * FEN, 4000, 2 * FEE - 24)
    assert again == report
    assert sums == {
        Movement.PAYMENT: 2 * FEN,
        Movement.REFUND: -4000,
        Movement.TRANSFER: 0,
        Movement.FEE: -(2 * FEE - 24),
    }
    assert (open_, wrong) == ([], [])


def test_one_extra_one_missing_one_different_amount_and_one_unknown_refund_are_found_and_nothing_else(tmp_path):
    async def story(shop, simulator, clock):
        tills = [await pay(simulator, name) for name in NAMES]
        faults = simulator.faults
        faults.bill_extra_trade, faults.bill_extra_refund = "ZK261124NOBODY01", "RZK261124NOBODY0101"
        faults.bill_missing_trade, faults.bill_wrong_amount = tills[0].out_trade_no, tills[1].out_trade_no
        the_next_day(clock)
        first = await shop.reconciling.run(DAY)
        await shop.reconciling.run(DAY)
        return first, [till.out_trade_no for till in tills], await anomalies(shop)

    report, numbers, open_ = on_the_morrow(story, tmp_path)

    found = {(each.kind, each.number) for each in report.findings}
    assert found == {
        ("bill_unknown_payment", "ZK261124NOBODY01"),
        ("bill_missing_payment", numbers[0]),
        ("bill_payment_differs", numbers[1]),
        ("bill_unknown_refund", "RZK261124NOBODY0101"),
    }
    assert len(open_) == 4
    assert set(open_) == found
    assert report.equal == 2
    assert [report.count(verdict) for verdict in Verdict] == [2, 1, 1]


def test_a_payment_that_was_missed_is_booked_after_a_query_and_opens_the_course(tmp_path):
    async def story(shop, simulator, clock):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        simulator.faults.no_notice = True
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        before = await shop.store.read(lambda tx: tx.orders.get(till.order_no))
        the_next_day(clock)
        report = await shop.reconciling.run(DAY)
        after = await shop.store.read(lambda tx: tx.orders.get(till.order_no))
        again = await shop.reconciling.run(DAY)
        owned = await shop.store.read(lambda tx: tx.entitlements.owned(phone.openid))
        return till, before.state, report, after.state, again, owned, await anomalies(shop), await differences(shop)

    till, before, report, after, again, owned, open_, wrong = on_the_morrow(story, tmp_path)

    assert (before, after) == (OrderState.PENDING, OrderState.PAID)
    assert (report.booked, report.equal, report.findings) == ((till.out_trade_no,), 0, ())
    assert (again.booked, again.equal, again.findings) == ((), 1, ())
    assert (len(owned), open_, wrong) == (1, [], [])


def test_a_payment_at_midnight_belongs_to_the_day_that_wechat_says(tmp_path):
    """Booked by us a moment after midnight, and in the bill of the day before."""

    async def story(shop, simulator, clock):
        clock.forward(hours=11, minutes=59, seconds=50)
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        simulator.faults.no_notice = True
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        clock.forward(seconds=30)
        await shop.orders.sync_order(till.order_no)
        clock.forward(days=1, hours=12)
        return [await shop.reconciling.run(day) for day in (DAY, DAY + timedelta(days=1))]

    reports = on_the_morrow(story, tmp_path)

    assert [(each.equal, each.findings) for each in reports] == [(1, ()), (0, ())]


def test_a_settled_difference_comes_back_only_when_something_new_is_said(tmp_path):
    async def story(shop, simulator, clock):
        till = await pay(simulator)
        simulator.faults.bill_wrong_amount = till.out_trade_no
        the_next_day(clock)
        await shop.reconciling.run(DAY)
        (found,) = await shop.store.read(lambda tx: tx.anomalies.open())
        await shop.store.write(lambda tx: tx.anomalies.resolve(found.anomaly_id, "核对过了", clock.now()))
        await shop.reconciling.run(DAY)
        settled = await anomalies(shop)
        simulator.pay.trade(till.out_trade_no).request["amount"]["total"] += 1
        await shop.reconciling.run(DAY)
        return settled, await shop.store.read(lambda tx: tx.anomalies.open())

    settled, (back,) = on_the_morrow(story, tmp_path)

    assert settled == []
    assert back.kind == "bill_payment_differs"
    assert "99.02" in back.detail
    assert back.note == "核对过了"


def test_transfers_are_found_in_the_fund_bill_in_all_classes_and_odd_business_only_with_our_numbers(tmp_path):
    async def story(shop, simulator, clock):
        till = await pay(simulator)
        trade = simulator.pay.trade(till.out_trade_no)

        def ordered(tx):
            for number, fen in (("T1", 100), ("T2", 200), ("T3", 300)):
                tx.ledger.add(Movement.TRANSFER, number, "", fen, clock.now())

        await shop.store.write(ordered)
        simulator.pay.move_funds("T1", 100)
        simulator.pay.move_funds("T2", 201)
        simulator.pay.move_funds("T9", 900)
        simulator.pay.move_funds("W1", 5000, "提现", account="BASIC")
        simulator.pay.move_funds(trade.transaction_id, 7, "奇怪的业务", account="BASIC")
        the_next_day(clock)
        return await shop.reconciling.run(DAY), trade.transaction_id

    report, transaction_id = on_the_morrow(story, tmp_path)

    assert {(each.kind, each.number) for each in report.findings} == {
        ("bill_transfer_differs", "T2"),
        ("bill_unknown_transfer", "T9"),
        ("bill_missing_transfer", "T3"),
        ("fund_unknown", transaction_id),
    }
    assert (report.equal, report.others) == (2, 1)


def test_a_transfer_confirmed_the_day_after_it_was_ordered_is_no_difference(tmp_path):
    async def story(shop, simulator, clock):
        await pay(simulator)
        simulator.pay.move_funds("T1", 100)
        the_next_day(clock)
        await shop.store.write(lambda tx: tx.ledger.add(Movement.TRANSFER, "T1", "", 100, clock.now()))
        the_next_day(clock)
        return await shop.reconciling.run(DAY + timedelta(days=1))

    report = on_the_morrow(story, tmp_path)

    assert report.findings == ()


def test_a_second_payment_and_its_way_back_agree_with_bill_and_ledger(tmp_path):
    async def story(shop, simulator, clock):
        till = await pay_twice(shop, simulator)
        clock.forward(minutes=2)
        await shop.orders.refund(till.order_no, None, "重复付款", payment=f"{till.order_no}02")
        await shop.orders.sync_order(till.order_no)
        clock.forward(days=1)
        return await shop.reconciling.run(DAY), await differences(shop)

    report, wrong = on_the_morrow(story, tmp_path)

    assert (report.findings, report.equal, wrong) == ((), 3, [])


@pytest.mark.parametrize(("days", "why"), [(0, "还没有过完"), (1, "还没有过完"), (-93, "三个月")])
def test_days_without_a_bill_are_refused_with_a_clear_sentence_and_wechat_is_not_asked(tmp_path, days, why):
    async def story(shop, simulator, _clock):
        with pytest.raises(NotAllowed, match=why):
            await shop.reconciling.run(DAY + timedelta(days=days))
        return [call for call in simulator.calls if "bill" in call.path]

    assert on_the_morrow(story, tmp_path) == []


def test_a_day_without_a_statement_is_normal(tmp_path):
    async def story(shop, _simulator, clock):
        the_next_day(clock)
        report = await shop.reconciling.run(DAY)
        return report, await shop.store.read(lambda tx: tx.reconciliations.get(DAY).state)

    report, state = on_the_morrow(story, tmp_path)

    assert (report.equal, report.findings, state) == (0, (), "DONE")


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        ("bill_broken", BillUnreadable, True),
        ("bill_totals_off", BillUnreadable, True),
        ("bill_creating", BillNotReady, False),
        ("pay_lost_after", PayUnknown, False),
    ],
)
def test_a_bill_that_cannot_be_believed_or_had_changes_nothing_and_comes_again(tmp_path, fault, error, told):
    async def story(shop, simulator, clock):
        await pay(simulator)
        simulator.faults.bill_extra_trade = "ZK261124NOBODY01"
        the_next_day(clock)
        setattr(simulator.faults, fault, 1)
        with pytest.raises(error):
            await shop.reconciling.run(DAY)
        state = await shop.store.read(lambda tx: tx.reconciliations.get(DAY).state)
        before = await anomalies(shop)
        await shop.reconciling.run(DAY)
        return state, before, await anomalies(shop)

    state, before, after = on_the_morrow(story, tmp_path)

    assert state == ("WAITING" if error is BillNotReady else "FAILED")
    assert before == ([("bill_unreadable", "2026-11-24")] if told else [])
    assert ("bill_unknown_payment", "ZK261124NOBODY01") in after


def bills_asked(simulator):
    return [call.query for call in simulator.calls if call.path == "/v3/bill/tradebill"]


def test_yesterday_is_reconciled_once_by_itself_after_half_past_ten_in_beijing(tmp_path):
    async def story(shop, simulator, clock):
        await pay(simulator)
        asked = []
        for step in ({"hours": 11}, {"hours": 11, "minutes": 20}, {"minutes": 10}, {"minutes": 5}, {"hours": 3}):
            clock.forward(**step)
            await asyncio.gather(shop.jobs.run_due(), shop.jobs.run_due())
            asked.append(len(bills_asked(simulator)))
        return asked, await shop.store.read(lambda tx: tx.reconciliations.get(DAY).state)

    asked, state = on_the_morrow(story, tmp_path)

    assert asked == [0, 0, 1, 1, 1]  # 23:00, 10:20, 10:30, 10:35, 13:35
    assert state == "DONE"


def test_a_bill_in_the_making_is_asked_for_again_every_half_hour(tmp_path):
    async def story(shop, simulator, clock):
        await pay(simulator)
        simulator.faults.bill_creating = 2
        the_next_day(clock)
        asked = []
        for minutes in (0, 10, 20, 15, 20, 300):
            clock.forward(minutes=minutes)
            await shop.jobs.run_due()
            asked.append(len(bills_asked(simulator)))
        return asked, await anomalies(shop)

    asked, open_ = on_the_morrow(story, tmp_path)

    assert asked == [1, 1, 2, 2, 3, 3]
    assert open_ == []


def test_days_that_were_missed_while_the_server_was_down_are_made_up_for(tmp_path):
    async def story(shop, simulator, clock):
        await pay(simulator)
        clock.forward(days=3)
        for _ in range(5):
            await shop.jobs.run_due()
        return bills_asked(simulator), await shop.store.read(lambda tx: [k.day for k in tx.reconciliations.all()])

    asked, days = on_the_morrow(story, tmp_path)

    assert [query[10:20] for query in asked] == ["2026-11-24", "2026-11-25", "2026-11-26"]
    assert days == [DAY + timedelta(days=n) for n in (2, 1, 0)]


def test_another_worker_that_holds_the_money_lease_keeps_the_day_from_being_done_twice(tmp_path):
    async def story(shop, simulator, clock):
        await pay(simulator)
        the_next_day(clock)
        until = clock.now() + timedelta(minutes=1)
        await shop.store.write(lambda tx: tx.leases.take("money", "another", clock.now(), until))
        await shop.jobs.run_due()
        held = len(bills_asked(simulator))
        clock.forward(minutes=2)
        await shop.jobs.run_due()
        return held, len(bills_asked(simulator))

    assert on_the_morrow(story, tmp_path) == (0, 1)


def test_two_who_reconcile_at_once_book_a_missed_payment_once_and_note_a_difference_once(tmp_path):
    async def story(shop, simulator, clock):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        simulator.faults.no_notice = True
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        simulator.faults.bill_extra_trade = "ZK261124NOBODY01"
        the_next_day(clock)
        await asyncio.gather(*(shop.reconciling.run(DAY) for _ in range(4)))
        rows = await shop.store.read(lambda tx: [(row.kind, row.key) for row in tx.ledger.between()])
        return till, rows, await anomalies(shop), await differences(shop)

    till, rows, open_, wrong = on_the_morrow(story, tmp_path)

    assert sorted(rows) == [(Movement.FEE, till.out_trade_no), (Movement.PAYMENT, till.out_trade_no)]
    assert open_ == [("bill_unknown_payment", "ZK261124NOBODY01")]
    assert wrong == []


def test_a_missed_payment_of_another_amount_is_never_booked(tmp_path):
    async def story(shop, simulator, clock):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        simulator.faults.no_notice = True
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        simulator.pay.trade(till.out_trade_no).request["amount"]["total"] = 1
        the_next_day(clock)
        report = await shop.reconciling.run(DAY)
        state = (await shop.store.read(lambda tx: tx.orders.get(till.order_no))).state
        return report, state, await anomalies(shop), till

    report, state, open_, till = on_the_morrow(story, tmp_path)

    assert state is OrderState.PENDING
    assert report.booked == ()
    assert open_ == [("bill_payment_differs", till.out_trade_no)]


def test_a_refund_that_we_took_for_refused_is_noted_as_wechat_has_it(tmp_path):
    async def story(shop, simulator, clock):
        till = await pay(simulator)
        refund = await shop.orders.refund(till.order_no, 4000, "部分退款")
        await shop.orders.sync_order(till.order_no)
        other = await pay(simulator, "小周")
        simulator.faults.refund_status = "PROCESSING"
        stuck = await shop.orders.refund(other.order_no, 100, "部分退款")
        await shop.store.write(
            lambda tx: tx.refunds.move(stuck.out_refund_no, RefundState.REJECTED, (RefundState.PROCESSING,))
        )
        simulator.pay.trade(other.out_trade_no).refunds[stuck.out_refund_no].status = "SUCCESS"
        the_next_day(clock)
        report = await shop.reconciling.run(DAY)
        fresh = await shop.store.read(lambda tx: tx.refunds.get(stuck.out_refund_no))
        return report, refund, stuck, fresh.state, await differences(shop)

    report, _refund, stuck, state, wrong = on_the_morrow(story, tmp_path)

    assert (report.booked, report.equal, report.findings) == ((stuck.out_refund_no,), 3, ())
    assert state is RefundState.SUCCESS
    assert wrong == []
