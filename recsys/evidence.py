"""What speaks for each item in one call: the posting lists of its terms, summed up, and taken apart for a few.

The order of the items, and which may be shown, is ``recommender.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsys.base import Kind, Part, Recommendation
from recsys.index import CourseIndex, Flags, Floats


class Evidence:
    """The shares of one call in one flat list: all items' shares of each term asked for, then of each one liked.

    ``asked`` and ``liked`` are weights by term; ``prior`` is added to every item.
    ``total`` is the scores by position.
    """

    __slots__ = ("_asked", "_ends", "_index", "_positions", "_prior", "_shares", "_terms", "total")

    def __init__(
        self, index: CourseIndex, prior: Floats, asked: Mapping[str, float], liked: Mapping[str, float]
    ) -> None:
        ids = index.term_ids
        queried = [term for term in asked if term in ids]
        self._index, self._prior, self._asked = index, prior, len(queried)
        self._terms = queried + [term for term in liked if term in ids]
        weights = [asked[term] for term in queried] + [liked[term] for term in self._terms[len(queried) :]]
        lists = index.postings([ids[term] for term in self._terms])
        self._positions, self._shares, lengths = lists
        self._shares *= np.repeat(weights, lengths)
        self._ends = lengths.cumsum()
        self.total: Floats = prior
        if self._terms:
            total: Any = np.bincount(self._positions, self._shares, len(index))  # float64, as the shares are
            total += prior
            self.total = total

    def asked(self) -> Flags:
        """Return which positions say a term that was asked for."""
        said = np.zeros(len(self._index), np.bool_)
        if self._asked:
            said[self._positions[: self._ends[self._asked - 1]]] = True
        return said

    def explain(self, chosen: Sequence[int]) -> list[Recommendation]:
        """Return the items at ``chosen``, in this order, each with its score in parts."""
        wanted = np.zeros(len(self._index), np.bool_)
        wanted[list(chosen)] = True
        hits = np.flatnonzero(wanted[self._positions])
        owners = self._ends.searchsorted(hits, side="right").tolist()
        parts: dict[int, list[Part]] = {at: [] for at in chosen}
        shares = zip(self._positions[hits].tolist(), owners, self._shares[hits].tolist(), strict=True)
        for at, owner, share in shares:
            kind: Kind = "query" if owner < self._asked else "interest"
            parts[at].append(Part(kind, self._terms[owner], share))
        for at in chosen:
            if prior := float(self._prior[at]):
                parts[at].append(Part("popular", "", prior))
        ids = self._index.ids
        return [Recommendation(ids[at], sum([part.value for part in parts[at]]), tuple(parts[at])) for at in chosen]
