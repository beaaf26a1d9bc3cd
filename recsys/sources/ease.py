"""The EASE family: item-to-item regression in closed form, from a Gram matrix that is kept up to date.

    min ‖X − XB‖² + l2‖B‖², diag B = 0   ⇒   B = −P / diag(P) by columns, P = (G + Λ)⁻¹, G = XᵀX.

EASE: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019. Dropout as a term in the diagonal,
Λ = l2 + d diag G: Steck, "Autoencoders that don't overfit towards the Identity" (EDLAE), NeurIPS 2020. An exponent
on the popularity of the target: after Park et al., "Why is Normalization Necessary for Linear Recommenders?" (DAN),
SIGIR 2025. Item text stacked under the users, G + w TTᵀ: Jeunen et al., "Closed-Form Models for Collaborative
Filtering with Side-Information", RecSys 2020. A user weight length^−a is weighted least squares, solved alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import diags_array

from recsys.sources.base import Catalogue, Ints, Log, Singles
from recsys.sources.matrix import ItemMatrix


@dataclass(frozen=True, slots=True)
class EaseSettings:
    """``l2`` in users; ``dropout`` scales the diagonal; ``popularity`` is the exponent that a target's count gets.

    ``thrift`` is a: a user of n items counts n^−a. ``text`` and ``tags`` weigh the stacked words. ``decay`` and
    ``keep`` are those of ``ItemMatrix``.
    """

    l2: float = 50.0
    dropout: float = 0.0
    popularity: float = 0.0
    thrift: float = 0.0
    text: float = 0.0
    tags: float = 0.0
    decay: float = 1.0
    keep: int = 0


class Gram:
    """How often two items are had by one person, each person weighted by (number of items)^−thrift; float32."""

    def __init__(self, width: int, thrift: float = 0.0) -> None:
        self.thrift = thrift
        self.counts: Singles = np.zeros((width, width), np.float32)

    @classmethod
    def of(cls, log: Log, thrift: float = 0.0) -> Gram:
        """Return the matrix of a whole log in one pass; memory does not grow with the users."""
        gram = cls(log.width, thrift)
        x = log.matrix().astype(np.float32)
        weights = np.maximum(log.lengths, 1).astype(np.float32) ** np.float32(-thrift)
        gram.counts = np.asarray((x.T @ (diags_array(weights) @ x)).todense(), np.float32)
        return gram

    def add(self, history: Ints, item: int) -> None:
        """Count one more item of a person who had ``history``: the same as counting the person anew.

        With thrift 0 just one row and column change. ValueError if they have it already.
        """
        if item in history:
            raise ValueError(f"item {item} is in the history")
        before, after = max(len(history), 1) ** -self.thrift, (len(history) + 1) ** -self.thrift
        if after != before:
            self.counts[np.ix_(history, history)] += np.float32(after - before)
        self.counts[item, history] += np.float32(after)
        self.counts[history, item] += np.float32(after)
        self.counts[item, item] += np.float32(after)


class Ease(ItemMatrix):
    """An EASE model by its settings."""

    def __init__(self, name: str = "ease", settings: EaseSettings | None = None) -> None:
        self.settings = settings or EaseSettings()
        super().__init__(name, decay=self.settings.decay, keep=self.settings.keep)
        self.gram: Gram | None = None

    def weigh(self, log: Log, catalogue: Catalogue) -> Singles:
        """Return B of the log's Gram matrix, unless a Gram matrix was given in ``gram``."""
        gram = self.gram if self.gram is not None else Gram.of(log, self.settings.thrift)
        return solve(gram.counts, self.settings, catalogue)


def solve(counts: Singles, settings: EaseSettings, catalogue: Catalogue) -> Singles:
    """Return B (items x items, zero diagonal) for a Gram matrix."""
    system = counts.astype(np.float32, order="F")
    if settings.text:
        system += np.float32(settings.text) * catalogue.text_likeness
    if settings.tags:
        system += np.float32(settings.tags) * catalogue.tag_likeness
    diagonal = np.diag_indices_from(system)
    system[diagonal] += settings.l2 + settings.dropout * counts[diagonal]
    inverse = inverted(system)
    weights: Singles = np.ascontiguousarray(inverse)
    weights /= -inverse[diagonal]
    if settings.popularity:
        weights *= (counts[diagonal] + 1) ** np.float32(settings.popularity)
    weights[diagonal] = 0
    return weights


def inverted(system: Singles) -> Singles:
    """Return the inverse of a positive definite float32 matrix, which is overwritten: LAPACK spotrf, spotri."""
    factor, bad = lapack.spotrf(system, lower=1, overwrite_a=1)
    if bad:
        raise ValueError("the matrix is not positive definite: l2 must be larger")
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    lower: Singles = np.tril(inverse)
    lower += np.tril(inverse, -1).T
    return lower
