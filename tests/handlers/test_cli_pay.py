"""``pay`` and ``anomalies`` at the desk: readable, JSON where asked for, and never a traceback."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from bot.beijing import day_of
from bot.models import AttemptState
from tests.handlers.test_cli_orders import Counter
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import go_to_the_till, play

NUMBER = "ZK000101NOBODY01"


class Lately(StoppedClock):
    """A clock that stands at noon in Beijing, two days ago."""

    def __init__(self):
        super().__init__()
        self.at = (datetime.now(UTC) - timedelta(days=2)).replace(hour=4, minute=0, second=0, microsecond=0)


def the_days_after(story, tmp_path):
    """Tell ``story(counter, till, day)`` after a payment of a day that is over; commands live by the real clock."""
    clock = Lately()

    async def told(shop, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        day = day_of(clock.now())
        clock.at = datetime.now(UTC)
        return await story(Counter(shop, simulator, tmp_path), till, day.isoformat())

    return play(told, tmp_path, clock=clock)


def test_a_day_that_agrees_is_said_so_and_kept(tmp_path):
    async def story(counter, till, day):
        told = await counter.run("pay", "reconcile", day)
        as_json = json.loads((await counter.run("pay", "reconcile", day, "--json")).stdout)
        days = json.loads((await counter.run("pay", "history", "--json")).stdout)
        rows = json.loads((await counter.run("pay", "ledger", "--json", "--from", day, "--to", day)).stdout)
        return told, as_json, days, rows, till, (await counter.run("pay", "history")).output

    told, as_json, days, rows, till, history = the_days_after(story, tmp_path)

    assert told.exit_code == 0
    assert "一致 1 笔" in told.output
    assert "没有差异" in told.output
    assert "收款 99.00 元" in told.output
    (report,) = as_json
    assert (report["equal"], report["differences"], report["payments_fen"]) == (1, [], 9900)
    assert [(each["day"], each["result"], each["equal"]) for each in days] == [(report["day"], "DONE", 1)]
    assert "对完了" in history
    assert [(row["kind"], row["amount_fen"]) for row in rows] == [("payment", 9900), ("fee", -59)]
    assert rows[0]["number"] == till.out_trade_no
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", rows[0]["at"])


def test_a_difference_comes_with_its_next_step_and_is_settled_with_a_note(tmp_path):
    async def story(counter, _till, day):
        counter.simulator.faults.bill_extra_trade = NUMBER
        told = (await counter.run("pay", "reconcile", day)).output
        (found,) = json.loads((await counter.run("anomalies", "list", "--json")).stdout)
        listed = (await counter.run("anomalies", "list")).output
        number = str(found["anomaly_id"])
        empty = await counter.run("anomalies", "resolve", number, "--note", "  ")
        done = await counter.run("anomalies", "resolve", number, "--note", "别的系统收的")
        again = await counter.run("anomalies", "resolve", number, "--note", "别的系统收的")
        await counter.run("pay", "reconcile", day)
        left = (await counter.run("anomalies", "list")).output
        everything = (await counter.run("anomalies", "list", "--all")).output
        return told, found, listed, (empty, done, again), left, everything

    told, found, listed, tries, left, everything = the_days_after(story, tmp_path)

    assert "只在微信有 1 笔" in told
    for shown in (told, listed):
        assert NUMBER in shown
        assert f"→ {found['next_step']}" in shown
    assert found["kind"] == "bill_unknown_payment"
    assert [each.exit_code for each in tries] == [1, 0, 1]
    assert "没有待处理的异常" in left
    assert "已处理：别的系统收的" in everything


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("pay", "reconcile", "2026-13-01"), 2, "2026-11-24 这样的日期"),
        (("pay", "reconcile", "昨天"), 2, "2026-11-24 这样的日期"),
        (("pay", "reconcile", "2020-01-01"), 1, "三个月"),
        (("pay", "reconcile", "2999-01-01"), 1, "还没有过完"),
        (("pay", "ledger", "--from", "2026-11-25", "--to", "2026-11-24"), 2, "不晚于"),
        (("anomalies", "resolve", "999", "--note", "好了"), 1, "没有异常 999"),
        (("anomalies", "resolve", "x", "--note", "好了"), 2, "整数"),
        (("anomalies", "resolve", "1"), 2, "--note"),
    ],
)
def test_bad_input_gets_a_clear_sentence(tmp_path, words, code, told):
    async def story(counter, _till, _day):
        return await counter.run(*words)

    answer = the_days_after(story, tmp_path)

    assert answer.exit_code == code
    assert told in answer.output
    assert "Traceback" not in answer.output


def test_a_bill_that_cannot_be_had_is_an_error_in_plain_words(tmp_path):
    async def story(counter, _till, day):
        counter.simulator.faults.bill_broken = 1
        return await counter.run("pay", "reconcile", day), (await counter.run("pay", "history")).output

    answer, history = the_days_after(story, tmp_path)

    assert answer.exit_code == 1
    assert "哈希" in answer.output
    assert "没有对成" in history


def test_the_ledger_is_listed_added_up_and_proved(tmp_path):
    async def story(counter, till, _day):
        listed = (await counter.run("pay", "ledger")).output
        proof = await counter.run("pay", "ledger", "--check")
        await counter.shop.store.write(
            lambda tx: tx.attempts.move(till.out_trade_no, AttemptState.CLOSED, (AttemptState.SUCCESS,))
        )
        wrong = await counter.run("pay", "ledger", "--check")
        as_json = await counter.run("pay", "ledger", "--check", "--json")
        return listed, proof, wrong, as_json, till

    listed, proof, wrong, as_json, till = the_days_after(story, tmp_path)

    assert "净额 99.00 元" in listed
    assert (proof.exit_code, wrong.exit_code, as_json.exit_code) == (0, 1, 1)
    assert "都一致" in proof.output
    assert till.out_trade_no in wrong.output
    assert json.loads(as_json.output)[0]["number"] == till.out_trade_no


def test_the_doctor_names_what_is_open(tmp_path):
    async def story(counter, _till, day):
        before = json.loads((await counter.run("doctor", "--json")).stdout)
        counter.simulator.faults.bill_extra_trade = NUMBER
        await counter.run("pay", "reconcile", day)
        return before, json.loads((await counter.run("doctor", "--json")).stdout)

    found = [{each["check"]: each for each in told}["anomalies"] for told in the_days_after(story, tmp_path)]

    assert [each["ok"] for each in found] == [True, False]
    assert "账单多一笔付款" in found[1]["detail"]
    assert "anomalies list" in found[1]["advice"]


def test_a_shop_that_does_not_sell_has_nothing_to_reconcile(tmp_path):
    async def story(counter, _till, day):
        text = counter.config.read_text("utf-8")
        counter.config.write_text(re.sub(r"mch_id = .*", 'mch_id = ""', text), "utf-8")
        return await counter.run("pay", "reconcile", day)

    answer = the_days_after(story, tmp_path)

    assert answer.exit_code == 1
    assert "[pay]" in answer.output
