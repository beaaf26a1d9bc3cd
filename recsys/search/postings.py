"""BM25 weights as posting lists, and what every item says of one thing that was asked for.

A ``Saying`` sums up all the terms that stand for one thing typed: asking for two things adds two arrays, and
what a few chosen items say can still be taken apart. Which terms those are is ``wording.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.index import Floats, Ints
from recsys.search.wording import PAIR_MARK, Asked

K1, B = 1.5, 0.3  # BM25; b is low because descriptions are of one length, and short ones are no better
SAID = 2  # points from which an item is an answer: said where it counts, or twice in passing
PROVEN = 0.45  # of a term's greatest worth: more than one mention in the description
_REMEMBERED = 512  # sayings kept at hand: 50 bytes for each mention of their terms

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


class Match(NamedTuple):
    """A word that speaks for a course, and its share of the score. ``typed`` is what the follower wrote for it."""

    term: str
    share: float
    typed: str

    @property
    def corrected(self) -> bool:
        """Tell whether the follower wrote something else: 数剧分析 for 数据分析, 幻灯片 for PPT."""
        return self.term not in self.typed


@dataclass(frozen=True, slots=True)
class Saying:
    """What the items say of one thing ``typed``: for each position, ascending, its share of the score.

    ``points`` are how well it is said: 1 in passing, 2 where it counts; of mere pairs of characters as many as are
    said where it counts. ``says``, ``starts``, ``owners`` and ``values`` take the shares apart again. ``ranked``
    are the positions that answer by this saying alone, best first.
    """

    typed: str
    says: tuple[str, ...]
    positions: Ints
    shares: Floats
    points: Points
    ranked: Ints
    starts: Ints
    owners: Ints
    values: Floats

    def at(self, chosen: Ints) -> tuple[Floats, Points]:
        """Return the share and the points of each chosen position, zeros where nothing is said."""
        if not len(self.positions):
            return np.zeros(len(chosen)), np.zeros(len(chosen), np.int8)
        places = self.positions.searchsorted(chosen)
        said = self.positions.take(places, mode="clip") == chosen
        return self.shares.take(places, mode="clip") * said, self.points.take(places, mode="clip") * said

    def parts(self, chosen: Ints) -> list[list[Match]]:
        """Return for each chosen position what each word that it says adds."""
        typed, says = self.typed, self.says
        if says.count(says[0]) == len(says):  # one word and its pairs of characters
            shares = self.at(chosen)[0].tolist()
            return [[Match(says[0], share, typed)] if share else [] for share in shares]
        parts: list[list[Match]] = []
        places = self.positions.searchsorted(chosen)
        said = (self.positions.take(places, mode="clip") == chosen).tolist() if len(self.positions) else []
        for place, is_said in zip(places.tolist(), said, strict=True):
            sums: dict[str, float] = {}
            if is_said:
                span = slice(self.starts[place], self.starts[place + 1])
                for owner, value in zip(self.owners[span].tolist(), self.values[span].tolist(), strict=True):
                    word = says[owner]
                    sums[word] = sums[word] + value if word in sums else value
            parts.append([Match(word, share, typed) for word, share in sums.items() if share > 0])
        return parts


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
        return Saying(
            typed=asked[0].typed,
            says=tuple(each.says for each in asked),
            positions=places,
            shares=shares,
            points=points,
            ranked=places[answers[(-shares[answers]).argsort(kind="stable")]],
            starts=np.append(starts, len(values)),
            owners=owners,
            values=values,
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
