"""The QR code of an inviter's link: a temporary one of the account, renewed before its time is over.

Permanent codes are limited to 100,000 for the whole account, so none is spent on a person.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.account import qrcodes
from bot.account.notifier import Caller
from bot.errors import AccountError
from bot.ports import Clock
from bot.referral.service import scene_of
from bot.store import Store
from bot.store.referral import Inviter

log = logging.getLogger("zhike.referral")
LIFE = timedelta(seconds=qrcodes.LONGEST_SECONDS)
RENEW = timedelta(days=7)  # a picture that somebody saved works at least so long


class InviteCodes:
    """Draws the codes; there is one for each person, however often it is asked for."""

    def __init__(self, store: Store, account: Caller, clock: Clock) -> None:
        self._store = store
        self._account = account
        self._clock = clock

    async def url(self, inviter: Inviter) -> str:
        """Return what the picture says; empty while WeChat makes none: the link works without it."""
        now = self._clock.now()
        if inviter.url and inviter.until - now > RENEW:
            return inviter.url
        try:
            code = await qrcodes.create(self._account, scene_of(inviter.code), int(LIFE.total_seconds()))
        except AccountError as error:
            log.warning("referral.no_code errcode=%d", error.errcode)
            return inviter.url if inviter.until > now else ""
        until = now + timedelta(seconds=code.seconds or LIFE.total_seconds())
        await self._store.write(lambda tx: tx.inviters.drawn(inviter.code, code.url, until))
        return code.url
