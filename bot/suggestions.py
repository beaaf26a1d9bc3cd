"""What to offer to whom: the catalogue in memory, the recommender on it, and what followers teach their profile.

The ``Shelf`` is an immutable snapshot that ``refresh`` replaces when the catalogue or the popularity changed, so a
running server follows every import without a restart.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from bot.config import RecsysSettings
from bot.models import Course, CourseStatus, Kind, Plan
from bot.store import Store, Tx
from bot.store.notes import Book
from recsys.alike import Alike
from recsys.artefacts import Artefacts, BrokenArtefact
from recsys.base import Item, Part, Recommendation, Signal
from recsys.base import Kind as PartKind
from recsys.evidence import Voice
from recsys.exploring import draw
from recsys.index import CourseIndex
from recsys.live import Companions, Live
from recsys.popularity import Popularity
from recsys.profile import Profile
from recsys.recommender import Recommender, RecommenderSettings
from recsys.search.course_search import CourseSearch, Facts
from recsys.search.synonyms import Synonyms
from recsys.search.understand import Wish, understand
from recsys.search.wording import INITIALS, SYNONYM, Asked
from recsys.text import Tokenizer, normalise

log = logging.getLogger("zhike.suggestions")
LONGEST_TEXT = 200
TERMS_OF_A_COURSE = 12
POPULARITY_AGE_SECONDS = 60.0
SURE = 0.8  # what a word must be worth beside the one typed, to be taken for it
ALIKE = 0.5  # what likeness in words counts beside what others took
SEVERAL = 3  # so many people must have a course before it is said that others learn it
CANDIDATES = 8  # how many of the courses found may change places for the follower's sake
DAY = 86_400.0
MOST_FRESH = 0.2  # of the shop: where more is new, newness says nothing
SHORTEST_WITH_FRESH = 3
TIE = 1e-9  # less than any difference of scores that means something
BOOST_WEIGHT = 0.1  # what the natural logarithm of a boost adds to a score, in which the best answer counts 1
_PEOPLE = "孩子 小孩 儿童 宝宝 少儿 老人 父母 爸妈 家人 老公 老婆 朋友 同事 员工 学生 女生 男生"
_LEVELS = "零基础 基础 入门 进阶 高级 实战 实操 新手"
NO_INTEREST = frozenset(f"{_PEOPLE} {_LEVELS}".split())  # whom a course is for and how hard it is, not its subject
LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.+#-]*")


@dataclass(frozen=True, slots=True)
class Shelf:
    """The published courses of one catalogue version, ready to be searched.

    ``subjects`` are the words of titles, tags and categories: what somebody may be said to be interested in.
    ``learners`` tells how many people have a course; ``bundles`` and ``plans`` what bundles and memberships hold.
    """

    version: int
    courses: Mapping[str, Course]
    titles: Mapping[str, Course]
    spelling: Mapping[str, str]
    recommender: Recommender
    search: CourseSearch
    companions: Companions | None
    alike: Alike
    popularity: NDArray[np.float64]
    newest: tuple[str, ...]
    fresh: Mapping[str, tuple[int, int]]
    counted_at: float
    subjects: frozenset[str] = frozenset()
    learners: Mapping[str, int] = field(default_factory=dict)
    bundles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plans: Mapping[str, Plan] = field(default_factory=dict)

    @property
    def learners_known(self) -> bool:
        """Whether any course has several learners, so that "others learn this" means something."""
        return max(self.learners.values(), default=0) >= SEVERAL

    def words(self, course_id: str) -> Collection[str]:
        """Return the words that a course uses, as a whole or within longer ones."""
        cut = self.search.cuts.get(course_id)
        return cut.terms if cut is not None else ()

    def title(self, course_id: str) -> str:
        """Return the title of a course on sale; empty for any other."""
        course = self.courses.get(course_id)
        return course.title if course is not None else ""

    def spell(self, word: str) -> str:
        """Return a folded word as the catalogue writes it: "python" becomes "Python"."""
        return self.spelling.get(word, word)


@dataclass(frozen=True, slots=True)
class Person:
    """What recommending may know of a follower: the profile, and the courses they have, oldest first."""

    profile: Profile | None = None
    owned: Sequence[str] = ()

    def interests(self, now: datetime) -> dict[str, float]:
        """Return the weight of each term of the profile at ``now``."""
        return self.profile.weights(now.timestamp()) if self.profile is not None else {}

    def newest(self, interests: Mapping[str, float]) -> str:
        """Return the word asked for last among those that are still liked; empty for none."""
        words = self.profile.newest if self.profile is not None else ()
        return next((word for word in words if interests.get(word, 0.0) > 0), "")

    @property
    def refused(self) -> tuple[str, ...]:
        """What is not to be offered unasked."""
        return self.profile.refused if self.profile is not None else ()


STRANGER = Person()


@dataclass(frozen=True, slots=True)
class Boosted:
    """A course with a weight of its own. ``alpha`` is its share of all courses' weights, which sum to 1.

    ``bonus`` is what that adds to its score: the logarithm of alpha over the average's, times ``BOOST_WEIGHT``.
    The ranks are its places among the popular, without and with it.
    """

    course: Course
    alpha: float
    bonus: float
    rank_without: int
    rank_with: int


@dataclass(frozen=True, slots=True)
class Suggested:
    """Courses for a wish, best first. ``answered`` tells that they are what was asked for, not the nearest thing.

    ``relaxed`` names the limits that nothing kept to and that were dropped: "price", "level", "length".
    """

    courses: list[Recommendation]
    answered: bool
    relaxed: tuple[str, ...] = ()


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

    def __init__(
        self,
        settings: RecsysSettings,
        tokenizer: Tokenizer,
        synonyms: Synonyms,
        *,
        now: datetime,
        rng: Random | None = None,
    ) -> None:
        self._rng = rng or Random()  # noqa: S311 - draws which new course is shown, not a secret
        self._settings = settings
        self._tokenizer = tokenizer
        self._synonyms = synonyms
        self._artefacts = Artefacts(Path(settings.models_dir))
        self._looked_at: str | None = None  # the model in force when it was looked for last, good or broken
        self._live: Live | None = None
        self._factors: Mapping[str, float] = {}
        self.shelf = self._stock(-1, [], {}, {}, now.timestamp(), None)

    # Keeping up with the catalogue ---------------------------------------------------------------------------

    async def refresh(self, store: Store, now: datetime) -> bool:
        """Build a new shelf if catalogue or model changed or the popularity grew old; True when it was replaced."""
        version = await store.read(lambda tx: tx.versions.get("catalogue"))
        learned = await asyncio.to_thread(self._learn_anew)
        seconds = now.timestamp()
        old = self.shelf
        if not learned and version == old.version and seconds - old.counted_at < POPULARITY_AGE_SECONDS:
            return False
        courses, counts, trials = await store.read(
            lambda tx: (tx.courses.all(status=CourseStatus.PUBLISHED), tx.popularity.all(), tx.trials.all())
        )
        learners, bundles, plans = await store.read(
            lambda tx: (tx.entitlements.learners(), tx.bundles.all(), tx.memberships.plans())
        )
        shelf = await asyncio.to_thread(self._stock, version, courses, counts, trials, seconds, old)
        self.shelf = replace(
            shelf,
            learners=learners,
            bundles={each: within for each, within in bundles.items() if each in shelf.courses},
            plans={each: plan for each, plan in plans.items() if each in shelf.courses},
        )
        if version != old.version:
            log.info("shelf.stocked version=%d courses=%d", version, len(courses))
        return True

    def _weights(self) -> RecommenderSettings:
        """Return the weights of the settings, times what clicks taught."""
        settings, factor = self._settings, self._factors.get
        return RecommenderSettings(
            query_weight=factor("query", 1.0),
            interest_weight=settings.interest_weight * factor("interest", 1.0),
            popular_weight=settings.popularity_weight * factor("popular", 1.0),
            variety=settings.variety,
        )

    def _editor(self, ids: Sequence[str]) -> NDArray[np.float64] | None:
        """Return what the house adds to each course; None when it puts none forward."""
        boosts = read_boosts(self._settings.boosts)
        return BOOST_WEIGHT * np.log([boosts.get(course_id, 1.0) for course_id in ids]) if boosts else None

    def _fresh(
        self, courses: Sequence[Course], trials: Mapping[str, tuple[int, int]], now: float
    ) -> dict[str, tuple[int, int]]:
        """Return the new courses with how they fared; none while most of the shop is new."""
        since = now - self._settings.fresh_days * DAY
        fresh = [each.course_id for each in courses if each.created_at and each.created_at.timestamp() >= since]
        if not self._settings.explore or len(fresh) > MOST_FRESH * len(courses):
            return {}
        return {course_id: trials.get(course_id, (0, 0)) for course_id in fresh}

    def _learn_anew(self) -> bool:
        """Load the model in force if it is another one than before; one that is broken leaves the former in use."""
        version = self._artefacts.current()
        if version == self._looked_at:
            return False
        self._looked_at = version
        if version is None:
            self._live, self._factors = None, {}
            log.info("model.dropped")
            return True
        try:
            artefact = self._artefacts.open(version)
            live = Live().load(artefact.folder)
            factors = {kind: float(factor) for kind, factor in artefact.facts.get("factors", {}).items()}
        except (BrokenArtefact, OSError, ValueError, KeyError, TypeError) as error:
            log.warning("model.not_loaded version=%s why=%s", version, error)
            return False
        self._live, self._factors = live, factors
        log.info("model.loaded version=%s", version)
        return True

    def _stock(
        self,
        version: int,
        courses: Sequence[Course],
        counts: Mapping[str, tuple[float, float]],
        trials: Mapping[str, tuple[int, int]],
        now: float,
        old: Shelf | None,
    ) -> Shelf:
        if old is not None and version == old.version:
            index, search, subjects, alike = old.recommender.index, old.search, old.subjects, old.alike
        else:
            self._tokenizer.add_words(tag for course in courses for tag in course.tags)
            items = [as_item(course) for course in courses]
            index = CourseIndex.build(items, self._tokenizer, old.recommender.index if old else None)
            search = self._searchable(items, courses, old.search if old else None)
            subjects, alike = self._subjects(search, courses), Alike(index)
        by_id = {course.course_id: course for course in courses}
        popularity = Popularity.from_dict(counts, self._settings.popularity_half_life_days)
        newest = sorted(courses, key=lambda each: (each.created_at is None, each.created_at), reverse=True)
        return Shelf(
            version=version,
            courses=by_id,
            titles={_bare(course.title): course for course in reversed(courses)},
            spelling=_spelling(courses),
            search=search,
            companions=Companions(self._live, index.ids) if self._live is not None else None,
            alike=alike,
            popularity=(popular := popularity.array(index, now)),
            recommender=Recommender(
                index,
                popular,
                self._weights(),
                self._editor(index.ids),
                ties=_spread(by_id[each] for each in index.ids),
            ),
            fresh=self._fresh(courses, trials, now),
            newest=tuple(course.course_id for course in newest),
            counted_at=now,
            subjects=subjects,
        )

    def _subjects(self, search: CourseSearch, courses: Sequence[Course]) -> frozenset[str]:
        """Return the words of titles, tags and categories."""
        named = {name for cut in search.cuts.values() for name in cut.names}
        categories = {course.category for course in courses}
        return frozenset(named.union(*(self._tokenizer.words(category) for category in categories)))

    def _searchable(
        self, items: Sequence[Item], courses: Sequence[Course], previous: CourseSearch | None
    ) -> CourseSearch:
        facts = {each.course_id: Facts(each.price_fen, each.level, float(each.minutes)) for each in courses}
        return CourseSearch.build(items, self._tokenizer, facts=facts, synonyms=self._synonyms, previous=previous)

    # Understanding and answering -----------------------------------------------------------------------------

    def understand(self, text: str, cap_fen: int | None = None) -> Wish:
        """Read what somebody asks for; ``cap_fen`` is a price limit from elsewhere, the lower one counts."""
        wish = understand(text[:LONGEST_TEXT])
        if cap_fen is None or (wish.max_fen is not None and wish.max_fen <= cap_fen):
            return wish
        return replace(wish, max_fen=cap_fen)

    def prepare(self, text: str) -> None:
        """Cut what a text asks for into words, so that a transaction finds them remembered.

        Putting misspelt words right is left to the transaction: in a long text that may take some milliseconds.
        """
        self.shelf.search.wording.prepare(self.understand(text).subject)

    def words(self, text: str) -> tuple[str, ...]:
        """Return the words of a message that tell what somebody is interested in."""
        return self._tokenizer.words(text[:LONGEST_TEXT])

    def subject(self, wish: Wish) -> tuple[str, ...]:
        """Return the words a wish is about, misspelt ones put right, to be learnt as interests.

        Only what courses are about; never a name, a number or a trouble that somebody tells of.
        """
        asked = self.shelf.search.asked(wish.subject)
        return self._interests(asked, SURE) or self._interests(asked, SYNONYM)

    def _interests(self, asked: Iterable[Asked], least: float) -> tuple[str, ...]:
        """Return the terms that are asked for as such, at ``least`` at that weight, and that courses are about."""
        subjects = self.shelf.subjects
        return tuple(
            [
                term
                for term, weight, _, says in asked
                if weight >= least and says == term and term in subjects and term not in NO_INTEREST
            ]
        )

    def named(self, wish: Wish, found: Sequence[Recommendation]) -> tuple[list[str], bool]:
        """Return what a wish is about in up to three words, as far as the courses found speak of it.

        Misspelt words are put right; the flag tells that some were.
        """
        said = {part.term for each in found for part in each.matches}
        best: dict[str, Asked] = {}
        for each in self.shelf.search.asked(wish.subject):
            if each.says in said and ((before := best.get(each.typed)) is None or before.weight < each.weight):
                best[each.typed] = each
        words, corrected = [], False
        everything = "\n".join(best)
        for typed in sorted(best, key=wish.subject.find):
            if everything.count(typed) > 1:
                continue  # it is a piece of a longer one
            each = best[typed]
            kept = each.says == typed or each.says in self._synonyms.of(typed)
            corrected = corrected or (not kept and each.weight >= INITIALS)
            words.append(self.shelf.spell(typed if kept else each.says))
        return list(dict.fromkeys(words))[:3], corrected

    def suggest(self, wish: Wish, person: Person, *, now: datetime, exclude: Collection[str], k: int) -> Suggested:
        """Return up to ``k`` courses for this wish and this person; popular ones where neither says anything."""
        interests = person.interests(now)
        shelf = self.shelf
        if wish.subject or wish.refining:
            found = shelf.search.search(wish, exclude=exclude, k=k if wish.several else max(k, CANDIDATES))
            if found.hits:
                voices = self._voices(person, {})
                rerank = shelf.recommender.rerank
                best = rerank(found.hits, profile=interests, voices=voices, k=k, keep_order=wish.several)
                if shelf.fresh:
                    fitting = [(hit.item_id, hit.score) for hit in found.hits if hit.item_id in shelf.fresh]
                    best = self._with_fresh(best, fitting, k, lambda at: self.explain(at, wish, person, now))
                return Suggested(best, answered=True, relaxed=found.relaxed)
        exclude = {*exclude, *shelf.plans}  # a membership is found by who looks for it, and never offered unasked
        wish = replace(wish, without=(*wish.without, *person.refused))
        allow = shelf.search.allowed(wish)
        answered = not wish.subject and bool(allow.any())
        if not allow.any():
            allow = shelf.search.allowed(Wish(without=wish.without))
        nearest = shelf.recommender.recommend(
            profile=interests, voices=self._voices(person, interests), exclude=exclude, allow=allow, k=k
        )
        nearest = self._with_newest(
            nearest, person.newest(interests), exclude, allow, lambda at: self.explain(at, wish, person, now)
        )
        if shelf.fresh:
            fitting = self._fitting(person, interests, exclude, allow)
            nearest = self._with_fresh(nearest, fitting, k, lambda at: self.explain(at, wish, person, now))
        return Suggested(nearest, answered=answered, relaxed=() if answered or wish.subject else wish.limits)

    def _with_newest(
        self,
        best: list[Recommendation],
        word: str,
        exclude: Collection[str],
        allow: NDArray[np.bool_],
        explain: Callable[[str], Recommendation],
    ) -> list[Recommendation]:
        """Give the second place of a list to what was asked for last, unless a course there is named so.

        The first, where that is only popular.
        """
        index, cuts = self.shelf.recommender.index, self.shelf.search.cuts
        posting = index.posting(word)
        if (
            posting is None
            or len(best) < SHORTEST_WITH_FRESH
            or any(word in cuts[each.item_id].names for each in best)
        ):
            return best
        positions, weights = posting
        ids = (index.ids[at] for at in positions[(-weights).argsort(kind="stable")] if allow[at])
        fitting = next((course_id for course_id in ids if course_id not in exclude), "")
        if not fitting or fitting in {each.item_id for each in best}:
            return best
        place = int(best[0].basis != "popular")
        return [*best[:place], explain(fitting), *best[place:-1]]

    def _fitting(
        self, person: Person, interests: Mapping[str, float], exclude: Collection[str], allow: NDArray[np.bool_]
    ) -> list[tuple[str, float]]:
        """Return the new courses that the person's interests speak for; for a stranger all of them, alike."""
        shelf = self.shelf
        new = np.zeros(len(allow), np.bool_)
        index = shelf.recommender.index
        new[[at for course_id in shelf.fresh if (at := index.position(course_id)) is not None]] = True
        found = shelf.recommender.recommend(
            profile=interests, exclude=exclude, allow=allow & new, k=len(shelf.fresh)
        )
        if not person.owned and not any(weight > 0 for weight in interests.values()):
            return [(each.item_id, 1.0) for each in found]
        return [(each.item_id, each.score) for each in found if each.basis == "interest"]

    def _with_fresh(
        self,
        best: list[Recommendation],
        fitting: Sequence[tuple[str, float]],
        k: int,
        explain: Callable[[str], Recommendation],
    ) -> list[Recommendation]:
        """Give the last place of a full list to a new course, unless one is there on its own merit."""
        shown = {each.item_id for each in best}
        if len(best) < max(k, SHORTEST_WITH_FRESH) or not fitting or shown & self.shelf.fresh.keys():
            return best
        drawn = explain(draw(fitting, self.shelf.fresh, self._rng))
        return [*best[:-1], drawn._replace(rest=(*drawn.rest, Part("fresh", "", 0.0)))]

    def explain(self, course_id: str, wish: Wish, person: Person, now: datetime) -> Recommendation:
        """Return the score that ``suggest`` gives a course on sale, in parts."""
        interests = person.interests(now)
        shelf = self.shelf
        found = shelf.search.search(wish, k=1).hits if wish.subject or wish.refining else ()
        hit = shelf.search.hit(course_id, wish) if found else None
        best_score = found[0].score if found else 0.0
        voices = self._voices(person, {} if found else interests)
        return shelf.recommender.explain_found(course_id, hit, best_score, interests, voices)

    def _voices(self, person: Person, interests: Mapping[str, float]) -> list[Voice]:
        """Return what training learned of the person's courses and, in proportion, of the words they like.

        Where nothing was trained yet, the courses speak for those like them.
        """
        if not person.owned and not interests:
            return []
        companions = self.shelf.companions
        if companions is None:
            return self.shelf.alike.voices(person.owned, self._settings.bought_weight * ALIKE)
        length = max(math.hypot(*interests.values()), 1.0) if interests else 1.0
        liked = {term: weight / length for term, weight in interests.items() if weight > 0}
        voices = companions.voices(person.owned, liked, self._settings.bought_weight)
        factor = self._factors.get
        return [voice._replace(weight=voice.weight * factor(voice.kind, 1.0)) for voice in voices]

    def boosted(self) -> list[Boosted]:
        """Return the courses on sale that the house puts forward or holds back, and what that does."""
        shelf, boosts = self.shelf, read_boosts(self._settings.boosts)
        index = shelf.recommender.index
        total = sum(boosts.get(course_id, 1.0) for course_id in index.ids)
        plain = Recommender(index, shelf.popularity, self._weights())
        before = {each.item_id: rank for rank, each in enumerate(plain.popular(len(index) or 1), 1)}
        after = {each.item_id: rank for rank, each in enumerate(shelf.recommender.popular(len(index) or 1), 1)}
        return [
            Boosted(
                shelf.courses[course_id],
                times / total,
                BOOST_WEIGHT * math.log(times),
                before[course_id],
                after[course_id],
            )
            for course_id, times in boosts.items()
            if course_id in shelf.courses
        ]

    def popular(
        self, person: Person, *, exclude: Collection[str], cap_fen: int | None, k: int
    ) -> list[Recommendation]:
        """Return what others buy and open, but for what the person refused."""
        allow = self.shelf.search.allowed(Wish(without=person.refused, max_fen=cap_fen))
        return self.shelf.recommender.popular(k, {*exclude, *self.shelf.plans}, allow)

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

    def mention(self, book: Book, openid: str, profile: Profile, words: Sequence[str], now: datetime) -> None:
        """Learn from words that somebody wrote."""
        event = book.events.add(openid, Signal.MENTION.value, now, detail=" ".join(words))
        profile.ask(words, now.timestamp())
        book.interests.put(openid, profile.to_json(), event, now)

    def refuse(self, book: Book, openid: str, profile: Profile, things: Sequence[str], now: datetime) -> None:
        """Learn that somebody wants nothing of these things, until they ask for them again.

        Only what courses are about; never what else somebody may be tired of.
        """
        search = self.shelf.search
        known = [thing for thing in things if not search.allowed(Wish(without=(thing,))).all()]
        words = [word for thing in things for word in self.words(thing)]
        words = [word for word in words if profile.forget(word) or word in self.shelf.subjects]
        if known or words:
            profile.refuse(known, words, now.timestamp())
            event = book.events.add(openid, "refuse", now, detail=" ".join(dict.fromkeys((*known, *words))))
            book.interests.put(openid, profile.to_json(), event, now)

    def take_back_dislike(self, book: Book, openid: str, profile: Profile, course: Course, now: datetime) -> None:
        """Learn the opposite of a dislike that was none, so that the profile is as it was."""
        event = book.events.add(openid, "undo", now, course_id=course.course_id)
        opposite = {term: -weight for term, weight in self._terms(course).items()}
        profile.learn(Signal.DISLIKE, opposite, now.timestamp())
        book.interests.put(openid, profile.to_json(), event, now)

    def touch(
        self, book: Book, openid: str, profile: Profile, signal: Signal, course: Course, now: datetime
    ) -> None:
        """Learn from what somebody did with a course."""
        event = book.events.add(openid, signal.value, now, course_id=course.course_id)
        profile.learn(signal, self._terms(course), now.timestamp())
        book.interests.put(openid, profile.to_json(), event, now)
        if signal is not Signal.DISLIKE:
            self._count(book, signal, course.course_id, now)
        if signal is Signal.CLICK and course.course_id in self.shelf.fresh:
            book.trials.take(course.course_id)

    def shown(self, book: Book, openid: str, found: Sequence[Recommendation], now: datetime) -> None:
        """Note a list that a follower is shown, with what each score was made of, for training to learn from.

        The shares are noted as the fixed weights would have them, so that what was learnt is not learnt on top of.
        """
        told = [(each.item_id, each.shares()) for each in found]
        detail = "\n".join([_logged(item_id, shares, self._factors) for item_id, shares in told])
        book.events.add(openid, "impression", now, detail=detail)
        for item_id, shares in told:
            if "fresh" in shares:
                book.trials.show(item_id)

    def bought(self, tx: Tx, openid: str, course: Course, now: datetime) -> None:
        """Learn from a purchase; the observer of ``Orders``."""
        tx.followers.ensure(openid, now)
        self.touch(tx, openid, self.profile(tx.interests.get(openid)), Signal.BUY, course, now)

    def _terms(self, course: Course) -> Mapping[str, float]:
        if course.kind is Kind.MEMBERSHIP:
            return {}  # it is about no subject
        index = self.shelf.recommender.index
        if index.position(course.course_id) is None:
            return dict.fromkeys(self.words(" ".join((course.title, *course.tags))), 1.0)
        terms = index.terms_of(course.course_id, TERMS_OF_A_COURSE)
        return {term: weight for term, weight in terms if term not in NO_INTEREST}

    def _count(self, book: Book, signal: Signal, course_id: str, now: datetime) -> None:
        kept = book.popularity.get(course_id)
        counts = Popularity.from_dict({course_id: kept} if kept else {}, self._settings.popularity_half_life_days)
        counts.add(course_id, signal, now.timestamp())
        book.popularity.put(course_id, *counts.to_dict()[course_id])

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


def _logged(item_id: str, shares: Mapping[PartKind, float], factors: Mapping[str, float]) -> str:
    if factors:
        shares = {kind: value / factors.get(kind, 1.0) for kind, value in shares.items()}
    return _line(tuple(shares)) % (item_id, *shares.values())


@lru_cache(64)
def _line(kinds: tuple[PartKind, ...]) -> str:
    """Return the pattern of a line that notes shares of these kinds."""
    return " ".join(["%s", *[f"{kind}=%.3f" for kind in kinds]])


def read_boosts(values: Iterable[str]) -> dict[str, float]:
    """Return course id → how many times as much it is to be shown, from "EDU001=2"."""
    return {course_id: float(times) for course_id, _, times in (value.rpartition("=") for value in values)}


def read_words(lines: Iterable[str]) -> list[str]:
    """Return the words of a word list: one a line; a line that begins with ``#`` is a comment."""
    return [word for line in lines if (word := line.strip()) and not word.startswith("#")]


def _spread(courses: Iterable[Course]) -> NDArray[np.float64]:
    """Return what breaks ties among courses nobody bought yet: the first of each category before the second."""
    counted: Counter[str] = Counter()
    ranks = []
    for course in courses:
        counted[course.category] += 1
        ranks.append(counted[course.category])
    return TIE / np.array(ranks, np.float64) if ranks else np.empty(0)


def _spelling(courses: Iterable[Course]) -> dict[str, str]:
    """Return how the catalogue writes its Latin words, by their folded form: tags before words of titles."""
    spelling: dict[str, str] = {}
    everywhere = list(courses)
    for word in (tag for course in everywhere for tag in course.tags if not tag.islower()):
        spelling.setdefault(normalise(word), word)
    for word in (word for course in everywhere for word in LATIN.findall(course.title)):
        spelling.setdefault(normalise(word), word)
    return spelling


def _bare(text: str) -> str:
    return "".join(normalise(text).split()).strip("《》")
