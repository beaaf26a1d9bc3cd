"""What WeChat itself says: the time, and WeChat Pay's signed echo. The account's own calls are account.py."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from tornado.httpclient import HTTPResponse

from bot.checks import local
from bot.checks.finding import Finding, Limit, Unreachable, fetch
from bot.config import Config
from bot.errors import PayError, PayRejected, PayUnverified
from bot.ports import Clock
from bot.wechatpay.client import Echo

SKEW_SECONDS = 60
WINDOW_SECONDS = 300
SET_CLOCK = "校准系统时间并打开自动对时（如 timedatectl set-ntp true）；差 5 分钟以上，支付请求和消息会全部被拒收"
UNAUTHORIZED = 401
# Calls that are refused without a token or a signature; the refusal tells the time all the same.
ANY_CALL, ANY_PAY_CALL = "/cgi-bin/getcallbackip", "/v3/certificates"


async def clock(config: Config, time: Clock, limit: Limit) -> list[Finding]:
    """Compare our clock with WeChat's."""
    reasons = []
    for base, path in ((config.wechat.api_base, ANY_CALL), (config.pay.api_base, ANY_PAY_CALL)):
        try:
            response = await fetch(base + path, limit.request)
        except Unreachable as error:
            reasons.append(f"{urlsplit(base).netloc} {error}")
            continue
        skew = _skew(response, time.now())
        if skew is not None:
            return [_clock(skew)]
        reasons.append(f"{urlsplit(base).netloc} 的应答里没有时间")
    return [Finding("clock", False, "问不到微信的时间：" + "；".join(reasons), network_advice(config))]


def _clock(skew: float) -> Finding:
    told = f"本机比微信{'慢' if skew > 0 else '快'} {abs(skew):.0f} 秒"
    if abs(skew) > SKEW_SECONDS:
        return Finding("clock", False, told, SET_CLOCK)
    return Finding("clock", True, "与微信的时间一致" if abs(skew) < 2 else told)  # noqa: PLR2004  Date has whole seconds


def _skew(response: HTTPResponse, now: datetime) -> float | None:
    try:
        return (parsedate_to_datetime(response.headers.get("Date", "")) - now).total_seconds()
    except (ValueError, TypeError):
        return None


async def pay(config: Config, time: Clock) -> list[Finding]:
    """Knock at WeChat Pay with the merchant's keys, and see that it is WeChat Pay that answers. Moves no money."""
    keys, gateway = local.merchant(config, time)
    if gateway is None:
        return [keys, *(Finding(name, None, "等商户密钥好了再看") for name in ("pay_request", "pay_reply"))]
    echo = await gateway.client.echo()
    if echo.failure is None:
        reply = Finding("pay_reply", True, "应答确实由微信支付签名")
        return [keys, Finding("pay_request", True, "微信支付接受我们的签名"), reply]
    if isinstance(echo.failure, PayUnverified):
        return [keys, Finding("pay_request", True, "微信支付接受我们的签名"), _unverified(echo.failure)]
    return [keys, _refused(config, echo, echo.failure), Finding("pay_reply", None, "等请求被接受了再看")]


def _refused(config: Config, echo: Echo, error: PayError) -> Finding:
    if not isinstance(error, PayRejected):
        return Finding("pay_request", False, str(error), network_advice(config))
    told = f"微信支付拒绝了：{error.status} {error.code} {error.detail}"
    if echo.skew_seconds is not None and abs(echo.skew_seconds) > WINDOW_SECONDS:
        return Finding("pay_request", False, told, SET_CLOCK)
    if error.status == UNAUTHORIZED:
        advice = (
            "[pay] mch_id、cert_serial_no 和 private_key_file 要属于同一个商户的同一张 API 证书："
            "到商户平台 → API 安全 → 商户 API 证书 核对序列号，再确认私钥是申请这张证书时的那一个"
        )
    else:
        advice = "[pay] public_key_id 不对：到商户平台 → API 安全 → 微信支付公钥 核对公钥 ID"
    return Finding("pay_request", False, told, advice)


def _unverified(error: PayUnverified) -> Finding:
    advice = (
        "public_key_file 和 public_key_id 要来自商户平台同一个「微信支付公钥」：重新下载 pub_key.pem；"
        "还在从平台证书切换的商户，把平台证书写进 extra_certificate_files"
    )
    return Finding("pay_reply", False, f"应答不能验证（{error.reason}）", advice)


def network_advice(config: Config) -> str:
    """Return what to do when neither door of WeChat answers."""
    hosts = "、".join(dict.fromkeys(urlsplit(b).netloc for b in (config.wechat.api_base, config.pay.api_base)))
    return f"检查这台机器能否访问 {hosts}（域名解析、防火墙、代理），稍后再试"
