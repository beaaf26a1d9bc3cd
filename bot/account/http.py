"""Requests to api.weixin.qq.com, and what each answer means. Tokens and endpoints are dealt with elsewhere.

Failures arrive as HTTP 200 with an ``errcode``. Neither addresses with their query nor bodies are ever logged:
they hold tokens, secrets and what people wrote.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest
from tornado.iostream import UnsatisfiableReadError
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from bot.errors import AccountBusy, AccountError, AccountSilent, AccountUnknown

USER_AGENT = "zhike/0.1 (python)"
MAX_CONNECTIONS = 50
MAX_REPLY_BYTES = 4 * 1024 * 1024
OK = 200
BUSY = -1
EMPTY = frozenset({46003})  # "there is no menu" is an answer, and nobody's fault

log = logging.getLogger("zhike.account")


class AccountHTTP:
    """One host of the account. Errors: ``AccountError`` for a clear no, ``AccountUnknown`` for anything unclear."""

    def __init__(
        self,
        api_base: str,
        http: AsyncHTTPClient | None = None,
        *,
        connect_timeout: float = 3.0,
        request_timeout: float = 10.0,
    ) -> None:
        self._base = api_base
        self._http = http
        self._timeouts = {"connect_timeout": connect_timeout, "request_timeout": request_timeout}

    async def get(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        """Fetch a JSON object."""
        return await self._send(path, HTTPRequest(self._address(path, query), **self._options()))

    async def post(self, path: str, query: Mapping[str, str], payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Post a JSON object as raw UTF-8, since WeChat shows escapes literally, and return the answer."""
        request = HTTPRequest(
            self._address(path, query),
            method="POST",
            headers={"Content-Type": "application/json"},
            body=json.dumps(payload, ensure_ascii=False).encode(),
            **self._options(),
        )
        return await self._send(path, request)

    async def _send(self, path: str, request: HTTPRequest) -> Mapping[str, Any]:
        started = time.monotonic()
        try:
            response = await self._client().fetch(request, raise_error=False)
        except (HTTPError, OSError, UnsatisfiableReadError) as error:
            reason = type(error).__name__
            log.warning("account.lost path=%s reason=%s ms=%d", path, reason, _ms(started))
            kind = AccountSilent if isinstance(error, HTTPTimeoutError) else AccountUnknown
            raise kind(reason) from error
        try:
            answer = _answer(response.code, response.body)
        except AccountError as error:
            level = logging.INFO if error.errcode in EMPTY else logging.WARNING
            log.log(level, "account.refused path=%s errcode=%d errmsg=%r", path, error.errcode, error.errmsg)
            raise
        log.info("account.call path=%s ms=%d", path, _ms(started))
        return answer

    def _address(self, path: str, query: Mapping[str, str]) -> str:
        return f"{self._base}{path}?{urlencode(query)}" if query else f"{self._base}{path}"

    def _options(self) -> dict[str, Any]:
        return {"user_agent": USER_AGENT, "follow_redirects": False, **self._timeouts}

    def _client(self) -> AsyncHTTPClient:
        # Tornado keeps one instance of a class for each event loop, so it is asked for where the loop runs.
        return self._http or _Connections(max_clients=MAX_CONNECTIONS, max_body_size=MAX_REPLY_BYTES)


class _Connections(SimpleAsyncHTTPClient):
    """Connections of our own, so that a slow neighbour never fills the shared ones."""


def _answer(status: int, body: bytes) -> Mapping[str, Any]:
    if status != OK:
        raise AccountUnknown(f"status {status}")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise AccountUnknown("an answer that is not JSON") from None
    if not isinstance(data, dict):
        raise AccountUnknown("an answer that is not an object")
    errcode = data.get("errcode", 0)
    if not isinstance(errcode, int):
        raise AccountUnknown("an errcode that is not a number")
    if errcode == BUSY:
        raise AccountBusy(f"busy: {data.get('errmsg', '')}")
    if errcode:
        raise AccountError(errcode, str(data.get("errmsg", "")), data)
    return data


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
