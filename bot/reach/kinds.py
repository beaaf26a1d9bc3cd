"""What there is to tell, and by which ways each kind of it may go: one table. Told at the next chat may be all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

BETWEEN_NUDGES = timedelta(hours=24)  # from one thing told unasked to the next, whatever it is and by which way


class Channel(StrEnum):
    """The ways to somebody who is not writing to us at this moment."""

    MESSAGE = "message"  # a customer-service message, while a window is open
    TEMPLATE = "template"  # a template message, for receipts only
    SUBSCRIBE = "subscribe"  # 订阅通知, one for each consent
    ONCE = "once"  # 一次性订阅消息, one for the consent that our own pages ask for


@dataclass(frozen=True, slots=True)
class Manner:
    """How one kind is told: ``channels`` in order; ``quiet``: not at night; ``rationed``: one a day at most."""

    channels: tuple[Channel, ...] = (Channel.MESSAGE,)
    quiet: bool = False
    rationed: bool = False


EVERY_WAY = (Channel.MESSAGE, Channel.TEMPLATE, Channel.SUBSCRIBE, Channel.ONCE)
BY_CONSENT = (Channel.SUBSCRIBE, Channel.ONCE)  # these reach whoever agreed, following or not
ANSWER = Manner()  # to what they asked a moment ago: they are awake
KINDS: Mapping[str, Manner] = {
    "paid": Manner(EVERY_WAY),  # they are waiting for it
    "paid_twice": Manner(EVERY_WAY),
    "offer_gone": Manner(EVERY_WAY),
    "paid_member": Manner(EVERY_WAY),
    "member_ending": Manner(EVERY_WAY, quiet=True),
    "member_over": Manner(EVERY_WAY, quiet=True),
    "refunded": Manner(EVERY_WAY, quiet=True),
    "group_failed": Manner(quiet=True),
    "gift_returned": Manner(quiet=True),
    "gift_claimed": Manner(quiet=True),
    "refund_approved": Manner(quiet=True),
    "refund_declined": Manner(quiet=True),
    "refund_failed": Manner(quiet=True),
    "refund_delayed": Manner(quiet=True),
    "refund_by_hand": Manner(quiet=True),
    "invoice_issued": Manner(quiet=True),
    "reward_ready": Manner(quiet=True),
    "reward_paid": Manner(quiet=True),
    "reward_back": Manner(quiet=True),
    "note": Manner(quiet=True, rationed=True),  # an operator's word; WeChat forbids templates for such
}


def manner(kind: str) -> Manner:
    """Return how a kind is told; what the table does not name answers something."""
    return KINDS.get(kind, ANSWER)
