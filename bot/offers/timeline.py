"""From when to when each membership of one follower holds: calendar months, one after the other. Pure.

What is bought while something already opens as much begins where that ends; anything else begins at once. A month
ends on the same day of the next, or on its last; the day is counted from the first of a row, so that 31 January is
followed by 28 February and then by 31 March. Months taken back end then, and what is behind them moves up.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.models import Membership
from bot.ports import BEIJING


@dataclass(frozen=True, slots=True)
class _Placed:
    """A membership in its place; ``anchor`` and ``months`` tell where its row of months began, and their number."""

    membership: Membership
    anchor: datetime
    months: int


def add_months(start: datetime, months: int) -> datetime:
    """Return the moment some calendar months later in Beijing, on the last day where the month is too short."""
    here = start.astimezone(BEIJING)
    years, month = divmod(here.month - 1 + months, 12)
    year = here.year + years
    day = min(here.day, calendar.monthrange(year, month + 1)[1])
    return here.replace(year=year, month=month + 1, day=day).astimezone(start.tzinfo)


def arrange(memberships: Sequence[Membership]) -> list[Membership]:
    """Return the memberships of one follower, each in its place, in the order in which they were bought.

    What was bought in one second stays in the order in which it is given.
    """
    placed: list[_Placed] = []
    for each in sorted(memberships, key=lambda one: one.granted_at):
        placed.append(_place(each, _before(each, placed)))
    return [each.membership for each in placed]


def open_until(memberships: Sequence[Membership], categories: tuple[str, ...], now: datetime) -> datetime | None:
    """Return until when these categories (none: all) are open without a gap; None when they are shut now."""
    until = now
    while True:
        ends = [each.ends_at for each in memberships if each.holds(until) and each.covers(categories)]
        if not ends:
            return until if until > now else None
        until = max(ends)


def _before(membership: Membership, placed: Sequence[_Placed]) -> _Placed | None:
    """Return what the membership stands behind: whatever opens as much, and ends last."""
    before = [
        each
        for each in placed
        if each.membership.covers(membership.categories)
        and each.membership.ends_at > max(each.membership.starts_at, membership.granted_at)
    ]
    return max(before, key=lambda each: each.membership.ends_at, default=None)


def _place(membership: Membership, before: _Placed | None) -> _Placed:
    start = membership.granted_at if before is None else before.membership.ends_at
    row = _Placed(membership, start, 0) if before is None or before.membership.revoked_at else before
    months = row.months + membership.months
    end = add_months(row.anchor, months)
    if membership.revoked_at is not None:
        end = min(end, max(start, membership.revoked_at))
    return _Placed(replace(membership, starts_at=start, ends_at=end), row.anchor, months)
