"""WeChat Pay v3: signatures at the door, the rules of every field, and what may become of an order."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from tornado.httpclient import HTTPClientError
from wechatpayv3 import WeChatPay, WeChatPayType

from bot.simulator import PayRefused
from tests.bot.simulator import paying
from tests.bot.simulator.conftest import NOON

JSAPI = "/v3/pay/transactions/jsapi"


def rfc(seconds):
    return (datetime.fromtimestamp(NOON, UTC) + timedelta(seconds=seconds)).isoformat()


# ---- at the door ----


def test_a_well_signed_order_gets_a_signed_prepay_id(play):
    async def story(world):
        response = await paying.jsapi(world)

        assert response.code == 200
        assert json.loads(response.body)["prepay_id"].startswith("wx")
        assert paying.verified(world, (response.headers, response.body))

    play(story)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"at": NOON - 301},
        {"at": NOON + 301},
        {"signed_body": b"{}"},
        {"mchid": "1900000000"},
        {"serial_no": "00"},
        {"nonce_str": "x" * 33},
        {"signature": "WECHATPAY/SIGNTEST/x"},
        {"headers": {"Authorization": None}},
        {"headers": {"Authorization": "WECHATPAY2-SHA256-RSA2048 mchid=1"}},
    ],
)
def test_a_bad_signature_is_401_and_unsigned(play, spoilt):
    async def story(world):
        response = await paying.call(world, "POST", JSAPI, paying.order(world), **spoilt)

        assert paying.code(response) == (401, "SIGN_ERROR")
        assert "Wechatpay-Signature" not in response.headers
        assert world.sim.pay.trades == []

    play(story)


@pytest.mark.parametrize("name", ["User-Agent", "Accept", "Wechatpay-Serial", "Content-Type"])
def test_every_header_is_needed(play, name):
    async def story(world):
        spoilt = {"User-Agent": "", "Accept": "text/html", "Wechatpay-Serial": "AB12", "Content-Type": "text/plain"}
        response = await paying.call(world, "POST", JSAPI, paying.order(world), headers={name: spoilt[name]})

        assert response.code in {400, 415}
        assert world.sim.pay.trades == []

    play(story)


def test_an_unknown_path_is_404(play):
    async def story(world):
        assert (await paying.call(world, "GET", "/v3/certificates")).code == 404

    play(story)


# ---- orders ----

WRONG_ORDERS = {
    "another app": ({"appid": "wx0"}, (400, "APPID_MCHID_NOT_MATCH")),
    "another merchant": ({"mchid": "1900000000"}, (400, "MCH_NOT_EXISTS")),
    "no description": ({"description": None}, (400, "PARAM_ERROR")),
    "129 bytes of description": ({"description": "课" * 43}, (400, "PARAM_ERROR")),
    "short number": ({"out_trade_no": "ZK123"}, (400, "PARAM_ERROR")),
    "odd number": ({"out_trade_no": "ZK 123456"}, (400, "PARAM_ERROR")),
    "long number": ({"out_trade_no": "Z" * 33}, (400, "PARAM_ERROR")),
    "expires too soon": ({"time_expire": rfc(59)}, (400, "PARAM_ERROR")),
    "no zone": ({"time_expire": "2026-11-24T13:00:00"}, (400, "PARAM_ERROR")),
    "fractions": ({"time_expire": "2026-11-24T13:00:00.123+08:00"}, (400, "PARAM_ERROR")),
    "no such day": ({"time_expire": "2026-13-24T13:00:00+08:00"}, (400, "PARAM_ERROR")),
    "long attach": ({"attach": "a" * 129}, (400, "PARAM_ERROR")),
    "http": ({"notify_url": "http://shop.example.cn/pay/notify"}, (400, "PARAM_ERROR")),
    "query": ({"notify_url": "https://shop.example.cn/pay/notify?a=1"}, (400, "PARAM_ERROR")),
    "free": ({"amount": {"total": 0}}, (400, "PARAM_ERROR")),
    "yuan": ({"amount": {"total": 99.0}}, (400, "PARAM_ERROR")),
    "text": ({"amount": {"total": "9900"}}, (400, "PARAM_ERROR")),
    "true": ({"amount": {"total": True}}, (400, "PARAM_ERROR")),
    "dollars": ({"amount": {"total": 9900, "currency": "USD"}}, (400, "PARAM_ERROR")),
    "no payer": ({"payer": None}, (400, "PARAM_ERROR")),
    "payer of another account": ({"payer": {"openid": "oSomebody"}}, (400, "PARAM_ERROR")),
    "made-up field": ({"colour": "green"}, (400, "PARAM_ERROR")),
}


@pytest.mark.parametrize("why", WRONG_ORDERS)
def test_an_order_that_breaks_a_rule_is_refused(play, why):
    async def story(world):
        changes, told = WRONG_ORDERS[why]

        assert paying.code(await paying.jsapi(world, **changes)) == told
        assert world.sim.pay.trades == []

    play(story)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_a_body_that_is_no_object_is_refused(play, body):
    async def story(world):
        assert (await paying.call(world, "POST", JSAPI, body)).code == 400

    play(story)


def test_the_same_order_again_gets_a_fresh_prepay_id_and_both_work(play):
    async def story(world):
        first, second = await paying.prepay(world), await paying.prepay(world)

        trade = await world.sim.pay.confirm(first, world.sim.phone().openid)

        assert first != second
        assert trade.out_trade_no == "ZK20261124A1"
        assert paying.code(await paying.jsapi(world)) == (400, "ORDERPAID")

    play(story)


@pytest.mark.parametrize("changes", [{"description": "另一门课"}, {"amount": {"total": 1, "currency": "CNY"}}])
def test_the_same_number_with_other_content_is_refused(play, changes):
    async def story(world):
        await paying.prepay(world)

        assert paying.code(await paying.jsapi(world, **changes)) == (403, "OUT_TRADE_NO_USED")

    play(story)


def test_the_same_number_cannot_serve_page_and_code(play):
    async def story(world):
        await paying.prepay(world)
        body = paying.order(world, payer=None)

        response = await paying.call(world, "POST", "/v3/pay/transactions/native", body)

        assert paying.code(response) == (403, "OUT_TRADE_NO_USED")

    play(story)


def test_a_native_order_is_paid_by_scanning_and_only_the_newest_code_is_good(play):
    async def story(world):
        phone = world.sim.phone()
        replies = [
            await paying.call(world, "POST", "/v3/pay/transactions/native", paying.native(world)) for _ in range(2)
        ]
        old, new = (json.loads(each.body)["code_url"] for each in replies)

        with pytest.raises(PayRefused, match="失效"):
            await world.sim.pay.scan(old, phone.openid)
        trade = await world.sim.pay.scan(new, phone.openid)

        assert new.startswith("weixin://wxpay/bizpayurl?pr=")
        assert (trade.trade_type, trade.payer) == ("NATIVE", phone.openid)

    play(story)


def test_a_query_tells_the_state(play):
    async def story(world):
        missing = await paying.query(world)
        prepay_id = await paying.prepay(world)
        waiting = json.loads((await paying.query(world)).body)
        trade = await world.sim.pay.confirm(prepay_id, world.sim.phone().openid)
        paid = json.loads((await paying.query(world)).body)
        target = f"/v3/pay/transactions/id/{trade.transaction_id}?mchid={world.sim.settings.mch_id}"
        by_id = json.loads((await paying.call(world, "GET", target)).body)

        assert paying.code(missing) == (404, "ORDER_NOT_EXIST")
        assert waiting["trade_state"] == "NOTPAY"
        assert "transaction_id" not in waiting
        assert (paid["trade_state"], paid["amount"]["total"], paid["attach"]) == ("SUCCESS", 9900, "课")
        assert paid["success_time"] == "2026-11-24T12:00:00+08:00"
        assert by_id == paid

    play(story)


def test_a_query_without_the_merchant_is_refused(play):
    async def story(world):
        await paying.prepay(world)

        assert (await paying.call(world, "GET", "/v3/pay/transactions/out-trade-no/ZK20261124A1")).code == 400

    play(story)


def test_closing_is_a_signed_204_and_quiet_the_second_time(play):
    async def story(world):
        prepay_id = await paying.prepay(world)

        replies = [await paying.close(world), await paying.close(world)]

        assert [each.code for each in replies] == [204, 204]
        assert all(paying.verified(world, (each.headers, each.body)) for each in replies)
        assert paying.code(await paying.jsapi(world)) == (400, "ORDER_CLOSED")
        with pytest.raises(PayRefused, match="已关闭"):
            await world.sim.pay.confirm(prepay_id, world.sim.phone().openid)

    play(story)


def test_a_paid_order_cannot_be_closed_nor_an_unknown_one(play):
    async def story(world):
        unknown = await paying.close(world)
        await world.sim.pay.confirm(await paying.prepay(world), world.sim.phone().openid)

        assert paying.code(unknown) == (404, "ORDER_NOT_EXIST")
        assert paying.code(await paying.close(world)) == (400, "ORDERPAID")

    play(story)


def test_an_expired_order_is_closed(play):
    async def story(world):
        prepay_id = await paying.prepay(world)
        world.clock.forward(1800)

        assert json.loads((await paying.query(world)).body)["trade_state"] == "CLOSED"
        with pytest.raises(PayRefused):
            await world.sim.pay.confirm(prepay_id, world.sim.phone().openid)

    play(story)


def test_a_prepay_id_lives_two_hours(play):
    async def story(world):
        prepay_id = await paying.prepay(world, time_expire=None)
        world.clock.forward(7200)

        with pytest.raises(PayRefused, match="过期"):
            await world.sim.pay.confirm(prepay_id, world.sim.phone().openid)

    play(story)


def test_nobody_else_can_pay_a_prepay_id(play):
    async def story(world):
        prepay_id = await paying.prepay(world)

        with pytest.raises(PayRefused, match="下单账号与支付账号不一致"):
            await world.sim.pay.confirm(prepay_id, world.sim.phone("小周").openid)

        assert world.shop.notices == []

    play(story)


def test_money_moves_once(play):
    async def story(world):
        openid = world.sim.phone().openid
        prepay_id = await paying.prepay(world)
        told = await asyncio.gather(
            *(world.sim.pay.confirm(prepay_id, openid) for _ in range(3)), return_exceptions=True
        )

        assert sum(isinstance(each, PayRefused) for each in told) == 2
        assert len(world.shop.notices) == 1

    play(story)


# ---- the sheet ----


def test_the_sheet_shows_what_is_paid(play):
    async def story(world):
        prepay_id = await paying.prepay(world)

        sheet = world.sim.pay.check(paying.bridge(world, prepay_id), world.sim.phone().openid)

        assert (sheet.merchant, sheet.description, sheet.total) == ("知课", "Python 入门", 9900)

    play(story)


WRONG_PARAMS = {
    "milliseconds": {"timeStamp": str(int(NOON * 1000))},
    "stale": {"timeStamp": str(int(NOON) - 301)},
    "number": {"timeStamp": int(NOON)},
    "MD5": {"signType": "MD5"},
    "another app": {"appId": "wx0"},
    "wrong signature": {"paySign": "AAAA"},
    "unknown prepay": {"package": "prepay_id=wx0"},
    "no prefix": {"package": "wx0"},
    "extra": {"timestamp": str(int(NOON))},
}


@pytest.mark.parametrize("why", WRONG_PARAMS)
def test_the_sheet_does_not_open_with_wrong_parameters(play, why):
    async def story(world):
        params = paying.bridge(world, await paying.prepay(world), **WRONG_PARAMS[why])

        with pytest.raises(PayRefused):
            world.sim.pay.check(params, world.sim.phone().openid)

    play(story)


# ---- refunds ----


async def paid(world):
    return await world.sim.pay.confirm(await paying.prepay(world), world.sim.phone().openid)


def test_a_refund_is_accepted_ends_and_happens_once(play):
    async def story(world):
        await paid(world)

        first, second = await paying.refund(world), await paying.refund(world)
        asked = json.loads((await paying.call(world, "GET", "/v3/refund/domestic/refunds/R1")).body)

        assert json.loads(first.body)["status"] == "PROCESSING"
        assert (first.code, second.code) == (200, 200)
        assert (asked["status"], asked["amount"]["refund"]) == ("SUCCESS", 4000)
        assert world.sim.pay.trade("ZK20261124A1").refunded == 4000
        assert json.loads((await paying.query(world)).body)["trade_state"] == "REFUND"

    play(story)


WRONG_REFUNDS = {
    "more than paid": {"amount": {"refund": 9901, "total": 9900, "currency": "CNY"}},
    "another total": {"amount": {"refund": 100, "total": 9901, "currency": "CNY"}},
    "no currency": {"amount": {"refund": 100, "total": 9900}},
    "nothing": {"amount": {"refund": 0, "total": 9900, "currency": "CNY"}},
    "no number": {"out_refund_no": None},
    "odd number": {"out_refund_no": "R 1"},
    "long reason": {"reason": "因" * 27},
    "both numbers": {"transaction_id": "1"},
    "no order": {"out_trade_no": None},
}


@pytest.mark.parametrize("why", WRONG_REFUNDS)
def test_a_refund_that_breaks_a_rule_is_refused(play, why):
    async def story(world):
        trade = await paid(world)

        assert (await paying.refund(world, **WRONG_REFUNDS[why])).code == 400
        assert trade.refunded == 0

    play(story)


def test_refunds_wait_a_minute_and_stop_at_the_total(play):
    async def story(world):
        await paid(world)
        await paying.refund(world)
        rest = {"out_refund_no": "R2", "amount": {"refund": 5900, "total": 9900, "currency": "CNY"}}
        over = {"out_refund_no": "R3", "amount": {"refund": 1, "total": 9900, "currency": "CNY"}}

        hasty = await paying.refund(world, **rest)
        world.clock.forward(60)
        patient = await paying.refund(world, **rest)
        world.clock.forward(60)
        greedy = await paying.refund(world, **over)

        assert (hasty.code, patient.code, greedy.code) == (429, 200, 400)

    play(story)


def test_a_refund_of_nothing_is_404_and_of_an_unpaid_order_400(play):
    async def story(world):
        nothing = await paying.refund(world)
        await paying.prepay(world)
        unpaid = await paying.refund(world)
        unknown = await paying.call(world, "GET", "/v3/refund/domestic/refunds/R1")

        assert paying.code(nothing) == paying.code(unknown) == (404, "RESOURCE_NOT_EXISTS")
        assert unpaid.code == 400

    play(story)


@pytest.mark.parametrize("status", ["PROCESSING", "ABNORMAL", "CLOSED"])
def test_a_refund_may_end_otherwise(play, status):
    async def story(world):
        await paid(world)
        world.sim.faults.refund_status = status
        await paying.refund(world)

        told = json.loads((await paying.call(world, "GET", "/v3/refund/domestic/refunds/R1")).body)

        assert told["status"] == status
        assert "success_time" not in told

    play(story)


def test_the_same_refund_number_with_another_amount_is_refused(play):
    async def story(world):
        await paid(world)
        await paying.refund(world)

        other = await paying.refund(world, amount={"refund": 1, "total": 9900, "currency": "CNY"})

        assert paying.code(other) == (400, "INVALID_REQUEST")

    play(story)


# ---- echo and moods ----


def test_the_echo_comes_back_signed(play):
    async def story(world):
        response = await paying.call(world, "POST", "/v3/security/echo", {"echo_message": "在吗"})

        assert json.loads(response.body) == {"echo_message": "在吗"}
        assert paying.verified(world, (response.headers, response.body))
        assert "Date" in response.headers

    play(story)


@pytest.mark.parametrize(("fault", "made"), [("pay_lost_before", 0), ("pay_lost_after", 1)])
@pytest.mark.parametrize("hang", [0, 0.01])
def test_an_answer_is_lost_before_or_after_the_effect(play, fault, made, hang):
    async def story(world):
        setattr(world.sim.faults, fault, 1)
        world.sim.faults.hang = hang

        with pytest.raises(HTTPClientError):
            await paying.jsapi(world)

        assert len(world.sim.pay.trades) == made
        assert (await paying.jsapi(world)).code == 200

    play(story)


def test_an_answer_may_be_slow_although_the_order_is_taken(play):
    async def story(world):
        world.sim.faults.pay_delay = 0.2

        ordering = asyncio.create_task(paying.jsapi(world))
        while not world.sim.pay.trades:  # noqa: ASYNC110  the order is on its way
            await asyncio.sleep(0)

        assert not ordering.done()
        assert (await ordering).code == 200

    play(story)


def test_errors_pass(play):
    async def story(world):
        world.sim.faults.pay_errors = 1
        world.sim.faults.pay_busy = 1

        replies = [await paying.jsapi(world) for _ in range(3)]

        assert [each.code for each in replies] == [500, 429, 200]
        assert "Wechatpay-Signature" not in replies[0].headers

    play(story)


def test_a_probe_reply_is_wrongly_signed_and_the_order_exists(play):
    async def story(world):
        world.sim.faults.signtest_replies = 1

        response = await paying.jsapi(world)

        assert response.code == 200
        assert response.headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")
        assert len(world.sim.pay.trades) == 1

    play(story)


def test_a_payment_may_come_before_the_answer(play):
    async def story(world):
        world.sim.faults.paid_before_answer = 1

        response = await paying.jsapi(world)

        assert response.code == 200
        assert len(world.shop.notices) == 1

    play(story)


# ---- an independent client ----


def test_an_independent_client_is_understood(play):
    async def story(world):
        sim = world.sim
        given = sim.credentials
        client = WeChatPay(
            wechatpay_type=WeChatPayType.JSAPI,
            mchid=sim.settings.mch_id,
            private_key=given.merchant_private_key,
            cert_serial_no=given.merchant_serial,
            apiv3_key=given.apiv3_key,
            appid=sim.settings.app_id,
            notify_url=f"{sim.webview_url}/pay/notify",
            public_key=given.platform_public_key,
            public_key_id=given.public_key_id,
            timeout=(5, 5),
        )
        client._core._gate_way = sim.url  # the library has no public setting for it
        payer = {"openid": sim.phone().openid}
        amount = {"total": 100}
        world.clock.at = datetime.now(UTC).timestamp()  # the library reads the wall clock

        def ask(method, *args, **kwargs):
            return asyncio.to_thread(getattr(client, method), *args, **kwargs)

        made = await ask("pay", description="课", out_trade_no="LIB00001", amount=amount, payer=payer)
        params = {
            "appId": sim.settings.app_id,
            "timeStamp": str(int(world.clock())),
            "nonceStr": "abc",
            "package": "prepay_id=" + json.loads(made[1])["prepay_id"],
            "signType": "RSA",
        }
        signed = [params[name] for name in ("appId", "timeStamp", "nonceStr", "package")]
        sheet = sim.pay.check(params | {"paySign": client.sign(signed)}, payer["openid"])
        await sim.pay.confirm(sheet.prepay_id, payer["openid"])
        asked = await ask("query", out_trade_no="LIB00001")
        refunded = await ask(
            "refund",
            out_refund_no="LIBR1",
            out_trade_no="LIB00001",
            amount={"refund": 100, "total": 100, "currency": "CNY"},
        )
        await ask("pay", description="课", out_trade_no="LIB00002", amount=amount, payer=payer)
        closed = await ask("close", out_trade_no="LIB00002")

        assert made[0] == asked[0] == refunded[0] == 200
        assert closed[0] == 204
        assert json.loads(asked[1])["trade_state"] == "SUCCESS"
        path, headers, body = world.shop.notices[0]
        told = await ask("callback", headers, body)
        assert path == "/pay/notify"
        assert (told["event_type"], told["resource"]["out_trade_no"]) == ("TRANSACTION.SUCCESS", "LIB00001")

    play(story)
