"""WeChat Pay's JSON about trades, refunds and transfers, as our nouns. Whether it fits us is no matter here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from bot.models import RefundFacts, Trade, TransferFacts

T = TypeVar("T")


def json_object(text: bytes) -> Mapping[str, Any]:
    """Parse one JSON object. ``ValueError`` for everything else, however strange."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - bad data, not a bad call
    return value


def read_trade(data: Mapping[str, Any]) -> Trade:
    """Read a query's answer or a notice (documents 4012791859, 4012791861). ``ValueError`` if a field is odd.

    ``total_fen`` is ``amount.total``, the price; what the payer gave after coupons is not looked at.
    """
    amount = pick(data, "amount", dict, {})
    return Trade(
        out_trade_no=_required(data, "out_trade_no"),
        trade_state=_required(data, "trade_state"),
        app_id=pick(data, "appid", str, ""),
        mch_id=pick(data, "mchid", str, ""),
        transaction_id=pick(data, "transaction_id", str, ""),
        trade_type=pick(data, "trade_type", str, ""),
        total_fen=pick(amount, "total", int, 0),
        currency=pick(amount, "currency", str, ""),
        payer_openid=pick(pick(data, "payer", dict, {}), "openid", str, ""),
        success_time=_instant(pick(data, "success_time", str, "")),
    )


def read_refund(data: Mapping[str, Any], status_key: str) -> RefundFacts:
    """Read a refund; replies call its state ``status``, notices ``refund_status``. ``ValueError`` if it is odd."""
    return RefundFacts(
        out_refund_no=_required(data, "out_refund_no"),
        status=_required(data, status_key),
        refund_id=pick(data, "refund_id", str, ""),
        out_trade_no=pick(data, "out_trade_no", str, ""),
        refund_fen=pick(pick(data, "amount", dict, {}), "refund", int, 0),
        success_time=_instant(pick(data, "success_time", str, "")),
        create_time=_instant(pick(data, "create_time", str, "")),
    )


def read_transfer(data: Mapping[str, Any]) -> TransferFacts:
    """Read a transfer: the answer to its creation, a query's, or a notice. ``ValueError`` if a field is odd.

    The answer to its creation tells neither amount nor openid, a query no package.
    """
    return TransferFacts(
        out_bill_no=_required(data, "out_bill_no"),
        state=_required(data, "state"),
        transfer_bill_no=pick(data, "transfer_bill_no", str, ""),
        amount_fen=pick(data, "transfer_amount", int, 0) or None,
        openid=pick(data, "openid", str, ""),
        fail_reason=pick(data, "fail_reason", str, ""),
        package_info=pick(data, "package_info", str, ""),
    )


def pick(data: Mapping[str, Any], key: str, kind: type[T], default: T) -> T:
    """Return a field of the given type, or the default where it is missing or null. ``ValueError`` else."""
    value = data.get(key)
    if value is None:
        return default
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{key} is not {kind.__name__}")  # noqa: TRY004 - bad data, not a bad call
    return value


def _required(data: Mapping[str, Any], key: str) -> str:
    value = pick(data, key, str, "")
    if not value:
        raise ValueError(f"{key} is missing")
    return value


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time out of range") from None
