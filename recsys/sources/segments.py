"""Named groups of followers: mini-batch k-means on what their courses say, and what each group takes.

Sculley, "Web-scale k-means clustering", WWW 2010. Good as audiences and as a first guess for a stranger; as a score
it reaches half of EASE, so the blend of ``rank`` does without it.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

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
from recsys.sources.coordinates import Coordinates

_SEED = 20_240_501
_MOST = 100_000  # people who take part in finding the centres
_NAME_WORDS = 3


class Segments(Source):
    """score_j = log(1 + takers of j in the person's segment, relative to its mean item). Not linear in the history.

    Somebody without history and words belongs to no segment (-1) and gets what everybody takes.
    """

    def __init__(self, name: str = "segments", *, count: int = 12, size: int = 32) -> None:
        self.name, self.count, self.size = name, count, size
        self.ids: tuple[str, ...] = ()
        self.numbers: dict[str, int] = {}
        self.names: tuple[str, ...] = ()
        self.space = Coordinates(np.zeros((0, 1)), np.zeros((0, 1)))
        self.centres: Floats = np.zeros((0, 1))
        self.tables: Floats = np.zeros((1, 0))

    def fit(self, log: Log, catalogue: Catalogue) -> Self:
        """Find the segments, name them by the words they say more than others, and count what they take."""
        check_fit(log, catalogue)
        self.ids, self.numbers = catalogue.ids, dict(catalogue.terms)
        self.space = Coordinates.of(catalogue, self.size)
        rows = log.matrix()
        active = np.flatnonzero(log.lengths)
        points = _units(rows[active] @ self.space.items)
        self.centres = _centres(points, self.count)
        member = np.full(log.people, -1)
        if len(active):
            member[active] = _nearest(points, self.centres)
        taken = np.stack(
            [np.asarray(rows[member == at].sum(axis=0)) for at in range(len(self.centres))] or [self._none()]
        )
        self.names = _names(taken, catalogue) if len(self.centres) else ()
        counts = np.vstack([taken, log.counts()[None, :]])  # the last row, -1, is everybody
        self.tables = np.log1p(counts / np.maximum(counts.mean(axis=1, keepdims=True), 1e-9))
        return self

    def segment(self, person: Person) -> int:
        """Return the number of the person's segment, -1 for none; its name is ``names[number]``."""
        point = self.space.items[list(person.history)].T @ np.array(person.strengths) if person.history else 0.0
        point = point + self.space.of_words(person.words, self.numbers)
        if not len(self.centres) or not np.any(point):
            return -1
        return int(_nearest(_units(np.asarray(point)[None, :]), self.centres)[0])

    def score(self, person: Person) -> Floats:
        """Return the segment's table."""
        table: Floats = self.tables[self.segment(person)]
        return table

    def score_many(self, crowd: Crowd) -> Singles:
        """Return the tables of many."""
        return self.tables[[self.segment(person) for person in crowd.people]].astype(np.float32)

    def explain(self, person: Person, item: int) -> tuple[Term, ...]:
        """Return the one part there is, under the segment's name."""
        at = self.segment(person)
        value = float(self.tables[at, item])
        return (Term("prior", self.names[at] if at >= 0 else self.name, value),) if value else ()

    def similar(self, item: int, k: int = 10) -> list[tuple[int, float]]:
        """Return items that the same segments take: the cosine over segments."""
        lengths = np.linalg.norm(self.tables, axis=0) + 1e-12
        likeness = self.tables.T @ self.tables[:, item] / (lengths * lengths[item])
        likeness[item] = -np.inf
        return [(int(at), float(likeness[at])) for at in best(likeness, k) if likeness[at] > 0]

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return centres, tables, names and the space they lie in."""
        arrays = {
            "centres": self.centres,
            "tables": self.tables,
            "items": self.space.items,
            "terms": self.space.terms,
        }
        return arrays, {"ids": self.ids, "names": self.names, "words": list(self.numbers)}

    def restore(self, arrays: Arrays, settings: dict[str, Any]) -> None:
        """Take them back."""
        self.centres, self.tables = arrays["centres"], arrays["tables"]
        self.space = Coordinates(arrays["items"], arrays["terms"])
        self.ids, self.names = tuple(settings["ids"]), tuple(settings["names"])
        self.numbers = {word: at for at, word in enumerate(settings["words"])}

    def _none(self) -> Floats:
        return np.zeros(len(self.ids))


def _units(points: Floats) -> Floats:
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    units: Floats = points / np.maximum(lengths, 1e-12)
    return units


def _centres(points: Floats, count: int) -> Floats:
    if len(points) == 0:
        return np.zeros((0, points.shape[1]))
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415 - a second, and only fitting needs it

    drawn = np.random.default_rng(_SEED).permutation(len(points))[:_MOST]
    sample = points[np.sort(drawn)]
    distinct = len(np.unique(sample.round(6), axis=0))
    model = MiniBatchKMeans(min(count, distinct), random_state=_SEED, n_init=3, batch_size=4_096)
    centres: Floats = model.fit(sample).cluster_centers_
    return centres


def _nearest(points: Floats, centres: Floats) -> Ints:
    distance = (centres**2).sum(axis=1)[None, :] - 2 * points @ centres.T
    return np.asarray(distance.argmin(axis=1), np.intp)


def _names(taken: Floats, catalogue: Catalogue) -> tuple[str, ...]:
    """Name each segment by the terms it says most above the average of all segments."""
    said = np.asarray((catalogue.text.T @ taken.T).T)
    said = said / np.maximum(said.sum(axis=1, keepdims=True), 1e-12)
    terms = np.array([*catalogue.terms, ""])
    lift = said - said.mean(axis=0) if len(said) > 1 else said
    return tuple("、".join(terms[best(row, _NAME_WORDS)]) for row in lift)
