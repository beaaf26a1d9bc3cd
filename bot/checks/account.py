"""What the official account's API says of us: the token first, then the way here and the calls left."""

from __future__ import annotations

import asyncio
from datetime import datetime

from bot.account.client import AccountClient
from bot.account.settings import AccountSettings
from bot.checks import network, quota
from bot.checks.finding import Finding, Limit, bounded
from bot.checks.wechat import network_advice
from bot.config import Config
from bot.errors import AccountError, AccountUnknown
from bot.ports import Clock

SHARE = 0.45  # of the time of one check, for each of the two steps
LATER = ("network", "quota")


class OwnTokens:
    """Tokens kept by this check alone: the shop's database need not work, and its token is not touched."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, datetime]] = {}

    async def get(self, kind: str) -> tuple[str, datetime] | None:
        """Return the value and its end."""
        return self._kept.get(kind)

    async def put(self, kind: str, value: str, expires_at: datetime) -> None:
        """Keep a value."""
        self._kept[kind] = (value, expires_at)

    async def expire(self, kind: str, value: str) -> None:
        """Forget exactly this value."""
        if self._kept.get(kind, ("",))[0] == value:
            del self._kept[kind]

    async def lease(self, _kind: str, _holder: str, _until: datetime) -> bool:
        """Let this check fetch: nobody else asks here."""
        return True

    async def release(self, _holder: str) -> None:
        """Nothing was taken from anybody."""


async def account(config: Config, clock: Clock, limit: Limit) -> list[Finding]:
    """Get a token, then ask with it. Takes the stable token, which disturbs nobody who has it already."""
    wechat = config.wechat
    if not (wechat.app_id and wechat.app_secret):
        return [Finding("token", None, "[wechat] app_id 和 app_secret 还没有填全"), *_later()]
    settings = AccountSettings(wechat.app_id, wechat.app_secret, wechat.api_base, wechat.oauth_base)
    client = AccountClient(
        settings, OwnTokens(), clock, connect_timeout=limit.request, request_timeout=limit.request
    )
    seconds = limit.check * SHARE
    [held] = await bounded("token", lambda: _token(config, client), seconds)
    if not held.ok:
        return [held, *_later()]
    found = await asyncio.gather(
        bounded("network", lambda: network.network(client), seconds),
        bounded("quota", lambda: quota.quota(client, config), seconds),
    )
    return [held, *(finding for findings in found for finding in findings)]


def _later() -> list[Finding]:
    return [Finding(name, None, "等公众号令牌好了再看") for name in LATER]


async def _token(config: Config, client: AccountClient) -> list[Finding]:
    """Try app id, secret and IP allow-list."""
    try:
        addresses = await client.get_callback_ips()
    except AccountUnknown as error:
        return [Finding("token", False, f"没有得到明确的回答（{error.errmsg}）", network_advice(config))]
    except AccountError as error:
        return [Finding("token", False, f"微信拒绝了：{error.errcode} {error.errmsg}", error.advice)]
    return [Finding("token", True, f"取得并能用；微信会从 {len(addresses)} 个地址推送消息")]
