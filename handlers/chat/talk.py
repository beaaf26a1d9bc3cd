"""The thread of one conversation: what was asked, what was shown, which course lies open. It survives restarts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import orjson

REMEMBERED_LISTS = 5


@dataclass(slots=True)
class Talk:
    """What lets a number, a tap or 换一批 be understood. ``lists`` maps turn → the course ids shown then.

    ``listed`` is the turn of the latest suggestions, ``opened`` that in which ``course`` was opened. ``starters``
    tells that the greeting was shown after every list; ``unlearn`` that hiding ``disliked`` taught the profile.
    ``leave`` tells that the next message may be one for people.
    ``coupon`` is the code that the courses opened from now on are priced with.
    ``refundable`` are the order numbers of the latest list, if it was one of refunds; ``refund_order``,
    ``refund_fen`` and ``refund_until`` are the refund that was shown last and up to when it may be confirmed.
    ``erase_until`` is up to when (epoch seconds) the deletion of everything may be confirmed.
    """

    turn: int = 0
    mode: str = ""
    text: str = ""
    cap_fen: int | None = None
    seen: list[str] = field(default_factory=list)
    lists: dict[str, list[str]] = field(default_factory=dict)
    listed: int = 0
    course: str = ""
    opened: int = 0
    disliked: str = ""
    unlearn: bool = False
    starters: bool = False
    rest: str = ""
    erase_until: int = 0
    leave: bool = False
    coupon: str = ""
    refundable: list[str] = field(default_factory=list)
    refund_order: str = ""
    refund_fen: int = 0
    refund_until: int = 0

    @property
    def shown(self) -> list[str]:
        """The list that a bare number means."""
        return self.lists.get(str(self.turn), [])

    @property
    def suggested(self) -> list[str]:
        """The latest suggestions: what 便宜点 and 为什么 mean."""
        return self.lists.get(str(self.listed), [])

    @property
    def at_hand(self) -> str:
        """The course that was opened last, unless a list has been shown since."""
        return self.course if self.opened == self.turn else ""

    def open(self, course_id: str) -> None:
        """Note that a course lies open."""
        self.course, self.opened = course_id, self.turn

    def ask(self, mode: str, text: str = "", cap_fen: int | None = None) -> None:
        """Begin a new search; what was shown for the former one may be shown again."""
        self.mode, self.text, self.cap_fen, self.seen = mode, text, cap_fen, []

    def greet(self) -> None:
        """Begin anew, with the greeting's starters as what a number means."""
        self.ask("")
        self.refundable = []
        self.starters = True

    def show(self, course_ids: list[str]) -> None:
        """Note new suggestions."""
        self.show_own(course_ids)
        self.listed = self.turn
        self.seen = [*self.seen, *(each for each in course_ids if each not in self.seen)]

    def show_own(self, course_ids: list[str]) -> None:
        """Note a list that suggests nothing; the last few lists stay, for taps on older messages."""
        self.turn += 1
        self.starters = False
        self.refundable = []
        self.lists[str(self.turn)] = course_ids
        for turn in sorted(self.lists, key=int)[:-REMEMBERED_LISTS]:
            del self.lists[turn]

    def pick(self, number: int, tap: str) -> str | None:
        """Return the course a number means: that of the tapped message, else of the latest list.

        None when it is in no list, or in one that is forgotten: a tap never opens what another message showed.
        """
        parts = tap.split(":")
        shown = self.lists.get(parts[1], []) if len(parts) == 3 and parts[0] == "s" else self.shown  # noqa: PLR2004
        return shown[number - 1] if 0 < number <= len(shown) else None


IDLE = {name: getattr(Talk(), name) for name in Talk.__dataclass_fields__}
_values = attrgetter(*IDLE)


def dump(talk: Talk) -> str:
    """Turn a talk into JSON; fields that say nothing are left out."""
    fields = zip(IDLE.items(), _values(talk), strict=True)
    return orjson.dumps({name: value for (name, idle), value in fields if value != idle}).decode()


def load(text: str, at: datetime | None, now: datetime, lifetime: timedelta) -> Talk:
    """Read a stored talk; a fresh one if there is none or it is too old.

    The turns are counted on, so that a tap on a list of a former talk is not taken for one of this. A greeting that
    is still the last thing shown stays so.
    """
    if not text or at is None:
        return Talk()
    known: dict[str, Any] = orjson.loads(text)
    if now - at > lifetime:
        return Talk(turn=known.get("turn", 0), starters=known.get("starters", False))
    return Talk(**{name: value for name, value in known.items() if name in IDLE})
