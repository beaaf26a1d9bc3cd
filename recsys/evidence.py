"""What speaks for each item in one call: the posting lists of its terms, summed up, and taken apart for a few.

The order of the items, and which may be shown, is ``recommender.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsys.base import Part, Recommendation
from recsys.index import CourseIndex, Flags, Floats, Ints


class Evidence:
    """The shares of one call: every item's shares of each term asked for, then of each one liked.

    ``asked`` and ``liked`` are weights by term; ``prior`` is added to every item.
    ``total`` is the scores by position.
    """

    __slots__ = ("_asked", "_index", "_prior", "_said", "_voices", "total")

    def __init__(
        self, index: CourseIndex, prior: Floats, asked: Mapping[str, float], liked: Mapping[str, float]
    ) -> None:
        ids = index.term_ids
        queried = [(ids[term], term, weight) for term, weight in asked.items() if term in ids]
        voices = queried + [(ids[term], term, weight) for term, weight in liked.items() if term in ids]
        self._index, self._prior = index, prior
        self._voices, self._asked = voices, len(queried)
        self._said: Ints | None = None
        self.total: Floats = prior
        if voices:
            positions, shares, lengths = index.postings([term_id for term_id, _, _ in voices])
            shares *= np.repeat([weight for _, _, weight in voices], lengths)
            total: Any = np.bincount(positions, shares, len(index))  # float64, as the shares are
            total += prior
            self.total = total
            self._said = positions[: sum(lengths[: self._asked])]

    def asked(self) -> Flags:
        """Return which positions say a term that was asked for."""
        said = np.zeros(len(self._index), np.bool_)
        if self._said is not None:
            said[self._said] = True
        return said

    def explain(self, chosen: Sequence[int]) -> list[Recommendation]:
        """Return the items at ``chosen``, in this order, each with its score in parts."""
        return [self._explain(at) for at in chosen]

    def _explain(self, at: int) -> Recommendation:
        words = self._index.weights_at(at)
        parts = [
            Part("query" if place < self._asked else "interest", term, words[term_id] * weight)
            for place, (term_id, term, weight) in enumerate(self._voices)
            if term_id in words
        ]
        if prior := float(self._prior[at]):
            parts.append(Part("popular", "", prior))
        return Recommendation(self._index.ids[at], sum([part.value for part in parts]), tuple(parts))
