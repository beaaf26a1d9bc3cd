"""The official account's own calls: messages, web authorisation, JS-SDK, and any other path by ``call``.

Implements ``ports.Messenger`` and ``ports.OAuth``. Who is told what, and whether they may be, is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient

from bot.account.http import AccountHTTP
from bot.account.jssdk import signature
from bot.account.settings import AccountSettings
from bot.account.tokens import (
    ACCESS_TOKEN,
    JSAPI_TICKET,
    Pause,
    TokenKeeper,
    TokenStore,
    fetch_token,
    lasting,
)
from bot.errors import AccountError, AccountSilent, AccountUnknown
from bot.ports import Clock, OAuthIdentity

T = TypeVar("T")
# 40001 wrong or superseded, 40014 malformed, 42001 ended: the token at fault, not the request.
TOKEN_ERRORS = frozenset({40001, 40014, 42001})
BACKOFF_SECONDS = (0.3, 1.0)  # before the first and the second repeat of a call that harms nobody


class AccountClient:
    """The account. Every call may raise ``AccountError`` (a clear no) or ``AccountUnknown`` (anything unclear)."""

    def __init__(
        self,
        settings: AccountSettings,
        store: TokenStore,
        clock: Clock,
        http: AsyncHTTPClient | None = None,
        *,
        connect_timeout: float = 3.0,
        request_timeout: float = 10.0,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._pause = pause
        self._http = AccountHTTP(
            settings.api_base, http, connect_timeout=connect_timeout, request_timeout=request_timeout
        )
        self.tokens = TokenKeeper(ACCESS_TOKEN, self._fetch_token, store, clock, pause)
        self.tickets = TokenKeeper(JSAPI_TICKET, self._fetch_ticket, store, clock, pause)

    async def call(
        self,
        path: str,
        payload: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        harmless: bool = False,
    ) -> Mapping[str, Any]:
        """Post ``payload`` to a path with a token, or get the path where there is none; return the answer.

        A refused token is forgotten and the call repeated once with a new one. Nothing else is repeated, unless the
        caller says that it is ``harmless``: then a busy WeChat or a lost connection is tried again, twice, after a
        pause, but not silence, which has taken long enough. Never say so of a message.
        """

        def once(token: str) -> Awaitable[Mapping[str, Any]]:
            return self._call(path, {"access_token": token, **(query or {})}, payload)

        async def patiently(token: str) -> Mapping[str, Any]:
            return await self._patiently(lambda: once(token))

        return await self._with_token(patiently if harmless else once)

    async def send_text(self, openid: str, content: str) -> None:
        """Send a customer-service text. 45015 and 45047 mean that the follower cannot be reached this way now."""
        message = {"touser": openid, "msgtype": "text", "text": {"content": content}}
        await self.call("/cgi-bin/message/custom/send", message)

    async def get_callback_ips(self) -> tuple[str, ...]:
        """Return the addresses from which WeChat calls us; a harmless proof that token and allow-list work."""
        addresses = (await self.call("/cgi-bin/getcallbackip", harmless=True)).get("ip_list")
        if not isinstance(addresses, list):
            raise AccountUnknown("an answer without ip_list")
        return tuple(str(address) for address in addresses)

    def authorize_url(self, redirect_uri: str, state: str) -> str:
        """Return the address that asks WeChat who the visitor is. ``state``: up to 128 letters and digits."""
        if not re.fullmatch(r"[0-9A-Za-z]{1,128}", state):
            raise ValueError("state must be 1 to 128 letters or digits")
        # WeChat insists on this order of the parameters and on the fragment.
        query = urlencode(
            {
                "appid": self._settings.app_id,
                "redirect_uri": redirect_uri,
                "response_type": "code",
                "scope": "snsapi_base",
                "state": state,
            }
        )
        return f"{self._settings.oauth_base}/connect/oauth2/authorize?{query}#wechat_redirect"

    async def identify(self, code: str) -> OAuthIdentity:
        """Exchange a code, which works once within five minutes. ``AccountError`` 40029 bad, 40163 used."""
        answer = await self._http.get(
            "/sns/oauth2/access_token",
            {
                "appid": self._settings.app_id,
                "secret": self._settings.app_secret,
                "code": code,
                "grant_type": "authorization_code",
            },
        )
        openid = answer.get("openid")
        if not isinstance(openid, str) or not openid:
            raise AccountUnknown("an answer without openid")
        return OAuthIdentity(openid, virtual=str(answer.get("is_snapshotuser")) == "1")

    async def page_params(self, url: str) -> Mapping[str, str]:
        """Return what ``wx.config`` needs on the page at ``url``, which must be the address the browser shows."""
        ticket, nonce = await self.tickets.token(), secrets.token_hex(8)
        timestamp = int(self._clock.now().timestamp())
        return {
            "appId": self._settings.app_id,
            "timestamp": str(timestamp),
            "nonceStr": nonce,
            "signature": signature(ticket, nonce, timestamp, url),
        }

    async def _with_token(self, work: Callable[[str], Awaitable[T]]) -> T:
        token = await self.tokens.token()
        try:
            return await work(token)
        except AccountError as error:
            if error.errcode not in TOKEN_ERRORS:
                raise
        await self.tokens.expire(token)
        return await work(await self.tokens.token())

    async def _call(
        self, path: str, query: Mapping[str, str], payload: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        if payload is None:
            return await self._http.get(path, query)
        return await self._http.post(path, query, payload)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        for pause in BACKOFF_SECONDS:
            try:
                return await work()
            except AccountSilent:
                raise
            except AccountUnknown:
                await self._pause(pause)
        return await work()

    async def _fetch_token(self) -> tuple[str, int]:
        return await self._patiently(lambda: fetch_token(self._settings, self._http))

    async def _fetch_ticket(self) -> tuple[str, int]:
        answer = await self.call("/cgi-bin/ticket/getticket", query={"type": "jsapi"}, harmless=True)
        return lasting(answer.get("ticket"), answer.get("expires_in"))
