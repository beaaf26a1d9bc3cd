"""BM25 weights as posting lists, and what every item says of one thing that was asked for.

A ``Saying`` sums up all the terms that stand for one thing typed: asking for two things adds two arrays, and
what a few chosen items say can still be taken apart. Which terms those are is ``wording.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.base import Part
from recsys.index import Flags, Floats, Ints
from recsys.search.wording import PAIR_MARK, Asked

K1, B = 1.5, 0.3  # BM25; b is low because descriptions are of one length, and short ones are no better
SAID = 2  # points from which an item is an answer: said where it counts, or twice in passing
PROVEN = 0.45  # of a term's greatest worth: more than one mention in the description
_REMEMBERED = 1_024  # sayings kept at hand: each 40 bytes at most for a mention of its terms, and its ``known``
_FIRST = 20  # as many courses as a wish asks for
_NEAR = 8  # times the positions wanted: among so many, most limits leave enough of them
_KNOWN = 64  # positions of a saying whose parts are kept: with all sayings 25 MB at most

Points = NDArray[np.int8]


class Counted(Protocol):
    """One item's terms with their weighted counts, and its weighted length."""

    @property
    def terms(self) -> Sequence[str]:
        """The terms, each once."""

    @property
    def counts(self) -> Any:
        """Their counts, as a buffer of float64."""

    @property
    def length(self) -> float:
        """The number of its words."""


@dataclass(frozen=True, slots=True, eq=False)
class Breakdown:
    """Which words make up the shares of a saying: ``says`` names them, ``typed`` is what the follower wrote.

    The items at ``positions`` have their ``values`` from ``starts`` on, each of the word that ``owners`` numbers.
    ``known`` keeps the parts of ``_KNOWN`` positions at most, 25 kB.
    """

    typed: str
    says: tuple[str, ...]
    positions: Ints
    starts: NDArray[np.int32]
    owners: NDArray[np.int16]
    values: Floats
    known: dict[int, Sequence[Part]] = field(default_factory=dict)

    @classmethod
    def of_word(cls, word: str) -> Breakdown:
        """Return the breakdown of whatever one word alone speaks for, typed as it is."""
        none = np.empty(0)
        return cls(word, (word,), none.astype(np.intp), none.astype(np.int32), none.astype(np.int16), none)

    def matches(self, position: int, share: float) -> Sequence[Part]:
        """Return what each word adds to the ``share`` of a position where something is said, the most first."""
        if self.says.count(self.says[0]) == len(self.says):  # one word and its pairs of characters
            return (self._part(self.says[0], share),)
        matches = self.known.get(position)
        if matches is None:
            matches = self._matches(position)
            if len(self.known) < _KNOWN:
                self.known[position] = matches
        return matches

    def _matches(self, position: int) -> Sequence[Part]:
        place = self.positions.searchsorted(position)
        span = slice(self.starts[place], self.starts[place + 1])
        sums: dict[str, float] = {}
        for owner, value in zip(self.owners[span].tolist(), self.values[span].tolist(), strict=True):
            word = self.says[owner]
            sums[word] = sums[word] + value if word in sums else value
        return sorted([self._part(word, share) for word, share in sums.items() if share > 0], key=by_share)

    def _part(self, word: str, share: float) -> Part:
        return Part("query", word, share, "" if word in self.typed else self.typed)


# What several sayings add to one score, each with the words that make it up.
Shares = tuple[tuple[Breakdown, float], ...]
# Minus its score, its position, and what the score is made of: sorted, the best come first.
Answer = tuple[float, int, Shares]


@dataclass(frozen=True, slots=True, eq=False)
class Saying:
    """What the items say of one thing typed: for each position, ascending, its share of the score.

    ``points`` are how well it is said: 1 in passing, 2 where it counts; of mere pairs of characters as many as are
    said where it counts. ``faint`` tells that there are zeros among them. ``ranked`` are the positions that answer
    by this saying alone, best first, ``first`` some of these answers. ``words`` takes the shares apart again.
    """

    positions: Ints
    shares: Floats
    points: Points
    faint: bool
    ranked: Ints
    first: Sequence[Answer]
    words: Breakdown

    def at_said(self, chosen: Ints) -> Floats:
        """Return the share of each chosen position, at all of which something is said."""
        return self.shares.take(self.positions.searchsorted(chosen))

    def points_at(self, chosen: Ints) -> Points:
        """Return the points of each chosen position, zeros where nothing is said."""
        places = self.positions.searchsorted(chosen)
        said = self.positions.take(places, mode="clip") == chosen
        points: Points = self.points.take(places, mode="clip") * said
        return points

    def top(self, count: int, free: Flags | None) -> Sequence[Answer]:
        """Return the ``count`` best answers by this saying alone at free positions."""
        if free is None and count <= _FIRST:
            return self.first[:count]
        best = (self.ranked if free is None else self._free(count, free))[:count]
        return _answers(best, self.at_said(best), self.words)

    def _free(self, count: int, free: Flags) -> Ints:
        """Return the free positions of ``ranked``, at least ``count`` of them if there are as many."""
        ranked = self.ranked[: _NEAR * count]
        best = ranked[free[ranked]]
        return best if len(best) >= count or len(ranked) == len(self.ranked) else self.ranked[free[self.ranked]]


def _answers(positions: Ints, shares: Floats, words: Breakdown) -> list[Answer]:
    """Return the answers of positions of which one saying alone speaks."""
    told = zip(positions.tolist(), shares.tolist(), strict=True)
    return [(-share, position, ((words, share),)) for position, share in told]


def by_share(part: Part) -> tuple[float, str, str]:
    """Return what sorts the greatest share first."""
    return -part.value, part.term, part.typed


class Postings:
    """The BM25 weight of every term in every item that says it. Never changes; safe to share between threads."""

    def __init__(self, items: Sequence[Counted]) -> None:
        self.term_ids: dict[str, int] = {}
        ids = self.term_ids
        columns = np.array([ids.setdefault(term, len(ids)) for item in items for term in item.terms], np.intp)
        rows = np.repeat(np.arange(len(items)), [len(item.terms) for item in items])
        counts = np.concatenate([np.frombuffer(item.counts, np.float64) for item in items] or [np.empty(0)])
        lengths = np.array([item.length for item in items])
        norms = K1 * (1 - B + B * lengths / max(lengths.mean(), 1.0)) if items else lengths
        said_by = np.bincount(columns, minlength=len(ids))
        idf = np.log1p((len(items) - said_by + 0.5) / (said_by + 0.5))
        values = idf[columns] * counts * (K1 + 1) / (counts + norms[rows])
        order = np.argsort(columns, kind="stable")
        self._ideals: list[float] = (idf * (K1 + 1)).tolist()
        self._starts: list[int] = [0, *np.cumsum(said_by).tolist()]
        self._positions = rows[order]
        self._values = values[order]
        self.saying = lru_cache(_REMEMBERED)(self._saying)

    def _saying(self, asked: tuple[Asked, ...]) -> Saying:
        """Sum up what stands for one thing typed; ``saying`` is the same, remembered."""
        spans = [self._span(each.term) for each in asked]
        lengths = [span.stop - span.start for span in spans]
        positions = np.concatenate([self._positions[span] for span in spans])
        weights = np.repeat([each.weight for each in asked], lengths)
        values = np.concatenate([self._values[span] for span in spans]) * weights
        owners = np.repeat(np.arange(len(asked)), lengths)
        order = np.argsort(positions, kind="stable")
        places, starts = np.unique(positions[order], return_index=True)
        owners, values = owners[order], values[order]
        shares = np.add.reduceat(values, starts) if len(values) else values
        points = self._points(asked, owners, values, starts)
        answers = (points >= SAID).nonzero()[0]
        answers = answers[(-shares[answers]).argsort(kind="stable")]
        first = answers[:_FIRST]
        words = Breakdown(
            typed=asked[0].typed,
            says=tuple(each.says for each in asked),
            positions=places,
            starts=np.append(starts, len(values)).astype(np.int32),
            owners=owners.astype(np.int16),
            values=values,
        )
        return Saying(
            positions=places,
            shares=shares,
            points=points,
            faint=not points.all(),
            ranked=places[answers],
            first=_answers(places[first], shares[first], words),
            words=words,
        )

    def _span(self, term: str) -> slice:
        number = self.term_ids[term]
        return slice(self._starts[number], self._starts[number + 1])

    def _points(self, asked: Sequence[Asked], owners: Ints, values: Floats, starts: Ints) -> Points:
        """Return how well each item says it: by its best word or, without any, by its pairs."""
        if not len(values):
            return np.empty(0, np.int8)
        ideals = np.array([PROVEN * self._ideals[self.term_ids[each.term]] * each.weight for each in asked])
        strong = values >= ideals[owners]
        pair = np.array([each.term.startswith(PAIR_MARK) for each in asked])[owners]
        by_word = np.maximum.reduceat(np.where(pair, 0, 1 + strong), starts)
        by_pair = np.add.reduceat(np.where(pair, strong, 0), starts)
        points: Points = np.where(by_word > 0, by_word, np.minimum(by_pair, 2)).astype(np.int8)
        return points
