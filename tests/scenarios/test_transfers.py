"""Paying rewards: nothing is paid twice, no limit is crossed, whatever WeChat says late, wrongly or not at all."""

import asyncio
import json
import random
from contextlib import contextmanager
from datetime import datetime

import pytest

from bot.errors import CannotTake, Hindrance
from bot.models import Order, OrderState, TransferFacts, TransferState
from bot.ports import BEIJING
from bot.shop import open_shop
from bot.simulator import PayRefused
from bot.store.referral import Earning, RewardState
from bot.transfers import State
from handlers.chat.told import teller
from tests.inviting import anomalies, invite, press_take, received, rewards, state_of
from tests.scenarios.world import COURSE, tokenizer


def owe(shop, phone, *amounts):
    """Let a follower have rewards of these amounts that may be taken."""
    now = shop.clock.now()

    def work(tx):
        for amount in amounts:
            number = f"ZK{len(tx.rewards.all()):06d}"
            tx.orders.add(Order(number, f"o-{number}", COURSE, "课", 9900, OrderState.PAID, now, now, paid_at=now))
            earning = Earning(f"o-{number}", phone.openid, number, before=False)
            assert tx.rewards.add(earning, amount, RewardState.READY, now, kept_fen=9900)

    shop.store.write_now(work)


@contextmanager
def another_worker(shop):
    """Yield a second worker on the same database."""
    other = open_shop(
        shop.config, tell=teller(shop.config.server.public_url), clock=shop.clock, tokenizer=tokenizer()
    )
    try:
        yield other
    finally:
        other.close()


async def tried(shop, phone):
    """Take what may be taken; returns the transfer, or why there is none."""
    try:
        return await shop.transfers.take(phone.openid)
    except CannotTake as error:
        return error.why


async def later(shop, clock, **delta):
    clock.forward(**delta)
    await shop.jobs.run_due()


def bill_posts(simulator):
    return [call.body for call in simulator.calls if call.path.endswith("/transfer-bills")]


async def settle(shop, simulator, clock, phone):
    """Go on as a patient follower does, until the money is there: take, confirm, look again."""
    for _ in range(12):
        taken = await press_take(simulator, phone)
        if taken["state"] == "confirm":
            await simulator.transfers.confirm(taken["bill"], phone.openid)
            await simulator.settle()
        await later(shop, clock, minutes=5)
        if taken["state"] == "refused":
            return


def test_fifty_who_race_for_the_money_of_ten_get_the_money_of_ten(tmp_path):
    async def story(shop, simulator, _clock):
        phones = [simulator.phone(f"人{number}", following=True) for number in range(50)]
        for phone in phones:
            owe(shop, phone, 500)
        with another_worker(shop) as other:
            workers = (shop, other)
            came = await asyncio.gather(*(tried(workers[at % 2], phone) for at, phone in enumerate(phones)))
        return came, [bill.amount for bill in simulator.transfers.bills], await rewards(shop)

    came, amounts, told = invite(story, tmp_path, daily_budget_fen=5000, reward_max_fen=500)

    assert sum(each is Hindrance.BUDGET for each in came) == 40
    assert amounts == [500] * 10
    assert sorted(told) == [("READY", 500)] * 40 + [("TAKEN", 500)] * 10


def test_a_double_click_on_two_workers_makes_one_bill(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500, 300)
        with another_worker(shop) as other:
            came = await asyncio.gather(*(tried(worker, anna) for worker in (shop, other) for _ in range(10)))
        bodies = set(bill_posts(simulator))
        await settle(shop, simulator, clock, anna)
        return {each.out_bill_no for each in came}, bodies, len(simulator.transfers.bills), received(simulator)

    numbers, bodies, bills, got = invite(story, tmp_path)

    assert len(numbers) == len(bodies) == bills == 1
    assert list(got.values()) == [800]


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        ("pay_lost_after", 1),
        ("pay_lost_after", 3),
        ("pay_lost_before", 2),
        ("pay_errors", 2),
        ("pay_busy", 1),
        ("signtest_replies", 1),
        ("signtest_replies", 3),
    ],
)
def test_an_unclear_outcome_never_pays_twice_and_is_paid_in_the_end(tmp_path, fault, times):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        setattr(simulator.faults, fault, times)
        first = await press_take(simulator, anna)
        await later(shop, clock, minutes=1)
        await settle(shop, simulator, clock, anna)
        return first["state"], set(bill_posts(simulator)), received(simulator), await rewards(shop)

    first, bodies, got, told = invite(story, tmp_path)

    assert first == "wait"
    assert len(bodies) == 1, "every repeat is the same number and the same bytes"
    assert list(got.values()) == [500]
    assert told == [("PAID", 500)]


def test_a_worker_that_died_before_the_call_is_made_good_by_another(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        now = clock.now()
        await shop.store.write(lambda tx: shop.transfers._take(tx, anna.openid, "", now))
        with another_worker(shop) as other:
            clock.forward(minutes=1)
            await other.transfers.run_due()
        taken = await press_take(simulator, anna)
        return taken["state"], len(simulator.transfers.bills)

    assert invite(story, tmp_path) == ("confirm", 1)


def test_an_empty_account_keeps_the_number_and_tells_the_admin(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        simulator.faults.transfer_not_enough = 5
        first = await press_take(simulator, anna)
        for _ in range(3):
            await later(shop, clock, hours=1)
        kept, told = await state_of(simulator, anna, first["bill"]), await anomalies(shop)
        await settle(shop, simulator, clock, anna)
        return kept, told, {json.loads(body)["out_bill_no"] for body in bill_posts(simulator)}, received(simulator)

    kept, told, numbers, got = invite(story, tmp_path)

    assert (kept, told, len(numbers)) == ("NEW", ["transfer_not_enough"], 1)
    assert list(got.values()) == [500]


def test_processing_that_stays_is_sent_again_and_told_to_the_admin(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        simulator.faults.transfer_state = "PROCESSING"
        first = await press_take(simulator, anna)
        await later(shop, clock, minutes=1)
        quiet = await anomalies(shop)
        await later(shop, clock, minutes=11)
        told = await anomalies(shop)
        simulator.faults.transfer_state = None
        await settle(shop, simulator, clock, anna)
        return first["state"], quiet, told, len(simulator.transfers.bills), received(simulator)

    first, quiet, told, bills, got = invite(story, tmp_path)

    assert (first, quiet, told, bills) == ("wait", [], ["transfer_stuck"], 1)
    assert list(got.values()) == [500]


def test_only_what_was_refused_twice_and_is_unknown_gets_a_new_number(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        simulator.faults.transfers_refused = 2
        first = await press_take(simulator, anna)
        once = (await state_of(simulator, anna, first["bill"]), len(bill_posts(simulator)))
        clock.forward(seconds=5)
        await state_of(simulator, anna, first["bill"])
        dead, told = await state_of(simulator, anna, first["bill"]), await rewards(shop)
        again = await press_take(simulator, anna)
        await settle(shop, simulator, clock, anna)
        numbers = [json.loads(body)["out_bill_no"] for body in bill_posts(simulator)]
        return once, dead, told, again["state"], numbers, received(simulator), await anomalies(shop)

    once, dead, told, again, numbers, got, left = invite(story, tmp_path)

    assert once == ("NEW", 2)
    assert (dead, told, again) == ("REFUSED", [("READY", 500)], "confirm")
    assert numbers[0] == numbers[1] != numbers[2]
    assert list(got.values()) == [500]
    assert left == ["transfer_refused"]


def test_a_wrong_signature_of_ours_is_no_reason_for_a_new_number(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        simulator.faults.pay_lost_after = 1
        first = await press_take(simulator, anna)
        at = clock.at
        real, simulator._stage.now = simulator._stage.now, lambda: at.timestamp() + 3600  # both clocks apart
        for _ in range(4):
            await later(shop, clock, seconds=30)
        kept = await shop.store.read(lambda tx: tx.transfers.get(first["bill"]).state)
        simulator._stage.now = real
        await settle(shop, simulator, clock, anna)
        return kept, len(simulator.transfers.bills), received(simulator)

    kept, bills, got = invite(story, tmp_path)

    assert (kept, bills) == (State.NEW, 1)
    assert list(got.values()) == [500]


def test_what_nobody_confirms_fails_after_a_day_and_is_taken_again_under_a_new_number(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜", following=True)
        await anna.say("你好")
        owe(shop, anna, 500)
        first = await press_take(simulator, anna)
        same = await press_take(simulator, anna)
        await later(shop, clock, hours=23)
        waits = await state_of(simulator, anna, first["bill"])
        await later(shop, clock, hours=2)
        over = await state_of(simulator, anna, first["bill"])
        with pytest.raises(PayRefused):
            simulator.transfers.check(first["transfer"], anna.openid)
        again = await press_take(simulator, anna)
        await simulator.transfers.confirm(again["bill"], anna.openid)
        return first, same, waits, over, again, received(simulator), await rewards(shop)

    first, same, waits, over, again, got, told = invite(story, tmp_path)

    assert (first["bill"], waits, over) == (same["bill"], "WAIT_USER_CONFIRM", "FAIL")
    assert again["bill"] != first["bill"]
    assert list(got.values()) == [500]
    assert told == [("PAID", 500)]


def test_a_notice_that_does_not_fit_pays_nothing_and_is_kept_for_a_person(tmp_path):
    async def story(shop, simulator, _clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        bill = (await press_take(simulator, anna))["bill"]

        async def post(**lies):
            headers, body = simulator.transfers.notice(bill, state="SUCCESS", **lies)
            return await simulator._notices.post(f"{simulator.webview_url}/pay/transfer-notify", headers, body)

        wrong = [
            await post(transfer_amount=1),
            await post(openid="oSomebodyElse"),
            await post(out_bill_no="RWUNKNOWN1"),
            await post(mch_id="1999999999"),
        ]
        still, left = await rewards(shop), await anomalies(shop)
        good = await post(mch_id=None, mchid=simulator.settings.mch_id)
        return wrong, still, left, good, await rewards(shop)

    wrong, still, left, good, end = invite(story, tmp_path)

    assert wrong == [204, 204, 204, 401]
    assert still == [("TAKEN", 500)]
    assert left == ["transfer_mismatch", "transfer_mismatch"]
    assert (good, end) == (204, [("PAID", 500)])


def test_money_received_of_a_dead_transfer_is_never_paid_again(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        bill = (await press_take(simulator, anna))["bill"]
        await shop.transfers.book(TransferFacts(bill, "FAIL"), "query")
        back = await rewards(shop)
        await shop.transfers.book(TransferFacts(bill, "SUCCESS", amount_fen=500), "notice")
        await shop.transfers.book(TransferFacts(bill, "FAIL"), "query")
        clock.forward(days=1)
        left = await anomalies(shop)
        return back, await rewards(shop), await press_take(simulator, anna), left

    back, told, again, left = invite(story, tmp_path)

    assert (back, told) == ([("READY", 500)], [("PAID", 500)])
    assert again == {"state": "refused", "why": "nothing"}
    assert left == ["transfer_paid_late", "transfer_reversed"]


def test_stale_news_moves_nothing_back(tmp_path):
    async def story(shop, simulator, _clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        bill = (await press_take(simulator, anna))["bill"]
        await simulator.transfers.confirm(bill, anna.openid)
        for state in ("WAIT_USER_CONFIRM", "ACCEPTED", "TRANSFERING", "CANCELING", "SUCCESS", "NONSENSE"):
            await shop.transfers.book(TransferFacts(bill, state), "query")
        transfer = await shop.store.read(lambda tx: tx.transfers.get(bill))
        return transfer.state, transfer.next_query_at, await rewards(shop)

    assert invite(story, tmp_path) == (TransferState.SUCCESS, None, [("PAID", 500)])


def test_a_person_gets_so_much_a_day_of_beijing_and_the_rest_the_next(tmp_path):
    async def story(shop, simulator, clock):
        clock.at = datetime(2026, 11, 24, 23, 50, tzinfo=BEIJING)
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500, 500, 500)
        for _ in range(2):
            await settle(shop, simulator, clock, anna)
            if clock.at.astimezone(BEIJING).day == 24:
                pytest.fail("the patient follower should have come into the next day")
        return [
            (bill.amount, datetime.fromtimestamp(bill.created, BEIJING).day) for bill in simulator.transfers.bills
        ]

    assert invite(story, tmp_path, person_day_fen=1000, reward_max_fen=500) == [(1000, 24), (500, 25)]


def test_the_day_of_a_person_is_full_until_midnight(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 600, 600)
        taken = await press_take(simulator, anna)
        await simulator.transfers.confirm(taken["bill"], anna.openid)
        full = await press_take(simulator, anna)
        clock.forward(hours=12, minutes=1)
        return taken["amount_fen"], full, (await press_take(simulator, anna))["state"]

    told = invite(story, tmp_path, person_day_fen=1000, reward_max_fen=600)

    assert told == (600, {"state": "refused", "why": "person_day"}, "confirm")


def test_a_red_packet_says_so_and_a_large_sum_carries_the_name_for_wechat_alone(tmp_path):
    async def packet(shop, simulator, _clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        taken = await press_take(simulator, anna)
        return simulator.transfers.check(taken["transfer"], anna.openid)

    async def large(shop, simulator, _clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 200_000)
        nameless = await tried(shop, anna)
        named = await shop.transfers.take(anna.openid, name="张三丰")
        bill = simulator.transfers.bill(named.out_bill_no)
        return nameless, named.state, bill.user_name, "张三丰" in named.request

    limits = dict.fromkeys(("person_day_fen", "person_total_fen", "daily_budget_fen", "bill_max_fen"), 300_000)
    (tmp_path / "large").mkdir()

    assert invite(packet, tmp_path, style="red_packet", perception="现金奖励").red_packet
    told = invite(large, tmp_path / "large", reward_max_fen=300_000, **limits)
    assert told == (Hindrance.NAME, State.WAIT_USER_CONFIRM, "张三丰", False)


def test_less_than_wechat_transfers_is_saved_up(tmp_path):
    async def story(shop, simulator, _clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 6)
        little = await tried(shop, anna)
        owe(shop, anna, 6)
        return little, (await tried(shop, anna)).amount_fen

    assert invite(story, tmp_path) == (Hindrance.TOO_LITTLE, 12)


def test_hundreds_of_random_faults_leave_every_fen_where_it_belongs(tmp_path):
    async def story(shop, simulator, clock):
        dice = random.Random(20261124)  # the same walk every time
        phones = [simulator.phone(f"人{number}", following=True) for number in range(6)]
        faults = ("pay_lost_after", "pay_lost_before", "pay_errors", "pay_busy", "signtest_replies")
        faults += ("transfer_not_enough", "transfers_refused", "stale_notices", "signtest_notices")
        with another_worker(shop) as other:
            for _ in range(400):
                phone, worker = dice.choice(phones), dice.choice((shop, other))
                match dice.randrange(7):
                    case 0:
                        owe(shop, phone, dice.choice((5, 120, 500, 700)))
                    case 1:
                        await asyncio.gather(*(tried(each, phone) for each in (shop, other)))
                    case 2:
                        setattr(simulator.faults, dice.choice(faults), dice.randint(1, 3))
                    case 3:
                        simulator.faults.transfer_state = dice.choice((None, None, "PROCESSING"))
                    case 4:
                        clock.forward(seconds=dice.choice((6, 61, 700, 40_000)))
                        await worker.transfers.run_due()
                    case _:
                        for bill in simulator.transfers.bills:
                            if bill.look(clock.at.timestamp()) == "WAIT_USER_CONFIRM" and dice.random() < 0.5:
                                await simulator.transfers.confirm(bill.out_bill_no, bill.openid)
            simulator.faults.clear()
            for _ in range(8):
                await later(shop, clock, hours=1)
        return (
            received(simulator),
            await shop.store.read(
                lambda tx: {
                    phone.openid: sum(
                        r.amount_fen for r in tx.rewards.of(phone.openid) if r.state is RewardState.PAID
                    )
                    for phone in phones
                }
            ),
            sum(json.loads(body)["transfer_amount"] for body in set(bill_posts(simulator))),
        )

    got, booked, asked = invite(story, tmp_path, daily_budget_fen=10_000_000, person_day_fen=5_000_000)

    assert got == {openid: fen for openid, fen in booked.items() if fen}
    assert sum(got.values()) > 5000
    assert asked >= sum(got.values())


def test_nobody_is_asked_before_the_moment_has_come(tmp_path):
    async def story(shop, simulator, _clock):
        anna = simulator.phone("安娜", following=True)
        owe(shop, anna, 500)
        await press_take(simulator, anna)
        before = len(simulator.calls)
        for _ in range(5):
            await shop.jobs.run_due()
        return len(simulator.calls) - before

    assert invite(story, tmp_path) == 0
