"""The nouns of broadcasting and tagging, and the rules that need neither store nor network: facts only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.ports import BEIJING

LEAST_READERS, MOST_READERS = 2, 10_000  # how many openids one call of message/mass/send takes


@dataclass(frozen=True, slots=True)
class AccountTag:
    """A tag of the account; ``people`` is how many followers carry it."""

    tag_id: int
    name: str
    people: int = 0


@dataclass(frozen=True, slots=True)
class Traits:
    """What choosing an audience may look at of a follower; ``profile`` is empty unless it was asked for."""

    openid: str
    personalised: bool
    channel: str
    last_seen_at: datetime
    owned: frozenset[str]
    profile: str = ""


class PartState(StrEnum):
    """What has become of one call of a broadcast."""

    NEW = "NEW"  # written down, never sent
    CALLING = "CALLING"  # being sent, or WeChat's answer was lost: only the same client_msg_id may ask again
    SENT = "SENT"  # WeChat took it; the result comes as an event
    REFUSED = "REFUSED"  # a clear no: nobody got it
    EMPTY = "EMPTY"  # too few of its readers were left to be sent to
    LOST = "LOST"  # unclear for so long that WeChat would no longer know a repeat: only a person can tell


@dataclass(frozen=True, slots=True)
class MassResult:
    """What WeChat reported of one call. ``filtered`` is how many of ``total`` remained to be sent to."""

    msg_id: int
    status: str
    total: int
    filtered: int
    sent: int
    failed: int

    @property
    def good(self) -> bool:
        """Whether it went out."""
        return self.status.replace("_", " ").lower() == "send success"


@dataclass(frozen=True, slots=True)
class Part:
    """One call of a broadcast: to a list of openids, or (``tag_id``) to everybody with a tag."""

    broadcast_id: str
    part: int
    client_msg_id: str
    people: int
    state: PartState = PartState.NEW
    tag_id: int = 0
    called_at: datetime | None = None
    msg_id: int = 0
    errcode: int = 0
    result: MassResult | None = None


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One message to many. ``audience`` says who in words; ``targeted``: chosen by what is known of them."""

    broadcast_id: str
    content: str
    audience: str
    course_id: str
    targeted: bool
    created_at: datetime


def split(openids: Sequence[str]) -> list[Sequence[str]]:
    """Split readers into as few lists as possible, of much the same length, so that none is too short to send."""
    count = -(-len(openids) // MOST_READERS)
    return [openids[len(openids) * at // count : len(openids) * (at + 1) // count] for at in range(count)]


def month_of(now: datetime) -> datetime:
    """Return when the calendar month began, in Beijing, as WeChat counts."""
    return now.astimezone(BEIJING).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def day_of(now: datetime) -> datetime:
    """Return when the day began, in Beijing."""
    return now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
