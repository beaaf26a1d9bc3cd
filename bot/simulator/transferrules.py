"""The field rules of 商家转账 requests. Pure: a parsed body goes in, the decrypted name or a refusal comes out."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.simulator.book import PayRefusal

_REQUIRED = {
    "appid",
    "out_bill_no",
    "transfer_scene_id",
    "openid",
    "transfer_amount",
    "transfer_remark",
    "transfer_scene_report_infos",
}
_OPTIONAL = {"user_name", "notify_url", "user_recv_perception", "user_recv_style"}
_SCENES: Mapping[str, frozenset[str]] = {  # scene → the rows that must be reported, each once
    "1000": frozenset({"活动名称", "奖励说明"}),
    "1005": frozenset({"岗位类型", "报酬说明"}),
}
_PERCEPTIONS = frozenset({"活动奖励", "现金奖励"})
_RED_PACKET_SCENES = frozenset({"1000"})
_LEAST, _MOST_RED_PACKET = 10, 20_000
_NAME_FORBIDDEN_BELOW, _NAME_REQUIRED_FROM = 30, 200_000
_TEXT = 32
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def check_transfer(
    body: Mapping[str, Any], *, app_id: str, key: rsa.RSAPrivateKey, is_follower: Callable[[str], bool]
) -> str:
    """Refuse a transfer that breaks a rule of the reference page; return the name it carries, decrypted."""
    if missing := sorted(_REQUIRED - body.keys()):
        raise _wrong(f"缺少 {missing[0]}")
    if unknown := sorted(body.keys() - _REQUIRED - _OPTIONAL):
        raise _wrong(f"未知的字段 {unknown[0]}")
    if body["appid"] != app_id:
        raise PayRefusal(400, "APPID_MCHID_NOT_MATCH", "商户号与 appid 不匹配")
    number, amount = body["out_bill_no"], body["transfer_amount"]
    if not isinstance(number, str) or not re.fullmatch(r"[0-9A-Za-z]{1,32}", number):
        raise _wrong("out_bill_no 应是 1 到 32 个字母或数字")
    if type(amount) is not int or amount < _LEAST:
        raise _wrong(f"transfer_amount 应是不小于 {_LEAST} 的整数（分）")
    _check_text("transfer_remark", body["transfer_remark"])
    if not isinstance(body["openid"], str) or not is_follower(body["openid"]):
        raise _wrong("appid 与 openid 不匹配")
    _check_scene(body)
    _check_style(body.get("user_recv_style"), body["transfer_scene_id"], amount)
    if "notify_url" in body:
        _check_notify_url(body["notify_url"])
    return _name(body.get("user_name"), amount, key)


def _check_scene(body: Mapping[str, Any]) -> None:
    wanted, rows = _SCENES.get(body["transfer_scene_id"]), body["transfer_scene_report_infos"]
    if wanted is None:
        raise PayRefusal(403, "NO_AUTH", "商户号没有这个转账场景的权限")
    if not isinstance(rows, list) or not rows:
        raise _wrong("需传入转账场景报备信息")
    told = []
    for row in rows:
        if not isinstance(row, Mapping) or set(row) != {"info_type", "info_content"}:
            raise _wrong("transfer_scene_report_infos 每项应恰有 info_type 和 info_content")
        _check_text("info_content", row["info_content"])
        told.append(row["info_type"])
    if len(told) != len(set(told)) or set(told) != wanted:
        raise _wrong("转账场景报备信息与场景不符，应恰有 " + "、".join(sorted(wanted)))
    if "user_recv_perception" in body and body["user_recv_perception"] not in _PERCEPTIONS:
        raise _wrong("user_recv_perception 不在该场景的可选范围")


def _check_style(style: Any, scene: str, amount: int) -> None:
    if style is None:
        return
    if not isinstance(style, Mapping) or set(style) != {"type"}:
        raise _wrong("user_recv_style 应恰有 type")
    if style["type"] not in {"CONFIRM_PAGE", "RED_PACKET"}:
        raise _wrong("user_recv_style.type 应是 CONFIRM_PAGE 或 RED_PACKET")
    if style["type"] == "RED_PACKET" and (amount > _MOST_RED_PACKET or scene not in _RED_PACKET_SCENES):
        raise _wrong("红包样式最多 200 元，且只有部分场景可用")


def _name(sealed: Any, amount: int, key: rsa.RSAPrivateKey) -> str:
    if sealed is None:
        if amount >= _NAME_REQUIRED_FROM:
            raise _wrong("2000 元及以上必须传入 user_name")
        return ""
    if amount < _NAME_FORBIDDEN_BELOW:
        raise _wrong("0.3 元以下不能传入 user_name")
    try:
        way = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 (what WeChat asks for)
        return key.decrypt(base64.b64decode(sealed, validate=True), way).decode()
    except (ValueError, TypeError):
        raise _wrong("user_name 解密失败，应以微信支付公钥按 RSA-OAEP（SHA-1）加密") from None


def _wrong(message: str) -> PayRefusal:
    return PayRefusal(400, "PARAM_ERROR", message)


def _check_text(name: str, value: Any) -> None:
    """Whether the limit counts characters or bytes is not documented, so bytes it is."""
    if not isinstance(value, str) or not value or len(value.encode()) > _TEXT:
        raise _wrong(f"{name} 应是 1 到 {_TEXT} 字节的文字")


def _check_notify_url(value: Any) -> None:
    parts = urlsplit(value if isinstance(value, str) else "")
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not secure or not parts.netloc or "?" in value or "#" in value:
        raise _wrong("notify_url 应是不带参数的 https 地址")
