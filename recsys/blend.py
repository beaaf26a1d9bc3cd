"""The learned blend: a conditional logit over the items, with the sources' scores as features.

    P(j | person) ∝ exp Σ_f (β_f + γ_f g(length) + …) f_j

McFadden, "Conditional logit analysis of qualitative choice behavior", 1974. The weight of each source is smooth
in how much is known of a person, instead of one model a stratum: strata of a few hundred people overfit. Which
sources there are is ``lineup.py``, where the examples come from ``ranker.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from recsys.sources.base import Crowd, Floats, Ints, Singles

GROUPS = 4
RIDGES = (30.0, 300.0, 3_000.0)  # in examples; the first two trials' answer to the last one chooses
_REST = 40  # about how many of the unlikely items stand in for all of them: time and memory do not grow with those


@dataclass(frozen=True, slots=True)
class Examples:
    """Candidates of several questions, question by question: features, who asks, what was taken.

    ``rarity`` is minus the logarithm of the odds with which a candidate was drawn.
    """

    features: Singles
    question: Ints
    groups: Singles
    taken: NDArray[np.bool_]
    rarity: Singles

    def split(self, count: int) -> tuple[Examples, Examples]:
        """Return all but the last ``count`` questions, and those; both share the memory of this one."""
        before = len(self.groups) - count
        cut = int(np.searchsorted(self.question, before))
        return (
            Examples(
                self.features[:cut],
                self.question[:cut],
                self.groups[:before],
                self.taken[:cut],
                self.rarity[:cut],
            ),
            Examples(
                self.features[cut:],
                self.question[cut:] - before,
                self.groups[before:],
                self.taken[cut:],
                self.rarity[cut:],
            ),
        )


def groups_of(crowd: Crowd, strangers: NDArray[np.bool_]) -> Singles:
    """Return what weights may depend on, a person a row: 1, log of the length, stranger or not, no history."""
    lengths = crowd.lengths
    return np.stack(
        [
            np.ones(len(crowd)),
            np.log2(np.maximum(lengths, 1)) / 2 - 1,
            strangers - 0.5,
            lengths == 0,
        ],
        axis=1,
    ).astype(np.float32)


def shapes(scores: Singles) -> list[Singles]:
    """Return a source's scores (people x items) in two comparable shapes: log over the row's mean, and z-score."""
    positive = np.maximum(scores, 0)
    mean = positive.mean(axis=1, keepdims=True) + np.float32(1e-9)
    centre, spread = scores.mean(axis=1, keepdims=True), scores.std(axis=1, keepdims=True) + np.float32(1e-9)
    return [np.log1p(positive / mean), (scores - centre) / spread]


class Logit:
    """The fitted weights, features x groups."""

    def __init__(self, weights: Floats) -> None:
        self.weights = weights

    @classmethod
    def fit(cls, trials: Sequence[Examples]) -> Logit:
        """Fit to all trials with the ridge under which all but the last foretell the last one best."""
        joined = pooled(trials)
        scale = joined.features.std(axis=0) + np.float32(1e-9)
        joined.features[:] /= scale
        ridge = RIDGES[1] if len(trials) == 1 else _best_ridge(*joined.split(len(trials[-1].groups)))
        return cls(_solve(joined, ridge) / scale.astype(np.float64)[:, None])

    def utility(self, features: Iterable[Singles], groups: Singles) -> Singles:
        """Return people x items: what the exponent says."""
        total: Any = 0.0
        for feature, weights in zip(features, self.weights, strict=True):
            total = total + feature * (groups @ weights.astype(np.float32))[:, None]
        return np.asarray(total, np.float32)


def gather(
    features: Sequence[Singles],
    taken: NDArray[np.bool_],
    allowed: NDArray[np.bool_],
    groups: Singles,
    rng: np.random.Generator,
    *,
    top: int = 30,
    thin: float = 0.35,
    rest: float = 0.05,
) -> Examples:
    """Return examples: what was taken, and a random part of what was not.

    ``thin`` of the items that any feature has among its ``top``, ``rest`` of the others, less where these are many;
    ``rarity`` makes up for it, so that the chances fitted are those among all ``allowed`` items.
    """
    rest = min(rest, _REST / taken.shape[1])
    chosen = np.zeros(taken.shape, np.bool_)
    width = min(top, taken.shape[1] - 1)
    for feature in features:
        strongest = np.argpartition(np.where(allowed, -feature, np.inf), width, axis=1)[:, :width]
        np.put_along_axis(chosen, strongest, values=True, axis=1)
    odds = np.where(chosen, np.float32(thin), np.float32(rest))
    chosen = (rng.random(chosen.shape) < odds) & allowed
    odds[taken] = 1
    chosen |= taken
    chosen[~taken.any(axis=1)] = False
    question, item = np.nonzero(chosen)
    columns = np.stack([feature[question, item] for feature in features], axis=1)
    return Examples(columns, question, groups, taken[question, item], -np.log(odds[question, item]))


def pooled(parts: Sequence[Examples]) -> Examples:
    """Return the examples of several batches as one."""
    offsets = np.cumsum([0, *(len(part.groups) for part in parts[:-1])])
    return Examples(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.question + offset for part, offset in zip(parts, offsets, strict=True)]),
        np.concatenate([part.groups for part in parts]),
        np.concatenate([part.taken for part in parts]),
        np.concatenate([part.rarity for part in parts]),
    )


class _Loss:
    """The mean negative log-likelihood of what was taken, and its gradient; features come standardised."""

    def __init__(self, examples: Examples, ridge: float) -> None:
        self.x = examples.features
        first = np.r_[True, examples.question[1:] != examples.question[:-1]]
        self.starts, self.place = np.flatnonzero(first), np.cumsum(first) - 1
        self.groups = examples.groups[examples.question]
        self.taken, self.rarity = examples.taken, examples.rarity
        self.wins = np.add.reduceat(examples.taken.astype(np.float32), self.starts)
        self.count = max(float(self.wins.sum()), 1.0)
        self.penalty = ridge / self.count

    def value(self, flat: Floats) -> tuple[float, Floats]:
        beta = flat.reshape(self.x.shape[1], -1)
        utility = ((self.x @ beta.astype(np.float32)) * self.groups).sum(axis=1) + self.rarity
        peak = np.maximum.reduceat(utility, self.starts)
        chance = np.exp(utility - peak[self.place])
        total = np.add.reduceat(chance, self.starts)
        logs = (np.log(total) + peak).astype(np.float64)
        loss = float((logs * self.wins).sum()) - float(utility[self.taken].sum(dtype=np.float64))
        wrong = chance * (self.wins / total)[self.place] - self.taken
        slope = (self.x.T @ (wrong[:, None] * self.groups)).astype(np.float64).ravel()
        return loss / self.count + self.penalty * float(flat @ flat) / 2, slope / self.count + self.penalty * flat


def _best_ridge(before: Examples, last: Examples) -> float:
    answers = [_Loss(last, 0.0).value(_solve(before, ridge).ravel())[0] for ridge in RIDGES]
    return RIDGES[int(np.argmin(answers))]


def _solve(examples: Examples, ridge: float) -> Floats:
    loss = _Loss(examples, ridge)
    start = np.zeros(examples.features.shape[1] * examples.groups.shape[1])
    found = minimize(loss.value, start, jac=True, method="L-BFGS-B", options={"maxiter": 100, "ftol": 1e-7})
    weights: Floats = found.x.reshape(examples.features.shape[1], -1)
    return weights
