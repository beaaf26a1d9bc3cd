"""The best answers to all that was asked: sayings added up for the items that can come out on top.

An item that only one saying speaks of is worth less than all which that saying ranks above it. So the best are
among the first of each saying and among those that several speak of; no other score is worked out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from operator import mul
from typing import NamedTuple

import numpy as np

from recsys.index import Flags, Floats, Ints
from recsys.search.postings import SAID, Match, Saying

EACH = 2  # courses that a subject is sure to be considered with when several were asked for
REPEATED = 0.5  # what a subject shown already is still worth when several were asked for
_MANY = 8  # times the values wanted, and sorting all of them costs more than finding the least first

# Minus its score, its position, and what each saying adds: sorted, the best come first.
Answer = tuple[float, int, tuple[float, ...]]


class Question:
    """The sayings of what was asked of ``size`` items; ``sharper`` ones count where a subject was said."""

    def __init__(self, subjects: Sequence[Saying], sharper: Sequence[Saying], size: int) -> None:
        self._subjects, self._sayings, self._size = subjects, (*subjects, *sharper), size

    def best(self, count: int, free: Flags | None) -> list[Answer]:
        """Return the ``count`` best answers among the free positions, best first; ties by position."""
        sayings = self._sayings
        if len(sayings) == 1:
            return [(-share, position, (share,)) for position, share in sayings[0].top(count, free)]
        told, is_common = self._common
        found = told.best(count, free)
        worst = found[-1][0] if 0 < len(found) == count else 0.0
        for row, saying in enumerate(self._subjects):
            for position, share in saying.top(count, free):
                if -share > worst:
                    break
                if not is_common[position]:
                    found.append(self._alone(row, position, share))
        found.sort()
        return found[:count]

    def each(self, count: int, free: Flags | None) -> list[Answer]:
        """Return twice ``count`` of the best free answers and the first ``EACH`` to each subject, the best first.

        What one subject is worth may be far below another; who asks for both is to be offered both.
        """
        found = self.best(2 * count, free)
        if len(self._subjects) == 1:
            return found
        have, is_common = {position for _, position, _ in found}, self._common[1]
        for row, saying in enumerate(self._subjects):
            for position, share in saying.top(EACH, free):
                if position not in have:
                    answer = self.answer(position) if is_common[position] else self._alone(row, position, share)
                    found += [answer] if answer else []
                    have.add(position)
        found.sort()
        return found

    def _alone(self, row: int, position: int, share: float) -> Answer:
        """Return the answer of a position of which one saying alone speaks."""
        return -share, position, (*(0.0,) * row, share, *(0.0,) * (len(self._sayings) - row - 1))

    def answer(self, position: int) -> Answer | None:
        """Return what is said at one position; None if that is no answer."""
        here = np.array([position])
        told = self._told(here, [saying.at(here) for saying in self._sayings], sure=False)
        return next(iter(told.best(1, None)), None)

    def matches(self, position: int, shares: Sequence[float]) -> tuple[Match, ...]:
        """Return what each word that is said at an answer's position adds, the greatest share first."""
        told = zip(self._sayings, shares, strict=True)
        found = [saying.matches(position, share) for saying, share in told if share]
        return tuple(sorted(chain.from_iterable(found), key=_by_share))

    @cached_property
    def _common(self) -> tuple[_Told, memoryview]:
        """What is said where several sayings speak, and for each position whether it is one of those."""
        said, twice = np.zeros(self._size, np.bool_), np.zeros(self._size, np.bool_)
        first, *others = self._sayings
        said[first.positions] = True
        for saying in others:
            again = saying.positions[said[saying.positions]]
            twice[again] = True
            if len(others) > 1:
                said[saying.positions] = True
        both = len(others) == 1  # speak of all of them
        common = again if both else twice.nonzero()[0]
        shares = [saying.at_said(common) if both else saying.at(common) for saying in self._sayings]
        faint = [saying for saying in self._sayings if saying.faint]
        return self._told(common, shares, sure=not faint), twice.data

    def _told(self, positions: Ints, shares: list[Floats], *, sure: bool) -> _Told:
        """Add up what the sayings say; ``sure`` are answers wherever a subject is said."""
        count = len(self._subjects)
        if count < len(shares):
            said = np.logical_or.reduce([row > 0 for row in shares[:count]])
            shares = [row * said for row in shares]
        losses = -sum(shares[1:], shares[0])
        if not sure:
            points = [saying.points_at(positions) for saying in self._sayings]
            losses[sum(points[1:], points[0]) < SAID] = 0.0
        return _Told(positions, losses, shares)


class _Told(NamedTuple):
    """Of some positions, ascending, minus their scores (0 for no answers), and what each saying adds."""

    positions: Ints
    losses: Floats
    shares: Sequence[Floats]

    def best(self, count: int, free: Flags | None) -> list[Answer]:
        """Return the ``count`` best answers among the free positions, best first; ties by position."""
        losses = self.losses if free is None else self.losses * free[self.positions]
        order = _least(losses, count)
        order = order[: np.count_nonzero(losses[order])]
        parts = zip(*[row[order].tolist() for row in self.shares], strict=True)
        return list(zip(losses[order].tolist(), self.positions[order].tolist(), parts, strict=True))


def _least(values: Floats, count: int) -> Ints:
    """Return where the ``count`` least values are, the least first, the first of equal ones first."""
    if len(values) <= _MANY * count:
        return values.argsort(kind="stable")[:count]
    low = (values <= np.partition(values, count - 1)[count - 1]).nonzero()[0]
    least: Ints = low[values[low].argsort(kind="stable")[:count]]
    return least


def _by_share(match: Match) -> tuple[float, str, str]:
    return -match.share, match.term, match.typed


def spread(answers: Sequence[Answer], k: int) -> list[Answer]:
    """Choose ``k`` of sorted answers so that each thing asked for gets its turn: once shown it counts half."""
    left = list(answers)
    factors = [1.0] * (len(left[0][2]) if left else 0)
    chosen: list[Answer] = []
    while left and len(chosen) < k:
        most, best, place = max(factors), -1.0, 0
        for at, (loss, _, shares) in enumerate(left):
            if -loss * most <= best:
                break  # and so is what all the others are still worth
            worth = sum(map(mul, shares, factors))
            if worth > best:
                best, place = worth, at
        chosen.append(left.pop(place))
        shown = chosen[-1][2]
        factors = [factor * REPEATED if share else factor for factor, share in zip(factors, shown, strict=True)]
    return chosen
