"""The round: every check there is, side by side, in the order a person wants to read them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bot.checks import account, callback, local, menu, wechat
from bot.checks.finding import Finding, Limit, Look, bounded
from bot.config import Config
from bot.ports import Clock


async def look_over(
    config: Config, clock: Clock, limit: Limit | None = None, *, ways: Mapping[str, str] | None = None
) -> list[Finding]:
    """Look at everything at once; returns within the limit of one check, whatever happens. Never raises.

    ``ways``: the click keys that the chat answers, for the menu.
    """
    limit = limit or Limit()
    looks: dict[str, Look] = {
        "settings": lambda: local.settings(config),
        "clock": lambda: wechat.clock(config, clock, limit),
        "token": lambda: account.account(config, clock, limit),
        "pay": lambda: wechat.pay(config, clock),
        "database": lambda: local.database(config),
        "words": lambda: local.words(config),
        "texts": lambda: local.texts(config),
        "menu": lambda: menu.menu(config, ways),
        "public_url": lambda: callback.address(config, clock, limit),
    }
    found = await asyncio.gather(*(bounded(name, look, limit.check) for name, look in looks.items()))
    return [*(finding for findings in found for finding in findings), callback.domains(config)]
