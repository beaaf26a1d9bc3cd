"""What everybody takes: a decayed count, the same for all. The bar that every other source must clear."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from recsys.sources.base import Arrays, Catalogue, Crowd, Floats, Log, Person, Singles, Source, Term, check_fit


class Popularity(Source):
    """score_j = log(1 + Σ over events of weight × length^−thrift × 2^(−age / half_life)); nothing personal in it.

    ``half_life`` is in the log's units of time, back from its last event; None, or a log without order: no decay.
    """

    def __init__(self, name: str = "popularity", *, half_life: float | None = None, thrift: float = 0.0) -> None:
        self.name, self.half_life, self.thrift = name, half_life, thrift
        self.ids: tuple[str, ...] = ()
        self.values: Floats = np.zeros(0)

    def fit(self, log: Log, catalogue: Catalogue) -> Self:
        """Count."""
        check_fit(log, catalogue)
        weights = log.weights * np.repeat(np.maximum(log.lengths, 1.0) ** -self.thrift, log.lengths)
        if self.half_life is not None and log.ordered and len(log.times):
            weights = weights * np.exp2((log.times - log.times.max()) / self.half_life)
        self.values = np.log1p(np.maximum(np.bincount(log.items, weights, log.width), 0))
        self.ids = catalogue.ids
        return self

    def score(self, person: Person) -> Floats:  # noqa: ARG002 - the same for everybody
        """Return the same numbers for everybody."""
        return self.values

    def score_many(self, crowd: Crowd) -> Singles:
        """Return the same row for everybody."""
        return np.broadcast_to(self.values.astype(np.float32), (len(crowd), len(self.values)))

    def explain(self, person: Person, item: int) -> tuple[Term, ...]:  # noqa: ARG002 - the same for everybody
        """Return the one part there is."""
        value = float(self.values[item])
        return (Term("prior", self.name, value),) if value else ()

    def similar(self, item: int, k: int = 10) -> list[tuple[int, float]]:  # noqa: ARG002 - likeness is not known here
        """Return nothing: two popular items need not be alike."""
        return []

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return the counts."""
        return {"values": self.values}, {"ids": self.ids, "half_life": self.half_life, "thrift": self.thrift}

    def restore(self, arrays: Arrays, settings: dict[str, Any]) -> None:
        """Take the counts back."""
        self.values, self.ids = arrays["values"], tuple(settings["ids"])
        self.half_life, self.thrift = settings["half_life"], settings["thrift"]
