"""The course index: one immutable snapshot of what the items say, built for look-up by term.

TF-IDF weights, posting lists and sketches live here; scores and their order are ``recommender.py``.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from recsys.base import Item
from recsys.text import Tokenizer, normalise

# How many times a word counts by where it stands. A piece of a longer word counts half. Nothing falls below
# 0.4, where the sublinear 1 + log(count) would turn negative.
FIELD_WEIGHTS: Mapping[str, float] = {"title": 4.0, "tags": 4.0, "category": 2.0, "subtitle": 2.0, "text": 1.0}
PIECE_WEIGHT = 0.5
SKETCH_BITS = 128  # similarities of sketches are off by about 1/sqrt(128) = 0.09; enough to tell variety
_MANY_NEW_NAMES = 200  # more than this and looking for each in every text costs as much as cutting again

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]
_Array = TypeVar("_Array", bound=NDArray[Any])


@dataclass(frozen=True, slots=True)
class _Analysed:
    """The weighted counts of one item's words, and what they were made from."""

    digest: bytes
    terms: tuple[str, ...]
    counts: array[float]


class CourseIndex:
    """Items as unit TF-IDF rows, by position; positions follow the order of the ids.

    Never changes once built, so threads may share it and a running server may swap it for a newer one.
    Make one with ``build``.
    """

    def __init__(
        self,
        *,
        ids: tuple[str, ...],
        analysed: dict[str, _Analysed],
        weights: _Weights,
        tokenizer: Tokenizer,
        names: int,
    ) -> None:
        self.ids = ids
        self._position = {item_id: at for at, item_id in enumerate(ids)}
        self.analysed, self.tokenizer, self.names = analysed, tokenizer, names  # for the next build
        self._weights = weights
        self._said = [analysed[item_id].terms for item_id in ids]

    @classmethod
    def build(cls, items: Iterable[Item], tokenizer: Tokenizer, previous: CourseIndex | None = None) -> CourseIndex:
        """Return the index of ``items`` (none is fine). ValueError for an empty or repeated ``item_id``.

        ``previous``, built with the same tokenizer, spares cutting the items that have not changed since;
        the result is the same without it. Takes seconds for 10,000 items: run it beside the event loop.
        """
        ordered = _checked(items)
        tokenizer.warm()
        named = tokenizer.named
        known: Mapping[str, _Analysed] = {}
        new_names: tuple[str, ...] = ()
        if previous is not None and previous.tokenizer is tokenizer:
            known, new_names = previous.analysed, named[previous.names :]
        analysed = {item.item_id: _analyse(item, tokenizer, known, new_names) for item in ordered}
        return cls(
            ids=tuple(item.item_id for item in ordered),
            analysed=analysed,
            weights=_weigh(list(analysed.values())),
            tokenizer=tokenizer,
            names=len(named),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def position(self, item_id: str) -> int | None:
        """Return where the item stands in ``ids``; None when it is not indexed."""
        return self._position.get(item_id)

    @property
    def term_ids(self) -> Mapping[str, int]:
        """Every term some item says, with its number in this index."""
        return self._weights.term_ids

    def idf(self, term: str) -> float:
        """Return the inverse document frequency, 1.0 or more; 0.0 for a term no item says."""
        term_id = self._weights.term_ids.get(term)
        return 0.0 if term_id is None else self._weights.idf[term_id]

    def posting(self, term: str) -> tuple[Ints, Floats] | None:
        """Return the positions of the items that say a term, ascending, and their weights; None if none does."""
        weights = self._weights
        term_id = weights.term_ids.get(term)
        if term_id is None:
            return None
        start, end = weights.term_starts[term_id], weights.term_starts[term_id + 1]
        return weights.positions[start:end], weights.by_term[start:end]

    def row(self, position: int) -> list[tuple[str, float]]:
        """Return every term of the item at ``position`` with its weight; the squares sum to 1."""
        weights, terms = self._weights, self._said[position]
        start = weights.row_starts[position]
        return list(zip(terms, weights.by_row[start : start + len(terms)].tolist(), strict=True))

    def shares(
        self, positions: Sequence[int], wanted: Mapping[str, float], scale: float = 1.0
    ) -> list[list[tuple[str, float]]]:
        """Return for each position the terms of ``wanted`` that it says, its weight times theirs and ``scale``.

        They come in the order of their numbers.
        """
        weights, common = self._weights, frozenset(wanted).intersection
        number, value = weights.term_ids.__getitem__, weights.by_row.item
        found = []
        for position in positions:
            terms, start = self._said[position], weights.row_starts[position]
            said: Collection[str] = common(terms)
            if len(said) > 1:
                said = sorted(said, key=number)
            found.append([(term, wanted[term] * scale * value(start + terms.index(term))) for term in said])
        return found

    def terms_of(self, item_id: str, limit: int = 20) -> tuple[tuple[str, float], ...]:
        """Return the item's ``limit`` weightiest terms, heaviest first; nothing for an unknown item."""
        at = self.position(item_id)
        if at is None:
            return ()
        return tuple(sorted(self.row(at), key=lambda pair: (-pair[1], pair[0]))[:limit])

    def sketches(self, positions: Sequence[int]) -> NDArray[np.float32]:
        """Return one unit row for each position; products of rows approximate the cosine of the items."""
        rows: NDArray[np.float32] = self._weights.sketches.take(positions, 0)
        return rows


def _checked(items: Iterable[Item]) -> list[Item]:
    ordered = sorted(items, key=lambda item: item.item_id)
    for before, item in zip([None, *ordered], ordered, strict=False):
        if not item.item_id:
            raise ValueError(f"an item needs an id: {item.title!r}")
        if before is not None and before.item_id == item.item_id:
            raise ValueError(f"two items share the id {item.item_id!r}")
    return ordered


def _analyse(
    item: Item, tokenizer: Tokenizer, known: Mapping[str, _Analysed], new_names: tuple[str, ...]
) -> _Analysed:
    fields = _fields(item)
    digest = blake2b("\x1f".join(f"{name}\x1e{text}" for name, text in fields).encode(), digest_size=16).digest()
    before = known.get(item.item_id)
    if before is not None and before.digest == digest and not _mentions(fields, new_names):
        return before
    counts: dict[str, float] = {}
    for name, text in fields:
        weight = FIELD_WEIGHTS[name]
        for word in tokenizer.words(text):
            counts[word] = counts.get(word, 0.0) + weight
    for word, weight in tuple(counts.items()):
        for piece in tokenizer.pieces(word):
            counts[piece] = counts.get(piece, 0.0) + weight * PIECE_WEIGHT
    return _Analysed(digest, tuple(map(sys.intern, counts)), array("d", counts.values()))


def _fields(item: Item) -> list[tuple[str, str]]:
    return [
        ("title", item.title),
        *(("tags", tag) for tag in item.tags),
        ("category", item.category),
        ("subtitle", item.subtitle),
        ("text", item.text),
    ]


def _mentions(fields: list[tuple[str, str]], names: tuple[str, ...]) -> bool:
    if not names or len(names) > _MANY_NEW_NAMES:
        return bool(names)
    text = normalise("\n".join(text for _, text in fields))
    return any(name in text for name in names)


@dataclass(frozen=True, slots=True)
class _Weights:
    """The TF-IDF matrix, twice: by term (posting lists) and by row; the numbers are the same.

    A row's numbers stand in the order of its item's own terms.
    """

    term_ids: dict[str, int]
    idf: list[float]
    term_starts: list[int]
    positions: Ints
    by_term: Floats
    row_starts: list[int]
    by_row: Floats
    sketches: NDArray[np.float32]


def _weigh(rows: list[_Analysed]) -> _Weights:
    term_ids: dict[str, int] = {}
    columns = [term_ids.setdefault(term, len(term_ids)) for row in rows for term in row.terms]
    if not columns:
        return _blank(len(rows))
    from scipy.sparse import csr_array  # noqa: PLC0415 - with scikit-learn 1.3 s, and only builders need them
    from sklearn.feature_extraction.text import TfidfTransformer  # noqa: PLC0415

    starts = np.cumsum([0, *(len(row.terms) for row in rows)])
    counts = np.concatenate([np.frombuffer(row.counts, np.float64) for row in rows])
    matrix = csr_array((counts, np.array(columns, np.int32), starts), shape=(len(rows), len(term_ids)))
    transformer = TfidfTransformer(norm="l2", sublinear_tf=True)
    matrix = csr_array(transformer.fit_transform(matrix))
    by_row = matrix.data.copy()
    matrix.sort_indices()
    by_term = matrix.tocsc()
    by_term.sort_indices()
    return _Weights(
        term_ids=term_ids,
        idf=transformer.idf_.tolist(),
        term_starts=by_term.indptr.tolist(),
        positions=_sealed(by_term.indices.astype(np.intp)),
        by_term=_sealed(by_term.data),
        row_starts=matrix.indptr.tolist(),
        by_row=_sealed(by_row),
        sketches=_sealed(_sketch(matrix, term_ids)),
    )


def _blank(rows: int) -> _Weights:
    return _Weights(
        term_ids={},
        idf=[],
        term_starts=[0],
        positions=np.empty(0, np.intp),
        by_term=np.empty(0),
        row_starts=[0] * (rows + 1),
        by_row=np.empty(0),
        sketches=np.zeros((rows, SKETCH_BITS), np.float32),
    )


def _sketch(matrix: Any, terms: Iterable[str]) -> NDArray[np.float32]:
    """Project the rows on signs drawn from a hash of each term: random, yet the same in every build."""
    digests = b"".join(blake2b(term.encode(), digest_size=SKETCH_BITS // 8).digest() for term in terms)
    bits = np.unpackbits(np.frombuffer(digests, np.uint8)).reshape(-1, SKETCH_BITS)
    rows = np.asarray(matrix.astype(np.float32) @ (bits.astype(np.float32) * 2 - 1), np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: NDArray[np.float32] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return units


def _sealed(numbers: _Array) -> _Array:
    numbers.setflags(write=False)
    return numbers
