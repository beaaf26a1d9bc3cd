"""The comparison itself, without a network: whose line it is, and what it is called."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bot.bills import TradeBill, TradeLine
from bot.models import Attempt, AttemptState, Refund, RefundState, TradeType
from bot.reconciling import Finding, Report, Verdict
from bot.reconciling.compare import Local, compare_trades
from tests.scenarios.conftest import NOON

DAY = date(2026, 11, 24)
APP = "wx-ours"
LINE = TradeLine(NOON, APP, "4200", "ZK1", 9900, 59)
BACK = TradeLine(NOON, APP, "4200", "ZK1", 0, -24, "R1", 4000, "SUCCESS")
ATTEMPT = Attempt(
    "ZK1", "ZK", TradeType.JSAPI, "o", 9900, "", AttemptState.SUCCESS, NOON, NOON, transaction_id="4200"
)
REFUND = Refund("R1", "ZK1", "ZK", 4000, "", "", RefundState.SUCCESS, NOON)


def compared(*lines, attempts=(ATTEMPT,), refunds=(REFUND,), day=()):
    bill = TradeBill(
        DAY,
        tuple(each for each in lines if not each.refund_no),
        tuple(each for each in lines if each.refund_no),
    )
    local = Local({a.out_trade_no: a for a in attempts}, {r.out_refund_no: r for r in refunds}, (), tuple(day))
    return compare_trades(bill, local, APP)


def kinds(found):
    return [each.kind for each in found.report.findings]


def test_what_agrees_is_counted_and_nothing_else_is_said():
    found = compared(LINE, BACK, day=(REFUND,))

    assert (found.report.equal, found.report.findings) == (2, ())
    assert (found.unbooked, found.stale, found.lacking_refunds) == ((), (), ())


def test_lines_of_another_app_are_left_alone_unless_the_number_is_ours():
    other = replace(LINE, app_id="wx-other", out_trade_no="X1")
    found = compared(other, replace(BACK, app_id="wx-other", refund_no="X2"), replace(LINE, app_id="wx-other"))

    assert (found.report.others, found.report.equal, kinds(found)) == (2, 1, [])
    assert found.report.payments_fen == 9900


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (replace(LINE, total_fen=9901), "bill_payment_differs"),
        (replace(LINE, transaction_id="4299"), "bill_payment_differs"),
        (replace(LINE, out_trade_no="ZK9"), "bill_unknown_payment"),
        (replace(BACK, refund_fen=4001), "bill_refund_differs"),
        (replace(BACK, out_trade_no="ZK9"), "bill_refund_differs"),
        (replace(BACK, refund_no="R9"), "bill_unknown_refund"),
    ],
)
def test_every_difference_has_its_name(line, kind):
    found = compared(line)

    assert kinds(found) == [kind]
    assert found.report.equal == 0


def test_the_same_number_twice_is_a_difference_once():
    assert kinds(compared(LINE, LINE)) == ["bill_payment_differs"]
    assert kinds(compared(BACK, BACK)) == ["bill_refund_differs"]


@pytest.mark.parametrize("state", [each for each in AttemptState if each is not AttemptState.SUCCESS])
def test_a_payment_we_did_not_note_is_asked_about_before_anything_is_said(state):
    found = compared(LINE, attempts=[replace(ATTEMPT, state=state, transaction_id="")])

    assert (found.unbooked, kinds(found)) == ((LINE,), [])


@pytest.mark.parametrize(
    ("ours", "bill", "asked"),
    [
        (RefundState.REJECTED, "PROCESSING", True),
        (RefundState.NEW, "SUCCESS", True),
        (RefundState.CLOSED, "SUCCESS", True),
        (RefundState.CLOSED, "PROCESSING", False),
        (RefundState.SUCCESS, "PROCESSING", False),  # a bill's states never change afterwards
        (RefundState.ABNORMAL, "PROCESSING", False),
    ],
)
def test_a_refund_is_asked_about_only_where_we_know_less_than_the_bill(ours, bill, asked):
    found = compared(replace(BACK, status=bill), refunds=[replace(REFUND, state=ours)])

    assert (bool(found.stale), kinds(found)) == (asked, [])


def test_a_report_survives_being_kept():
    found = Finding(Verdict.DIFFERS, "bill_payment_differs", "ZK1", "账单 1.00 元，本地 2.00 元")
    report = Report(DAY + timedelta(days=1), 3, ("ZK2",), 1, 100, 20, 3, -5, (found,))

    assert Report.from_json(report.as_json()) == report
    assert report.as_dict()["differences"][0]["next_step"]
    assert (report.as_dict()["differs"], report.as_dict()["only_local"]) == (1, 0)
