"""Payment notices: sealed, signed, repeated until taken, and wrong in every way they can be told to be."""

import asyncio
import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.bot.simulator import paying


def opened(world, body):
    resource = json.loads(body)["resource"]
    key = world.sim.credentials.apiv3_key.encode()
    sealed = base64.b64decode(resource["ciphertext"])
    plain = AESGCM(key).decrypt(resource["nonce"].encode(), sealed, resource["associated_data"].encode())
    return json.loads(plain)


async def pay(world, **options):
    prepay_id = await paying.prepay(world)
    return await world.sim.pay.confirm(prepay_id, world.sim.phone().openid, **options)


async def notices(world, count):
    async with asyncio.timeout(5):
        while len(world.shop.notices) < count:
            await world.shop.notified.wait()
            world.shop.notified.clear()
    return world.shop.notices


async def end_of_retries(world):
    await asyncio.gather(*world.sim._stage._tasks)  # they run in the background


def test_a_payment_is_told_once_sealed_and_signed(play):
    async def story(world):
        trade = await pay(world)

        [(path, headers, body)] = world.shop.notices
        told = opened(world, body)
        assert path == "/pay/notify"
        assert paying.verified(world, (headers, body))
        assert (told["out_trade_no"], told["trade_state"]) == ("ZK20261124A1", "SUCCESS")
        assert told["transaction_id"] == trade.transaction_id
        assert told["amount"] == {"total": 9900, "payer_total": 9900, "currency": "CNY", "payer_currency": "CNY"}
        assert told["payer"] == {"openid": world.sim.phone().openid}
        assert json.loads(body)["event_type"] == "TRANSACTION.SUCCESS"
        assert world.sim.pay.sent == [("ZK20261124A1", 204)]

    play(story)


def test_a_refused_notice_comes_again_until_it_is_taken(play):
    async def story(world):
        world.shop.notice_statuses = [500, 403, 200]

        await pay(world)
        await end_of_retries(world)

        ids = {json.loads(body)["id"] for _, _, body in world.shop.notices}
        nonces = {headers["Wechatpay-Nonce"] for _, headers, _ in world.shop.notices}
        assert len(ids) == 1
        assert len(nonces) == 3
        assert [status for _, status in world.sim.pay.sent] == [500, 403, 200]

    play(story, notice_delays=(10, 10, 10, 10), time_scale=0.001)


def test_a_notice_is_given_up_in_the_end(play):
    async def story(world):
        world.shop.notice_statuses = [500] * 10

        await pay(world)
        await end_of_retries(world)

        assert len(world.shop.notices) == 3

    play(story, notice_delays=(0.001, 0.001))


def test_a_shop_that_is_away_is_no_answer(play):
    async def story(world):
        world.sim.attach("http://127.0.0.1:1")

        await pay(world)

        assert world.sim.pay.sent == [("ZK20261124A1", 0)]

    play(story)


def test_no_notice_and_many_copies(play):
    async def story(world):
        world.sim.faults.no_notice = True
        await pay(world)
        silent = len(world.shop.notices)

        statuses = await world.sim.pay.send_notice("ZK20261124A1", times=5, concurrent=True)

        assert silent == 0
        assert statuses == [204] * 5
        assert len({body for _, _, body in world.shop.notices}) == 1

    play(story)


def test_several_servers_may_tell_at_once(play):
    async def story(world):
        world.sim.faults.notice_copies = 4

        await pay(world)

        assert len(world.shop.notices) == 4

    play(story)


@pytest.mark.parametrize(
    ("fault", "value", "path", "lie"),
    [
        ("notice_total", 1, ("amount", "total"), 1),
        ("notice_currency", "USD", ("amount", "currency"), "USD"),
        ("notice_mchid", "1900000000", ("mchid",), "1900000000"),
        ("notice_appid", "wx0", ("appid",), "wx0"),
    ],
)
def test_a_notice_lies_with_a_good_signature(play, fault, value, path, lie):
    async def story(world):
        setattr(world.sim.faults, fault, value)

        await pay(world)

        [(_, headers, body)] = world.shop.notices
        told = opened(world, body)
        for name in path:
            told = told[name]
        assert told == lie
        assert paying.verified(world, (headers, body))

    play(story)


def test_a_stale_notice_is_rightly_signed_and_the_next_one_fresh(play):
    async def story(world):
        world.sim.faults.stale_notices = 1
        world.shop.notice_statuses = [401]

        await pay(world)
        await notices(world, 2)

        stamps = [int(headers["Wechatpay-Timestamp"]) for _, headers, _ in world.shop.notices]
        assert stamps[1] - stamps[0] == 600
        assert all(paying.verified(world, (headers, body)) for _, headers, body in world.shop.notices)

    play(story, notice_delays=(0.001,))


def test_a_probe_is_wrongly_signed(play):
    async def story(world):
        world.sim.faults.signtest_notices = 1

        await pay(world)

        [(_, headers, body)] = world.shop.notices
        assert headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")
        with pytest.raises((InvalidSignature, ValueError)):
            paying.verified(world, (headers, body))

    play(story)


def test_an_unknown_key_may_sign(play):
    async def story(world):
        world.sim.faults.unknown_serial = 1

        await pay(world)

        [(_, headers, body)] = world.shop.notices
        assert not paying.verified(world, (headers, body))

    play(story)


def test_a_payment_may_arrive_after_the_close(play):
    async def story(world):
        await paying.prepay(world)
        world.sim.faults.paid_after_close = 1

        response = await paying.close(world)
        await notices(world, 1)

        assert response.code == 204
        assert json.loads((await paying.query(world)).body)["trade_state"] == "SUCCESS"

    play(story)


def test_a_test_may_write_and_spoil_its_own_notice(play):
    async def story(world):
        await pay(world)
        headers, body = world.sim.pay.notice("ZK20261124A1", amount={"total": 1}, attach="变", timestamp=7)
        _, other = world.sim.pay.notice("ZK20261124A1", out_trade_no="ZK20261124B2", amount="9900")

        statuses = await world.sim.pay.send_notice(
            "ZK20261124A1", tamper=lambda headers, body: (headers, body + b" ")
        )

        told = opened(world, body)
        assert (told["amount"]["total"], told["amount"]["currency"], told["attach"]) == (1, "CNY", "变")
        assert headers["Wechatpay-Timestamp"] == "7"
        assert (opened(world, other)["out_trade_no"], opened(world, other)["amount"]) == ("ZK20261124B2", "9900")
        assert statuses == [204]
        with pytest.raises(InvalidSignature):
            paying.verified(world, world.shop.notices[-1][1:])

    play(story)


def test_a_refund_is_told_with_refund_status(play):
    async def story(world):
        await pay(world)
        await paying.refund(world)
        await notices(world, 2)

        path, headers, body = world.shop.notices[1]
        told = opened(world, body)
        assert path == "/pay/refund-notify"
        assert paying.verified(world, (headers, body))
        assert json.loads(body)["event_type"] == "REFUND.SUCCESS"
        assert json.loads(body)["resource"]["original_type"] == "refund"
        assert (told["refund_status"], told["out_refund_no"]) == ("SUCCESS", "R1")
        assert "status" not in told

    play(story)


def test_a_refund_that_lingers_is_settled_by_hand(play):
    async def story(world):
        await pay(world)
        world.sim.faults.refund_status = "PROCESSING"
        await paying.refund(world)
        before = len(world.shop.notices)

        await world.sim.pay.settle_refund("R1", "ABNORMAL")

        assert before == 1
        assert json.loads(world.shop.notices[1][2])["event_type"] == "REFUND.ABNORMAL"
        headers, body = world.sim.pay.refund_notice("R1")
        assert paying.verified(world, (headers, body))

    play(story)
