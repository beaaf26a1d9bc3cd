"""The account's short-lived values, access token and JS-SDK ticket: fetched once for all workers, renewed early.

Whoever holds the lease fetches; the others wait for what it brings, or go on with a value that has not ended yet.
Where values and leases are kept is a port. How each value is asked for is at the end of the file.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.account.http import AccountHTTP
from bot.account.settings import AccountSettings
from bot.errors import AccountError, AccountUnknown
from bot.ports import Clock

ACCESS_TOKEN = "access_token"  # noqa: S105 - the name of a field, not a secret
JSAPI_TICKET = "jsapi_ticket"
STABLE_TOKEN_PATH = "/cgi-bin/stable_token"  # noqa: S105 - a path, not a secret
EARLY_SECONDS = 300
SHORTEST_SECONDS = 30
LEASE_SECONDS = 30  # longer than a fetch with its repeats may take
POLL_SECONDS = 0.05
SPARE = ".spare"

Pause = Callable[[float], Awaitable[Any]]
Fetch = Callable[[], Awaitable[tuple[str, int]]]  # the value, and how many seconds it lives


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

    async def lease(self, kind: str, holder: str, until: datetime) -> bool:
        """Take or prolong the right to fetch; False while another holder has it."""
        ...

    async def release(self, holder: str) -> None:
        """Give back what a holder has leased."""
        ...


class TokenKeeper:
    """Gives a value that may be used now. ``AccountError`` for a bad secret or address, ``AccountUnknown`` else."""

    def __init__(
        self, kind: str, fetch: Fetch, store: TokenStore, clock: Clock, pause: Pause = asyncio.sleep
    ) -> None:
        self._kind = kind
        self._fetch = fetch
        self._store = store
        self._clock = clock
        self._pause = pause
        self._holder = secrets.token_hex(8)
        self._fetching = asyncio.Lock()

    async def token(self) -> str:
        """Return the kept value, or fetch one; of many callers at a time, in any number of workers, one fetches."""
        fresh = await self._kept(self._kind)
        if fresh is not None:
            return fresh
        async with self._fetching:
            return await self._kept(self._kind) or await self._renewed()

    async def expire(self, token: str) -> None:
        """Forget a value that WeChat refused; a newer one, fetched meanwhile, stays."""
        await self._store.expire(self._kind, token)
        await self._store.expire(self._kind + SPARE, token)

    async def _kept(self, kind: str) -> str | None:
        found = await self._store.get(kind)
        return found[0] if found is not None and self._clock.now() < found[1] else None

    async def _renewed(self) -> str:
        """Return what this or another worker fetches; while that is under way, a value that still lives will do."""
        spare = await self._kept(self._kind + SPARE)
        loop = asyncio.get_running_loop()
        patience = loop.time() + LEASE_SECONDS
        while not await self._leased() and loop.time() < patience:
            if spare is not None:
                return spare
            await self._pause(POLL_SECONDS)
            if (fetched := await self._kept(self._kind)) is not None:
                return fetched
        try:
            return await self._kept(self._kind) or await self._fetched(spare)
        finally:
            await self._store.release(self._holder)

    async def _leased(self) -> bool:
        return await self._store.lease(
            self._kind, self._holder, self._clock.now() + timedelta(seconds=LEASE_SECONDS)
        )

    async def _fetched(self, spare: str | None) -> str:
        """Fetch and keep. Where that fails, a value that still lives serves for a while before the next try."""
        asked_at = self._clock.now()
        try:
            value, seconds = await self._fetch()
        except AccountError:
            if spare is None:
                raise
            await self._store.put(self._kind, spare, asked_at + timedelta(seconds=SHORTEST_SECONDS))
            return spare
        await self._store.put(self._kind, value, asked_at + timedelta(seconds=_usable(seconds)))
        await self._store.put(self._kind + SPARE, value, asked_at + timedelta(seconds=seconds))
        return value


async def fetch_token(settings: AccountSettings, http: AccountHTTP) -> tuple[str, int]:
    """Ask for the access token. ``stable_token`` gives everybody who asks the same one."""
    answer = await http.post(
        STABLE_TOKEN_PATH,
        {},
        {
            "grant_type": "client_credential",
            "appid": settings.app_id,
            "secret": settings.app_secret,
            "force_refresh": False,
        },
    )
    return lasting(answer.get("access_token"), answer.get("expires_in"))


def lasting(value: object, seconds: object) -> tuple[str, int]:
    """Return a value and its seconds as WeChat told them. ``AccountUnknown`` when they are not usable."""
    if not isinstance(value, str) or not value or not isinstance(seconds, int) or seconds <= 0:
        raise AccountUnknown("an answer without a token")
    return value, seconds


def _usable(seconds: int) -> int:
    """Return how long to use a value: to five minutes before its end, yet not so short that each call fetches."""
    return min(seconds, max(seconds - EARLY_SECONDS, SHORTEST_SECONDS))
