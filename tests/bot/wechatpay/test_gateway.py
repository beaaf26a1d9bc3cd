"""Each endpoint: what is sent, byte for byte, and what its answers become."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import AlreadyPaid, PayRejected, PayUnknown
from bot.models import TradeType
from bot.ports import PayGateway, PrepayOrder
from bot.wechatpay import crypto
from bot.wechatpay.client import PayClient
from bot.wechatpay.gateway import WeChatPay
from tests.bot.wechatpay.builders import APP_ID, MCH_ID, a_key, a_merchant, a_refund, a_transaction
from tests.bot.wechatpay.standin import Line, a_standin
from tests.standin import StoppedClock

GATEWAY: PayGateway = WeChatPay(PayClient(a_merchant(), StoppedClock()))


def an_order(**changes) -> PrepayOrder:
    fields = {
        "trade_type": TradeType.JSAPI,
        "out_trade_no": "T20261124000001",
        "description": "从零学 Python",
        "total_fen": 123,
        "time_expire": datetime(2026, 11, 24, 4, 30, 15, 999, tzinfo=UTC),
        "payer_openid": "o-payer",
    }
    return PrepayOrder(**fields | changes)


def talk(work, *lines: Line):
    """Let ``work`` speak to a stand-in that says these lines; return its result and what was heard."""

    async def go():
        async with a_standin() as standin:
            standin.says(*lines)
            result = await work(WeChatPay(standin.client))
            assert standin.complaints == []
            return result, standin.heard

    return asyncio.run(go())


def no(status: int, code: str) -> Line:
    return Line(status, {"code": code, "message": "x"}, signed=False)


def test_a_jsapi_order_says_who_pays_and_ends_in_beijing_time():
    request = GATEWAY.prepay_request(an_order())

    assert json.loads(request) == {
        "appid": APP_ID,
        "mchid": MCH_ID,
        "description": "从零学 Python",
        "out_trade_no": "T20261124000001",
        "time_expire": "2026-11-24T12:30:15+08:00",
        "notify_url": "https://shop.example/pay/notify",
        "amount": {"total": 123, "currency": "CNY"},
        "payer": {"openid": "o-payer"},
    }
    assert "从零学" in request


def test_a_native_order_names_no_payer():
    assert "payer" not in json.loads(GATEWAY.prepay_request(an_order(trade_type=TradeType.NATIVE)))


def test_the_same_order_is_the_same_text():
    assert GATEWAY.prepay_request(an_order()) == GATEWAY.prepay_request(an_order())


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_a_description_is_cut_on_a_character_and_fits(title):
    cut = json.loads(GATEWAY.prepay_request(an_order(description=title)))["description"]

    assert title.startswith(cut)
    assert len(cut.encode()) <= 126
    assert cut == title or len((cut + title[len(cut)]).encode()) > 126


@pytest.mark.parametrize(
    ("trade_type", "path", "data", "handle"),
    [
        (TradeType.JSAPI, "/v3/pay/transactions/jsapi", {"prepay_id": "wx27"}, "wx27"),
        (TradeType.NATIVE, "/v3/pay/transactions/native", {"code_url": "weixin://x"}, "weixin://x"),
    ],
)
def test_prepay_sends_the_kept_text_and_returns_the_handle(trade_type, path, data, handle):
    request = GATEWAY.prepay_request(an_order(trade_type=trade_type))

    result, heard = talk(lambda gateway: gateway.prepay(trade_type, request), Line(200, data))

    assert result == handle
    assert heard == [("POST", path, request.encode())]


@pytest.mark.parametrize("data", [{}, {"prepay_id": ""}, {"prepay_id": 7}, {"code_url": "weixin://x"}])
def test_a_prepay_without_its_handle_is_unknown(data):
    with pytest.raises(PayUnknown):
        talk(lambda gateway: gateway.prepay(TradeType.JSAPI, "{}"), Line(200, data))


def test_the_sheet_gets_seconds_as_text_a_fresh_nonce_and_a_signature_over_four_lines():
    first, second = GATEWAY.bridge_params("wx27"), GATEWAY.bridge_params("wx27")

    assert set(first) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert (first["appId"], first["package"], first["signType"]) == (APP_ID, "prepay_id=wx27", "RSA")
    assert first["timeStamp"] == str(int(StoppedClock().now().timestamp()))
    assert first["nonceStr"] != second["nonceStr"]
    message = f"{APP_ID}\n{first['timeStamp']}\n{first['nonceStr']}\nprepay_id=wx27\n".encode()
    assert crypto.verify(a_key("merchant").public_key(), message, first["paySign"])


def test_a_query_reads_the_trade():
    trade, heard = talk(lambda gateway: gateway.query("T20261124000001"), Line(200, a_transaction()))

    assert heard == [("GET", f"/v3/pay/transactions/out-trade-no/T20261124000001?mchid={MCH_ID}", b"")]
    assert trade.paid
    assert (trade.total_fen, trade.payer_openid) == (123, "o-payer")


def test_an_unpaid_trade_has_neither_payer_nor_time():
    data = {"out_trade_no": "T1", "trade_state": "NOTPAY", "appid": APP_ID, "mchid": MCH_ID}

    trade, _heard = talk(lambda gateway: gateway.query("T1"), Line(200, data))

    assert not trade.paid
    assert (trade.total_fen, trade.payer_openid, trade.success_time) == (0, "", None)


@pytest.mark.parametrize("code", ["ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"])
def test_a_trade_that_wechat_does_not_know_is_none(code):
    trade, _heard = talk(lambda gateway: gateway.query("T1"), no(404, code))

    assert trade is None


@pytest.mark.parametrize("line", [no(404, "MCH_NOT_EXISTS"), no(404, ""), no(400, "ORDER_NOT_EXIST")])
def test_any_other_no_is_not_read_as_no_such_trade(line):
    with pytest.raises(PayRejected):
        talk(lambda gateway: gateway.query("T1"), line)


def test_an_unverified_not_paid_is_never_believed():
    with pytest.raises(PayUnknown):
        talk(
            lambda gateway: gateway.query("T1"),
            Line(200, {"out_trade_no": "T1", "trade_state": "NOTPAY"}, signed=False),
        )


@pytest.mark.parametrize(
    "data", [{}, a_transaction(out_trade_no="T2"), a_transaction(out_trade_no="T1", amount={"total": "1"})]
)
def test_an_odd_trade_or_one_about_another_order_is_unknown(data):
    with pytest.raises(PayUnknown):
        talk(lambda gateway: gateway.query("T1"), Line(200, data))


def test_a_number_is_escaped_in_the_path_and_signed_as_sent():
    data = a_transaction(out_trade_no="A|B/../C")

    _trade, heard = talk(lambda gateway: gateway.query("A|B/../C"), Line(200, data))

    assert heard[0][1].startswith("/v3/pay/transactions/out-trade-no/A%7CB%2F..%2FC?")


def test_a_close_is_done_only_when_wechat_says_so():
    result, heard = talk(lambda gateway: gateway.close("T1"), Line(204))

    assert result is None
    assert heard == [("POST", "/v3/pay/transactions/out-trade-no/T1/close", b'{"mchid":"1900000001"}')]


def test_a_close_that_comes_too_late_says_that_it_is_paid():
    with pytest.raises(AlreadyPaid):
        talk(lambda gateway: gateway.close("T1"), no(400, "ORDERPAID"))


@pytest.mark.parametrize("line", [Line(200, {}), Line(204, signed=False), Line(500, signed=False)])
def test_a_close_without_a_verified_204_is_unknown(line):
    with pytest.raises(PayUnknown):
        talk(lambda gateway: gateway.close("T1"), line)


def a_refund_request(reason="不想学了") -> str:
    return GATEWAY.refund_request(
        out_trade_no="T20261124000001",
        out_refund_no="R20261124000001",
        refund_fen=23,
        total_fen=123,
        reason=reason,
    )


def test_a_refund_always_names_currency_and_its_own_notice_address():
    assert json.loads(a_refund_request()) == {
        "out_trade_no": "T20261124000001",
        "out_refund_no": "R20261124000001",
        "notify_url": "https://shop.example/pay/refund-notify",
        "amount": {"refund": 23, "total": 123, "currency": "CNY"},
        "reason": "不想学了",
    }
    assert len(json.loads(a_refund_request("很" * 80))["reason"].encode()) <= 80
    assert "reason" not in json.loads(a_refund_request(""))


def test_an_accepted_refund_is_not_yet_money_back():
    data = a_refund(status="PROCESSING", refund_status="SUCCESS", success_time=None)

    facts, heard = talk(lambda gateway: gateway.refund(a_refund_request()), Line(200, data))

    assert heard == [("POST", "/v3/refund/domestic/refunds", a_refund_request().encode())]
    assert (facts.status, facts.refund_fen, facts.success_time) == ("PROCESSING", 23, None)


def test_a_refund_is_looked_up_by_its_own_number():
    data = a_refund(status="SUCCESS")

    facts, heard = talk(lambda gateway: gateway.query_refund("R20261124000001"), Line(200, data))

    assert heard[0][:2] == ("GET", "/v3/refund/domestic/refunds/R20261124000001")
    assert facts.status == "SUCCESS"


def test_a_refund_that_wechat_does_not_know_is_none():
    facts, _heard = talk(lambda gateway: gateway.query_refund("R1"), no(404, "RESOURCE_NOT_EXISTS"))

    assert facts is None


@pytest.mark.parametrize("data", [{}, a_refund(), a_refund(status="SUCCESS", out_refund_no="R2")])
def test_an_odd_refund_or_another_one_is_unknown(data):
    with pytest.raises(PayUnknown):
        talk(lambda gateway: gateway.query_refund("R20261124000001"), Line(200, data))


def test_an_abnormal_refund_is_sent_to_the_merchants_own_account_by_wechats_number():
    data = a_refund(status="PROCESSING", success_time=None)

    facts, heard = talk(lambda gateway: gateway.redirect_refund("5030001", "R20261124000001"), Line(200, data))

    assert heard[0][:2] == ("POST", "/v3/refund/domestic/refunds/5030001/apply-abnormal-refund")
    assert json.loads(heard[0][2]) == {"out_refund_no": "R20261124000001", "type": "MERCHANT_BANK_CARD"}
    assert facts.status == "PROCESSING"


def test_an_answer_about_another_refund_is_unknown():
    with pytest.raises(PayUnknown):
        talk(lambda gateway: gateway.redirect_refund("5030001", "R2"), Line(200, a_refund(status="PROCESSING")))
