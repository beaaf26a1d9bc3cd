"""What a person's courses and words say: likeness of texts, by words or by tags. Knows courses nobody took yet.

The profile is the sum of unit TF-IDF rows of the history and of the words (Rocchio 1971): linear in both.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from scipy.sparse import csr_array

from recsys.sources.base import Arrays, Catalogue, Crowd, Floats, Log, Person, Singles, Term
from recsys.sources.matrix import ItemMatrix


class Content(ItemMatrix):
    """B_ij is the cosine of two items in one field; a word adds its weight times the item's for it."""

    def __init__(
        self, name: str = "content", *, by: Literal["text", "tags"] = "text", decay: float = 1.0, keep: int = 0
    ) -> None:
        super().__init__(name, decay=decay, keep=keep)
        self.by = by
        self.terms: dict[str, int] = {}
        self.postings: Any = csr_array((0, 0), dtype=np.float64)

    def weigh(self, log: Log, catalogue: Catalogue) -> Singles:  # noqa: ARG002 - the log says nothing about texts
        """Return the cosines, no item like itself."""
        likeness = (catalogue.text_likeness if self.by == "text" else catalogue.tag_likeness).copy()
        np.fill_diagonal(likeness, 0)
        return likeness

    def fit(self, log: Log, catalogue: Catalogue) -> Self:
        """Keep the cosines and, for the text, the posting lists."""
        super().fit(log, catalogue)
        if self.by == "text":
            self.terms, self.postings = dict(catalogue.terms), catalogue.words_to_items
        return self

    def score(self, person: Person) -> Floats:
        """Return likeness to the history plus the match with the words."""
        total = super().score(person)
        for word, weight in person.words.items():
            if (at := self.terms.get(word)) is not None:
                start, end = self.postings.indptr[at : at + 2]
                total[self.postings.indices[start:end]] += weight * self.postings.data[start:end]
        return total

    def score_many(self, crowd: Crowd) -> Singles:
        """Return the same for many."""
        scores = super().score_many(crowd)
        if self.terms and crowd.words.nnz:
            scores = scores + (crowd.words @ self.postings).toarray().astype(np.float32)
        return scores

    def explain(self, person: Person, item: int) -> tuple[Term, ...]:
        """Return the parts of the items, then those of the words."""
        words = []
        for word, weight in person.words.items():
            if (at := self.terms.get(word)) is not None:
                start, end = self.postings.indptr[at : at + 2]
                value = weight * float(
                    self.postings.data[start:end][self.postings.indices[start:end] == item].sum()
                )
                words += [Term("word", word, value)] if value else []
        return (*super().explain(person, item), *words)

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return B, the terms and their posting lists."""
        arrays, settings = super().state()
        arrays |= {f"word_{name}": getattr(self.postings, name) for name in ("data", "indices", "indptr")}
        return arrays, settings | {"by": self.by, "terms": list(self.terms)}

    def restore(self, arrays: Arrays, settings: dict[str, Any]) -> None:
        """Take them back."""
        super().restore(arrays, settings)
        self.by = settings["by"]
        self.terms = {term: at for at, term in enumerate(settings["terms"])}
        parts = (arrays["word_data"], arrays["word_indices"], arrays["word_indptr"])
        self.postings = csr_array(parts, shape=(len(self.terms), len(self.ids) if self.terms else 0))
