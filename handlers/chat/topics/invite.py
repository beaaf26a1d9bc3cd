"""Inviting friends: the follower's own link and how it stands, and who brought a follower."""

from __future__ import annotations

from typing import Any

from bot.referral.service import is_newcomer
from handlers.chat import replies_offers
from handlers.chat.answers import Answer, Text
from handlers.chat.turn import Turn


def mine(_message: Any, turn: Turn) -> Answer:
    """Give the follower their invitation, and say what came of it."""
    referral = turn.shop.referral
    summary = referral.summary_in(turn.tx, turn.openid)
    if not referral.settings.enabled:
        return Text(
            f"{replies_offers.invited(summary)}\n{replies_offers.no_invite()}"
            if summary.friends
            else replies_offers.no_invite()
        )
    inviter = referral.inviter_in(turn.tx, turn.openid, turn.now)
    url = f"{turn.shop.config.server.public_url}/i/{inviter.code}"
    return Text(
        replies_offers.invite(
            url,
            turn.rewards_link,
            replies_offers.invite_terms(referral.settings, turn.shop.config.refund.until_days),
            summary,
        )
    )


def came(scene: str, turn: Turn) -> str:
    """Keep who brought a new follower; returns the channel that this visit counts for."""
    newcomer = turn.stranger or is_newcomer(turn.follower)
    return turn.shop.referral.came_in(turn.tx, turn.openid, scene, turn.now, newcomer=newcomer)
