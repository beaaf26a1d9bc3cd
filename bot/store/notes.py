"""What a message leaves of its sender, gathered while it is handled and written at its end: events, the profile."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from bot.store.catalogue import PopularityScores, Trials
from bot.store.people import Noted
from bot.store.tx import Tx


class _Events(Protocol):
    def add(self, openid: str, kind: str, now: datetime, *, course_id: str = "", detail: str = "") -> int: ...


class _Interests(Protocol):
    def put(self, openid: str, profile: str, event_id: int, now: datetime) -> None: ...


class Book(Protocol):
    """Where it is noted what somebody did and what that taught: a ``Tx``, or the ``Notes`` of a message."""

    @property
    def events(self) -> _Events:
        """Where events are appended."""

    @property
    def interests(self) -> _Interests:
        """Where profiles are kept."""

    @property
    def popularity(self) -> PopularityScores:
        """What others take."""

    @property
    def trials(self) -> Trials:
        """How new courses fare."""


class _Waiting:
    """Events that are not written yet; until then they are numbered from 1."""

    __slots__ = ("noted",)

    def __init__(self) -> None:
        self.noted: list[Noted] = []

    def add(self, _openid: str, kind: str, _now: datetime, *, course_id: str = "", detail: str = "") -> int:
        self.noted.append((kind, course_id, detail))
        return len(self.noted)


class _Latest:
    """A profile that is not written yet, with the number of its cause among the events that wait."""

    __slots__ = ("cause", "profile")

    def __init__(self) -> None:
        self.profile: str | None = None
        self.cause = 0

    def put(self, _openid: str, profile: str, event_id: int, _now: datetime) -> None:
        self.profile, self.cause = profile, event_id


class Notes:
    """The notes of one message about its sender; what is said of courses is written at once."""

    __slots__ = ("events", "interests", "popularity", "trials")

    def __init__(self, tx: Tx) -> None:
        self.events = _Waiting()
        self.interests = _Latest()
        self.popularity = tx.popularity
        self.trials = tx.trials

    def append(self, tx: Tx, openid: str, now: datetime) -> tuple[str | None, int | None]:
        """Append the events; return the profile that is to be kept, with the number of its cause, if it changed."""
        noted, latest = self.events.noted, self.interests
        first = tx.events.add_all(openid, noted, now) if noted else 0
        return (None, None) if latest.profile is None else (latest.profile, first + latest.cause - 1)
