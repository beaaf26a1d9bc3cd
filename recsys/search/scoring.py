"""The best answers to all that was asked: sayings added up for the items that can come out on top.

An item that only one saying speaks of is worth less than all which that saying ranks above it. So the best are
among the first of each saying and among those that several speak of; no other score is worked out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

import numpy as np

from recsys.index import Flags, Floats, Ints
from recsys.search.postings import SAID, Points, Saying

REPEATED = 0.5  # what a subject shown already is still worth when several were asked for


@dataclass(frozen=True, slots=True)
class Question:
    """The sayings of what was asked of ``size`` items; ``sharper`` ones count where a subject was said."""

    subjects: Sequence[Saying]
    sharper: Sequence[Saying]
    size: int

    @property
    def sayings(self) -> Sequence[Saying]:
        """Both kinds."""
        return (*self.subjects, *self.sharper)

    def best(self, count: int, free: Flags | None) -> tuple[Ints, Floats]:
        """Return the ``count`` best answers among the free positions, best first; ties by position.

        With them what each saying adds to their scores, sayings x positions.
        """
        if len(self.subjects) == 1 and not self.sharper and free is None:
            only = self.subjects[0]
            best = only.ranked[:count]
            return best, only.at(best)[0][None, :]
        candidates = self._candidates(count, free)
        shares, scores, points = self.values(candidates)
        scores[points < SAID] = 0.0
        order = (-scores).argsort(kind="stable")[: min(count, np.count_nonzero(scores))]
        return candidates[order], shares[:, order]

    def values(self, chosen: Ints) -> tuple[Floats, Floats, Points]:
        """Return for chosen positions what each saying adds, the scores, and how well they say what was asked."""
        told = [saying.at(chosen) for saying in self.sayings]
        shares, points = np.array([each[0] for each in told]), np.array([each[1] for each in told])
        if self.sharper:
            said = shares[: len(self.subjects)].any(axis=0)
            shares, points = shares * said, points * said
        return shares, shares.sum(axis=0), points.sum(axis=0, dtype=np.int8)

    def _candidates(self, count: int, free: Flags | None) -> Ints:
        """Return, ascending, the free positions that may be among the best."""
        said = np.zeros(self.size, np.bool_)
        found = []
        for saying in self.sayings:
            positions = saying.positions
            found.append(positions[said[positions]])
            said[positions] = True
        for saying in self.subjects:
            ranked = saying.ranked
            found.append((ranked if free is None else ranked[free[ranked]])[:count])
        candidates = np.concatenate(found)
        candidates.sort()
        fresh = np.ones(len(candidates), np.bool_)
        fresh[1:] = candidates[1:] != candidates[:-1]
        if free is not None:
            fresh &= free[candidates]
        kept: Ints = candidates[fresh]
        return kept


def spread(shares: Floats, k: int) -> list[int]:
    """Choose ``k`` columns so that each row, a thing asked for, gets its turn: once shown it counts half."""
    columns = shares.T.tolist()
    left = list(range(len(columns)))
    worth = [1.0] * len(shares)
    chosen: list[int] = []
    while left and len(chosen) < k:
        worths = [sum(map(mul, columns[at], worth)) for at in left]
        at = left.pop(worths.index(max(worths)))
        chosen.append(at)
        worth = [factor * REPEATED if share else factor for share, factor in zip(columns[at], worth, strict=True)]
    return chosen
