"""Settings of inviting friends: what could never be paid is named at the start, not found by a follower."""

from pathlib import Path

import pytest

from bot.config import from_mapping
from bot.errors import ConfigError

MERCHANT = {"mch_id": "1900000001"}


def read(pay=MERCHANT, **referral):
    return from_mapping({"pay": pay, "referral": referral}, environ={}, base=Path("/srv/zhike")).referral


def problem(**changes):
    with pytest.raises(ConfigError) as caught:
        read(**changes)
    return "\n".join(caught.value.problems)


def test_it_is_off_by_default_and_the_defaults_are_good_when_it_is_on():
    assert not read(pay={}).enabled
    assert read(enabled=True).enabled


def test_nobody_is_paid_without_a_merchant():
    assert "[pay]" in problem(pay={}, enabled=True)


@pytest.mark.parametrize("key", ["person_day_fen", "person_total_fen", "daily_budget_fen", "bill_max_fen"])
def test_a_limit_below_one_reward_is_named(key):
    assert key in problem(enabled=True, **{key: 1999})
    assert read(enabled=False, **{key: 1999})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scene_id", "cash"),
        ("scene_report", []),
        ("scene_report", ["活动名称"]),
        ("scene_report", ["活动名称=甲", "活动名称=乙"]),
        ("scene_report", [f"活动名称={'字' * 11}"]),
        ("style", "cash"),
        ("remark", "字" * 11),
        ("remark", ""),
        ("reward_percent", 51),
    ],
)
def test_what_wechat_would_refuse_is_named(key, value):
    assert f"[referral] {key}" in problem(**{key: value})


def test_a_red_packet_holds_at_most_two_hundred_yuan():
    assert "bill_max_fen" in problem(enabled=True, style="red_packet", bill_max_fen=20_001)
