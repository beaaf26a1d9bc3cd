"""Days as WeChat Pay and our people count them: from midnight to midnight in Beijing."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from bot.ports import BEIJING

A_DAY = timedelta(days=1)


def day_of(moment: datetime) -> date:
    """Return the Beijing day of an instant."""
    return moment.astimezone(BEIJING).date()


def start_of(day: date) -> datetime:
    """Return the instant at which a Beijing day begins; the next day's is its end."""
    return datetime.combine(day, time(), BEIJING)


def months_before(day: date, months: int) -> date:
    """Return the same day so many months earlier, or the last of that month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + A_DAY * (day.day - 1), following - A_DAY)
