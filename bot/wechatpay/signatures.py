"""Whether a reply or a notice truly comes from WeChat Pay, now. What it says is read elsewhere.

The order is that of document 4013053249: headers, a serial number we know (a strange one never causes a network
call), freshness, then the signature over the raw body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from bot.wechatpay import crypto
from bot.wechatpay.settings import MerchantSettings

WINDOW_SECONDS = 300


def refusal(settings: MerchantSettings, now: datetime, headers: Mapping[str, str], body: bytes) -> str | None:
    """Return why the message must not be believed (for the log), or None when it is genuine and fresh.

    Header names in any case. Never raises, whatever the text.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = given.get("wechatpay-timestamp", "")
    nonce = given.get("wechatpay-nonce", "")
    serial = given.get("wechatpay-serial", "")
    signature = given.get("wechatpay-signature", "")
    if not (timestamp and nonce and serial and signature):
        return "signature headers are missing"
    if given.get("wechatpay-signature-type", crypto.SIGNATURE_TYPE) != crypto.SIGNATURE_TYPE:
        return "unknown signature type"
    # A line break inside a header would let text move between nonce and body under one signature.
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or not re.fullmatch(r"[!-~]{1,128}", nonce):
        return "signature headers are malformed"
    key = settings.verifying_key(serial)
    if key is None:
        return "unknown serial"
    if abs(now.timestamp() - int(timestamp)) > WINDOW_SECONDS:
        return "timestamp is too far from our clock"
    if not crypto.verify(key, crypto.reply_message(timestamp, nonce, body), signature):
        return "bad signature"
    return None
