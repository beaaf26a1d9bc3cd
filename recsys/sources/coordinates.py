"""Courses and words as points in few dimensions, by latent semantic analysis of the catalogue's TF-IDF rows.

Deerwester et al., "Indexing by latent semantic analysis", JASIS 1990. For sources that need short dense vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsys.sources.base import Catalogue, Floats

_SEED = 20_240_501


@dataclass(frozen=True, slots=True)
class Coordinates:
    """``items`` and ``terms``, a row each; a text's point is the sum of its terms' rows by weight."""

    items: Floats
    terms: Floats

    @classmethod
    def of(cls, catalogue: Catalogue, size: int) -> Coordinates:
        """Return points of at most ``size`` dimensions; fewer when the catalogue says less."""
        size = min(size, *(side - 1 for side in catalogue.text.shape))
        if size < 1 or not catalogue.text.nnz:
            return cls(np.zeros((len(catalogue), 1)), np.zeros((len(catalogue.terms), 1)))
        from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415 - a second, and only fitting needs it

        model = TruncatedSVD(size, random_state=_SEED).fit(catalogue.text)
        terms: Floats = model.components_.T
        return cls(np.asarray(catalogue.text @ terms), terms)

    def of_words(self, words: Mapping[str, float], numbers: Mapping[str, int]) -> Floats:
        """Return the point of weighted words; unknown words add nothing."""
        point: Floats = np.zeros(self.terms.shape[1])
        for word, weight in words.items():
            if word in numbers:
                point += weight * self.terms[numbers[word]]
        return point
