"""What the world finds at ``public_url``: our running server, with these settings, and nobody else in its place.

Plays WeChat from outside: signed where it should be let in, wrongly signed where it should not.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

from tornado.httpclient import HTTPResponse
from werobot.crypto import MessageCrypt

from bot.checks import mode
from bot.checks.finding import Finding, Limit, Unreachable, fetch
from bot.config import Config, is_loopback
from bot.ports import Clock

OK, FORBIDDEN, REDIRECTS, BAD_GATEWAYS = 200, 403, range(300, 400), range(502, 505)
LATER = ("echo", "forgery", "delivery", "mode", "metrics")
NONSENSE = "知课体检"  # signed, and no message


async def address(config: Config, clock: Clock, limit: Limit) -> list[Finding]:
    """Find out whether our server is there and knows WeChat from a stranger."""
    reached = await _reached(config, limit)
    if not reached.ok:
        return [reached, *(Finding(name, None, "等外网网址通了再看") for name in LATER)]
    caller = _Caller(config, clock, limit)
    doors = [await look() for look in (caller.echo, caller.forgery, caller.delivery)]
    doors.append(await caller.mode() if doors[0].ok else Finding("mode", None, "等回调验证通过了再看"))
    return [reached, *doors, await _metrics(config, limit)]


def domains(config: Config) -> Finding:
    """Say what only a person can see in WeChat's consoles."""
    public, chosen = config.server.public_url, mode.IN_CONSOLE[config.wechat.mode]
    told = (
        f"请自行核对：公众平台的服务器地址是 {public}/wechat、消息加解密方式是{chosen}、"
        f"网页授权域名是 {urlsplit(public).netloc}，"
        f"商户平台的 JSAPI 支付授权目录是 {public}/c/"
    )
    return Finding("domains", None, told)


async def _reached(config: Config, limit: Limit) -> Finding:
    public = config.server.public_url
    if is_loopback(public) and not is_loopback(config.wechat.api_base):
        advice = "把 [server] public_url 设成外网能访问的 https 网址"
        return Finding("public_url", False, f"{public} 是本机地址，微信访问不到", advice)
    try:
        response = await fetch(f"{public}/healthz", limit.request)
    except Unreachable as error:
        advice = "先运行 python3 run.py serve；再检查域名解析、https 证书、防火墙和反向代理"
        return Finding("public_url", False, f"{public} {error}", advice)
    if response.code == OK and _status(response) == "ok":
        return Finding("public_url", True, f"{public} 通向正在运行的服务")
    return Finding("public_url", False, f"{public}/healthz 回答 {response.code}", _elsewhere(response.code))


def _status(response: HTTPResponse) -> object:
    try:
        answer = json.loads(response.body)
    except ValueError:
        return None
    return answer.get("status") if isinstance(answer, dict) else None


def _elsewhere(code: int) -> str:
    if code in BAD_GATEWAYS:
        return "反向代理在，它后面的服务不在：运行 python3 run.py serve，并核对代理转发到的端口"
    if code in REDIRECTS:
        return "微信不跟随跳转：把 [server] public_url 写成跳转之后的网址"
    return "那里回答的不是知课：核对 [server] public_url 和反向代理的转发规则"


async def _metrics(config: Config, limit: Limit) -> Finding:
    public = config.server.public_url
    response = await fetch(f"{public}/metrics", limit.request)
    return exposed(response.code, here=is_loopback(public))


def exposed(code: int, *, here: bool) -> Finding:
    """Judge what ``/metrics`` answered to a caller without a token; ``here`` if the address is this machine's."""
    if code != OK:
        return Finding("metrics", True, "/metrics 对外网关着")
    if here:
        return Finding("metrics", None, "外网网址就在本机，看不出 /metrics 对外是否关着")
    advice = "设置 [server] metrics_token，或让反向代理带上 X-Forwarded-For，或在代理上挡住 /metrics"
    return Finding("metrics", False, "谁都能从外网看到 /metrics 里的经营数字", advice)


class _Caller:
    """Calls the callback address as WeChat does."""

    def __init__(self, config: Config, clock: Clock, limit: Limit) -> None:
        self._wechat = config.wechat
        self._url = f"{config.server.public_url}/wechat"
        self._clock = clock
        self._limit = limit

    async def echo(self) -> Finding:
        """Save the settings as an operator does; the challenge is plain text in every mode."""
        if not self._wechat.token:
            return Finding("echo", None, "[wechat] token 还没有填写")
        challenge = secrets.token_hex(10)
        response = await self._call(self._query(self._wechat.token) | {"echostr": challenge})
        if response.code == OK and response.body == challenge.encode():
            return Finding("echo", True, "服务器地址验证能通过")
        if response.code == FORBIDDEN:
            advice = "正在运行的服务用的 Token 不是这份设置里的：用同样的配置和环境变量重新启动它"
        else:
            advice = _elsewhere(response.code)
        return Finding("echo", False, f"签名正确的验证请求得到 {response.code}", advice)

    async def forgery(self) -> Finding:
        """Knock with a signature of somebody else's token."""
        response = await self._call(self._query(secrets.token_hex(10)) | {"echostr": "4711"})
        if response.code == FORBIDDEN:
            return Finding("forgery", True, "签名错误的请求被拒绝")
        advice = "/wechat 没有直接到达知课，中间有东西代它回答：核对反向代理和缓存的规则"
        return Finding("forgery", False, f"签名错误的验证请求得到 {response.code}，应是 {FORBIDDEN}", advice)

    async def delivery(self) -> Finding:
        """Deliver, sealed as the mode asks, a message without a sender: understood, and nothing happens."""
        wechat = self._wechat
        if not (wechat.token and wechat.original_id and (wechat.encoding_aes_key or wechat.mode == "plain")):
            return Finding("delivery", None, "[wechat] 还没有填全")
        query, body = self._sealed(f"<xml><ToUserName>{wechat.original_id}</ToUserName></xml>")
        response = await self._post(query, body)
        if response.code == OK and response.body == b"success":
            return Finding("delivery", True, f"按 {wechat.mode} 模式投递的消息能解开")
        advice = (
            "正在运行的服务与这份设置不同（EncodingAESKey、AppID、原始 ID 或 mode），"
            "或机器的时钟差得太多：用同样的配置和环境变量重新启动它"
        )
        return Finding("delivery", False, f"按 {wechat.mode} 模式投递的消息得到 {response.code}", advice)

    async def mode(self) -> Finding:
        """Send nonsense and a forged sealed message: what is refused gives the server's mode away."""
        nonsense = await self._post(self._query(self._wechat.token), NONSENSE)
        forged = self._query(self._wechat.token) | {"encrypt_type": "aes", "msg_signature": secrets.token_hex(20)}
        answer = await self._post(forged, f"<xml><Encrypt>{secrets.token_hex(32)}</Encrypt></xml>")
        return mode.agreed(self._wechat.mode, mode.running(nonsense.code, answer.code))

    def _query(self, token: str) -> dict[str, str]:
        timestamp, nonce = str(int(self._clock.now().timestamp())), secrets.token_hex(8)
        parts = sorted([token, timestamp, nonce])
        signature = hashlib.sha1("".join(parts).encode()).hexdigest()  # noqa: S324  WeChat's rule
        return {"signature": signature, "timestamp": timestamp, "nonce": nonce}

    def _sealed(self, xml: str) -> tuple[dict[str, str], str]:
        wechat = self._wechat
        query = self._query(wechat.token)
        if wechat.mode == "plain":
            return query, xml
        crypt = MessageCrypt(wechat.token, wechat.encoding_aes_key, wechat.app_id)
        stamp = (query["timestamp"], query["nonce"])
        sealed = ET.fromstring(crypt.encrypt_message(xml, *stamp))  # noqa: S314  our own words of the line before
        signature, encrypted = sealed.findtext("MsgSignature", ""), sealed.findtext("Encrypt", "")
        body = f"<xml><ToUserName>{wechat.original_id}</ToUserName><Encrypt>{encrypted}</Encrypt></xml>"
        return query | {"encrypt_type": "aes", "msg_signature": signature}, body

    async def _call(self, query: dict[str, str], **options: Any) -> HTTPResponse:
        return await fetch(f"{self._url}?{urlencode(query)}", self._limit.request, **options)

    async def _post(self, query: dict[str, str], body: str) -> HTTPResponse:
        return await self._call(query, method="POST", body=body, headers={"Content-Type": "text/xml"})
