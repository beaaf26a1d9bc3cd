"""``refunds`` at the desk: an admin sees what was asked for, says yes or no once, and mends what went wrong."""

import json

import pytest

from bot.config import RefundSettings
from bot.models import RefundState
from bot.refunds import Refunds
from tests.handlers.test_cli_orders import at_the_desk, make_older
from tests.scenarios.world import FEN, TITLE


async def asked(counter, till):
    """Let the owner of the order ask for what would go back, above the limit of what goes by itself."""
    order = await counter.order(till.order_no)
    shop = counter.shop
    refunds = Refunds(shop.store, shop.orders, shop.gateway, shop.clock, RefundSettings(auto_limit=0))
    return (await refunds.request(order.openid, till.order_no, FEN, "chat")).out_refund_no


async def state_of(counter, number):
    return (await counter.shop.store.read(lambda tx: tx.refunds.get(number))).state


def test_what_waits_is_listed_shown_and_approved_after_a_yes(tmp_path):
    async def story(counter, till):
        empty = await counter.run("refunds", "list", "--state", "requested")
        number = await asked(counter, till)
        rows = json.loads((await counter.run("refunds", "list", "--state", "requested", "--json")).stdout)
        listed = await counter.run("refunds", "list")
        shown = await counter.run("refunds", "show", number)
        no = await counter.run("refunds", "approve", number, typed="n\n")
        before = counter.given_back(till.out_trade_no)
        yes = await counter.run("refunds", "approve", number, typed="y\n")
        again = await counter.run("refunds", "approve", number, "--yes")
        return empty, rows, listed, shown, no, before, yes, again, counter.given_back(till.out_trade_no), number

    empty, [row], listed, shown, no, before, yes, again, after, number = at_the_desk(story, tmp_path)

    assert "没有这样的退款" in empty.output
    assert (row["refund_no"], row["state"], row["amount_fen"], row["origin"]) == (number, "REQUESTED", FEN, "chat")
    assert row["because"] == {"kind": "full", "learnt": 0, "lessons": 4, "days": 0}
    assert row["created_at"].endswith("Z")
    assert "等审核" in listed.output
    assert "学员在聊天里" in listed.output
    assert f"refunds approve {number}" in shown.output
    assert (no.exit_code, before) == (1, 0)
    assert f"《{TITLE}》" in no.output
    assert "全额，付款 0 天，学了 0/4 课" in no.output
    assert (yes.exit_code, after) == (0, FEN)
    assert again.exit_code == 1
    assert "不是等审核" in again.output


def test_a_no_needs_a_reason_that_is_told(tmp_path):
    async def story(counter, till):
        number = await asked(counter, till)
        bare = await counter.run("refunds", "reject", number)
        empty = await counter.run("refunds", "reject", number, "--reason", " ")
        long = await counter.run("refunds", "reject", number, "--reason", "长" * 101)
        waiting = await state_of(counter, number)
        done = await counter.run("refunds", "reject", number, "--reason", "资料\n已经下载")
        again = await counter.run("refunds", "reject", number, "--reason", "又一次")
        told = await counter.shop.store.read(lambda tx: tx.refunds.get(number).note)
        return bare, empty, long, waiting, done, again, told, await state_of(counter, number)

    bare, empty, long, waiting, done, again, told, state = at_the_desk(story, tmp_path)

    assert (bare.exit_code, empty.exit_code, long.exit_code) == (2, 1, 1)
    assert waiting is RefundState.REQUESTED
    assert (done.exit_code, state) == (0, RefundState.DECLINED)
    assert told == "资料 已经下载"
    assert (again.exit_code, "没有在等审核" in again.output) == (1, True)


def test_an_abnormal_refund_goes_to_our_own_account_and_is_then_a_persons_task(tmp_path):
    async def story(counter, till):
        counter.simulator.faults.refund_status = "ABNORMAL"
        await counter.run("orders", "refund", till.order_no, "--reason", "不想学了", "--yes")
        await counter.run("orders", "sync", till.order_no)
        [refund] = await counter.shop.store.read(lambda tx: tx.refunds.of(till.order_no))
        number = refund.out_refund_no
        shown = await counter.run("refunds", "show", number)
        no = await counter.run("refunds", "abnormal", number, typed="n\n")
        yes = await counter.run("refunds", "abnormal", number, typed="y\n")
        await counter.run("orders", "sync", till.order_no)
        again = await counter.run("refunds", "abnormal", number, "--yes")
        account = counter.simulator.pay.trade(till.out_trade_no).refunds[number].account
        kinds = [each.kind for each in await counter.shop.store.read(lambda tx: tx.anomalies.open())]
        return refund, shown, no, yes, again, account, kinds, await state_of(counter, number)

    refund, shown, no, yes, again, account, kinds, state = at_the_desk(story, tmp_path)

    assert (refund.state, bool(refund.refund_id)) == (RefundState.ABNORMAL, True)
    assert "refunds abnormal" in shown.output
    assert (no.exit_code, yes.exit_code, again.exit_code) == (1, 0, 1)
    assert (account, state) == ("MERCHANT_BANK_CARD", RefundState.SUCCESS)
    assert "refund_by_hand" in kinds


def test_a_closed_refund_is_repeated_under_a_new_number(tmp_path):
    async def story(counter, till):
        counter.simulator.faults.refund_status = "CLOSED"
        await counter.run("orders", "refund", till.order_no, "--amount", "10", "--reason", "补偿", "--yes")
        await counter.run("orders", "sync", till.order_no)
        [closed] = await counter.shop.store.read(lambda tx: tx.refunds.of(till.order_no))
        counter.simulator.faults.refund_status = None
        hasty = await counter.run("refunds", "retry", closed.out_refund_no, "--yes")
        make_older(counter.shop, till.order_no)
        counter.simulator.pay.trade(till.out_trade_no).refunds[closed.out_refund_no].created -= 120
        done = await counter.run("refunds", "retry", closed.out_refund_no, "--yes")
        numbers = [
            each.out_refund_no[-2:]
            for each in await counter.shop.store.read(lambda tx: tx.refunds.of(till.order_no))
        ]
        return hasty, done, numbers, counter.given_back(till.out_trade_no)

    hasty, done, numbers, back = at_the_desk(story, tmp_path)

    assert (hasty.exit_code, "60 秒" in hasty.output) == (1, True)
    assert (done.exit_code, numbers, back) == (0, ["01", "02"], 1000)


@pytest.mark.parametrize("words", ["show", "approve", "abnormal", "retry"])
def test_a_number_that_nobody_knows_is_a_sentence(tmp_path, words):
    async def story(counter, _till):
        return await counter.run("refunds", words, "R0")

    told = at_the_desk(story, tmp_path)

    assert told.exit_code == 1
    assert "没有退款 R0；用 refunds list 看有哪些" in told.output
