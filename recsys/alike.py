"""Which items are close to those somebody has, in words: for shops where no training tells yet what goes together.

What an item says of its neighbours is a voice of the evidence like any other, so its parts add up with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from recsys.evidence import Voice
from recsys.index import CourseIndex, Floats, Ints

LEAST = 0.15  # the cosine from which two courses are called close
_KEEP = 100  # neighbours of an item that are kept
_NEWEST = 5  # so many of somebody's courses speak
_DECAY = 0.9  # what a course counts less for every newer one
_REMEMBERED = 1_024  # items whose neighbours are kept at hand


class Alike:
    """The neighbours of each item of an index, worked out when first asked for. Safe to share between threads."""

    def __init__(self, index: CourseIndex) -> None:
        self._index = index
        self._near = lru_cache(_REMEMBERED)(self._nearest)

    def voices(self, held: Sequence[str], weight: float) -> list[Voice]:
        """Return what somebody's newest courses, given oldest first, say; the newest of all counts ``weight``."""
        known = [at for item_id in held if (at := self._index.position(item_id)) is not None]
        newest = enumerate(reversed(known[-_NEWEST:]))
        found = [Voice("alike", self._index.ids[at], *self._near(at), weight * _DECAY**age) for age, at in newest]
        return [voice for voice in found if len(voice.positions)]

    def _nearest(self, at: int) -> tuple[Ints, Floats]:
        cosines = np.zeros(len(self._index))
        for term, weight in self._index.row(at):
            if found := self._index.posting(term):
                cosines[found[0]] += weight * found[1]
        cosines[at] = 0.0
        near = np.flatnonzero(cosines >= LEAST)
        near = np.sort(near[np.argsort(-cosines[near], kind="stable")[:_KEEP]])
        return near, cosines[near]
