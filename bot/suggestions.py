"""What to offer to whom: the catalogue in memory, the recommender on it, and what followers teach their profile.

The ``Shelf`` is an immutable snapshot that ``refresh`` replaces when the catalogue or the popularity changed, so a
running server follows every import without a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bot.config import RecsysSettings
from bot.models import Course, CourseStatus
from bot.store import Store, Tx
from recsys.base import Item, Recommendation, Signal
from recsys.index import CourseIndex
from recsys.popularity import Popularity
from recsys.profile import Profile
from recsys.recommender import Recommender, RecommenderSettings
from recsys.text import Tokenizer, normalise

log = logging.getLogger("zhike.suggestions")
LONGEST_TEXT = 200
TERMS_OF_A_COURSE = 12
POPULARITY_AGE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Shelf:
    """The published courses of one catalogue version, ready to be searched."""

    version: int
    courses: Mapping[str, Course]
    titles: Mapping[str, Course]
    recommender: Recommender
    prices: NDArray[np.int64]
    newest: tuple[str, ...]
    counted_at: float

    def affordable(self, cap_fen: int | None) -> NDArray[np.bool_] | None:
        """Return which positions cost at most ``cap_fen``; None when price does not matter."""
        return None if cap_fen is None else self.prices <= cap_fen


def as_item(course: Course) -> Item:
    """Turn a course into what recsys knows of it."""
    return Item(
        item_id=course.course_id,
        title=course.title,
        subtitle=course.subtitle,
        category=course.category,
        tags=course.tags,
        text=course.description,
    )


class Suggestions:
    """The service of suggesting. Reading is thread-safe; ``refresh`` swaps the whole shelf at once."""

    def __init__(self, settings: RecsysSettings, tokenizer: Tokenizer, *, now: datetime) -> None:
        self._settings = settings
        self._tokenizer = tokenizer
        self._weights = RecommenderSettings(
            interest_weight=settings.interest_weight,
            popular_weight=settings.popularity_weight,
            variety=settings.variety,
        )
        self.shelf = self._stock(-1, [], {}, now.timestamp(), None)

    # Keeping up with the catalogue ---------------------------------------------------------------------------

    async def refresh(self, store: Store, now: datetime) -> bool:
        """Build a new shelf if the catalogue changed or the popularity grew old; True when it was replaced."""
        version = await store.read(lambda tx: tx.versions.get("catalogue"))
        seconds = now.timestamp()
        old = self.shelf
        if version == old.version and seconds - old.counted_at < POPULARITY_AGE_SECONDS:
            return False
        courses, counts = await store.read(
            lambda tx: (tx.courses.all(status=CourseStatus.PUBLISHED), tx.popularity.all())
        )
        self.shelf = await asyncio.to_thread(self._stock, version, courses, counts, seconds, old)
        if version != old.version:
            log.info("shelf.stocked version=%d courses=%d", version, len(courses))
        return True

    def _stock(
        self,
        version: int,
        courses: Sequence[Course],
        counts: Mapping[str, tuple[float, float]],
        now: float,
        old: Shelf | None,
    ) -> Shelf:
        previous = old.recommender.index if old else None
        if old is not None and previous is not None and version == old.version:
            index = previous
        else:
            self._tokenizer.add_words(tag for course in courses for tag in course.tags)
            index = CourseIndex.build([as_item(course) for course in courses], self._tokenizer, previous)
        by_id = {course.course_id: course for course in courses}
        popularity = Popularity.from_dict(counts, self._settings.popularity_half_life_days)
        newest = sorted(courses, key=lambda each: (each.created_at is None, each.created_at), reverse=True)
        return Shelf(
            version=version,
            courses=by_id,
            titles={_bare(course.title): course for course in reversed(courses)},
            recommender=Recommender(index, popularity.array(index, now), self._weights),
            prices=np.array([by_id[item_id].price_fen for item_id in index.ids], dtype=np.int64),
            newest=tuple(course.course_id for course in newest),
            counted_at=now,
        )

    # Understanding and answering -----------------------------------------------------------------------------

    def words(self, text: str) -> tuple[str, ...]:
        """Return the words of a message that tell what somebody is interested in."""
        return self._tokenizer.words(text[:LONGEST_TEXT])

    def terms(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the words and the shorter words inside them: what a search looks up."""
        return self._tokenizer.widened(words)

    def suggest(
        self,
        words: Sequence[str],
        profile: Profile | None,
        *,
        now: datetime,
        exclude: Collection[str],
        cap_fen: int | None,
        k: int,
    ) -> list[Recommendation]:
        """Return up to ``k`` courses for these words and this profile; popular ones where neither says anything."""
        interests = profile.weights(now.timestamp()) if profile is not None else {}
        shelf = self.shelf
        allow = shelf.affordable(cap_fen)
        terms = self.terms(words)
        return shelf.recommender.recommend(query=terms, profile=interests, exclude=exclude, allow=allow, k=k)

    def popular(self, *, exclude: Collection[str], cap_fen: int | None, k: int) -> list[Recommendation]:
        """Return what others buy and open."""
        return self.shelf.recommender.popular(k, exclude, self.shelf.affordable(cap_fen))

    def titled(self, text: str) -> Course | None:
        """Return the course whose title this text is; None unless exactly that."""
        return self.shelf.titles.get(_bare(text))

    # Learning ------------------------------------------------------------------------------------------------

    def profile(self, text: str) -> Profile:
        """Read a stored profile; an empty one for a stranger."""
        half_life = self._settings.interest_half_life_days
        if not text:
            return Profile(half_life_days=half_life)
        return Profile.from_json(text, half_life_days=half_life)

    def mention(self, tx: Tx, openid: str, profile: Profile, words: Sequence[str], now: datetime) -> None:
        """Learn from words that somebody wrote."""
        event = tx.events.add(openid, Signal.MENTION.value, now, detail=" ".join(words))
        profile.learn(Signal.MENTION, words, now.timestamp())
        tx.interests.put(openid, profile.to_json(), event, now)

    def touch(self, tx: Tx, openid: str, profile: Profile, signal: Signal, course: Course, now: datetime) -> None:
        """Learn from what somebody did with a course."""
        event = tx.events.add(openid, signal.value, now, course_id=course.course_id)
        profile.learn(signal, self._terms(course), now.timestamp())
        tx.interests.put(openid, profile.to_json(), event, now)
        if signal is not Signal.DISLIKE:
            self._count(tx, signal, course.course_id, now)

    def bought(self, tx: Tx, openid: str, course: Course, now: datetime) -> None:
        """Learn from a purchase; the observer of ``Orders``."""
        tx.followers.ensure(openid, now)
        self.touch(tx, openid, self.profile(tx.interests.get(openid)), Signal.BUY, course, now)

    def _terms(self, course: Course) -> Mapping[str, float]:
        index = self.shelf.recommender.index
        if index.position(course.course_id) is None:
            return dict.fromkeys(self.words(" ".join((course.title, *course.tags))), 1.0)
        return dict(index.terms_of(course.course_id, TERMS_OF_A_COURSE))

    def _count(self, tx: Tx, signal: Signal, course_id: str, now: datetime) -> None:
        kept = tx.popularity.get(course_id)
        counts = Popularity.from_dict({course_id: kept} if kept else {}, self._settings.popularity_half_life_days)
        counts.add(course_id, signal, now.timestamp())
        tx.popularity.put(course_id, *counts.to_dict()[course_id])

    def recount(self, tx: Tx) -> int:
        """Count popularity anew from the events; returns how many were counted."""
        counts = Popularity(self._settings.popularity_half_life_days)
        kinds = [each.value for each in Signal if each not in (Signal.DISLIKE, Signal.MENTION)]
        counted = 0
        for event in tx.events.about_courses(kinds):
            counts.add(event.course_id, Signal(event.kind), event.at.timestamp())
            counted += 1
        tx.popularity.clear()
        for course_id, (score, at) in counts.to_dict().items():
            tx.popularity.put(course_id, score, at)
        return counted


def read_words(lines: Iterable[str]) -> list[str]:
    """Return the words of a word list: one a line; a line that begins with ``#`` is a comment."""
    return [word for line in lines if (word := line.strip()) and not word.startswith("#")]


def _bare(text: str) -> str:
    return "".join(normalise(text).split()).strip("《》")
