"""Choosing followers by what is known of them: the conditions, what they name, and who meets them.

Whoever switched personalisation off is chosen by no condition. Whoever left is never looked at.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.errors import NotFound
from bot.mailing import Traits
from bot.models import Course
from bot.store import Store, Tx
from bot.suggestions import Suggestions

PAGE = 500
LEAST_INTEREST = 0.2  # of a word's weight: what is left of one mention after a little more than two half-lives


@dataclass(frozen=True, slots=True)
class Wanted:
    """Conditions that must all hold. Each entry of ``bought`` is a set of courses of which one is enough."""

    tagged: tuple[frozenset[str], ...] = ()
    interests: tuple[tuple[str, ...], ...] = ()
    bought: tuple[frozenset[str], ...] = ()
    not_bought: tuple[frozenset[str], ...] = ()
    channels: tuple[str, ...] = ()
    seen_since: datetime | None = None
    unseen_since: datetime | None = None

    @property
    def everybody(self) -> bool:
        """Whether there is no condition at all."""
        return self == Wanted()


def meets(traits: Traits, wanted: Wanted, suggestions: Suggestions, now: datetime) -> bool:
    """Tell whether a follower meets every condition, the quick ones first; personalisation is the caller's."""
    return (
        all(traits.openid in members for members in wanted.tagged)
        and all(channel == traits.channel for channel in wanted.channels)
        and (wanted.seen_since is None or traits.last_seen_at >= wanted.seen_since)
        and (wanted.unseen_since is None or traits.last_seen_at < wanted.unseen_since)
        and all(not courses.isdisjoint(traits.owned) for courses in wanted.bought)
        and all(courses.isdisjoint(traits.owned) for courses in wanted.not_bought)
        and (not wanted.interests or _interested(traits, wanted.interests, suggestions, now))
    )


def _interested(
    traits: Traits, interests: Sequence[Sequence[str]], suggestions: Suggestions, now: datetime
) -> bool:
    """Tell whether of each interest at least one word is liked well enough."""
    if not traits.profile:
        return False
    weights = suggestions.profile(traits.profile).weights(now.timestamp())
    return all(any(weights.get(word, 0.0) >= LEAST_INTEREST for word in words) for words in interests)


def words_of(suggestions: Suggestions, said: str) -> tuple[str, ...]:
    """Return the words under which an interest is kept. ``NotFound`` when it is about nothing."""
    words = dict.fromkeys((*suggestions.words(said), *suggestions.subject(suggestions.understand(said))))
    if not words:
        raise NotFound(f"看不出「{said}」是哪方面的兴趣；写一个词，如 Python、理财")
    return tuple(words)


def courses_of(courses: Sequence[Course], name: str) -> frozenset[str]:
    """Return the courses that a name means: one by its id, else all of a category or with a tag. ``NotFound``."""
    if any(course.course_id == name for course in courses):
        return frozenset((name,))
    found = frozenset(course.course_id for course in courses if name in (course.category, *course.tags))
    if found:
        return found
    known = {word for course in courses for word in (course.course_id, course.category, *course.tags)}
    close = difflib.get_close_matches(name, known, n=1)
    raise NotFound(f"没有课程、分类或标签叫「{name}」{f'，是不是 {close[0]}？' if close else ''}")


async def scan(store: Store, look: Callable[[Traits], None], *, profiles: bool) -> None:
    """Show every follower to ``look``, page by page and off the event loop."""
    after: str | None = ""
    while after is not None:
        after = await store.read(_a_page(look, after, profiles=profiles))


def _a_page(look: Callable[[Traits], None], after: str, *, profiles: bool) -> Callable[[Tx], str | None]:
    def work(tx: Tx) -> str | None:
        page = tx.audience.page(after, limit=PAGE, profiles=profiles)
        for traits in page:
            look(traits)
        return page[-1].openid if len(page) == PAGE else None

    return work


def batches(openids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Cut a list into pieces of at most ``size``."""
    for at in range(0, len(openids), size):
        yield openids[at : at + size]
