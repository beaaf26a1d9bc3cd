"""What speaks for each item in one call: posting lists of its signals, summed up, and taken apart for a few.

A voice is one signal of the follower: a word asked for, a word liked, a course bought. Everything is linear in the
voices, so an explanation is exact. The order of the items, and which may be shown, is ``recommender.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from recsys.base import Kind, Part, Recommendation
from recsys.index import Flags, Floats, Ints


class Voice(NamedTuple):
    """One signal: what it adds to which positions, times its weight. A position stands in it at most once."""

    kind: Kind
    term: str
    positions: Ints
    values: Floats
    weight: float


class Evidence:
    """The shares of one call in one flat list, voice after voice.

    ``ids`` are the items by position; ``prior``, the sum of ``priors``, is added to all. ``total`` is the scores.
    """

    __slots__ = ("_ends", "_ids", "_positions", "_priors", "_shares", "_voices", "total")

    def __init__(
        self, ids: Sequence[str], priors: Mapping[Kind, Floats], prior: Floats, voices: Sequence[Voice]
    ) -> None:
        self._ids, self._priors, self._voices = ids, priors, voices
        self.total: Floats = prior
        if voices:
            lengths = [len(voice.positions) for voice in voices]
            self._positions = np.concatenate([voice.positions for voice in voices])
            self._shares = np.concatenate([voice.values for voice in voices])
            self._shares *= np.repeat([voice.weight for voice in voices], lengths)
            self._ends = np.cumsum(lengths)
            total: Any = np.bincount(self._positions, self._shares, len(ids))  # float64, as the shares are
            total += prior
            self.total = total

    def said_by(self, count: int) -> Flags:
        """Return which positions the first ``count`` voices speak of."""
        said = np.zeros(len(self._ids), np.bool_)
        if count:
            said[self._positions[: self._ends[count - 1]]] = True
        return said

    def explain(self, chosen: Sequence[int]) -> list[Recommendation]:
        """Return the items at ``chosen``, in this order, each with its score in parts."""
        told = zip(chosen, self.parts(chosen), strict=True)
        return [Recommendation.of(self._ids[at], parts) for at, parts in told]

    def parts(self, chosen: Sequence[int]) -> list[list[Part]]:
        """Return what speaks for each of the items at ``chosen``, which are distinct."""
        parts: list[list[Part]] = [[] for _ in chosen]
        if self._voices and chosen:
            wanted = np.zeros(len(self._ids), np.bool_)
            wanted[list(chosen)] = True
            places = wanted[self._positions].nonzero()[0]
            owners = self._ends.searchsorted(places, side="right").tolist()
            spoken = zip(self._positions[places].tolist(), owners, self._shares[places].tolist(), strict=True)
            of = dict(zip(chosen, parts, strict=True))
            for at, owner, share in spoken:
                voice = self._voices[owner]
                of[at].append(Part(voice.kind, voice.term, share))
        for kind, prior in self._priors.items():
            for told, at in zip(parts, chosen, strict=True):
                if value := prior.item(at):
                    told.append(Part(kind, "", value))
        return parts
