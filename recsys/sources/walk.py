"""A random walk of three steps from the items a person has: item, some buyer of it, some item of that buyer.

RP3beta: Paudel et al., "Updatable, Accurate, Diverse, and Scalable Recommendations for Interactive Applications",
ACM TiiS 2017. Strongest for people of one or two items, as a buyer with few items says more about each.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import diags_array

from recsys.sources.base import Catalogue, Log, Singles
from recsys.sources.matrix import ItemMatrix


class Walk(ItemMatrix):
    """B_ij = P(i → user → j)^alpha / count_j^beta."""

    def __init__(
        self, name: str = "walk", *, alpha: float = 1.0, beta: float = 0.4, decay: float = 1.0, keep: int = 0
    ) -> None:
        super().__init__(name, decay=decay, keep=keep)
        self.alpha, self.beta = alpha, beta

    def weigh(self, log: Log, catalogue: Catalogue) -> Singles:  # noqa: ARG002 - deeds are enough
        """Return the walk's chances, popular ends held down."""
        x = log.matrix().astype(np.float32)
        step = diags_array((1 / np.maximum(log.lengths, 1)).astype(np.float32)) @ x
        count = np.maximum(log.counts(), 1).astype(np.float32)
        chances = np.asarray((x.T @ step).todense(), np.float32) / count[:, None]
        np.fill_diagonal(chances, 0)
        if self.alpha != 1:
            chances **= np.float32(self.alpha)
        chances /= count[None, :] ** np.float32(self.beta)
        return chances
