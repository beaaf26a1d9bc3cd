"""Quiet hours are Beijing's, over midnight or not."""

from datetime import UTC, datetime

import pytest

from bot.reach.hours import QuietHours


def at(text):
    return datetime.fromisoformat(f"2026-11-24T{text}+08:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("span", "moment", "opens"),
    [
        ("21:30-08:30", "12:00", "2026-11-24T12:00"),
        ("21:30-08:30", "21:29", "2026-11-24T21:29"),
        ("21:30-08:30", "21:30", "2026-11-25T08:30"),
        ("21:30-08:30", "23:59", "2026-11-25T08:30"),
        ("21:30-08:30", "00:00", "2026-11-24T08:30"),
        ("21:30-08:30", "08:29", "2026-11-24T08:30"),
        ("21:30-08:30", "08:30", "2026-11-24T08:30"),
        ("12:00-14:00", "13:00", "2026-11-24T14:00"),
        ("12:00-14:00", "11:59", "2026-11-24T11:59"),
        ("", "03:00", "2026-11-24T03:00"),
    ],
)
def test_people_may_be_disturbed_from_the_end_of_the_night(span, moment, opens):
    found = QuietHours.read(span).next_open(at(moment))

    assert found == datetime.fromisoformat(f"{opens}+08:00")
    assert found.tzinfo == UTC


@pytest.mark.parametrize("span", ["22:00", "24:00-08:00", "21:30~08:30", "08:30-08:30", "9-10", "夜里"])
def test_anything_else_is_refused(span):
    with pytest.raises(ValueError, match="21:30-08:30"):
        QuietHours.read(span)
