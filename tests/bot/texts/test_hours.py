"""Office hours, in Beijing time."""

from datetime import UTC, datetime

import pytest

from bot.texts.hours import BEIJING, read_days_off, read_hours

HOURS = read_hours(
    ["周一至周五 9:00-12:00、13:30-18:00", "周六 10:00-16:00", "2026-10-10 09:00-18:00"],
    read_days_off(["2026-10-01 至 2026-10-10"]),
)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-11-24 08:59", False),  # a Tuesday
        ("2026-11-24 09:00", True),
        ("2026-11-24 12:00", False),
        ("2026-11-24 13:30", True),
        ("2026-11-24 17:59", True),
        ("2026-11-24 18:00", False),
        ("2026-11-28 15:59", True),  # Saturday
        ("2026-11-29 11:00", False),  # Sunday
        ("2026-10-01 10:00", False),  # a holiday, Thursday
        ("2026-10-10 17:00", True),  # a Saturday worked instead, within the holiday
    ],
)
def test_people_are_there_within_the_hours_only(moment, open_):
    assert HOURS.open_at(at(moment)) is open_


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        ("2026-11-24 07:00", "今天 09:00"),
        ("2026-11-24 12:30", "今天 13:30"),
        ("2026-11-24 19:00", "明天 09:00"),
        ("2026-11-28 17:00", "周一 09:00"),
        ("2026-09-30 19:00", "10月10日 09:00"),
    ],
)
def test_the_next_opening_is_named_as_people_name_it(moment, opening):
    assert HOURS.next_opening(at(moment)) == opening


def test_what_is_told_leaves_single_dates_out():
    assert HOURS.told == "周一至周五 9:00-12:00、13:30-18:00；周六 10:00-16:00"


@pytest.mark.parametrize(
    ("entry", "days"),
    [
        ("每天 00:00-24:00", range(7)),
        ("工作日 9:00-18:00", range(5)),
        ("周末 9:00-18:00", (5, 6)),
        ("周六、周日 9:00—18:00", (5, 6)),
        ("星期六到星期一 9：00-18：00", (5, 6, 0)),
        ("周三9:00-18:00", (2,)),
    ],
)
def test_days_are_read_as_people_write_them(entry, days):
    assert set(read_hours([entry]).weekly) == set(days)
