"""Signed requests to api.mch.weixin.qq.com, and what each answer means. The endpoints themselves are in gateway.py.

An answer is data only when it is a success with a valid signature. A clear no is ``PayRejected``; everything else
(no answer, 202, 429, 5xx, an answer that cannot be verified) is ``PayUnknown``: the request may have taken effect.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse
from tornado.iostream import UnsatisfiableReadError
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from bot.errors import AlreadyPaid, PayError, PayRejected, PayUnknown, PayUnverified, TradeClosed, TradeNoUsed
from bot.ports import Clock
from bot.wechatpay import crypto
from bot.wechatpay.facts import json_object, pick
from bot.wechatpay.settings import MerchantSettings
from bot.wechatpay.signatures import refusal

USER_AGENT = "zhike/0.1 (python)"
ECHO_TARGET = "/v3/security/echo"
MAX_CONNECTIONS = 50
MAX_REPLY_BYTES = 64 * 1024 * 1024  # a bill, packed
OK, NO_CONTENT = 200, 204
FIRST_CLIENT_ERROR, TOO_MANY, FIRST_SERVER_ERROR = 400, 429, 500

# Codes are compared without "_": their spelling differs between generations of the API.
REJECTIONS: Mapping[str, type[PayRejected]] = {
    "ORDERPAID": AlreadyPaid,
    "ORDERCLOSED": TradeClosed,
    "OUTTRADENOUSED": TradeNoUsed,
}
UNCLEAR_CODES = frozenset({"SYSTEMERROR", "FREQUENCYLIMITED", "RATELIMITEXCEEDED"})

log = logging.getLogger("zhike.pay")


@dataclass(frozen=True, slots=True)
class Reply:
    """A verified success; ``data`` is empty for 204."""

    status: int
    data: Mapping[str, Any] = field(repr=False)
    request_id: str


@dataclass(frozen=True, slots=True)
class Echo:
    """What a round trip showed: how far WeChat's clock is ahead of ours, and what failed, if anything did.

    ``skew_seconds`` is None when nothing answered. It is known even when ``failure`` is set, since a wrong clock
    makes WeChat refuse every request.
    """

    skew_seconds: float | None
    failure: PayError | None


class PayClient:
    """One merchant's signed connection. Errors: ``PayRejected`` and its leaves, ``PayUnknown``."""

    def __init__(
        self,
        settings: MerchantSettings,
        clock: Clock,
        http: AsyncHTTPClient | None = None,
        *,
        connect_timeout: float = 3.0,
        request_timeout: float = 10.0,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._http = http
        self._connect_timeout = connect_timeout
        self._request_timeout = request_timeout

    async def request(self, method: str, target: str, body: bytes = b"") -> Reply:
        """Send exactly these bytes; ``target`` is path and query as they shall be sent, escaped already."""
        return self._judge(target, await self._fetch(method, target, body))

    async def download(self, target: str) -> bytes:
        """Fetch a file; ``target`` is path and query exactly as WeChat gave them. Such answers are never signed."""
        response = await self._fetch("GET", target, b"")
        if response.code != OK:
            raise _refused(response)
        return bytes(response.body)

    async def echo(self) -> Echo:
        """Make a round trip that changes nothing (document 4014551946): do clock and keys work? Never raises."""
        message = secrets.token_hex(8)
        body = json.dumps({"echo_message": message}).encode()
        try:
            response = await self._fetch("POST", ECHO_TARGET, body)
        except PayUnknown as failure:
            return Echo(None, failure)
        skew = _skew(response, self.clock.now())
        try:
            reply = self._judge(ECHO_TARGET, response)
        except PayError as failure:
            return Echo(skew, failure)
        same = reply.data.get("echo_message") == message
        return Echo(skew, None if same else PayUnknown("another message came back"))

    async def _fetch(self, method: str, target: str, body: bytes) -> HTTPResponse:
        started = time.monotonic()
        try:
            response = await self._client().fetch(self._signed(method, target, body), raise_error=False)
        except (HTTPError, OSError, UnsatisfiableReadError) as error:
            reason = type(error).__name__
            log.warning("pay.lost path=%s reason=%s ms=%d", _path(target), reason, _ms(started))
            raise PayUnknown(reason) from error
        log.info(
            "pay.reply path=%s status=%d request_id=%s ms=%d",
            _path(target),
            response.code,
            response.headers.get("Request-ID", "-"),
            _ms(started),
        )
        return response

    def _signed(self, method: str, target: str, body: bytes) -> HTTPRequest:
        settings = self.settings
        headers = {
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
            "Wechatpay-Serial": settings.public_key_id,
            "Authorization": crypto.authorization(
                settings.signing_key,
                mch_id=settings.mch_id,
                cert_serial_no=settings.cert_serial_no,
                method=method,
                target=target,
                timestamp=int(self.clock.now().timestamp()),
                nonce=secrets.token_hex(16),
                body=body,
            ),
        }
        if method != "GET":
            headers["Content-Type"] = "application/json"
        return HTTPRequest(
            settings.api_base + target,
            method=method,
            headers=headers,
            body=None if method == "GET" else body,
            follow_redirects=False,
            decompress_response=False,
            connect_timeout=self._connect_timeout,
            request_timeout=self._request_timeout,
        )

    def _judge(self, target: str, response: HTTPResponse) -> Reply:
        status = response.code
        if status not in {OK, NO_CONTENT}:
            raise _refused(response)
        reason = refusal(self.settings, self.clock.now(), response.headers, response.body)
        if reason is not None:
            log.warning("pay.unverified path=%s status=%d reason=%r", _path(target), status, reason)
            raise PayUnverified(reason)
        try:
            data = {} if status == NO_CONTENT else json_object(response.body)
        except ValueError:
            raise PayUnknown("a reply that is not JSON") from None
        return Reply(status, data, response.headers.get("Request-ID", ""))

    def _client(self) -> AsyncHTTPClient:
        # Tornado keeps one instance of a class for each event loop, so it is asked for where the loop runs.
        return self._http or _Connections(max_clients=MAX_CONNECTIONS, max_body_size=MAX_REPLY_BYTES)


class _Connections(SimpleAsyncHTTPClient):
    """Connections of our own, so that a slow neighbour never fills the shared ones."""


def _refused(response: HTTPResponse) -> PayError:
    """Return the error for an answer that is no success. WeChat does not sign such answers, so the status leads."""
    status = response.code
    if status < FIRST_CLIENT_ERROR or status == TOO_MANY or status >= FIRST_SERVER_ERROR:
        return PayUnknown(f"status {status}")
    code, detail = _complaint(response.body)
    plain = code.replace("_", "")
    if plain in UNCLEAR_CODES:
        return PayUnknown(f"status {status} {code}")
    return REJECTIONS.get(plain, PayRejected)(status, code, detail)


def _complaint(body: bytes) -> tuple[str, str]:
    try:
        data = json_object(body)
        return pick(data, "code", str, ""), pick(data, "message", str, "")
    except ValueError:
        return "", ""


def _skew(response: HTTPResponse, now: datetime) -> float | None:
    try:
        return (parsedate_to_datetime(response.headers.get("Date", "")) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _path(target: str) -> str:
    return target.partition("?")[0]


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
