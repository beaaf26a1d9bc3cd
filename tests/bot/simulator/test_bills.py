"""Bills of the simulated WeChat Pay: strict about days and addresses, right to the fen unless told to lie."""

import gzip
import hashlib
import json
from urllib.parse import urlsplit

import pytest

from tests.bot.simulator import paying

A_DAY = 86400.0
TRADES = "/v3/bill/tradebill?bill_date={}&bill_type=ALL&tar_type=GZIP"


async def pay(world):
    prepay_id = await paying.prepay(world)
    await world.sim.pay.confirm(prepay_id, world.sim.phone().openid)


async def ask(world, day="2026-11-24", target=TRADES):
    return await paying.call(world, "GET", target.format(day))


async def file_of(world, response):
    parts = urlsplit(json.loads(response.body)["download_url"])
    return await paying.call(world, "GET", f"{parts.path}?{parts.query}")


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("2026-11-25", "PARAM_ERROR"),
        ("2026-11-26", "PARAM_ERROR"),
        ("2026-08-20", "PARAM_ERROR"),
        ("20261124", "PARAM_ERROR"),
        ("2026-11-31", "PARAM_ERROR"),
        ("2026-11-23", "NO_STATEMENT_EXIST"),
    ],
)
def test_days_without_a_bill_are_refused(play, day, code):
    async def story(world):
        await pay(world)
        world.clock.forward(A_DAY)

        assert paying.code(await ask(world, day)) == (400, code)

    play(story)


@pytest.mark.parametrize(
    "target",
    [
        "/v3/bill/tradebill?bill_date=2026-11-24",
        "/v3/bill/tradebill?bill_date=2026-11-24&tar_type=ZIP",
        "/v3/bill/tradebill?bill_date=2026-11-24&tar_type=GZIP&more=1",
        "/v3/bill/tradebill?bill_date=2026-11-24&bill_date=2026-11-24&tar_type=GZIP",
        "/v3/bill/fundflowbill?bill_date=2026-11-24&account_type=OTHER&tar_type=GZIP",
    ],
)
def test_questions_must_be_asked_as_documented(play, target):
    async def story(world):
        await pay(world)
        world.clock.forward(A_DAY)

        assert paying.code(await ask(world, target=target)) == (400, "PARAM_ERROR")

    play(story)


def test_before_ten_the_bill_of_yesterday_is_in_the_making(play):
    async def story(world):
        await pay(world)
        world.clock.forward(22 * 3600 - 60)  # 09:59

        assert paying.code(await ask(world)) == (400, "STATEMENT_CREATING")
        world.clock.forward(60)
        assert (await ask(world)).code == 200

    play(story)


def test_the_file_is_packed_unsigned_and_there_for_five_minutes(play):
    async def story(world):
        await pay(world)
        world.clock.forward(A_DAY)
        where = await ask(world)
        file = await file_of(world, where)
        told = json.loads(where.body)
        plain = gzip.decompress(file.body)

        assert "Wechatpay-Signature" in where.headers
        assert "Wechatpay-Signature" not in file.headers
        assert hashlib.sha1(plain).hexdigest() == told["hash_value"]
        assert plain.startswith(b"\xef\xbb\xbf")
        assert b"`ZK20261124A1," in plain
        world.clock.forward(301)
        assert paying.code(await file_of(world, where)) == (400, "PARAM_ERROR")

    play(story)


def test_a_file_wants_a_signature_over_the_address_as_it_was_given(play):
    async def story(world):
        await pay(world)
        world.clock.forward(A_DAY)
        parts = urlsplit(json.loads((await ask(world)).body)["download_url"])

        assert "%" in parts.query
        unsigned = await world.fetch(f"{world.sim.url}{parts.path}?{parts.query}")
        assert unsigned.code == 400

    play(story)


def test_refunds_stand_in_the_bill_of_the_day_they_were_asked_for(play):
    async def story(world):
        await pay(world)
        world.clock.forward(A_DAY)
        await paying.refund(world)
        world.clock.forward(A_DAY)
        first, second = [
            gzip.decompress((await file_of(world, await ask(world, day))).body).decode("utf-8-sig")
            for day in ("2026-11-24", "2026-11-25")
        ]

        assert ("`SUCCESS," in first, "`REFUND," in first) == (True, False)
        assert "`R1,`40.00" in second
        assert second.splitlines()[-1] == "`1,`0.00,`40.00,`0.00,`-0.24000,`0.00,`40.00"

    play(story)
