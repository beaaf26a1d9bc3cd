"""The mission's model, s_ij = ⟨P(u_i), E(v_j)⟩ with a profile in the middle, in a form that has a solution.

As written the objective is linear in the profile, so nothing bounds it, and its printed gradient drops r, the sum
and E(v) (``tests/recsys/sources/test_formula.py`` shows both). Kept: the factorisation s = b_j + w·x_j and the
weights α ≥ 0, Σα = 1. Replaced: the objective, by the nearest ones with a unique solution. With x_j the course's
coordinates, ρ = r − δ how far an event is above indifference, n the number of courses, w₀ everybody's profile:

- below ``enough`` events, Rocchio's form: max Σ nα_j ρ_j w·x_j − (λ/2)‖w − w₀‖²  ⇒  w = w₀ + (1/λ) Σ nα_j ρ_j x_j;
- from there on, a ridge for each person: min Σ nα_j (ρ_j − b_j − w·x_j)² + λ‖w − w₀‖²
  ⇒  w = w₀ + (Σ nα_j x_j x_jᵀ + λI)⁻¹ Σ nα_j x_j (ρ_j − b_j − w₀·x_j); by Sherman and Morrison (1950) event by
  event.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from recsys.sources.base import (
    Arrays,
    Catalogue,
    Crowd,
    Floats,
    Log,
    Person,
    Singles,
    Source,
    Term,
    best,
    check_fit,
)
from recsys.sources.coordinates import Coordinates


class Ridge:
    """One person's ridge, kept up event by event; after any number of events equal to solving it at once."""

    def __init__(self, prior: Floats, penalty: float) -> None:
        self.prior = prior
        self.inverse: Floats = np.eye(len(prior)) / penalty
        self.pull: Floats = np.zeros(len(prior))

    def add(self, point: Floats, weight: float, residual: float) -> None:
        """Take in an event at ``point``; ``residual`` is what bias and prior leave unexplained of its worth."""
        reach = self.inverse @ point
        self.inverse -= np.outer(reach, reach) * (weight / (1 + weight * float(point @ reach)))
        self.pull += weight * residual * point

    @property
    def profile(self) -> Floats:
        """Return w."""
        return self.prior + self.inverse @ self.pull


class Formula(Source):
    """score_j = b_j + w·x_j, linear in the history below ``enough`` events.

    From there on the ridge couples them: parts still add up, but removing an event also changes the others' parts.
    ``alpha`` are the operator's weights of the courses (≥ 0, scaled to sum to 1); None: all alike.
    """

    def __init__(
        self,
        name: str = "formula",
        *,
        size: int = 64,
        penalty: float = 2.0,
        enough: int = 5,
        alpha: Floats | None = None,
    ) -> None:
        if alpha is not None and not (np.all(alpha >= 0) and alpha.sum() > 0):
            raise ValueError("the weights of courses are not negative, and some are above 0")
        self.name, self.size, self.penalty, self.enough = name, size, penalty, enough
        self.alpha: Floats = np.zeros(0) if alpha is None else alpha / alpha.sum()
        self.ids: tuple[str, ...] = ()
        self.points: Floats = np.zeros((0, 1))
        self.bias: Floats = np.zeros(0)
        self.prior: Floats = np.zeros(1)

    def fit(self, log: Log, catalogue: Catalogue) -> Self:
        """Learn the biases, and the population's profile: what words foretell of them, for new courses too."""
        check_fit(log, catalogue)
        self.ids, n = catalogue.ids, len(catalogue)
        self.alpha = self.alpha if len(self.alpha) == n else np.full(n, 1 / max(n, 1))
        self.points = Coordinates.of(catalogue, self.size).items
        counts = np.log1p(log.counts())
        level = counts / max(float(counts.max(initial=0)), 1.0)
        seen = counts > 0
        x = self.points[seen]
        system = x.T @ x + self.penalty * np.eye(x.shape[1])
        self.prior = np.asarray(np.linalg.solve(system, x.T @ level[seen]), np.float64)
        self.bias = np.where(seen, level - self.points @ self.prior, 0.0)
        return self

    def profile(self, person: Person) -> Floats:
        """Return w."""
        profile: Floats = self.prior + self._pulls(person).sum(axis=0)
        return profile

    def score(self, person: Person) -> Floats:
        """Return bias plus profile times coordinates."""
        scores: Floats = self.bias + self.points @ self.profile(person)
        return scores

    def score_many(self, crowd: Crowd) -> Singles:
        """Return the same for many."""
        profiles = np.array([self.profile(person) for person in crowd.people]).reshape(len(crowd), -1)
        return (self.bias[None, :] + profiles @ self.points.T).astype(np.float32)

    def explain(self, person: Person, item: int) -> tuple[Term, ...]:
        """Return what holds for everybody, then a part for each event."""
        shares = self._pulls(person) @ self.points[item]
        common = float(self.bias[item] + self.points[item] @ self.prior)
        parts = [Term("item", self.ids[held], float(s)) for held, s in zip(person.history, shares, strict=True)]
        return (Term("prior", self.name, common), *parts)

    def similar(self, item: int, k: int = 10) -> list[tuple[int, float]]:
        """Return the nearest items by the cosine of coordinates."""
        lengths = np.linalg.norm(self.points, axis=1) + 1e-12
        likeness = self.points @ self.points[item] / (lengths * lengths[item])
        likeness[item] = -np.inf
        return [(int(at), float(likeness[at])) for at in best(likeness, k) if likeness[at] > 0]

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return biases, coordinates, the population's profile and α."""
        arrays = {"points": self.points, "bias": self.bias, "prior": self.prior, "alpha": self.alpha}
        return arrays, {"ids": self.ids, "size": self.size, "penalty": self.penalty, "enough": self.enough}

    def restore(self, arrays: Arrays, settings: dict[str, Any]) -> None:
        """Take them back."""
        self.points, self.bias, self.prior = arrays["points"], arrays["bias"], arrays["prior"]
        self.alpha, self.ids = arrays["alpha"], tuple(settings["ids"])
        self.size, self.penalty, self.enough = settings["size"], settings["penalty"], settings["enough"]

    def _pulls(self, person: Person) -> Floats:
        """Return how each event moves the profile away from the prior, a row an event."""
        held = list(person.history)
        x, worth = self.points[held], np.array(person.strengths)
        weight = self.alpha[held] * len(self.ids)
        if len(held) < self.enough:
            pulls: Floats = (weight * worth)[:, None] * x / self.penalty
            return pulls
        residual = worth - self.bias[held] - x @ self.prior
        system = (x * weight[:, None]).T @ x + self.penalty * np.eye(x.shape[1])
        return np.asarray(np.linalg.solve(system, (x * (weight * residual)[:, None]).T).T, np.float64)
