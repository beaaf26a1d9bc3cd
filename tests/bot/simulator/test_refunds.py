"""Refunds that go wrong: sent to another account, short of money, too often, too late."""

import json

import pytest

from tests.bot.simulator import paying
from tests.bot.simulator.test_pay import paid

REFUNDS = "/v3/refund/domestic/refunds"


async def redirect(world, refund_id, **changes):
    body = {"out_refund_no": "R1", "type": "MERCHANT_BANK_CARD"} | changes
    body = {name: value for name, value in body.items() if value is not None}
    return await paying.call(world, "POST", f"{REFUNDS}/{refund_id}/apply-abnormal-refund", body)


async def asked(world):
    return json.loads((await paying.call(world, "GET", f"{REFUNDS}/R1")).body)


async def abnormal(world):
    """Have a refund fail; returns WeChat's number of it."""
    await paid(world)
    world.sim.faults.refund_status = "ABNORMAL"
    return json.loads((await paying.refund(world)).body)["refund_id"]


def test_an_abnormal_refund_may_go_to_the_merchant_once(play):
    async def story(world):
        refund_id = await abnormal(world)

        accepted = await redirect(world, refund_id)
        told = await asked(world)
        again = await redirect(world, refund_id)

        assert json.loads(accepted.body)["status"] == "PROCESSING"
        assert paying.verified(world, (accepted.headers, accepted.body))
        assert (told["status"], told["user_received_account"]) == ("SUCCESS", "商户结算银行账户")
        assert paying.code(again) == (400, "INVALID_REQUEST")
        assert world.sim.pay.trade("ZK20261124A1").refunded == 4000

    play(story)


@pytest.mark.parametrize("status", ["PROCESSING", "ABNORMAL", "CLOSED"])
def test_it_may_fail_there_too(play, status):
    async def story(world):
        refund_id = await abnormal(world)
        world.sim.faults.redirected_status = status

        await redirect(world, refund_id)

        assert (await asked(world))["status"] == status

    play(story)


WRONG = {
    "no number": {"out_refund_no": None},
    "no type": {"type": None},
    "odd type": {"type": "CASH"},
    "a card without its number": {"type": "USER_BANK_CARD"},
    "a card in the open": {
        "type": "USER_BANK_CARD",
        "bank_type": "ICBC_DEBIT",
        "bank_account": "6222000000000000",
        "real_name": "张三",
    },
    "more than asked": {"reason": "x"},
}


@pytest.mark.parametrize("why", WRONG)
def test_a_wish_that_breaks_a_rule_is_refused_and_changes_nothing(play, why):
    async def story(world):
        refund_id = await abnormal(world)

        assert (await redirect(world, refund_id, **WRONG[why])).code == 400
        assert (await asked(world))["status"] == "ABNORMAL"

    play(story)


def test_only_the_refund_of_that_number_and_only_an_abnormal_one(play):
    async def story(world):
        await paid(world)
        refund_id = json.loads((await paying.refund(world)).body)["refund_id"]

        well = await redirect(world, refund_id)
        other = await redirect(world, "50300000000000000000000001")
        unknown = await redirect(world, refund_id, out_refund_no="R9")

        assert paying.code(well) == (400, "INVALID_REQUEST")
        assert paying.code(other) == paying.code(unknown) == (404, "RESOURCE_NOT_EXISTS")

    play(story)


@pytest.mark.parametrize(
    ("fault", "answer", "taken"),
    [
        ("refunds_no_money", (403, "NOT_ENOUGH"), 0),
        ("refunds_busy", (429, "FREQUENCY_LIMITED"), 0),
        ("refunds_busy_taken", (429, "FREQUENCY_LIMITED"), 4000),
    ],
)
def test_a_no_may_pass_and_a_busy_answer_may_hide_a_yes(play, fault, answer, taken):
    async def story(world):
        trade = await paid(world)
        setattr(world.sim.faults, fault, 1)

        first = await paying.refund(world)
        between = trade.refunded
        again = await paying.refund(world)

        assert paying.code(first) == answer
        assert (between, again.code, trade.refunded) == (taken, 200, 4000)

    play(story)


def test_a_year_after_the_payment_nothing_goes_back(play):
    async def story(world):
        trade = await paid(world)
        world.clock.forward(366 * 86400)

        assert paying.code(await paying.refund(world)) == (400, "INVALID_REQUEST")
        assert trade.refunded == 0

    play(story)
