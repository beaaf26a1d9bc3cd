"""Merchants, keys and notices for the tests of WeChat Pay; every key is made here and forgotten afterwards."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from bot.wechatpay import crypto
from bot.wechatpay.settings import MerchantSettings
from tests.standin import NOON

SERIAL = "PUB_KEY_ID_0110000000000000000000000001"
APIV3_KEY = "0123456789abcdefghijklmnopqrstuv"
APP_ID = "wx0123456789abcdef"
MCH_ID = "1900000001"


@cache
def a_key(owner: str) -> rsa.RSAPrivateKey:
    """The same key for the same owner within a run."""
    del owner
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def certificate_pem(key: rsa.RSAPrivateKey, serial: int) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "platform")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(NOON).not_valid_after(NOON + timedelta(days=1800))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def a_merchant(**changes: Any) -> MerchantSettings:
    fields: dict[str, Any] = {
        "app_id": APP_ID,
        "mch_id": MCH_ID,
        "cert_serial_no": "5F1C72E2A8931B72",
        "private_key": private_pem(a_key("merchant")),
        "apiv3_key": APIV3_KEY,
        "public_key_id": SERIAL,
        "public_key": public_pem(a_key("wechat")),
        "api_base": "https://api.mch.weixin.qq.com",
        "notify_url": "https://shop.example/pay/notify",
        "refund_notify_url": "https://shop.example/pay/refund-notify",
    }
    return MerchantSettings(**fields | changes)


def signed_headers(
    body: bytes, *, at: datetime = NOON, serial: str = SERIAL, key: rsa.RSAPrivateKey | None = None
) -> dict[str, str]:
    """The headers WeChat Pay puts beside this body."""
    timestamp, nonce = str(int(at.timestamp())), secrets.token_hex(16)
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature": crypto.sign(key or a_key("wechat"), crypto.reply_message(timestamp, nonce, body)),
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    }


def a_notice_body(plain: Mapping[str, Any] | bytes, kind: str = "transaction", **resource: Any) -> bytes:
    """An envelope with encrypted content, as WeChat Pay would post it."""
    content = plain if isinstance(plain, bytes) else json.dumps(plain).encode()
    ciphertext = AESGCM(APIV3_KEY.encode()).encrypt(b"fdasflkja484", content, kind.encode())
    envelope = {
        "id": "EV-1",
        "create_time": "2026-11-24T12:00:00+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS" if kind == "transaction" else "REFUND.SUCCESS",
        "summary": "支付成功",
        "resource": {
            "original_type": kind,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(ciphertext).decode(),
            "associated_data": kind,
            "nonce": "fdasflkja484",
        }
        | resource,
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def a_transaction(**changes: Any) -> dict[str, Any]:
    """A paid trade of 1.23 yuan, in the words of WeChat Pay; the payer used a coupon of 0.23."""
    return {
        "appid": APP_ID,
        "mchid": MCH_ID,
        "out_trade_no": "T20261124000001",
        "transaction_id": "4200000000000001",
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "success_time": "2026-11-24T12:00:00+08:00",
        "payer": {"openid": "o-payer"},
        "amount": {"total": 123, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY"},
    } | changes


def a_refund(**changes: Any) -> dict[str, Any]:
    """A refund of 0.23 yuan, in the words of a notice."""
    return {
        "mchid": MCH_ID,
        "out_trade_no": "T20261124000001",
        "out_refund_no": "R20261124000001",
        "refund_id": "5030000000000001",
        "refund_status": "SUCCESS",
        "success_time": "2026-11-24T12:05:00+08:00",
        "amount": {"total": 123, "refund": 23, "payer_total": 100, "payer_refund": 23},
    } | changes
