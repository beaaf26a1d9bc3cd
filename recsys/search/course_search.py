"""Searching the catalogue: an immutable snapshot with BM25 weights, and the courses that fit a wish.

What a sentence asks for is ``understand.py``; which words stand for it is ``wording.py``; interests and popularity
are ``recsys/recommender.py``.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from recsys.base import Item, Part
from recsys.index import Flags, Ints
from recsys.search.fold import fold
from recsys.search.postings import Answer, Breakdown, Postings, Saying, Shares
from recsys.search.scoring import Question, matches, spread
from recsys.search.spelling import Spelling
from recsys.search.synonyms import Synonyms
from recsys.search.understand import Wish, understand
from recsys.search.wording import Asked, Wording, pairs
from recsys.text import Tokenizer

# How many times a word counts by where it stands; a piece of a longer word counts half.
FIELD_WEIGHTS: Mapping[str, float] = {"title": 4.0, "tags": 4.0, "category": 1.5, "subtitle": 2.0, "text": 1.0}
PIECE_WEIGHT = 0.5
REFINING = 0.5  # what "零基础" said by a course adds, beside its subject
KEPT_BY_LIMITS = 0.5  # of the best course without limits: below it, nothing within the limits is an answer
_REMEMBERED = 1_024
_SHORTEST_PHRASE = 4
_MANY_NAMES = 200  # more new names than this, and looking for them costs as much as cutting again


@dataclass(frozen=True, slots=True)
class Facts:
    """What limits look at. ``level`` is one of the catalogue's own names ("入门", "进阶", "高级")."""

    price_fen: int
    level: str
    minutes: float


class Hit(NamedTuple):
    """A course found, and its score; 0 when only limits were asked for. ``shares`` is what made the score."""

    item_id: str
    score: float
    position: int
    shares: Shares = ()

    @property
    def matches(self) -> Sequence[Part]:
        """The words asked for that speak for it, the strongest first; their values add up to the score to 1e-9."""
        return matches(self.position, self.shares)


class Found(NamedTuple):
    """The courses, best first. ``relaxed`` names the limits dropped because nothing kept to them.

    They are "price", "level" and "length"; say so to the follower before showing the courses.
    """

    hits: tuple[Hit, ...]
    relaxed: tuple[str, ...] = ()


class CourseSearch:
    """Items by position, in the order of their ids, as in ``CourseIndex``. Never changes, so threads may share it.

    Make one with ``build``.
    """

    def __init__(
        self, cuts: dict[str, _Cut], facts: Mapping[str, Facts], wording: Wording, postings: Postings
    ) -> None:
        self.ids = tuple(cuts)
        self.cuts, self.wording, self.names = cuts, wording, len(wording.tokenizer.named)  # for the next build
        self._position = {item_id: at for at, item_id in enumerate(self.ids)}
        self._postings = postings
        self._labels = _Labels([cut.label for cut in cuts.values()])
        nothing = Facts(-1, "", -1.0)
        known = [facts.get(item_id, nothing) for item_id in self.ids]
        self._prices = np.array([each.price_fen for each in known], np.int64)
        self._minutes = np.array([each.minutes for each in known], np.float64)
        levels = [each.level for each in known]
        self._levels = {name: np.array([level == name for level in levels], np.bool_) for name in set(levels)}
        self._all = np.ones(len(self.ids), np.bool_)
        self.asked = lru_cache(_REMEMBERED)(self._read)

    def _read(self, subject: str) -> tuple[Asked, ...]:
        """Return the terms that a subject asks for; ``asked`` is the same, remembered for the next question."""
        return tuple(self.wording.read(subject))

    def _sayings(self, asked: Iterable[Asked]) -> list[Saying]:
        """Return what the catalogue says of each thing asked for."""
        things: dict[str, list[Asked]] = {}
        for each in asked:
            things.setdefault(each.typed, []).append(each)
        return [self._postings.saying(tuple(thing)) for thing in things.values()]

    @classmethod
    def build(
        cls,
        items: Iterable[Item],
        tokenizer: Tokenizer,
        *,
        facts: Mapping[str, Facts] | None = None,
        synonyms: Synonyms | None = None,
        previous: CourseSearch | None = None,
    ) -> CourseSearch:
        """Return the search of ``items``; ValueError for an empty or repeated ``item_id``.

        ``previous``, built with the same tokenizer, spares cutting the items that have not changed since; the
        result is the same without it. An item without ``facts`` keeps to no limit. Run it beside the event loop.
        """
        tokenizer.warm()
        named = tokenizer.named
        known: Mapping[str, _Cut] = {}
        fresh: Sequence[str] = ()
        if previous is not None and previous.wording.tokenizer is tokenizer:
            known, fresh = previous.cuts, named[previous.names :]
        cuts: dict[str, _Cut] = {}
        for item in sorted(items, key=lambda each: each.item_id):
            if not item.item_id or item.item_id in cuts:
                raise ValueError(f"an item needs an id of its own, not {item.item_id!r}")
            cuts[item.item_id] = _cut(item, tokenizer, known.get(item.item_id), fresh)
        postings = Postings(list(cuts.values()))
        synonyms = synonyms or Synonyms()
        said = (name for cut in cuts.values() for name in cut.names)
        whole = (word for word in synonyms.words if "".join(tokenizer.words(word)) == word)  # not 穿什么 or 带团队
        spelling = Spelling((*said, *whole))
        return cls(cuts, facts or {}, Wording(tokenizer, postings.term_ids, synonyms, spelling), postings)

    def search(
        self, wish: Wish | str, *, allow: Flags | None = None, exclude: Collection[str] = (), k: int = 5
    ) -> Found:
        """Return the ``k`` courses that fit a wish or a sentence best, none without evidence.

        ``allow`` says by position what may be found, ``exclude`` by id what may not; neither is ever relaxed, nor
        is what the wish is ``without``. Equal scores come in the order of the ids.
        """
        wish = understand(wish) if isinstance(wish, str) else wish
        asked = self.asked(wish.subject)
        if asked and allow is None and not exclude and not wish.without:
            return self._answer(asked, wish, None, k)
        free = self._free(wish, allow, exclude)
        if not asked:
            return self._by_title(wish, free, k) or self._by_limits(wish, free, k)
        return self._answer(asked, wish, free, k)

    def _answer(self, asked: tuple[Asked, ...], wish: Wish, free: Flags | None, k: int) -> Found:
        """Answer a wish with a subject, among the free positions (None for all)."""
        question = self._question(asked, wish.refining)
        best_of = partial(question.each if wish.several else question.best, k)
        best, relaxed = self._limited(wish, question, free, best_of) if wish.limits else (best_of(free), ())
        return Found(self._hits(spread(best, k) if wish.several else best), relaxed)

    def _limited(
        self,
        wish: Wish,
        question: Question,
        free: Flags | None,
        best_of: Callable[[Flags | None], Sequence[Answer]],
    ) -> tuple[Sequence[Answer], tuple[str, ...]]:
        """Return the answers within the limits of a wish, or within all but those named beside them.

        Where what keeps to them is worth much less than the best without limits, they are all dropped.
        """
        if not (top := question.best(1, free)):
            return (), ()
        for dropped in _relaxations(wish.limits):
            within = self._within(wish, dropped)
            kept = best_of(within if free is None else within & free)
            if kept and kept[0][0] <= KEPT_BY_LIMITS * top[0][0]:
                return kept, dropped
        return best_of(free), wish.limits

    def allowed(self, wish: Wish) -> Flags:
        """Return which positions keep to every limit of a wish and are not what it is ``without``."""
        return self._free(wish, None, ()) & self._within(wish, ())

    def hit(self, item_id: str, wish: Wish) -> Hit | None:
        """Return what one item has to say to a wish's subject, limits aside; None when it is no answer."""
        at = self._position.get(item_id)
        asked = self.asked(wish.subject)
        if at is None or not asked:
            return None
        answer = self._question(asked, wish.refining).answer(at)
        return self._hits([answer])[0] if answer else None

    def _free(self, wish: Wish, allow: Flags | None, exclude: Collection[str]) -> Flags:
        free = (self._all if allow is None else allow).copy()
        free[[self._position[item_id] for item_id in exclude if item_id in self._position]] = False
        for thing in wish.without:
            others = (word for word in self.wording.synonyms.of(thing) if word in self._postings.term_ids)
            for word in (thing, *others):
                free[self._labels.saying(word)] = False
        return free

    def _by_title(self, wish: Wish, free: Flags, k: int) -> Found | None:
        """Find titles and tags that contain the subject as a whole, for those made of small words: 从走到跑."""
        phrase = wish.subject
        if len(phrase) < _SHORTEST_PHRASE:
            return None
        said = ((Breakdown.of_word(phrase), 1.0),)
        positions = [at for at in self._labels.saying(phrase).tolist() if free[at]][:k]
        hits = tuple(Hit(self.ids[at], 1.0, at, said) for at in positions)
        return Found(hits) if hits else None

    def _by_limits(self, wish: Wish, free: Flags, k: int) -> Found:
        """Answer a wish without a subject: whatever keeps to its limits; nothing if it only refuses."""
        if wish.subject and self.wording.tokenizer.words(wish.subject):
            return Found(())
        if wish.refining:
            words = Wish(subject=" ".join(wish.refining))
            return self.search(words, allow=free & self._within(wish, ()), k=k)
        if not wish.limits:
            return Found(())
        positions = np.flatnonzero(free & self._within(wish, ()))[:k]
        return Found(tuple(Hit(self.ids[at], 0.0, at) for at in positions.tolist()))

    def _within(self, wish: Wish, dropped: Collection[str]) -> Flags:
        kept = self._all.copy()
        if "price" not in dropped and "price" in wish.limits:
            kept &= (self._prices >= max(wish.min_fen or 0, 0)) & (self._prices <= _top(wish.max_fen))
        if "length" not in dropped and "length" in wish.limits:
            kept &= (self._minutes >= max(wish.min_minutes or 0.0, 0.0)) & (self._minutes <= _top(wish.max_minutes))
        if "level" not in dropped and wish.levels:
            levels = [self._levels[level] for level in wish.levels if level in self._levels]
            kept &= np.logical_or.reduce(levels) if levels else ~self._all
        return kept

    # Scoring -------------------------------------------------------------------------------------------------

    def _question(self, asked: Iterable[Asked], refining: Sequence[str]) -> Question:
        """Return what the items say of each thing asked for, and of the level words."""
        if not refining:
            return Question(self._sayings(asked), (), len(self.ids))
        sharper = [Asked(word, REFINING, word, word) for word in refining if word in self._postings.term_ids]
        return Question(self._sayings(asked), self._sayings(sharper), len(self.ids))

    def _hits(self, answers: Iterable[Answer]) -> tuple[Hit, ...]:
        ids = self.ids
        return tuple([Hit(ids[at], -loss, at, shares) for loss, at, shares in answers])


def _top(limit: float | None) -> float:
    return math.inf if limit is None else limit


def _relaxations(limits: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """Yield what to drop: nothing, then one limit, the least binding first. Dropping all is left to the caller."""
    yield ()
    if len(limits) > 1:
        yield from ((kind,) for kind in ("length", "level", "price") if kind in limits)


# Building ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cut:
    """One item's terms with their weighted counts, and what they were made from."""

    digest: bytes
    terms: tuple[str, ...]
    counts: array[float]
    length: float
    names: tuple[str, ...]
    label: str


def _cut(item: Item, tokenizer: Tokenizer, before: _Cut | None, fresh: Sequence[str]) -> _Cut:
    written = [
        ("title", item.title),
        *(("tags", tag) for tag in item.tags),
        ("category", item.category),
        ("subtitle", item.subtitle),
        ("text", item.text),
    ]
    whole = "\x1f".join(f"{name}\x1e{text}" for name, text in written)
    digest = blake2b(whole.encode(), digest_size=16).digest()
    if before is not None and before.digest == digest and not _mentions(whole, fresh):
        return before
    fields = [(name, fold(text)) for name, text in written]
    counts: defaultdict[str, float] = defaultdict(float)
    names: dict[str, None] = {}
    length = 0.0
    for name, text in fields:
        weight = FIELD_WEIGHTS[name]
        words = tokenizer.words(text)
        length += weight * len(words)
        for word in words:
            counts[word] += weight
            pieces = tokenizer.pieces(word)
            for piece in pieces:
                counts[piece] += weight * PIECE_WEIGHT
            for pair in pairs(word):
                counts[pair] += weight
            if name in ("title", "tags"):
                names.update(dict.fromkeys((word, *pieces)))
    label = "\x1f".join(text for name, text in fields if name in ("title", "tags"))
    terms = tuple(map(sys.intern, counts))
    return _Cut(digest, terms, array("d", counts.values()), length, tuple(names), label)


def _mentions(text: str, names: Sequence[str]) -> bool:
    if not names or len(names) > _MANY_NAMES:
        return bool(names)
    folded = fold(text)
    return any(name in folded for name in names)


class _Labels:
    """Titles and tags as one string, to find the items whose names contain a phrase."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._joined = "\n" + "\n".join(labels) + "\n"
        self._starts = np.cumsum([1, *(len(label) + 1 for label in labels)])

    def saying(self, phrase: str) -> Ints:
        """Return the positions of the labels that contain a folded phrase; Latin ones as whole words only."""
        places, at = [], self._joined.find(phrase)
        while at >= 0:
            if not _inside_word(self._joined, at, at + len(phrase)):
                places.append(at)
                at = self._joined.find("\n", at)  # one mention is enough
            at = self._joined.find(phrase, at + 1)
        found: Ints = np.unique(np.searchsorted(self._starts, places, side="right") - 1)
        return found


def _inside_word(text: str, start: int, end: int) -> bool:
    before, first, last, after = text[start - 1], text[start], text[end - 1], text[end]
    left = before.isascii() and before.isalnum() and first.isascii() and first.isalnum()
    right = last.isascii() and last.isalnum() and after.isascii() and (after.isalnum() or after in "+#")
    return left or right
