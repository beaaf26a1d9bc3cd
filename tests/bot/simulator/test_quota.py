"""The windows in which an account may write to a follower unasked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simulator.quota import MESSAGE, TAP, Quota

HOURS_48 = 48 * 3600


def spent(quota, times, at):
    return [quota.spend(at) for _ in range(times)]


def test_without_a_window_nothing_may_be_sent():
    assert Quota().spend(0) == 45015


@pytest.mark.parametrize(("kind", "allowed", "seconds"), [(MESSAGE, 5, HOURS_48), (TAP, 3, 60)])
def test_a_window_allows_so_many_for_so_long(kind, allowed, seconds):
    quota = Quota()
    quota.open(kind, 0)

    assert spent(quota, allowed + 1, seconds - 1) == [0] * allowed + [45047]
    assert quota.spend(seconds) == 45015


def test_a_new_message_opens_the_window_afresh():
    quota = Quota()
    quota.open(MESSAGE, 0)
    spent(quota, 5, 1)

    quota.open(MESSAGE, 10)

    assert quota.left(10) == 5


def test_the_short_window_is_spent_first():
    quota = Quota()
    quota.open(MESSAGE, 0)
    quota.open(TAP, 0)

    spent(quota, 3, 1)

    assert quota.left(61) == 5


def test_leaving_closes_everything():
    quota = Quota()
    quota.open(MESSAGE, 0)

    quota.close()

    assert quota.spend(1) == 45015


@given(st.lists(st.tuples(st.sampled_from([MESSAGE, TAP, "send"]), st.integers(0, 40_000)), max_size=60))
def test_never_more_than_the_table_allows(steps):
    quota, at, since = Quota(), 0, {MESSAGE: 0, TAP: 0}
    for what, pause in steps:
        at += pause
        if what == "send":
            left = quota.left(at)
            assert (quota.spend(at) == 0) == (left > 0)
            since = {kind: count + 1 for kind, count in since.items()}
        else:
            quota.open(what, at)
            since[what] = 0
        assert 0 <= quota.left(at) <= 8
