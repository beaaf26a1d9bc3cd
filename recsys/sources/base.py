"""The contract of a source, and the plain data it is given: a log, a catalogue, a person.

No formula lives here. Items are positions 0..n-1 of the catalogue; a score says "more is better" and nothing else.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.intp]
Arrays = dict[str, NDArray[Any]]


class Term(NamedTuple):
    """One share of a score: of an item in the history, of a word, or of what holds for everybody ("prior").

    ``key`` is the item's id, the word, or the source's name.
    """

    kind: Literal["item", "word", "prior"]
    key: str
    value: float


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of one person. ``history`` holds positions, oldest first, each once.

    ``ages`` says how many steps ago each event was (0 is the newest); left empty it is the place in the history.
    ``strengths`` says how much each event is worth (purchase 1); left empty, 1 each. ``words`` weigh the
    catalogue's terms.
    """

    history: tuple[int, ...] = ()
    words: Mapping[str, float] = field(default_factory=dict)
    ages: tuple[float, ...] = ()
    strengths: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        steps = len(self.history)
        if not self.ages:
            object.__setattr__(self, "ages", tuple(float(steps - 1 - at) for at in range(steps)))
        if not self.strengths:
            object.__setattr__(self, "strengths", (1.0,) * steps)
        if len(self.ages) != steps or len(self.strengths) != steps or len(set(self.history)) != steps:
            raise ValueError("a history holds each item once, with one age and one strength an item")

    def without(self, position: int) -> Person:
        """Return the same person had they never touched the item; the other events keep their ages."""
        keep = [at for at, item in enumerate(self.history) if item != position]
        return Person(
            tuple(self.history[at] for at in keep),
            self.words,
            tuple(self.ages[at] for at in keep),
            tuple(self.strengths[at] for at in keep),
        )


@dataclass(frozen=True, slots=True)
class Log:
    """Events by user, each (user, item) once, sorted by user and then by time. Make one with ``of``.

    The events of user u are ``items[starts[u]:starts[u + 1]]``. ``ordered`` says whether times carry a real order.
    """

    starts: Ints
    items: Ints
    times: Floats
    weights: Floats
    width: int
    ordered: bool = False

    @classmethod
    def of(
        cls,
        users: Iterable[int],
        items: Iterable[int],
        times: Iterable[float],
        *,
        width: int,
        weights: Iterable[float] | None = None,
        ordered: bool = False,
    ) -> Log:
        """Return the log of parallel columns; ``users`` are codes from 0, ``width`` is how many items there are.

        Of a repeated (user, item) the earliest stays. ValueError for unequal columns or codes out of range.
        """
        user, item = np.array(list(users), np.intp), np.array(list(items), np.intp)
        time = np.array(list(times), np.float64)
        weight = np.ones(len(user)) if weights is None else np.array(list(weights), np.float64)
        if not len(user) == len(item) == len(time) == len(weight):
            raise ValueError("a log needs as many items, times and weights as users")
        if len(user) and (user.min() < 0 or item.min() < 0 or item.max() >= width):
            raise ValueError(f"a log's codes run from 0, and items end before {width}")
        order = np.lexsort((time, item, user))
        key = user[order] * width + item[order]
        first = order[np.r_[True, key[1:] != key[:-1]]] if len(order) else order
        first = first[np.lexsort((item[first], time[first], user[first]))]
        counts = np.bincount(user[first], minlength=int(user.max()) + 1 if len(user) else 0)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        return cls(starts, item[first], time[first], weight[first], width, ordered)

    @property
    def people(self) -> int:
        """How many users the log has, those without events counted."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        """Return how many items each user has."""
        return np.diff(self.starts)

    @property
    def owners(self) -> Ints:
        """Return the user of every event."""
        return np.repeat(np.arange(self.people), self.lengths)

    def history(self, user: int) -> Ints:
        """Return the user's items, oldest first."""
        return self.items[self.starts[user] : self.starts[user + 1]]

    def counts(self) -> Floats:
        """Return how many users have each item."""
        return np.bincount(self.items, minlength=self.width).astype(np.float64)

    def matrix(self) -> Any:
        """Return users x items as a sparse float64 matrix of ones."""
        return csr_array((np.ones(len(self.items)), self.items, self.starts), shape=(self.people, self.width))

    def only(self, kept: NDArray[np.bool_]) -> Log:
        """Return the log of the events that ``kept`` marks; users keep their codes."""
        counts = np.bincount(self.owners[kept], minlength=self.people)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        return Log(starts, self.items[kept], self.times[kept], self.weights[kept], self.width, self.ordered)


@dataclass(frozen=True)
class Catalogue:
    """What the items say. ``text`` and ``tags`` are sparse with unit (or empty) rows, one row an item.

    The columns of ``text`` are ``terms``.
    """

    ids: tuple[str, ...]
    terms: Mapping[str, int]
    text: Any
    tags: Any

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def text_likeness(self) -> Singles:
        """The cosine of every two items' words, items x items."""
        return np.asarray((self.text @ self.text.T).todense(), np.float32)

    @cached_property
    def tag_likeness(self) -> Singles:
        """The cosine of every two items' tags, items x items."""
        return np.asarray((self.tags @ self.tags.T).todense(), np.float32)

    @cached_property
    def words_to_items(self) -> Any:
        """The transpose of ``text``, by term."""
        return csr_array(self.text.T)


class Crowd:
    """Several people as sparse rows, for scoring them together."""

    def __init__(self, people: Sequence[Person], catalogue: Catalogue) -> None:
        lengths = [len(person.history) for person in people]
        self.starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
        self.items = np.array([item for person in people for item in person.history], np.intp)
        self.ages = np.array([age for person in people for age in person.ages], np.float32)
        self.strengths = np.array([worth for person in people for worth in person.strengths], np.float32)
        self.people, self.width = tuple(people), len(catalogue)
        self.words = _word_rows(people, catalogue)

    def __len__(self) -> int:
        return len(self.people)

    @property
    def lengths(self) -> Ints:
        """Return how many items each person has."""
        return np.diff(self.starts)

    def rows(self, decay: float = 1.0) -> Any:
        """Return people x items, sparse float32: strength times ``decay`` to the age."""
        data = self.strengths * np.float32(decay) ** self.ages
        return csr_array((data, self.items, self.starts), shape=(len(self), self.width))

    def seen(self) -> NDArray[np.bool_]:
        """Return people x items: who has what."""
        marks = np.zeros((len(self), self.width), np.bool_)
        marks[np.repeat(np.arange(len(self)), self.lengths), self.items] = True
        return marks


class Source(ABC):
    """One idea of what a person wants next. ``fit`` first, or ``load``; then everything else may be called.

    Scores are finite, one an item position, 0 where the source has nothing to say. Nothing is random but by a fixed
    seed: equal input gives equal numbers.
    """

    name: str

    @abstractmethod
    def fit(self, log: Log, catalogue: Catalogue) -> Self:
        """Learn from the log and return self. ValueError when the log's items are not the catalogue's."""

    @abstractmethod
    def score(self, person: Person) -> Floats:
        """Return the score of every item for one person; items they have are scored like the others."""

    @abstractmethod
    def score_many(self, crowd: Crowd) -> Singles:
        """Return people x items: what ``score`` says, in single precision."""

    @abstractmethod
    def explain(self, person: Person, item: int) -> tuple[Term, ...]:
        """Return the score of ``item`` in parts, which sum to it within 1e-9.

        Where the score is linear in the history (each source says so) removing an event takes away just its part.
        """

    @abstractmethod
    def similar(self, item: int, k: int = 10) -> list[tuple[int, float]]:
        """Return up to ``k`` other items that speak for each other with ``item``, best first, scores above 0."""

    @abstractmethod
    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return what the fitted source is made of: arrays by name, and settings fit for JSON."""

    @abstractmethod
    def restore(self, arrays: Arrays, settings: dict[str, Any]) -> None:
        """Become the source whose ``state`` this is."""

    def recommend(self, person: Person, k: int = 10, exclude: Iterable[int] = ()) -> list[tuple[int, float]]:
        """Return the ``k`` best items with their scores, none the person has, none of ``exclude``.

        Ties go to the lower position. Fewer only when there are not so many.
        """
        scores = self.score(person).copy()
        scores[[*person.history, *exclude]] = -np.inf
        return [(int(at), float(scores[at])) for at in best(scores, k)]

    def save(self, folder: Path) -> None:
        """Write ``NAME.npz`` and ``NAME.json`` into ``folder``."""
        arrays, settings = self.state()
        np.savez(folder / f"{self.name}.npz", allow_pickle=False, **arrays)
        (folder / f"{self.name}.json").write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")

    def load(self, folder: Path) -> Self:
        """Read what ``save`` wrote and return self; pickled data is refused with ValueError."""
        with np.load(folder / f"{self.name}.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        self.restore(arrays, json.loads((folder / f"{self.name}.json").read_text(encoding="utf-8")))
        return self


def best(scores: NDArray[Any], k: int) -> Ints:
    """Return the positions of the ``k`` highest scores above minus infinity, best first, ties by position."""
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, np.intp)
    edge = np.partition(scores, len(scores) - k)[len(scores) - k]
    found = np.flatnonzero(scores >= edge)
    found = found[np.argsort(-scores[found], kind="stable")][:k]
    return found[scores[found] > -np.inf]


def check_fit(log: Log, catalogue: Catalogue) -> None:
    """Raise ValueError unless the log speaks of this catalogue's items."""
    if log.width != len(catalogue):
        raise ValueError(f"the log knows {log.width} items, the catalogue {len(catalogue)}")


def _word_rows(people: Sequence[Person], catalogue: Catalogue) -> Any:
    rows, columns, data = [], [], []
    for row, person in enumerate(people):
        for word, weight in person.words.items():
            if (column := catalogue.terms.get(word)) is not None:
                rows.append(row)
                columns.append(column)
                data.append(weight)
    shape = (len(people), len(catalogue.terms))
    return csr_array(
        (np.array(data, np.float32), (np.array(rows, np.intp), np.array(columns, np.intp))), shape=shape
    )
