"""What training learned, in the form that serving needs: which courses and words speak for which other courses.

``Live`` is fitted and saved like any source. ``Companions`` binds it to the catalogue of the moment and hands out
its rows as voices of the evidence, so that what it says is added, explained and taken away like any other signal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from scipy.sparse import csr_array

from recsys.base import Kind
from recsys.evidence import Voice
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
from recsys.sources.ease import Ease, EaseSettings
from recsys.sources.matrix import strongest
from recsys.sources.segments import Segments
from recsys.sources.walk import Walk
from recsys.sources.words import Words

MATRICES = ("many", "few", "words", "groups")
PARTS = ("starts", "columns", "values")
KEEP = 100  # entries of a row that are kept; costs 0.7 % of NDCG against all of them
FEW = 2  # up to so many courses the random walk speaks, beyond it the regression
SEGMENT = 0.3  # what the group of a newcomer counts beside one course of their own
TERMS: Mapping[str, Literal["item", "word", "prior"]] = {"bought": "item", "learned": "word", "segment": "prior"}
DECAY = 0.9  # what a course counts less for every newer one, where times carry an order


@dataclass(frozen=True, slots=True)
class Rows:
    """A sparse matrix by rows, scaled so that the strongest entry of a row is 1 on average."""

    starts: Ints
    columns: Ints
    values: Floats

    @classmethod
    def of(cls, weights: Singles) -> Rows:
        """Keep the strongest entries of each row of a dense matrix."""
        sparse = strongest(weights, KEEP) if weights.shape[1] > KEEP else csr_array(weights)
        data = sparse.data.astype(np.float64)
        starts = sparse.indptr.astype(np.intp)
        tops = np.maximum.reduceat(np.append(data, 0.0), starts[:-1]) if len(starts) > 1 else data
        tops = tops[(np.diff(starts) > 0) & (tops > 0)]
        return cls(starts, sparse.indices.astype(np.intp), data / tops.mean() if len(tops) else data)

    def row(self, at: int) -> tuple[Ints, Floats]:
        """Return the columns and values of one row."""
        start, end = self.starts[at], self.starts[at + 1]
        return self.columns[start:end], self.values[start:end]


NO_ROWS = Rows(np.zeros(1, np.intp), np.empty(0, np.intp), np.empty(0))


class Live(Source):
    """EASE with item text for people of several courses, RP3beta for those of one or two, and words to purchases.

    Whoever has no course yet is also given what people of the same interests take. Linear in the history and in the
    words, but for these changes from one matrix to another.
    """

    def __init__(self, name: str = "live") -> None:
        self.name = name
        self.ids: tuple[str, ...] = ()
        self.terms: tuple[str, ...] = ()
        self.decay = 1.0
        self.many = self.few = self.words = self.groups = NO_ROWS
        self.segments = Segments()

    def fit(self, log: Log, catalogue: Catalogue) -> Self:
        """Learn the three matrices; strengths follow the mean count of an item."""
        check_fit(log, catalogue)
        counts = log.counts()
        unit = float(counts[counts > 0].mean()) if counts.any() else 1.0
        ease = Ease(settings=EaseSettings(l2=0.35 * unit, text=0.14 * unit))
        self.ids, self.decay = catalogue.ids, DECAY if log.ordered else 1.0
        self.many = Rows.of(ease.weigh(log, catalogue))
        self.few = Rows.of(Walk().weigh(log, catalogue))
        words = Words().fit(log, catalogue)
        self.terms, self.words = tuple(words.terms), Rows.of(words.weights)
        self.segments.fit(log, catalogue)
        self.groups = Rows.of(self.segments.tables[:-1].astype(np.float32))
        return self

    def score(self, person: Person) -> Floats:
        """Return the weighted sum of the rows of courses and words."""
        total = np.zeros(len(self.ids))
        for _kind, _key, (columns, values), weight in self._signals(person):
            total[columns] += weight * values
        return total

    def score_many(self, crowd: Crowd) -> Singles:
        """Return what ``score`` says of each."""
        return np.stack([self.score(person) for person in crowd.people]).astype(np.float32)

    def explain(self, person: Person, item: int) -> tuple[Term, ...]:
        """Return a part for each course and word that says anything of the item."""
        parts = []
        for kind, key, (columns, values), weight in self._signals(person):
            if value := weight * float(values[columns == item].sum()):
                parts.append(Term(TERMS[kind], key, value))
        return tuple(parts)

    def similar(self, item: int, k: int = 10) -> list[tuple[int, float]]:
        """Return the strongest companions of a course."""
        columns, values = self.many.row(item)
        chosen = best(np.where((values > 0) & (columns != item), values, -np.inf), k)
        return [(int(columns[at]), float(values[at])) for at in chosen]

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return the matrices and the names of their rows."""
        grouped, named = self.segments.state()
        arrays: Arrays = {f"segments_{name}": array for name, array in grouped.items()}
        for name in MATRICES:
            rows: Rows = getattr(self, name)
            arrays |= {f"{name}_{part}": getattr(rows, part) for part in PARTS}
        return arrays, {"ids": self.ids, "terms": self.terms, "decay": self.decay, "segments": named}

    def restore(self, arrays: Arrays, settings: dict[str, Any]) -> None:
        """Take them back."""
        self.ids, self.terms = tuple(settings["ids"]), tuple(settings["terms"])
        self.decay = float(settings["decay"])
        grouped = {name.removeprefix("segments_"): array for name, array in arrays.items() if "segments_" in name}
        self.segments.restore(grouped, settings["segments"])
        for name in MATRICES:
            parts = (arrays[f"{name}_{part}"] for part in PARTS)
            setattr(self, name, Rows(*parts))

    def segment(self, words: Mapping[str, float]) -> int:
        """Return the number of the segment that words point to; -1 for none."""
        return self.segments.segment(Person(words=words)) if words else -1

    def _signals(self, person: Person) -> list[tuple[Kind, str, tuple[Ints, Floats], float]]:
        rows = self.few if len(person.history) <= FEW else self.many
        held: list[tuple[Kind, str, tuple[Ints, Floats], float]] = [
            ("bought", self.ids[item], rows.row(item), strength * self.decay**age)
            for item, age, strength in zip(person.history, person.ages, person.strengths, strict=True)
        ]
        at = {term: row for row, term in enumerate(self.terms)} if person.words else {}
        said: list[tuple[Kind, str, tuple[Ints, Floats], float]] = [
            ("learned", word, self.words.row(at[word]), weight)
            for word, weight in person.words.items()
            if word in at
        ]
        if not person.history and (group := self.segment(person.words)) >= 0:
            said.append(("segment", self.segments.names[group], self.groups.row(group), SEGMENT))
        return held + said


class Companions:
    """A ``Live`` bound to a catalogue's positions. Courses that either does not know are passed over."""

    def __init__(self, live: Live, ids: Sequence[str]) -> None:
        position = {item_id: at for at, item_id in enumerate(ids)}
        self._live = live
        self._to = np.array([position.get(item_id, -1) for item_id in live.ids], np.intp)
        self._item_rows = {item_id: row for row, item_id in enumerate(live.ids)}
        self._term_rows = {term: row for row, term in enumerate(live.terms)}

    def knows(self, item_id: str) -> bool:
        """Tell whether training saw the course."""
        return item_id in self._item_rows

    def voices(self, held: Sequence[str], words: Mapping[str, float], weight: float) -> list[Voice]:
        """Return what a person's courses, oldest first, and words say; a single newest course counts ``weight``."""
        known = [item_id for item_id in held if item_id in self._item_rows]
        rows = self._live.few if len(known) <= FEW else self._live.many
        found = [
            self._voice("bought", item_id, rows, self._item_rows[item_id], weight * self._live.decay**age)
            for age, item_id in enumerate(reversed(known))
        ]
        found += [
            self._voice("learned", word, self._live.words, self._term_rows[word], weight * worth)
            for word, worth in words.items()
            if word in self._term_rows
        ]
        if not known and (group := self._live.segment(words)) >= 0:
            name = self._live.segments.names[group]
            found.append(self._voice("segment", name, self._live.groups, group, weight * SEGMENT))
        return [voice for voice in found if len(voice.positions)]

    def _voice(self, kind: Kind, term: str, rows: Rows, row: int, weight: float) -> Voice:
        columns, values = rows.row(row)
        positions = self._to[columns]
        here = positions >= 0
        return Voice(kind, term, positions[here], values[here], weight)
