"""What the page of an item shows beside the item itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot import access
from bot.access import Access
from bot.models import Course, Kind, Plan
from bot.offers import membership
from bot.offers.bundles import courses_in
from bot.store import Tx


@dataclass(frozen=True, slots=True)
class View:
    """What an item holds, for one person: the courses of a bundle, the months of a membership."""

    within: Sequence[tuple[Course, Access]] = ()
    plan: Plan | None = None
    until: datetime | None = None
    would_end: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether it is a bundle of which every course is theirs."""
        return bool(self.within) and all(each.owned for _course, each in self.within)


def view(tx: Tx, openid: str, course: Course, now: datetime) -> View:
    """Look at an item for somebody; empty ``openid`` is nobody."""
    within = courses_in(tx, course.course_id) if course.kind is Kind.BUNDLE else []
    plan = tx.memberships.plan(course.course_id) if course.kind is Kind.MEMBERSHIP else None
    cover = access.cover(tx, openid, now)
    return View(
        [(each, access.of(tx, openid, each, now)) for each in within],
        plan,
        next((until for names, until in cover.periods() if plan and _same(names, plan)), None),
        membership.would_end(tx, openid, plan, now) if plan else None,
    )


def _same(names: Sequence[str], plan: Plan) -> bool:
    return not names or (bool(plan.categories) and set(plan.categories) <= set(names))
