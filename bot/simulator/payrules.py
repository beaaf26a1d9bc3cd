"""The field rules of WeChat Pay v3 requests. Pure: a parsed body goes in, nothing or a refusal comes out."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from bot.simulator.book import PayRefusal

_ORDER_OPTIONAL = {
    "time_expire",
    "attach",
    "goods_tag",
    "detail",
    "scene_info",
    "settle_info",
    "support_fapiao",
    "limit_pay",
}
_ORDER_REQUIRED = {"appid", "mchid", "description", "out_trade_no", "notify_url", "amount"}
_REFUND_FIELDS = {
    "transaction_id",
    "out_trade_no",
    "out_refund_no",
    "reason",
    "notify_url",
    "funds_account",
    "amount",
    "goods_detail",
}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)")
_SOONEST = 60  # seconds between an order and its time_expire


def check_order(
    trade_type: str,
    body: Mapping[str, Any],
    *,
    app_id: str,
    mch_id: str,
    now: float,
    is_follower: Callable[[str], bool],
) -> None:
    """Refuse an order that breaks a rule of the reference page."""
    required = _ORDER_REQUIRED | ({"payer"} if trade_type == "JSAPI" else set())
    _check_names(body, required, _ORDER_OPTIONAL)
    if body["appid"] != app_id:
        raise PayRefusal(400, "APPID_MCHID_NOT_MATCH", "商户号与 appid 不匹配")
    _check_merchant(body, mch_id)
    _check_text("description", body["description"], 127)
    _check_pattern("out_trade_no", body["out_trade_no"], r"[0-9A-Za-z_\-|*]{6,32}")
    _check_text("attach", body.get("attach", "x"), 128)
    _check_notify_url(body["notify_url"])
    _check_expiry(body.get("time_expire"), now)
    amount = _object("amount", body["amount"])
    _check_names(amount, {"total"}, {"currency"}, "amount.")
    _check_fen("amount.total", amount["total"])
    _check_currency(amount.get("currency", "CNY"))
    if trade_type == "JSAPI":
        payer = _object("payer", body["payer"])
        _check_names(payer, {"openid"}, set(), "payer.")
        _check_text("payer.openid", payer["openid"], 128)
        if not is_follower(payer["openid"]):
            raise _wrong("appid 与 openid 不匹配")


def check_refund(body: Mapping[str, Any]) -> None:
    """Refuse a refund request that breaks a rule of the reference page."""
    _check_names(body, {"out_refund_no", "amount"}, _REFUND_FIELDS)
    if ("transaction_id" in body) == ("out_trade_no" in body):
        raise _wrong("transaction_id 与 out_trade_no 二选一")
    _check_pattern("out_refund_no", body["out_refund_no"], r"[0-9A-Za-z_\-|*@]{1,64}")
    _check_text("reason", body.get("reason", "x"), 80)
    if "notify_url" in body:
        _check_notify_url(body["notify_url"])
    amount = _object("amount", body["amount"])
    _check_names(amount, {"refund", "total", "currency"}, {"from"}, "amount.")
    _check_fen("amount.refund", amount["refund"])
    _check_fen("amount.total", amount["total"])
    _check_currency(amount["currency"])


def check_redirect(body: Mapping[str, Any]) -> None:
    """Refuse a malformed wish to send an abnormal refund to another account; card numbers must be encrypted."""
    card = {"bank_type", "bank_account", "real_name"} if body.get("type") == "USER_BANK_CARD" else set()
    _check_names(body, {"out_refund_no", "type"} | card, set())
    _check_pattern("out_refund_no", body["out_refund_no"], r"[0-9A-Za-z_\-|*@]{1,64}")
    _check_pattern("type", body["type"], "USER_BANK_CARD|MERCHANT_BANK_CARD")
    for name in card - {"bank_type"}:
        _check_pattern(name, body[name], r"[0-9A-Za-z+/]{300,}={0,2}")


def check_close(body: Mapping[str, Any], mch_id: str) -> None:
    """Refuse a close request that says anything but the merchant's own number."""
    _check_names(body, {"mchid"}, set())
    _check_merchant(body, mch_id)


def check_echo(body: Mapping[str, Any]) -> None:
    """Refuse a malformed security echo."""
    _check_names(body, {"echo_message"}, {"encrypted_echo_message", "notify_url"})
    _check_text("echo_message", body["echo_message"], 1024)
    if "notify_url" in body:
        _check_notify_url(body["notify_url"])


def _wrong(message: str) -> PayRefusal:
    return PayRefusal(400, "PARAM_ERROR", message)


def _check_names(body: Mapping[str, Any], required: set[str], optional: set[str], within: str = "") -> None:
    if missing := sorted(required - body.keys()):
        raise _wrong(f"缺少 {within}{missing[0]}")
    if unknown := sorted(body.keys() - required - optional):
        raise _wrong(f"未知的字段 {within}{unknown[0]}")


def _object(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(f"{name} 应是对象")
    return value


def _check_merchant(body: Mapping[str, Any], mch_id: str) -> None:
    if body["mchid"] != mch_id:
        raise PayRefusal(400, "MCH_NOT_EXISTS", "商户号不存在")


def _check_text(name: str, value: Any, most: int) -> None:
    """Whether the limit counts characters or bytes is not documented, so bytes it is."""
    if not isinstance(value, str) or not value or len(value.encode()) > most:
        raise _wrong(f"{name} 应是 1 到 {most} 字节的文字")


def _check_pattern(name: str, value: Any, pattern: str) -> None:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise _wrong(f"{name} 格式不正确")


def _check_fen(name: str, value: Any) -> None:
    if type(value) is not int or value < 1:
        raise _wrong(f"{name} 应是不小于 1 的整数（分）")


def _check_currency(value: Any) -> None:
    if value != "CNY":
        raise _wrong("amount.currency 应是 CNY")


def _check_notify_url(value: Any) -> None:
    _check_text("notify_url", value, 255)
    parts = urlsplit(value)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not secure or not parts.netloc or "?" in value or "#" in value:
        raise _wrong("notify_url 应是不带参数的 https 地址")


def _check_expiry(value: Any, now: float) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise _wrong("time_expire 应是 RFC 3339 时间，精确到秒")
    try:
        expires = datetime.fromisoformat(value).timestamp()
    except ValueError:
        raise _wrong("time_expire 不是真实的时间") from None
    if expires - now < _SOONEST:
        raise _wrong("time_expire 应至少在 1 分钟之后")
