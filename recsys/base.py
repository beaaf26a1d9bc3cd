"""The nouns of the workshop: an item, a recommendation with its reasons, and what an event is worth.

Nothing here computes a score; that is ``recommender.py``. Times in this package are float seconds since the epoch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple, Self

Kind = Literal["query", "interest", "bought", "alike", "learned", "segment", "popular", "editor", "fresh"]
NEAREST: tuple[Kind, ...] = ("query", "bought", "alike", "interest", "learned", "segment", "editor")
_RANKS: Mapping[Kind, int] = {kind: rank for rank, kind in enumerate(NEAREST)}


@dataclass(frozen=True, slots=True)
class Item:
    """What can be recommended, as the words written about it. ``item_id`` must not be empty."""

    item_id: str
    title: str
    subtitle: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    text: str = ""


class Part(NamedTuple):
    """One signal's share of a score.

    A term asked for ("query") or liked before ("interest"); a course had ("bought": others who had it took this
    one; "alike": this one is close to it in words; ``term`` is its id); a word that led others here ("learned");
    what people of the same segment take
    ("segment"; ``term`` is its name); what many take ("popular"), what the house
    puts forward ("editor"), and a new course tried out ("fresh"), where ``term`` is empty. ``value`` is signed: a
    disliked term counts against. ``typed`` is what the follower wrote where that is another word than ``term``.
    """

    kind: Kind
    term: str
    value: float
    typed: str = ""


class Recommendation(NamedTuple):
    """An item, its score and where the score comes from: ``sum(part.value for part in parts) == score`` to 1e-9.

    ``matches`` are the words of a question that found the item, the strongest first; each adds ``weight`` times its
    value. ``liked`` are terms liked before and what each adds, ``rest`` whatever else there is.
    """

    item_id: str
    score: float
    matches: Sequence[Part] = ()
    weight: float = 1.0
    liked: Sequence[tuple[str, float]] = ()
    rest: Sequence[Part] = ()

    @classmethod
    def of(cls, item_id: str, parts: Sequence[Part]) -> Self:
        """Return an item whose score is the sum of these parts."""
        return cls(item_id, sum([part.value for part in parts]), rest=tuple(parts))

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that the score is made of."""
        asked = [part._replace(value=part.value * self.weight) for part in self.matches]
        return (*asked, *[Part("interest", term, value) for term, value in self.liked], *self.rest)

    @property
    def reason(self) -> Part | None:
        """The strongest part that speaks for the item; None when nothing does."""
        best, most = None, 0.0
        for part in self.parts:
            if part.value > most:
                best, most = part, part.value
        return best

    def shares(self) -> dict[Kind, float]:
        """Return the score by kind."""
        found: dict[Kind, float] = {}
        if self.matches:
            found["query"] = self.weight * sum([value for _, _, value, _ in self.matches])
        if self.liked:
            found["interest"] = sum([value for _, value in self.liked])
        for kind, _, value, _ in self.rest:
            found[kind] = found.get(kind, 0.0) + value
        return found

    @property
    def basis(self) -> Kind:
        """The nearest thing to the follower that speaks for the item; "popular" when nothing does."""
        near: Kind = "popular"
        least = len(NEAREST)
        for kind, _, value, _ in self.parts:
            if value > 0 and (rank := _RANKS.get(kind, least)) < least:
                near, least = kind, rank
        return near


class Signal(StrEnum):
    """What a follower did. The values are stable names, fit for storage."""

    MENTION = "mention"
    CLICK = "click"
    VIEW = "view"
    FINISH = "finish"
    BUY = "buy"
    DISLIKE = "dislike"

    @property
    def strength(self) -> float:
        """How far the event stands above (or, negative, below) indifference."""
        return STRENGTHS[self]


# The (r − δ) of the profile formula: a defined mapping, as nobody gives us ratings. The order is what matters.
STRENGTHS: Mapping[Signal, float] = MappingProxyType(
    {
        Signal.MENTION: 1.0,  # a word in passing: the subject matters now, perhaps for a colleague
        Signal.CLICK: 1.5,  # one course chosen out of several, at no cost
        Signal.VIEW: 2.0,  # the page was read: time was spent
        Signal.FINISH: 3.0,  # a lesson was sat through to the end: hours were spent
        Signal.BUY: 4.0,  # money was spent
        Signal.DISLIKE: -3.0,  # said aloud, which few people do: outweighs any curiosity, not a purchase
    }
)


def decay(seconds: float, half_life_days: float) -> float:
    """Return what remains of 1.0 after ``seconds``; all of it when negative, so a wrong clock inflates nothing."""
    return math.exp2(-max(seconds, 0.0) / (half_life_days * 86_400.0))


def checked_half_life(days: float) -> float:
    """Return ``days``; ValueError unless they are a positive finite number."""
    if not (math.isfinite(days) and days > 0):
        raise ValueError(f"a half-life is a positive number of days, not {days!r}")
    return float(days)
