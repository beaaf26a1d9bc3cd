"""Who may learn what: the one place that says whether a course is open to somebody, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.models import Course, Kind, Membership
from bot.offers.timeline import open_until
from bot.store import Tx


@dataclass(frozen=True, slots=True)
class Access:
    """How a course is open: it is theirs, or a membership opens it ``until`` then; neither when it is shut."""

    owned: bool = False
    until: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether they may learn it."""
        return self.owned or self.until is not None


@dataclass(frozen=True, slots=True)
class Cover:
    """What somebody's memberships open at one moment."""

    memberships: Sequence[Membership]
    now: datetime

    @property
    def active(self) -> bool:
        """Whether any membership holds."""
        return any(each.holds(self.now) for each in self.memberships)

    def opens(self, course: Course) -> bool:
        """Tell whether a course is open by a membership: any course on sale of a category that it covers."""
        return (
            course.kind is Kind.COURSE
            and course.on_sale
            and any(each.holds(self.now) and each.covers((course.category,)) for each in self.memberships)
        )

    def until(self, course: Course) -> datetime | None:
        """Return until when a course is open by memberships without a gap; None when none opens it."""
        return open_until(self.memberships, (course.category,), self.now) if self.opens(course) else None

    def periods(self) -> list[tuple[tuple[str, ...], datetime]]:
        """Return the categories (none: all) that are open, and until when without a gap."""
        scopes = dict.fromkeys(each.categories for each in self.memberships if each.holds(self.now))
        ends = [(scope, open_until(self.memberships, scope, self.now)) for scope in scopes]
        return [(scope, until) for scope, until in ends if until is not None]


def cover(tx: Tx, openid: str, now: datetime) -> Cover:
    """Return what somebody's memberships open; nothing to nobody."""
    return Cover(tx.memberships.not_over(openid, now) if openid else (), now)


def of(tx: Tx, openid: str, course: Course, now: datetime) -> Access:
    """Tell how a course is open to somebody; empty ``openid`` is nobody."""
    if not openid:
        return Access()
    owned = tx.entitlements.get(openid, course.course_id) is not None
    return Access(owned, None if owned else cover(tx, openid, now).until(course))


def nothing_to_sell(
    bundles: Mapping[str, Sequence[str]], courses: Mapping[str, Course], owned: Collection[str], covered: Cover
) -> frozenset[str]:
    """Return the bundles of which every course is open: by themselves, or by a membership."""
    return frozenset(
        bundle_id
        for bundle_id, within in bundles.items()
        if all(each in owned or (each in courses and covered.opens(courses[each])) for each in within)
    )
