"""From words to purchases: what people whose courses say these words go on to buy. Learned, not matched.

Ridge regression W = (UᵀU + l2 I)⁻¹ UᵀX of purchases X on words U (Hoerl and Kennedy 1970). Where no words of buyers
are on record, the words of the courses they took stand in: U = X T, T the items' TF-IDF rows, and all follows
from the Gram matrix G = XᵀX: UᵀU = TᵀGT and UᵀX = TᵀG, its diagonal left out on the right, so that a course is
predicted from the words of the others.
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
from recsys.sources.ease import Gram, inverted

_MOST_TERMS = 3_000  # the system is terms x terms; rarer terms are left to the text match


class Words(Source):
    """score_j = Σ over the person's words of weight × W_wj. Linear in the words; the history is not read.

    ``l2`` is in people. ``buyers`` are the words of the log's users (users x terms, sparse) where they are known.
    """

    def __init__(self, name: str = "words", *, l2: float = 20.0, buyers: Any = None) -> None:
        self.name, self.l2, self.buyers = name, l2, buyers
        self.ids: tuple[str, ...] = ()
        self.terms: dict[str, int] = {}
        self.weights: Singles = np.zeros((0, 0), np.float32)

    def fit(self, log: Log, catalogue: Catalogue) -> Self:
        """Solve the regression for the most frequent terms."""
        check_fit(log, catalogue)
        spoken = catalogue.text if self.buyers is None else self.buyers
        often = np.bincount(spoken.indices, minlength=len(catalogue.terms))
        kept = np.sort(np.argsort(-often, kind="stable")[: min(_MOST_TERMS, len(often))])
        spoken = spoken.tocsc()[:, kept].tocsr().astype(np.float32)
        if self.buyers is None:
            together = Gram.of(log, 0.5).counts
            right = spoken.T @ (together - np.diag(np.diag(together)))
            system = np.asarray(spoken.T @ (spoken.T @ together).T, np.float32)
        else:
            right = np.asarray((spoken.T @ log.matrix()).todense(), np.float32)
            system = np.asarray((spoken.T @ spoken).todense(), np.float32)
        self.weights = _solved(system, np.asarray(right, np.float32), self.l2)
        names = list(catalogue.terms)
        self.terms = {names[at]: row for row, at in enumerate(kept.tolist())}
        self.ids = catalogue.ids
        return self

    def score(self, person: Person) -> Floats:
        """Return the weighted sum of the words' rows."""
        total = np.zeros(len(self.ids))
        for word, weight in person.words.items():
            if (row := self.terms.get(word)) is not None:
                total += weight * self.weights[row].astype(np.float64)
        return total

    def score_many(self, crowd: Crowd) -> Singles:
        """Return ``score`` for each."""
        if not crowd.words.nnz:
            return np.zeros((len(crowd), len(self.ids)), np.float32)
        return np.stack([self.score(person) for person in crowd.people]).astype(np.float32)

    def explain(self, person: Person, item: int) -> tuple[Term, ...]:
        """Return one part a word."""
        parts = [
            Term("word", word, weight * float(self.weights[row, item]))
            for word, weight in person.words.items()
            if (row := self.terms.get(word)) is not None
        ]
        return tuple(part for part in parts if part.value)

    def similar(self, item: int, k: int = 10) -> list[tuple[int, float]]:
        """Return the items that the same words lead to: the cosine of two columns of W."""
        lengths = np.linalg.norm(self.weights, axis=0) + 1e-12
        likeness = (self.weights.T @ self.weights[:, item]) / (lengths * lengths[item])
        likeness[item] = -np.inf
        return [(int(at), float(likeness[at])) for at in best(likeness, k) if likeness[at] > 0]

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return W and the terms of its rows."""
        return {"weights": self.weights}, {"ids": self.ids, "terms": list(self.terms), "l2": self.l2}

    def restore(self, arrays: Arrays, settings: dict[str, Any]) -> None:
        """Take them back."""
        self.weights, self.ids, self.l2 = arrays["weights"], tuple(settings["ids"]), settings["l2"]
        self.terms = {term: row for row, term in enumerate(settings["terms"])}


def _solved(system: Singles, right: Singles, l2: float) -> Singles:
    if not len(system):
        return np.zeros(right.shape, np.float32)
    square: Singles = np.asarray((system + system.T) / 2, np.float32, order="F")
    diagonal = np.diag_indices_from(square)
    square[diagonal] += np.float32(l2 + 1e-4 * np.abs(square[diagonal]).max())
    return np.ascontiguousarray(inverted(square) @ right)
