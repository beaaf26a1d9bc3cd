"""Agents' sessions: closing at WeChat what a follower has ended, so that their messages come to the bot again.

While an agent has a session WeChat delivers no messages to us; taps of the menu it does.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.account.notifier import Caller
from bot.errors import AccountError, AccountUnknown
from bot.ports import Clock
from bot.store import Store
from bot.store.service import Service

log = logging.getLogger("zhike.agents")
CLOSE = "/customservice/kfsession/close"
AGAIN = timedelta(seconds=30)


class Agents:
    """The service of letting agents go. Closing twice harms nobody, so any number of workers may do it."""

    def __init__(self, store: Store, account: Caller, clock: Clock) -> None:
        self._store = store
        self._account = account
        self._clock = clock

    async def close_due(self) -> int:
        """Close what followers ended; an unclear answer is asked again later. Returns how many were looked at."""
        now = self._clock.now()
        ended = await self._store.read(lambda tx: tx.services.ended(now))
        for service in ended:
            await self._close(service)
        return len(ended)

    async def _close(self, service: Service) -> None:
        try:
            await self._account.call(CLOSE, {"kf_account": service.account, "openid": service.openid})
        except AccountUnknown:
            at = self._clock.now() + AGAIN
            await self._store.write(lambda tx: tx.services.close_later(service.openid, at))
            return
        except AccountError as error:  # nothing to close any more, or no right to
            log.info("agents.not_closed errcode=%d", error.errcode)
        await self._store.write(lambda tx: tx.services.gone(service.openid))
