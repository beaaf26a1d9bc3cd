"""The best answers to all that was asked: sayings added up for the items that can come out on top.

An item that only one saying speaks of is worth less than all which that saying ranks above it. So the best are
among the first of each saying and among those that several speak of; no other score is worked out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np

from recsys.base import Part
from recsys.index import Flags, Floats, Ints
from recsys.search.postings import SAID, Answer, Breakdown, Saying, Shares, by_share

EACH = 2  # courses that a subject is sure to be considered with when several were asked for
REPEATED = 0.5  # what a subject shown already is still worth when several were asked for
_MANY = 8  # times the values wanted, and sorting all of them costs more than finding the least first


class Question:
    """The sayings of what was asked of ``size`` items; ``sharper`` ones count where a subject was said."""

    def __init__(self, subjects: Sequence[Saying], sharper: Sequence[Saying], size: int) -> None:
        self._subjects, self._sayings, self._size = subjects, (*subjects, *sharper), size
        self._told: tuple[_Told, memoryview] | None = None

    def best(self, count: int, free: Flags | None) -> Sequence[Answer]:
        """Return the ``count`` best answers among the free positions, best first; ties by position."""
        return self._best(count, [saying.top(count, free) for saying in self._subjects], free)

    def _best(self, count: int, tops: Sequence[Sequence[Answer]], free: Flags | None) -> Sequence[Answer]:
        """Return the ``count`` best of the free answers; ``tops`` are as many to each subject alone."""
        if len(self._sayings) == 1:
            return tops[0]
        told, is_common = self._common()
        found = told.best(count, free)
        worst = found[-1][0] if 0 < len(found) == count else 0.0
        for top in tops:
            for answer in top:
                if answer[0] > worst:
                    break
                if not is_common[answer[1]]:
                    found.append(answer)
        found.sort()
        return found[:count]

    def each(self, count: int, free: Flags | None) -> Sequence[Answer]:
        """Return twice ``count`` of the best free answers and the first ``EACH`` to each subject, the best first.

        What one subject is worth may be far below another; who asks for both is to be offered both.
        """
        tops = [saying.top(2 * count, free) for saying in self._subjects]
        best = self._best(2 * count, tops, free)
        if len(tops) == 1:
            return best
        have = {position for _, position, _ in best}
        told, is_common = self._common()
        missed = {answer[1]: answer for top in tops for answer in top[:EACH] if answer[1] not in have}
        if not missed:
            return best
        common = [position for position in missed if is_common[position]]
        alone = [answer for position, answer in missed.items() if not is_common[position]]
        return sorted([*best, *alone, *told.at(common)])

    def answer(self, position: int) -> Answer | None:
        """Return what is said at one position; None if that is no answer."""
        told = self._add(np.array([position]), sure=False)
        return next(iter(told.best(1, None)), None)

    def _common(self) -> tuple[_Told, memoryview]:
        """Return what is said where several sayings speak, and for each position whether it is one of those."""
        if self._told is None:
            self._told = self._add_common()
        return self._told

    def _add_common(self) -> tuple[_Told, memoryview]:
        sayings, twice = self._sayings, np.zeros(self._size, np.bool_)
        sure = not [saying for saying in sayings if saying.faint]
        if len(sayings) == 2:  # noqa: PLR2004 - a frequent case that needs less
            common = _shared(*sayings, self._size)
            twice[common] = True
            shares = [saying.at_said(common) for saying in sayings]
            return _Told(
                common, self._losses(common, shares, sure=sure), shares, self._words, gaps=False
            ), twice.data
        said = np.zeros(self._size, np.bool_)
        for saying in sayings:
            twice[saying.positions[said[saying.positions]]] = True
            said[saying.positions] = True
        return self._add(twice.nonzero()[0], sure=sure), twice.data

    def _add(self, positions: Ints, *, sure: bool) -> _Told:
        """Add up what the sayings say of any positions; ``sure`` are answers wherever a subject is said."""
        shares, row = [], np.empty(self._size)
        for saying in self._sayings:
            row[positions] = 0.0
            row[saying.positions] = saying.shares
            shares.append(row.take(positions))
        count = len(self._subjects)
        if count < len(shares):
            said = np.logical_or.reduce([row > 0 for row in shares[:count]])
            shares = [row * said for row in shares]
        return _Told(positions, self._losses(positions, shares, sure=sure), shares, self._words, gaps=True)

    def _losses(self, positions: Ints, shares: Sequence[Floats], *, sure: bool) -> Floats:
        losses: Floats = -sum(shares[1:], shares[0])
        if not sure:
            points = [saying.points_at(positions) for saying in self._sayings]
            losses[sum(points[1:], points[0]) < SAID] = 0.0
        return losses

    @property
    def _words(self) -> list[Breakdown]:
        return [saying.words for saying in self._sayings]


class _Told(NamedTuple):
    """Of some positions, ascending, minus their scores (0 for no answers), and what each saying adds.

    ``gaps`` tells that there may be zeros among these shares.
    """

    positions: Ints
    losses: Floats
    shares: Sequence[Floats]
    words: Sequence[Breakdown]
    gaps: bool

    def best(self, count: int, free: Flags | None) -> list[Answer]:
        """Return the ``count`` best answers among the free positions, best first; ties by position."""
        losses = self.losses if free is None else self.losses * free[self.positions]
        return self._answers(_least(losses, count), losses)

    def at(self, chosen: Sequence[int]) -> list[Answer]:
        """Return the answers among some of these positions."""
        return self._answers(self.positions.searchsorted(chosen), self.losses) if chosen else []

    def _answers(self, places: Ints, losses: Floats) -> list[Answer]:
        shares = [
            zip(repeat(words), row.take(places).tolist(), strict=False)
            for words, row in zip(self.words, self.shares, strict=True)
        ]
        made_of: Iterable[Shares] = zip(*shares, strict=True)
        if self.gaps:
            made_of = map(_without_zeros, made_of)
        found = zip(losses.take(places).tolist(), self.positions.take(places).tolist(), made_of, strict=True)
        return [answer for answer in found if answer[0]]


def _without_zeros(shares: Shares) -> Shares:
    return tuple([each for each in shares if each[1]])


def _shared(one: Saying, other: Saying, size: int) -> Ints:
    """Return the positions that both speak of, ascending."""
    shorter, longer = one.positions, other.positions
    if len(shorter) > len(longer):
        shorter, longer = longer, shorter
    said = np.zeros(size, np.bool_)
    said[longer] = True
    return shorter[said[shorter]]


def _least(values: Floats, count: int) -> Ints:
    """Return where the ``count`` least values are, the least first, the first of equal ones first."""
    if len(values) <= _MANY * count:
        return values.argsort(kind="stable")[:count]
    low = (values <= np.partition(values, count - 1)[count - 1]).nonzero()[0]
    least: Ints = low[values[low].argsort(kind="stable")[:count]]
    return least


def matches(position: int, shares: Shares) -> Sequence[Part]:
    """Return what each word that is said at an answer's position adds, the greatest share first."""
    if len(shares) == 1:
        words, share = shares[0]
        return words.matches(position, share)
    return sorted(chain.from_iterable([words.matches(position, share) for words, share in shares]), key=by_share)


def spread(answers: Sequence[Answer], k: int) -> list[Answer]:
    """Choose ``k`` of sorted answers so that each thing asked for gets its turn: once shown it counts half."""
    left = list(answers)
    factors = {words: 1.0 for _, _, shares in left for words, _ in shares}
    chosen: list[Answer] = []
    while left and len(chosen) < k:
        most, best, place = max(factors.values()), -1.0, 0
        for at, (loss, _, shares) in enumerate(left):
            if -loss * most <= best:
                break  # and so is what all the others are still worth
            worth = sum([share * factors[words] for words, share in shares])
            if worth > best:
                best, place = worth, at
        chosen.append(left.pop(place))
        for words, _ in chosen[-1][2]:
            factors[words] *= REPEATED
    return chosen
