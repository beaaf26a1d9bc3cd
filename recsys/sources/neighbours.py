"""Item neighbours by what the same people have: the cosine with shrinkage, and the plain conditional share.

Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001; Deshpande and Karypis,
"Item-based top-N recommendation algorithms", ACM TOIS 2004, for the conditional share.
"""

from __future__ import annotations

import numpy as np

from recsys.sources.base import Catalogue, Log, Singles
from recsys.sources.ease import Gram
from recsys.sources.matrix import ItemMatrix


class Neighbours(ItemMatrix):
    """B_ij = G_ij / (G_ii^a G_jj^b + shrink), G the Gram matrix with users weighted by length^−thrift.

    a = b = ½ is the cosine; a = 1, b = 0 is the share of i's people who have j.
    """

    def __init__(
        self,
        name: str = "neighbours",
        *,
        own: float = 0.4,
        other: float = 0.4,
        shrink: float = 50.0,
        thrift: float = 0.0,
        decay: float = 1.0,
        keep: int = 0,
    ) -> None:
        super().__init__(name, decay=decay, keep=keep)
        self.own, self.other, self.shrink, self.thrift = own, other, shrink, thrift

    def weigh(self, log: Log, catalogue: Catalogue) -> Singles:  # noqa: ARG002 - deeds are enough
        """Return the likeness of every two items."""
        together = Gram.of(log, self.thrift).counts
        count = np.maximum(np.diag(together), 1e-3)
        np.fill_diagonal(together, 0)
        together /= count[:, None] ** np.float32(self.own) * count[None, :] ** np.float32(self.other) + self.shrink
        return together
