"""A notice is believed when it is genuine, fresh and readable; anything else is refused, and nothing crashes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from bot.errors import NoticeRefused
from bot.models import RefundFacts, Trade
from bot.wechatpay import crypto
from bot.wechatpay.client import PayClient
from bot.wechatpay.gateway import WeChatPay
from tests.bot.wechatpay.builders import (
    APP_ID,
    MCH_ID,
    SERIAL,
    a_key,
    a_merchant,
    a_notice_body,
    a_refund,
    a_transaction,
    certificate_pem,
    signed_headers,
)
from tests.standin import NOON, StoppedClock

MERCHANT = a_merchant()


def a_gateway(merchant=MERCHANT) -> WeChatPay:
    return WeChatPay(PayClient(merchant, StoppedClock()))


def refused(headers, body) -> str:
    with pytest.raises(NoticeRefused) as refusal:
        a_gateway().read_notice(headers, body)
    return refusal.value.reason


def test_a_genuine_payment_is_read_with_the_price_and_not_what_coupons_left():
    body = a_notice_body(a_transaction(attach="好"))

    notice = a_gateway().read_notice(signed_headers(body), body)

    assert (notice.notice_id, notice.event_type, notice.refund) == ("EV-1", "TRANSACTION.SUCCESS", None)
    assert notice.trade == Trade(
        out_trade_no="T20261124000001",
        trade_state="SUCCESS",
        app_id=APP_ID,
        mch_id=MCH_ID,
        transaction_id="4200000000000001",
        trade_type="JSAPI",
        total_fen=123,
        currency="CNY",
        payer_openid="o-payer",
        success_time=datetime(2026, 11, 24, 4, 0, tzinfo=UTC),
    )
    assert notice.plain["attach"] == "好"


def test_a_refund_notice_is_read_by_its_own_name_for_the_state():
    body = a_notice_body(a_refund(refund_status="ABNORMAL", status="SUCCESS"), "refund")

    notice = a_gateway().read_notice(signed_headers(body), body)

    assert notice.trade is None
    assert notice.refund == RefundFacts(
        out_refund_no="R20261124000001",
        status="ABNORMAL",
        refund_id="5030000000000001",
        out_trade_no="T20261124000001",
        refund_fen=23,
        success_time=datetime(2026, 11, 24, 4, 5, tzinfo=UTC),
    )


def test_an_echo_is_a_genuine_notice_about_nothing():
    body = a_notice_body({"echo_message": "hello"}, "security")

    notice = a_gateway().read_notice(signed_headers(body), body)

    assert (notice.trade, notice.refund, notice.plain) == (None, None, {"echo_message": "hello"})


def test_header_names_count_in_any_case_and_the_type_may_be_absent():
    body = a_notice_body(a_transaction())
    headers = signed_headers(body)
    del headers["Wechatpay-Signature-Type"]
    lower = {name.lower(): value for name, value in headers.items()}

    assert a_gateway().read_notice(lower, body).trade
    assert a_gateway().read_notice(HTTPHeaders(headers), body).trade


def test_a_platform_certificate_of_the_old_mode_is_believed_too():
    merchant = a_merchant(extra_certificates=(certificate_pem(a_key("platform"), 0xABC123),))
    body = a_notice_body(a_transaction())
    headers = signed_headers(body, serial="ABC123", key=a_key("platform"))

    assert a_gateway(merchant).read_notice(headers, body).trade
    assert refused(headers, body) == "unknown serial"


@pytest.mark.parametrize("name", ["Timestamp", "Nonce", "Serial", "Signature"])
def test_a_missing_or_empty_header_is_refused(name):
    body = a_notice_body(a_transaction())
    headers = signed_headers(body)
    without = {key: value for key, value in headers.items() if key != f"Wechatpay-{name}"}

    assert refused(without, body) == "signature headers are missing"
    assert refused(headers | {f"Wechatpay-{name}": ""}, body) == "signature headers are missing"


def test_a_forged_notice_is_refused():
    body = a_notice_body(a_transaction())

    assert refused(signed_headers(body, key=a_key("forger")), body) == "bad signature"


def test_a_notice_signed_by_one_known_key_in_the_name_of_another_is_refused():
    merchant = a_merchant(extra_certificates=(certificate_pem(a_key("platform"), 0xABC123),))
    body = a_notice_body(a_transaction())

    with pytest.raises(NoticeRefused, match="bad signature"):
        a_gateway(merchant).read_notice(signed_headers(body, serial=SERIAL, key=a_key("platform")), body)


def test_an_unknown_serial_is_refused_before_anything_else_is_tried():
    body = a_notice_body(a_transaction())
    headers = signed_headers(body, serial="7132D72A03E93CDDF8C03BBD1F37EEDF") | {"Wechatpay-Timestamp": "1"}

    assert refused(headers, body) == "unknown serial"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_of_difference_are_forgiven(seconds):
    body = a_notice_body(a_transaction())
    clock = StoppedClock()
    clock.move(seconds=seconds)

    assert a_gateway().read_notice(signed_headers(body, at=clock.now()), body)


@pytest.mark.parametrize("seconds", [-86_400, -301, 301])
def test_a_stale_or_early_notice_is_refused_though_its_signature_is_good(seconds):
    body = a_notice_body(a_transaction())
    clock = StoppedClock()
    clock.move(seconds=seconds)

    assert refused(signed_headers(body, at=clock.now()), body) == "timestamp is too far from our clock"


@pytest.mark.parametrize("timestamp", ["", "noon", "-1", "1e9", "٣٤", "1764000000.0", "9" * 400, " 1764000000"])
def test_a_timestamp_that_is_no_number_is_refused(timestamp):
    body = a_notice_body(a_transaction())

    assert refused(signed_headers(body) | {"Wechatpay-Timestamp": timestamp}, body)


def test_a_changed_byte_of_the_body_is_refused():
    body = a_notice_body(a_transaction())

    assert refused(signed_headers(body), body.replace(b"EV-1", b"EV-2")) == "bad signature"


def test_a_re_serialised_body_is_refused():
    body = a_notice_body(a_transaction())

    assert refused(signed_headers(body), json.dumps(json.loads(body)).encode()) == "bad signature"


def test_text_cannot_move_from_the_body_into_the_nonce():
    body = b"first\nsecond"
    headers = signed_headers(body)
    moved = headers | {"Wechatpay-Nonce": headers["Wechatpay-Nonce"] + "\nfirst"}

    assert refused(moved, b"second") == "signature headers are malformed"


def test_a_probe_is_refused_like_any_bad_signature():
    body = a_notice_body(a_transaction())
    probe = {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/2sWfO+6tVVsZonOXBX"}

    assert refused(signed_headers(body) | probe, body) == "bad signature"


def test_another_signature_type_is_refused():
    body = a_notice_body(a_transaction())
    other = {"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"}

    assert refused(signed_headers(body) | other, body) == "unknown signature type"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml><return_code>SUCCESS</return_code></xml>",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"resource": []}',
        b"[" * 100_000,
        b'{"n": ' + b"1" * 10_000 + b"}",
        a_notice_body(a_transaction(), nonce="short"),
        a_notice_body(a_transaction(), nonce="longer-than-twelve"),
        a_notice_body(a_transaction(), nonce=None),
        a_notice_body(a_transaction(), nonce="\ud800" * 4),
        a_notice_body(a_transaction(), algorithm="AEAD_SM4_GCM"),
        a_notice_body(a_transaction(), algorithm=[]),
        a_notice_body(a_transaction(), associated_data="refund"),
        a_notice_body(a_transaction(), ciphertext="not base64!"),
        a_notice_body(a_transaction(), ciphertext="AAAA"),
        a_notice_body(a_transaction(), ciphertext=7),
        a_notice_body(a_transaction(), original_type=7),
        a_notice_body(b"not json"),
        a_notice_body(b"[1]"),
        a_notice_body(a_transaction(out_trade_no="")),
        a_notice_body(a_transaction(trade_state=None)),
        a_notice_body(a_transaction(amount=[])),
        a_notice_body(a_transaction(amount={"total": "123"})),
        a_notice_body(a_transaction(amount={"total": 123.0})),
        a_notice_body(a_transaction(amount={"total": True})),
        a_notice_body(a_transaction(payer="o-payer")),
        a_notice_body(a_transaction(success_time="yesterday")),
        a_notice_body(a_transaction(success_time="2026-11-24T12:00:00")),
        a_notice_body(a_transaction(success_time="0001-01-01T00:00:00+08:00")),
        a_notice_body({"status": "SUCCESS", "out_refund_no": "R1"}, "refund"),
        a_notice_body(a_transaction(transaction_id="\ud800")),
        a_notice_body(a_refund(mchid="1999999999"), "refund"),
    ],
    ids=range(35),
)
def test_a_signed_but_unreadable_notice_is_refused(body):
    assert refused(signed_headers(body), body).startswith("unreadable")


def test_a_refusal_never_repeats_what_was_inside():
    body = a_notice_body(a_transaction(payer={"openid": 12345678}))

    assert "12345678" not in refused(signed_headers(body), body)


NAMES = st.sampled_from(
    [
        "Wechatpay-Timestamp",
        "Wechatpay-Nonce",
        "Wechatpay-Serial",
        "Wechatpay-Signature",
        "Wechatpay-Signature-Type",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SURROGATES = st.text(st.characters(exclude_categories=()), max_size=20)


@settings(deadline=None)
@given(st.dictionaries(NAMES, SURROGATES), st.binary())
def test_junk_headers_are_refused_and_nothing_else_happens(changes, body):
    genuine = signed_headers(body)

    assert refused(genuine | changes, body)


@settings(max_examples=60, deadline=None)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_junk_under_a_good_signature_is_refused_and_nothing_else_happens(body):
    assert refused(signed_headers(body), body)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(a_transaction())), JSON)
def test_odd_fields_are_read_or_refused_and_nothing_else_happens(name, value):
    body = a_notice_body(a_transaction(**{name: value}))

    try:
        notice = a_gateway().read_notice(signed_headers(body), body)
    except NoticeRefused:
        return

    assert isinstance(notice.trade.total_fen, int)
    assert isinstance(notice.trade.out_trade_no, str)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["algorithm", "ciphertext", "associated_data", "nonce", "original_type"]), JSON)
def test_odd_resources_are_refused_or_about_nothing(name, value):
    body = a_notice_body(a_transaction(), **{name: value})

    try:
        notice = a_gateway().read_notice(signed_headers(body), body)
    except NoticeRefused:
        return

    assert name == "original_type"
    assert notice.trade is None


def test_the_signature_helper_of_these_tests_is_honest():
    body = b"{}"
    headers = signed_headers(body)
    message = crypto.reply_message(str(int(NOON.timestamp())), headers["Wechatpay-Nonce"], body)

    assert crypto.verify(a_key("wechat").public_key(), message, headers["Wechatpay-Signature"])
