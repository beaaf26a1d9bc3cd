"""How much each voice should count, learned from which of the shown courses were opened.

A logistic regression on logged lists. Where a course stood enters as a feature of its own, so that what is opened
because it stood first is not credited to its score (position as feature: Ling et al., "Model Ensemble for Click
Prediction in Bing Search Ads", WWW 2017); in serving the place is not known and left out. Price and novelty are
accounted for in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.base import Kind

KINDS: tuple[Kind, ...] = ("query", "interest", "bought", "learned", "popular")
PLACES = 5
FEWEST_OPENED = 200  # below that the fixed weights are as good a guess
LEAST, MOST = 0.2, 5.0  # a learned weight may change a fixed one so much
HELD_OUT = 0.2
RIDGE = 1.0


@dataclass(frozen=True, slots=True)
class Card:
    """One course in a list that was shown: its shares by kind, its price in yuan, and whether it was opened."""

    shares: Mapping[str, float]
    price: float
    fresh: bool
    opened: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """What lists taught: a factor for the fixed weight of each kind, and the gain in held-out log-loss a card."""

    factors: Mapping[str, float]
    gain: float
    error: float
    opened: int


def learn(lists: Sequence[Sequence[Card]]) -> Lesson | None:
    """Return what ``lists``, oldest first, teach; None when they are too few, or teach nothing beyond chance.

    The latest fifth is held out: the learned weights must foretell it better than the fixed ones, by more than one
    standard error.
    """
    opened = sum(card.opened for cards in lists for card in cards)
    if opened < FEWEST_OPENED:
        return None
    cut = int(len(lists) * (1 - HELD_OUT))
    early, late = _Table(lists[:cut]), _Table(lists[cut:])
    if early.opened.all() or not early.opened.any() or not len(late.opened):
        return None
    fixed = _fit(early.fixed(), early.opened)
    free = _fit(early.free(), early.opened)
    gains = _losses(fixed, late.fixed(), late.opened) - _losses(free, late.free(), late.opened)
    gain, error = float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
    if gain <= error:
        return None
    everything = _Table(lists)
    return Lesson(_factors(_fit(everything.free(), everything.opened), everything), gain, error, opened)


class _Table:
    """Cards as rows of numbers."""

    def __init__(self, lists: Sequence[Sequence[Card]]) -> None:
        rows = [(place, card) for cards in lists for place, card in enumerate(cards[:PLACES])]
        self.shares = np.array([[card.shares.get(kind, 0.0) for kind in KINDS] for _, card in rows]).reshape(
            -1, len(KINDS)
        )
        prices = np.log1p([max(card.price, 0.0) for _, card in rows])
        fresh = np.array([card.fresh for _, card in rows], np.float64)
        places = np.eye(PLACES)[[place for place, _ in rows]] if rows else np.zeros((0, PLACES))
        self.circumstances = np.column_stack([places, prices, fresh])
        self.opened = np.array([card.opened for _, card in rows], np.bool_)

    def fixed(self) -> NDArray[np.float64]:
        """Return the score as it was, and the circumstances."""
        return np.column_stack([self.shares.sum(axis=1), self.circumstances])

    def free(self) -> NDArray[np.float64]:
        """Return every kind's share for itself, and the circumstances."""
        return np.column_stack([self.shares, self.circumstances])


def _fit(rows: NDArray[np.float64], opened: NDArray[np.bool_]) -> Any:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second to load, for training alone

    return LogisticRegression(C=1 / RIDGE, max_iter=1_000).fit(rows, opened)


def _losses(model: Any, rows: NDArray[np.float64], opened: NDArray[np.bool_]) -> NDArray[np.float64]:
    chance = np.clip(model.predict_proba(rows)[:, 1], 1e-9, 1 - 1e-9)
    losses: NDArray[np.float64] = -np.where(opened, np.log(chance), np.log(1 - chance))
    return losses


def _factors(model: Any, table: _Table) -> dict[str, float]:
    """Return each kind's weight beside the average kind's, weighted by how much they said; silent kinds keep 1."""
    slopes = model.coef_[0][: len(KINDS)]
    said = np.abs(table.shares).sum(axis=0)
    average = float((slopes * said).sum() / max(said.sum(), 1e-12))
    if average <= 0:
        return dict.fromkeys(KINDS, 1.0)
    return {
        kind: float(np.clip(slope / average, LEAST, MOST)) if volume else 1.0
        for kind, slope, volume in zip(KINDS, slopes, said, strict=True)
    }
