"""From the raw bytes of a notification to a ``Notice`` that may be believed. Nothing is booked here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from bot.errors import NoticeRefused
from bot.models import Notice
from bot.wechatpay import crypto
from bot.wechatpay.facts import json_object, pick, read_refund, read_trade, read_transfer
from bot.wechatpay.settings import MerchantSettings
from bot.wechatpay.signatures import refusal

ALGORITHM = "AEAD_AES_256_GCM"
TRANSFER = "mch_payment"


def read(settings: MerchantSettings, now: datetime, headers: Mapping[str, str], body: bytes) -> Notice:
    """Verify, decrypt, parse, in this order (documents 4013053249, 4012791861). ``NoticeRefused``, nothing else."""
    reason = refusal(settings, now, headers, body)
    if reason is not None:
        raise NoticeRefused(reason)
    try:
        return _parse(settings, body)
    except ValueError as error:
        raise NoticeRefused(f"unreadable: {error}") from None


def _parse(settings: MerchantSettings, body: bytes) -> Notice:
    envelope = json_object(body)
    resource = pick(envelope, "resource", dict, {})
    if resource.get("algorithm") != ALGORITHM:
        raise ValueError("unknown algorithm")
    plain = json_object(
        crypto.decrypt(
            settings.apiv3_key.encode(),
            pick(resource, "nonce", str, "").encode(),
            pick(resource, "associated_data", str, "").encode(),
            pick(resource, "ciphertext", str, ""),
        )
    )
    json.dumps(
        [envelope, plain], ensure_ascii=False
    ).encode()  # half a surrogate pair is a ValueError here, not later
    # Other kinds, such as the echo of ``doctor``, are genuine notices about nothing that we book.
    kind = pick(resource, "original_type", str, "")
    if kind == "refund" and pick(plain, "mchid", str, "") != settings.mch_id:
        raise ValueError("a refund of another merchant")
    # The documents call the field mch_id in one place and mchid in another.
    if kind == TRANSFER and settings.mch_id != (pick(plain, "mch_id", str, "") or pick(plain, "mchid", str, "")):
        raise ValueError("a transfer of another merchant")
    return Notice(
        notice_id=pick(envelope, "id", str, ""),
        event_type=pick(envelope, "event_type", str, ""),
        trade=read_trade(plain) if kind == "transaction" else None,
        refund=read_refund(plain, "refund_status") if kind == "refund" else None,
        transfer=read_transfer(plain) if kind == TRANSFER else None,
        plain=plain,
    )
