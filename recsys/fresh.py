"""Items that nobody took yet: what their words promise, learned from items whose events were hidden.

A new item's score is foretold from its words in three ways: the likeness of text and tags itself, kernel ridge from
likeness to the known items' scores, and the nearest items' scores. What these are worth is a logit of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recsys.blend import shapes
from recsys.sources.base import Catalogue, Crowd, Floats, Ints, Singles
from recsys.sources.matrix import ItemMatrix

_RIDGE = 0.5  # beside likenesses of at most 1
_NEAREST = 10


class Promise:
    """How to foretell scores of ``fresh`` items from those of ``known`` ones, both ascending positions."""

    def __init__(self, catalogue: Catalogue, known: Ints, fresh: Ints) -> None:
        likeness = (catalogue.text_likeness + catalogue.tag_likeness) / 2
        across = likeness[np.ix_(known, fresh)]
        system = likeness[np.ix_(known, known)].astype(np.float64)
        system[np.diag_indices_from(system)] += _RIDGE
        near = np.maximum(across, 0) ** 2
        if len(known) > _NEAREST:
            near[near < np.partition(near, len(known) - _NEAREST, axis=0)[len(known) - _NEAREST]] = 0
        near /= near.sum(axis=0) + np.float32(1e-9)
        self.known, self.fresh = known, fresh
        self.transfers: tuple[Singles, ...] = (np.linalg.solve(system, across).astype(np.float32), near)

    def features(
        self, crowd: Crowd, says: Mapping[str, ItemMatrix], scores: Mapping[str, Singles], level: Floats
    ) -> list[Singles]:
        """Return features, people x fresh. ``says`` are sources that read words, ``scores`` those of all items.

        ``level`` is the popularity of all items, whose foretold value counts too.
        """
        found: list[Singles] = []
        for source in says.values():
            for values in (source.score_many(crowd)[:, self.fresh], self._strongest(crowd, source)):
                found += [values, *shapes(values)]
        for transfer in self.transfers:
            steady = (level[self.known].astype(np.float32) @ transfer)[None, :]
            found.append(np.broadcast_to(steady, (len(crowd), len(self.fresh))))
            for values in scores.values():
                found += shapes(values[:, self.known] @ transfer)
        return found

    def _strongest(self, crowd: Crowd, source: ItemMatrix) -> Singles:
        """Return the largest likeness of any one item of the history."""
        strongest = np.zeros((len(crowd), len(self.fresh)), np.float32)
        filled = np.flatnonzero(crowd.lengths)
        if source.dense is not None and len(filled):
            rows = source.dense[:, self.fresh][crowd.items]
            strongest[filled] = np.maximum.reduceat(rows, crowd.starts[filled], axis=0)
        return strongest
