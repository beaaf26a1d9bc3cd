"""Questions with known answers, made from a log alone: what a ranker may learn its settings from.

People lose an item or two, some people are taken out whole and come back as strangers, some items are taken out
whole and come back as new. Nothing is fitted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from recsys.sources.base import Ints, Log, Person

GIVEN = (1, 2, 5)  # how many of their items a simulated stranger brings
_WINDOW = 5
_FEW = 10
_CHANCE = 1.5  # the mean of a chi-square with one degree of freedom is 1; real order gives 2 and much more
_PAIRS = 30

Sampler = Callable[[Ints, np.random.Generator], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A log that lacks something, and the people who are asked about it. ``targets`` are what each one took."""

    log: Log
    people: list[Person]
    targets: list[Ints]
    strangers: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shape:
    """What questions look like. ``strangers`` is the share of people whom the log never saw.

    ``words`` draws words from a person's items; None when nobody says any. ``blank`` asks about people of whom
    nothing is known as well. ``most`` is how many people a trial takes, ``most_targets`` how many items each loses.
    """

    strangers: float = 1 / 3
    most: int = 6_000
    most_targets: int = 3
    words: Sampler | None = None
    blank: bool = False


def carries_order(log: Log) -> bool:
    """Tell whether times say more than chance: whether frequent pairs stand in one order more than a coin would.

    Looks at pairs at most five events apart and not at the same time; ties and shuffled lists tell nothing.
    """
    forth = coo_array((log.width, log.width), dtype=np.float64).tocsr()
    owners = log.owners
    for gap in range(1, _WINDOW + 1):
        apart = (owners[gap:] == owners[:-gap]) & (log.times[gap:] > log.times[:-gap])
        pairs = (log.items[:-gap][apart], log.items[gap:][apart])
        forth = forth + coo_array((np.ones(len(pairs[0])), pairs), shape=forth.shape).tocsr()
    total, lead = (forth + forth.T).tocoo(), (forth - forth.T).tocsr()
    often = (total.data >= _FEW) & (total.row < total.col)
    if often.sum() < _PAIRS:
        return False
    excess = np.asarray(lead[total.row[often], total.col[often]]).ravel() ** 2 / total.data[often]
    return bool(excess.mean() > _CHANCE)


def ask_people(log: Log, shape: Shape, rng: np.random.Generator) -> Trial:
    """Return one trial: people who lose items, and others who come as strangers, up to the shape's numbers.

    Where order is real the last item is lost and strangers bring their first ones; elsewhere chance decides.
    """
    several = rng.permutation(np.flatnonzero(log.lengths > 1))
    part = 0.1 + 0.8 * shape.strangers  # some of each kind, whoever asks
    cut = int(part * min(len(several) * 0.4, shape.most))
    known = several[cut : cut + int((1 - part) * min((len(several) - cut) * 0.8, shape.most)) + 1]
    kept = np.ones(len(log.items), np.bool_)
    people: list[Person] = []
    targets: list[Ints] = []
    for user in known:
        lost = _lost(log, user, shape, rng)
        kept[lost] = False
        rest = np.setdiff1d(np.arange(log.starts[user], log.starts[user + 1]), lost)
        people.append(Person(tuple(log.items[rest].tolist()), _words(shape, log.items[rest], rng, 0.5)))
        targets.append(log.items[lost])
    count = len(people)
    for user in several[:cut]:
        kept[log.starts[user] : log.starts[user + 1]] = False
        _introduce(log, user, shape, rng, people, targets)
    strangers = np.arange(len(people)) >= count
    return Trial(log.only(kept), people, targets, strangers)


def ask_new_items(log: Log, share: float, rng: np.random.Generator) -> tuple[Log, Ints, dict[int, Ints]]:
    """Take a share of the items out with all their events.

    Return the log without them, the items (ascending), and who took which of them.
    """
    alive = np.flatnonzero(log.counts() > 0)
    fresh = np.sort(rng.permutation(alive)[: max(1, int(share * len(alive)))])
    gone = np.isin(log.items, fresh)
    owners, items = log.owners[gone], log.items[gone]
    cuts = np.flatnonzero(np.diff(owners)) + 1
    groups = zip(np.split(owners, cuts), np.split(items, cuts), strict=True) if len(owners) else ()
    return log.only(~gone), fresh, {int(owner[0]): taken for owner, taken in groups}


def _lost(log: Log, user: int, shape: Shape, rng: np.random.Generator) -> Ints:
    start, end = int(log.starts[user]), int(log.starts[user + 1])
    if log.ordered:
        return np.array([end - 1])
    count = max(1, min(shape.most_targets, (end - start) // 5))
    return np.sort(start + rng.permutation(end - start)[:count])


def _introduce(
    log: Log, user: int, shape: Shape, rng: np.random.Generator, people: list[Person], targets: list[Ints]
) -> None:
    items = log.history(user) if log.ordered else rng.permutation(log.history(user))
    for given in (0, *GIVEN):
        if len(items) <= given:
            break
        words = _words(shape, np.delete(items, given), rng, 1.0 if given == 0 else 0.5)
        if given or words or shape.blank:
            people.append(Person(tuple(items[:given].tolist()), words))
            targets.append(items[given : given + 1])


def _words(shape: Shape, items: Ints, rng: np.random.Generator, chance: float) -> dict[str, float]:
    return shape.words(items, rng) if shape.words is not None and rng.random() < chance else {}
