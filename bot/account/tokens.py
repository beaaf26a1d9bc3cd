"""The account's access token: fetched once, shared by all workers, renewed before it ends. Its store is a port.

``stable_token`` gives everybody who asks the same token, so two workers that fetch at once do not harm each other.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Protocol

from bot.account.http import AccountHTTP
from bot.account.settings import AccountSettings
from bot.errors import AccountUnknown
from bot.ports import Clock

ACCESS_TOKEN = "access_token"  # noqa: S105 - the name of a field, not a secret
STABLE_TOKEN_PATH = "/cgi-bin/stable_token"  # noqa: S105 - a path, not a secret
EARLY_SECONDS = 300
SHORTEST_SECONDS = 30


class TokenStore(Protocol):
    """Where short-lived values are shared between workers."""

    async def get(self, kind: str) -> tuple[str, datetime] | None:
        """Return the value and its end (aware); None when there is none. An ended one may be returned."""
        ...

    async def put(self, kind: str, value: str, expires_at: datetime) -> None:
        """Keep a value until its end, in place of the former one."""
        ...

    async def expire(self, kind: str, value: str) -> None:
        """Forget the value, but only if it is still this one."""
        ...


class TokenKeeper:
    """Gives a token that may be used now. ``AccountError`` for a bad secret or address, ``AccountUnknown`` else."""

    def __init__(self, settings: AccountSettings, http: AccountHTTP, store: TokenStore, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._store = store
        self._clock = clock
        self._fetching = asyncio.Lock()

    async def token(self) -> str:
        """Return the kept token, or fetch one; of many callers at a time, one fetches."""
        kept = await self._kept()
        if kept is not None:
            return kept
        async with self._fetching:
            return await self._kept() or await self._fetch()

    async def expire(self, token: str) -> None:
        """Forget a token that WeChat refused; a newer one, fetched meanwhile, stays."""
        await self._store.expire(ACCESS_TOKEN, token)

    async def _kept(self) -> str | None:
        found = await self._store.get(ACCESS_TOKEN)
        return found[0] if found is not None and self._clock.now() < found[1] else None

    async def _fetch(self) -> str:
        asked_at = self._clock.now()
        answer = await self._http.post(
            STABLE_TOKEN_PATH,
            {},
            {
                "grant_type": "client_credential",
                "appid": self._settings.app_id,
                "secret": self._settings.app_secret,
                "force_refresh": False,
            },
        )
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int) or seconds <= 0:
            raise AccountUnknown("an answer without a token")
        await self._store.put(ACCESS_TOKEN, token, asked_at + timedelta(seconds=_usable(seconds)))
        return token


def _usable(seconds: int) -> int:
    """Return how long to use a token: to five minutes before its end, yet not so short that each call fetches."""
    return min(seconds, max(seconds - EARLY_SECONDS, SHORTEST_SECONDS))
