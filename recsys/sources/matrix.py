"""Sources whose whole knowledge is one item x item matrix: score_j = sum over the history of w_i B_ij.

What B is, each subclass says; here are keeping it, reading it and taking a score apart. Linear in the history.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array

from recsys.sources.base import (
    Arrays,
    Catalogue,
    Crowd,
    Floats,
    Ints,
    Log,
    Person,
    Singles,
    Source,
    Term,
    best,
    check_fit,
)


class ItemMatrix(Source):
    """A matrix source. ``keep`` > 0 keeps only that many strongest entries of each row (100 cost 0.7 % of NDCG).

    ``decay`` is what an event's weight becomes with every step of age; 1 where order means nothing.
    """

    def __init__(self, name: str, *, decay: float = 1.0, keep: int = 0) -> None:
        if not 0 < decay <= 1 or keep < 0:
            raise ValueError(f"0 < decay <= 1 and keep >= 0, not {decay} and {keep}")
        self.name, self.decay, self.keep = name, decay, keep
        self.ids: tuple[str, ...] = ()
        self.dense: Singles | None = None
        self.sparse: Any = None

    @abstractmethod
    def weigh(self, log: Log, catalogue: Catalogue) -> Singles:
        """Return B, items x items, its diagonal 0: row i is what item i says for the others."""

    def fit(self, log: Log, catalogue: Catalogue) -> Self:
        """Learn B and keep it."""
        check_fit(log, catalogue)
        return self.adopt(self.weigh(log, catalogue), catalogue.ids)

    def adopt(self, weights: Singles, ids: tuple[str, ...]) -> Self:
        """Take ``weights`` as B."""
        self.ids = ids
        thin = 0 < self.keep < len(ids)
        self.dense, self.sparse = (None, strongest(weights, self.keep)) if thin else (weights, None)
        return self

    def row(self, item: int) -> tuple[Ints, Floats]:
        """Return the positions and values of row ``item`` that are kept."""
        if self.dense is not None:
            return np.arange(len(self.ids)), self.dense[item].astype(np.float64)
        start, end = self.sparse.indptr[item : item + 2]
        return self.sparse.indices[start:end], self.sparse.data[start:end].astype(np.float64)

    def score(self, person: Person) -> Floats:
        """Return the weighted sum of the rows of the history."""
        total = np.zeros(len(self.ids))
        for item, weight in self._weighted(person):
            positions, values = self.row(item)
            if self.dense is None:
                total[positions] += weight * values
            else:
                total += weight * values
        return total

    def score_many(self, crowd: Crowd) -> Singles:
        """Return the products of all histories with B."""
        product = crowd.rows(self.decay) @ (self.sparse if self.dense is None else self.dense)
        return np.asarray(product if self.dense is not None else product.toarray(), np.float32)

    def explain(self, person: Person, item: int) -> tuple[Term, ...]:
        """Return one part for each item of the history that says anything."""
        parts = [(held, weight * self._at(held, item)) for held, weight in self._weighted(person)]
        return tuple(Term("item", self.ids[held], value) for held, value in parts if value)

    def similar(self, item: int, k: int = 10) -> list[tuple[int, float]]:
        """Return the strongest entries of the item's row."""
        positions, values = self.row(item)
        chosen = best(np.where((values > 0) & (positions != item), values, -np.inf), k)
        return [(int(positions[at]), float(values[at])) for at in chosen]

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return B, dense or by rows."""
        settings = {"ids": self.ids, "decay": self.decay, "keep": self.keep}
        if self.dense is not None:
            return {"dense": self.dense}, settings
        return {name: getattr(self.sparse, name) for name in ("data", "indices", "indptr")}, settings

    def restore(self, arrays: Arrays, settings: dict[str, Any]) -> None:
        """Take B back."""
        self.ids = tuple(settings["ids"])
        self.decay, self.keep = float(settings["decay"]), int(settings["keep"])
        self.dense = arrays.get("dense")
        self.sparse = None
        if self.dense is None:
            parts = (arrays["data"], arrays["indices"], arrays["indptr"])
            self.sparse = csr_array(parts, shape=(len(self.ids), len(self.ids)))

    def _weighted(self, person: Person) -> list[tuple[int, float]]:
        return [
            (item, strength * self.decay**age)
            for item, age, strength in zip(person.history, person.ages, person.strengths, strict=True)
        ]

    def _at(self, row: int, column: int) -> float:
        if self.dense is not None:
            return float(self.dense[row, column])
        positions, values = self.row(row)
        return float(values[positions == column].sum())


def strongest(weights: Singles, keep: int) -> Any:
    """Return ``weights`` as a sparse matrix with the ``keep`` largest entries by size of each row."""
    columns = np.sort(np.argpartition(-np.abs(weights), keep, axis=1)[:, :keep], axis=1)
    data = np.take_along_axis(weights, columns, axis=1)
    starts = np.arange(0, columns.size + 1, keep)
    return csr_array((data.ravel(), columns.ravel(), starts), shape=weights.shape)
