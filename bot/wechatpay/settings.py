"""Who the merchant is and which keys are whose, checked when made. Files and environment are read elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

APIV3_KEY_BYTES = 32
MIN_KEY_BITS = 2048
MAX_URL_BYTES = 255  # document 4012791856, notify_url
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MerchantSettings:
    """The merchant's identity, keys and addresses. ``ValueError`` names every wrong field, in Chinese.

    ``private_key`` and ``public_key`` are PEM: the merchant's own API key, and the key by which WeChat Pay signs
    (``public_key_id`` is its name). ``extra_certificates`` are platform certificates that are honoured as well,
    while a merchant moves from certificates to the key. Nothing secret appears in ``repr``.
    """

    app_id: str
    mch_id: str
    cert_serial_no: str
    private_key: bytes = field(repr=False)
    apiv3_key: str = field(repr=False)
    public_key_id: str
    public_key: bytes = field(repr=False)
    api_base: str
    notify_url: str
    refund_notify_url: str
    extra_certificates: tuple[bytes, ...] = field(default=(), repr=False)
    signing_key: RSAPrivateKey = field(init=False, repr=False, compare=False)
    _verifying_keys: Mapping[str, RSAPublicKey] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        problems = _wrong_texts(self)
        signing = _read(problems, "private_key", partial(_private_key, self.private_key))
        verifying = _read(problems, "public_key", partial(_public_key, self.public_key))
        keys = {_serial(self.public_key_id): verifying} if verifying else {}
        for position, pem in enumerate(self.extra_certificates, start=1):
            found = _read(problems, f"extra_certificates 第 {position} 个", partial(_certificate, pem))
            keys.update([found] if found else [])
        if signing and verifying and signing.public_key() == verifying:
            problems.append("public_key 是商户自己的公钥；应是从商户平台下载的微信支付公钥")
        if problems or not signing:
            raise ValueError("；".join(problems))
        object.__setattr__(self, "signing_key", signing)
        object.__setattr__(self, "_verifying_keys", keys)

    def verifying_key(self, serial: str) -> RSAPublicKey | None:
        """Return the key of a ``Wechatpay-Serial``; None when it is not one of ours."""
        return self._verifying_keys.get(_serial(serial))


def _wrong_texts(settings: MerchantSettings) -> list[str]:
    checks = (
        ("app_id", re.fullmatch(r"wx[0-9a-z]+", settings.app_id), "应是 wx 开头的 AppID"),
        ("mch_id", re.fullmatch(r"[0-9]{1,32}", settings.mch_id), "应是一串数字的商户号"),
        (
            "cert_serial_no",
            re.fullmatch(r"[0-9A-Fa-f]{1,64}", settings.cert_serial_no),
            "应是商户 API 证书的十六进制序列号",
        ),
        ("apiv3_key", len(settings.apiv3_key.encode()) == APIV3_KEY_BYTES, "应正好是 32 个字节"),
        (
            "public_key_id",
            re.fullmatch(r"PUB_KEY_ID_[0-9]+", settings.public_key_id),
            "应是 PUB_KEY_ID_ 开头的公钥 ID",
        ),
        ("api_base", _address(settings.api_base), "应是 https:// 开头的网址，结尾不带斜杠"),
        ("notify_url", _callback(settings.notify_url), "应是 https:// 开头、不带 ? 参数的网址，最长 255 字节"),
        (
            "refund_notify_url",
            _callback(settings.refund_notify_url),
            "应是 https:// 开头、不带 ? 参数的网址，最长 255 字节",
        ),
    )
    return [f"{name} {should}" for name, good, should in checks if not good]


def _address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.hostname or url.endswith("/"):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)


def _callback(url: str) -> bool:
    return _address(url) and not set("?#") & set(url) and len(url.encode()) <= MAX_URL_BYTES


def _read(problems: list[str], name: str, load: Callable[[], T]) -> T | None:
    try:
        return load()
    except ValueError as error:
        problems.append(f"{name} {error}")
        return None


def _private_key(pem: bytes) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("带有密码；应是商户平台下载的、没有密码的 apiclient_key.pem") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("不是 PEM 私钥；应是商户平台下载的 apiclient_key.pem") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise ValueError("应是 2048 位以上的 RSA 私钥")
    return key


def _public_key(pem: bytes) -> RSAPublicKey:
    if b"BEGIN CERTIFICATE" in pem:
        raise ValueError("是一张证书；应是商户平台下载的微信支付公钥 pub_key.pem")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("不是 PEM 公钥；应是商户平台下载的 pub_key.pem") from None
    return _strong(key)


def _certificate(pem: bytes) -> tuple[str, RSAPublicKey]:
    try:
        certificate = load_pem_x509_certificate(pem)
    except ValueError:
        raise ValueError("不是 PEM 证书") from None
    return _serial(f"{certificate.serial_number:X}"), _strong(certificate.public_key())


def _strong(key: object) -> RSAPublicKey:
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise ValueError("应是 2048 位以上的 RSA 公钥")
    return key


def _serial(name: str) -> str:
    """Bring serial numbers to one spelling: tools differ in case and in leading zeros."""
    return name.upper().lstrip("0")
