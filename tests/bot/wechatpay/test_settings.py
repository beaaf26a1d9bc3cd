"""A wrong merchant setting is named at the start, and no secret is ever shown."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from tests.bot.wechatpay.builders import (
    APIV3_KEY,
    SERIAL,
    a_key,
    a_merchant,
    certificate_pem,
    private_pem,
    public_pem,
)


def locked_pem() -> bytes:
    return a_key("merchant").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))


def short_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


def elliptic_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("app_id", "gh_1", "AppID"),
        ("mch_id", "abc", "商户号"),
        ("cert_serial_no", "xyz", "序列号"),
        ("apiv3_key", "short", "32 个字节"),
        ("public_key_id", "1234", "PUB_KEY_ID_"),
        ("api_base", "https://api.mch.weixin.qq.com/", "结尾不带斜杠"),
        ("api_base", "http://elsewhere.example", "https://"),
        ("api_base", "http://[::1", "https://"),
        ("notify_url", "https://shop.example/n?x=1", "参数"),
        ("notify_url", "https://shop.example/" + "n" * 250, "255"),
        ("refund_notify_url", "http://shop.example/n", "https://"),
        ("private_key", b"not a key", "apiclient_key.pem"),
        ("private_key", locked_pem(), "密码"),
        ("private_key", private_pem(short_key()), "2048"),
        ("private_key", private_pem(elliptic_key()), "RSA"),
        ("public_key", b"not a key", "pub_key.pem"),
        ("public_key", certificate_pem(a_key("wechat"), 1), "证书"),
        ("public_key", public_pem(short_key()), "2048"),
        ("public_key", public_pem(a_key("merchant")), "商户自己"),
        ("extra_certificates", (b"junk",), "第 1 个"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_should_be(field, value, said):
    with pytest.raises(ValueError, match=field) as refusal:
        a_merchant(**{field: value})

    assert said in str(refusal.value)


def test_all_wrong_fields_are_named_at_once():
    with pytest.raises(ValueError, match="mch_id") as refusal:
        a_merchant(mch_id="x", apiv3_key="y", private_key=b"z")

    assert all(name in str(refusal.value) for name in ("mch_id", "apiv3_key", "private_key"))


def test_nothing_secret_is_shown():
    shown = repr(a_merchant()) + str(a_merchant())

    assert APIV3_KEY not in shown
    assert "BEGIN" not in shown


def test_a_loopback_address_is_accepted_for_the_simulator():
    assert a_merchant(api_base="http://127.0.0.1:8001", notify_url="http://127.0.0.1:8000/pay/notify")


def test_keys_are_found_by_their_serial_in_any_spelling():
    merchant = a_merchant(extra_certificates=(certificate_pem(a_key("platform"), 0x0A1B2C),))

    assert merchant.verifying_key(SERIAL) == a_key("wechat").public_key()
    assert merchant.verifying_key("A1B2C") == a_key("platform").public_key()
    assert merchant.verifying_key("0a1b2c") == a_key("platform").public_key()
    assert merchant.verifying_key("FFFF") is None
