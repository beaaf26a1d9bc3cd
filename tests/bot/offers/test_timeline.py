"""Months of membership: one after the other, to the day, and nothing lost when some are taken back."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Membership
from bot.offers.timeline import add_months, arrange, open_until
from bot.ports import BEIJING


def at(month, day, hour=12, year=2026):
    return datetime(year, month, day, hour, tzinfo=BEIJING)


def a_membership(number, bought, months=1, categories=(), revoked=None):
    return Membership(
        f"ZK{number}", "oAnna", "VIP001", "月度会员", months, categories, bought, bought, bought, revoked
    )


def spans(*memberships):
    return [(each.starts_at, each.ends_at) for each in arrange(memberships)]


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (at(1, 31), 1, at(2, 28)),
        (at(1, 31, year=2028), 1, at(2, 29, year=2028)),
        (at(12, 15), 1, at(1, 15, year=2027)),
        (at(2, 29, year=2028), 12, at(2, 28, year=2029)),
        (at(8, 31), 18, at(2, 29, year=2028)),
    ],
)
def test_a_month_ends_on_the_same_day_or_on_the_last(start, months, end):
    assert add_months(start, months) == end


def test_the_day_is_beijings_whatever_the_zone_of_the_clock():
    """23:30 UTC on 30 January is the 31st in Beijing."""
    start = at(1, 31, hour=7)

    assert add_months(start, 1) == at(2, 28, hour=7)


def test_renewals_stack_on_the_end_and_the_day_of_the_first_is_kept():
    found = spans(a_membership(1, at(1, 31)), a_membership(2, at(2, 1)), a_membership(3, at(2, 2)))

    assert found == [(at(1, 31), at(2, 28)), (at(2, 28), at(3, 31)), (at(3, 31), at(4, 30))]


def test_what_is_bought_after_the_end_begins_at_once():
    assert spans(a_membership(1, at(1, 5)), a_membership(2, at(3, 9)))[1] == (at(3, 9), at(4, 9))


def test_months_taken_back_in_the_middle_end_then_and_the_others_move_up():
    found = spans(a_membership(1, at(1, 10), revoked=at(1, 20)), a_membership(2, at(1, 11)))

    assert found == [(at(1, 10), at(1, 20)), (at(1, 20), at(2, 20))]


def test_months_taken_back_before_they_begin_never_begin_and_cost_the_others_nothing():
    found = spans(
        a_membership(1, at(1, 31)), a_membership(2, at(2, 1), revoked=at(2, 3)), a_membership(3, at(2, 2))
    )

    assert found[0] == (at(1, 31), at(2, 28))
    assert found[1][0] == found[1][1]
    assert found[2] == (at(2, 28), at(3, 31))


def test_a_narrower_one_waits_for_a_wider_one_and_a_wider_one_does_not_wait():
    wide, narrow = a_membership(2, at(1, 10)), a_membership(3, at(1, 12), categories=("职场技能",))

    found = spans(a_membership(1, at(1, 5), categories=("职场技能",)), wide, narrow)

    assert found[1] == (at(1, 10), at(2, 10))
    assert found[2] == (at(2, 10), at(3, 10))


def test_different_categories_stand_side_by_side():
    found = arrange([a_membership(1, at(1, 5), categories=("甲",)), a_membership(2, at(1, 6), categories=("乙",))])

    assert [each.starts_at for each in found] == [at(1, 5), at(1, 6)]
    assert open_until(found, ("甲",), at(1, 7)) == at(2, 5)
    assert open_until(found, ("甲", "乙"), at(1, 7)) is None
    assert open_until(found, (), at(1, 7)) is None


BOUGHT = st.lists(
    st.tuples(st.integers(0, 90), st.integers(1, 13), st.sampled_from([(), ("甲",), ("乙",), ("甲", "乙")])),
    min_size=1,
    max_size=6,
)


@given(BOUGHT)
def test_nothing_that_was_bought_is_lost_or_begins_before_it_was_bought(bought):
    rows = [
        a_membership(number, at(1, 31) + timedelta(days=day), months, categories)
        for number, (day, months, categories) in enumerate(bought)
    ]

    for each in arrange(rows):
        assert each.starts_at >= each.granted_at
        assert each.ends_at - each.starts_at >= timedelta(days=28 * each.months)


@given(BOUGHT, st.integers(0, 5), st.integers(0, 400))
def test_taking_months_back_never_changes_what_has_been_and_never_takes_from_others(bought, which, day):
    now = at(1, 31) + timedelta(days=day)
    rows = [
        a_membership(number, at(1, 31) + timedelta(days=min(on, day)), months, categories)
        for number, (on, months, categories) in enumerate(bought)
    ]
    before = {each.order_no: each for each in arrange(rows)}
    gone = rows[which % len(rows)].order_no
    if before[gone].ends_at <= now:
        return

    after = {
        each.order_no: each
        for each in arrange([replace(each, revoked_at=now) if each.order_no == gone else each for each in rows])
    }

    assert not after[gone].holds(now)
    for number, each in after.items():
        was = before[number]
        assert min(each.starts_at, now) == min(was.starts_at, now)
        if number != gone:
            assert min(each.ends_at, now) == min(was.ends_at, now)
            assert each.ends_at - each.starts_at >= timedelta(days=28 * each.months)
