"""Transfers: what is sent, byte for byte, what the answers become, and the name that only WeChat can read."""

from __future__ import annotations

import asyncio
import json

import pytest
from wechatpayv3 import utils as oracle

from bot.errors import NotAllowed, NoticeRefused, PayRejected, PayUnknown
from bot.models import TransferFacts
from bot.ports import TransferGateway, TransferWish
from bot.wechatpay import crypto, notices
from bot.wechatpay.client import PayClient
from bot.wechatpay.transfers import WeChatTransfers
from tests.bot.wechatpay.builders import APP_ID, MCH_ID, a_key, a_merchant, a_notice_body, signed_headers
from tests.bot.wechatpay.standin import Line, a_standin
from tests.standin import NOON, StoppedClock

NOTIFY = "https://shop.example/pay/transfer-notify"
BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
GATEWAY: TransferGateway = WeChatTransfers(PayClient(a_merchant(), StoppedClock()), NOTIFY)


def a_wish(**changes) -> TransferWish:
    fields = {
        "out_bill_no": "RW2611240001",
        "openid": "o-anna",
        "amount_fen": 500,
        "remark": "邀请好友奖励",
        "scene_id": "1000",
        "report": (("活动名称", "邀请好友"), ("奖励说明", "好友首次购课奖励")),
    }
    return TransferWish(**fields | changes)


def talk(work, *lines):
    """Let ``work`` speak to a stand-in that says these lines; return its result and what was heard."""

    async def go():
        async with a_standin() as standin:
            standin.says(*lines)
            result = await work(WeChatTransfers(standin.client, NOTIFY))
            assert standin.complaints == []
            return result, standin.heard

    return asyncio.run(go())


def test_a_transfer_tells_the_scene_with_its_rows_and_nothing_that_was_not_asked_for():
    request = json.loads(GATEWAY.transfer_request(a_wish()))

    assert request == {
        "appid": APP_ID,
        "out_bill_no": "RW2611240001",
        "transfer_scene_id": "1000",
        "openid": "o-anna",
        "transfer_amount": 500,
        "transfer_remark": "邀请好友奖励",
        "notify_url": NOTIFY,
        "transfer_scene_report_infos": [
            {"info_type": "活动名称", "info_content": "邀请好友"},
            {"info_type": "奖励说明", "info_content": "好友首次购课奖励"},
        ],
    }


def test_a_red_packet_and_a_perception_are_asked_for_by_name():
    request = json.loads(GATEWAY.transfer_request(a_wish(red_packet=True, perception="现金奖励")))

    assert request["user_recv_style"] == {"type": "RED_PACKET"}
    assert request["user_recv_perception"] == "现金奖励"


@pytest.mark.parametrize("fen", [10, 29, 30, 199_999])
def test_below_two_thousand_yuan_no_name_leaves_the_house(fen):
    assert "user_name" not in json.loads(GATEWAY.transfer_request(a_wish(amount_fen=fen, user_name="张三丰")))


def test_from_two_thousand_yuan_the_name_goes_sealed_as_an_independent_library_reads_it():
    request = json.loads(GATEWAY.transfer_request(a_wish(amount_fen=200_000, user_name="张三丰")))

    assert oracle.rsa_decrypt(request["user_name"], a_key("wechat")) == "张三丰"
    with pytest.raises(NotAllowed):
        GATEWAY.transfer_request(a_wish(amount_fen=200_000))


def test_our_seal_and_the_librarys_open_with_the_same_key():
    key = a_key("wechat")
    ours, theirs = crypto.encrypt(key.public_key(), "张三"), oracle.rsa_encrypt("张三", key.public_key())

    assert oracle.rsa_decrypt(ours, key) == oracle.rsa_decrypt(theirs, key) == "张三"


def test_creating_asking_and_cancelling_go_to_their_paths_with_their_bodies():
    created = {"out_bill_no": "RW1", "transfer_bill_no": "13", "state": "WAIT_USER_CONFIRM", "package_info": "pk=="}
    told = {"out_bill_no": "RW1", "state": "SUCCESS", "transfer_amount": 500, "openid": "o-anna", "mch_id": MCH_ID}

    async def work(pay):
        return [
            await pay.transfer('{"out_bill_no":"RW1"}'),
            await pay.query_transfer("RW1"),
            await pay.cancel_transfer("RW1"),
        ]

    facts, heard = talk(work, Line(200, created), Line(200, told), Line(200, {**created, "state": "CANCELING"}))

    assert facts[0] == TransferFacts("RW1", "WAIT_USER_CONFIRM", "13", package_info="pk==")
    assert facts[1] == TransferFacts("RW1", "SUCCESS", amount_fen=500, openid="o-anna")
    assert facts[2].state == "CANCELING"
    assert heard == [
        ("POST", BILLS, b'{"out_bill_no":"RW1"}'),
        ("GET", f"{BILLS}/out-bill-no/RW1", b""),
        ("POST", f"{BILLS}/out-bill-no/RW1/cancel", b""),
    ]


@pytest.mark.parametrize("code", ["NOT_FOUND", "RESOURCE_NOT_EXISTS"])
def test_only_a_clear_404_means_that_there_is_no_such_transfer(code):
    gone = Line(404, {"code": code, "message": "x"}, signed=False)
    assert talk(lambda pay: pay.query_transfer("RW1"), gone)[0] is None
    for line in (Line(404, {}, signed=False), Line(404, {"code": "NO_PATH", "message": "x"}, signed=False)):
        with pytest.raises(PayRejected):
            talk(lambda pay: pay.query_transfer("RW1"), line)


@pytest.mark.parametrize(
    "data",
    [{}, {"out_bill_no": "RW2", "state": "SUCCESS"}, {"out_bill_no": "RW1"}, {"out_bill_no": "RW1", "state": 7}],
)
def test_an_answer_that_is_odd_or_about_another_transfer_is_no_answer(data):
    with pytest.raises(PayUnknown):
        talk(lambda pay: pay.query_transfer("RW1"), Line(200, data))


@pytest.mark.parametrize("status", [202, 429, 500, 502])
def test_what_may_have_taken_effect_is_unknown(status):
    with pytest.raises(PayUnknown):
        talk(lambda pay: pay.transfer('{"out_bill_no":"RW1"}'), Line(status, {"code": "X", "message": "x"}))


@pytest.mark.parametrize("name", ["mch_id", "mchid"])
def test_a_notice_is_read_whichever_way_it_names_the_merchant(name):
    plain = {"out_bill_no": "RW1", "state": "FAIL", "transfer_amount": 500, "fail_reason": "OVERDUE_CLOSE"}
    body = a_notice_body({**plain, name: MCH_ID}, kind="mch_payment")

    notice = notices.read(a_merchant(), NOON, signed_headers(body), body)

    assert notice.transfer == TransferFacts("RW1", "FAIL", amount_fen=500, fail_reason="OVERDUE_CLOSE")
    assert (notice.trade, notice.refund) == (None, None)


@pytest.mark.parametrize("merchant", [{}, {"mch_id": "1999999999"}, {"mch_id": 7}])
def test_a_notice_of_another_merchant_is_refused(merchant):
    body = a_notice_body({"out_bill_no": "RW1", "state": "SUCCESS", **merchant}, kind="mch_payment")

    with pytest.raises(NoticeRefused):
        notices.read(a_merchant(), NOON, signed_headers(body), body)
