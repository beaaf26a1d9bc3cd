"""What many people did lately: a decayed count for every item. Whose events they are is not known here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.base import Signal, checked_half_life, decay
from recsys.index import CourseIndex


class Popularity:
    """Counts that halve every ``half_life_days``. One writer at a time."""

    def __init__(self, half_life_days: float = 30.0) -> None:
        self._half_life_days = checked_half_life(half_life_days)
        self._counts: dict[str, tuple[float, float]] = {}

    def add(self, item_id: str, signal: Signal, at: float) -> None:
        """Count an event at ``at`` (epoch seconds), by its strength; a dislike takes away, never below nothing."""
        if not item_id or not math.isfinite(at):
            raise ValueError(f"an event needs an item and a time, not {item_id!r} at {at!r}")
        count, since = self._counts.get(item_id, (0.0, at))
        gain = signal.strength
        if at >= since:
            count, since = count * decay(at - since, self._half_life_days), at
        else:
            gain *= decay(since - at, self._half_life_days)
        self._counts[item_id] = (max(count + gain, 0.0), since)

    def score(self, item_id: str, now: float) -> float:
        """Return the item's decayed count at ``now``; 0.0 for an item nobody touched."""
        count, since = self._counts.get(item_id, (0.0, now))
        return count * decay(now - since, self._half_life_days)

    def array(self, index: CourseIndex, now: float) -> NDArray[np.float64]:
        """Return the scores by the index's positions, squeezed by a logarithm into [0, 1].

        The highest is 1; all are 0 when nothing counts. The logarithm keeps one best-seller from flattening the
        differences among all the others.
        """
        scores = np.log1p(np.array([self.score(item_id, now) for item_id in index.ids], np.float64))
        highest = scores.max(initial=0.0)
        return scores / highest if highest > 0 else scores

    def to_dict(self) -> dict[str, tuple[float, float]]:
        """Return ``item_id -> (count, as of epoch seconds)``, for storage."""
        return dict(self._counts)

    @classmethod
    def from_dict(cls, counts: Mapping[str, tuple[float, float]], half_life_days: float = 30.0) -> Self:
        """Return the popularity that ``to_dict`` gave; ValueError for a count below 0 or not finite."""
        popularity = cls(half_life_days)
        for item_id, (count, since) in counts.items():
            if not (math.isfinite(count) and math.isfinite(since) and count >= 0):
                raise ValueError(f"no popularity of {item_id!r}: {count!r} as of {since!r}")
            popularity._counts[item_id] = (float(count), float(since))
        return popularity
