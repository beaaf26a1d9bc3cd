"""What people may ask about their data: a copy, its deletion, and an end to what we know once they have left."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bot.models import ANONYMOUS, Order, OrderState, Refund
from bot.store import Store, Tx
from bot.store.referral import Reward
from bot.store.transfers import Transfer
from recsys.profile import Profile

log = logging.getLogger("zhike.privacy")
EVERY = 1_000_000
SHOWN_TERMS = 10
BATCH = 100
SPOKEN = ("mention", "refuse")  # the events that follow from a follower's own words


def copy_of(tx: Tx, openid: str, now: datetime) -> dict[str, Any] | None:
    """Return what is kept of a person and means something to them; None for somebody we do not know.

    What only runs the service is left out. Instants are datetimes; ``as_json`` writes them.
    """
    known = tx.followers.known(openid)
    if known is None:
        return None
    follower = {**asdict(known.follower), "interests": liked(known.profile, now)}
    orders = tx.orders.of(openid, limit=EVERY)
    return {
        "follower": follower,
        "profile": json.loads(known.profile or "{}"),
        "conversation": json.loads(known.context or "{}"),
        "events": [asdict(event) for event in tx.events.of(openid)],
        "allowed_notices": [asdict(each) for each in tx.consents.of(openid)],
        "told": [asdict(each) for each in tx.sendings.of(openid)],
        "left_messages": [asdict(each) for each in tx.left_messages.of(openid)],
        "came_by": tx.arrivals.of(openid),
        "hidden_courses": tx.dislikes.of(openid),
        "courses": [
            {**asdict(each), "finished": sorted(tx.lessons.finished(openid, each.course_id))}
            for each in tx.entitlements.of(openid)
        ],
        "memberships": [asdict(each) for each in tx.memberships.of(openid)],
        "broadcasts": [
            {"content": content, "at": at, "state": state} for content, at, state in tx.broadcasts.of(openid)
        ],
        "brought_by_link": bool(tx.referrals.inviter_of(openid)),
        "friends_came": tx.referrals.came(openid),
        "rewards": [_reward(each) for each in tx.rewards.of(openid)],
        "transfers": [_transfer(each) for each in tx.transfers.of(openid)],
        "invoices": [asdict(each) for each in tx.invoices.of(openid)],
        "orders": [asdict(order) for order in orders],
        "refunds": [_refund(each) for order in orders for each in tx.refunds.of(order.order_no)],
    }


def _refund(refund: Refund) -> dict[str, Any]:
    internal = {"out_trade_no", "request", "tries", "next_query_at", "refund_id"}
    return {name: value for name, value in asdict(refund).items() if name not in internal}


def _reward(reward: Reward) -> dict[str, Any]:
    """Tell of a reward what is its owner's; who the friend is, and what they bought, is not."""
    return {"amount_fen": reward.amount_fen, "state": reward.state, "created_at": reward.created_at}


def _transfer(transfer: Transfer) -> dict[str, Any]:
    fields = ("out_bill_no", "amount_fen", "state", "created_at", "finished_at", "fail_reason")
    return {name: getattr(transfer, name) for name in fields}


def liked(profile: str, now: datetime) -> list[str]:
    """Return the strongest interests of a stored profile, in words."""
    if not profile:
        return []
    return [term for term, _ in Profile.from_json(profile).top(SHOWN_TERMS, now.timestamp())]


def as_json(copy: object) -> str:
    """Write a copy as JSON that people can read too, times in ISO 8601 UTC."""
    return json.dumps(copy, ensure_ascii=False, indent=1, default=_iso)


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unsettled(tx: Tx, openid: str) -> Sequence[Order]:
    """Return the orders that may still be paid: as long as there is one, the person cannot be forgotten."""
    return [order for order in tx.orders.of(openid, limit=EVERY) if order.state is OrderState.PENDING]


def being_paid(tx: Tx, openid: str) -> bool:
    """Tell whether a transfer to the person has not ended: as long as it has not, they cannot be forgotten."""
    return tx.transfers.under_way(openid) is not None


def forget(tx: Tx, openid: str) -> int:
    """Delete everything of a person, their courses too; returns how many orders stay for the accounts, nobody's.

    The caller has made sure that nothing is ``unsettled``.
    """
    kept = len(tx.orders.of(openid, limit=EVERY))
    tx.invoices.forget(openid)
    alias = f"{ANONYMOUS}{secrets.token_hex(10)}"
    tx.orders.anonymise(openid, alias)
    tx.groups.anonymise(openid, alias)
    tx.gifts.anonymise(openid, alias)
    tx.codes.anonymise(openid, alias)
    tx.referrals.anonymise(openid, alias)
    tx.transfers.anonymise(openid, alias)
    tx.followers.forget(openid)
    log.info("privacy.forgotten orders_kept=%d", kept)
    return kept


def forget_interests(tx: Tx, openid: str) -> None:
    """Delete the profile together with the words it was learnt from, so that nothing can learn them again."""
    tx.interests.clear(openid)
    tx.events.drop(openid, SPOKEN)


async def forget_departed(store: Store, before: datetime) -> int:
    """Delete what is known of people who unfollowed at ``before`` or earlier; returns how many there were.

    Their courses and orders stay: whoever comes back finds them. Somebody with neither is gone altogether.
    """
    total = 0
    while done := await store.write(lambda tx: _forget_batch(tx, before)):
        total += done
    if total:
        log.info("privacy.departed_forgotten people=%d", total)
    return total


def _forget_batch(tx: Tx, before: datetime) -> int:
    departed = tx.followers.departed(before, limit=BATCH)
    for openid in departed:
        tx.followers.depart(openid)
        if tx.followers.get(openid) is None:
            tx.referrals.hide(openid)
    return len(departed)
