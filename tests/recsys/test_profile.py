from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.base import STRENGTHS, Signal
from recsys.profile import Profile
from tests.recsys.builders import DAY, NOON

UNHURRIED = settings(deadline=None)  # the machine may be busy; speed is measured by the benchmark


def a_profile(*events, **settings) -> Profile:
    profile = Profile(**settings)
    for signal, terms, at in events:
        profile.learn(signal, terms, at)
    return profile


def test_buying_beats_finishing_beats_viewing_beats_clicking_beats_mentioning():
    ladder = [Signal.BUY, Signal.FINISH, Signal.VIEW, Signal.CLICK, Signal.MENTION]
    weights = [a_profile((signal, ["瑜伽"], NOON)).weights(NOON)["瑜伽"] for signal in ladder]

    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == 5


def test_every_signal_has_a_strength_and_only_dislike_is_negative():
    assert set(STRENGTHS) == set(Signal)
    assert [signal for signal in Signal if signal.strength < 0] == [Signal.DISLIKE]


def test_an_interest_halves_in_a_half_life():
    profile = a_profile((Signal.BUY, ["瑜伽"], NOON), half_life_days=10)

    assert profile.weights(NOON + 10 * DAY)["瑜伽"] == pytest.approx(profile.weights(NOON)["瑜伽"] / 2)


def test_a_clock_that_steps_back_inflates_nothing():
    profile = a_profile((Signal.BUY, ["瑜伽"], NOON))

    assert profile.weights(NOON - 30 * DAY) == profile.weights(NOON)


@pytest.mark.parametrize("later", [0, DAY])
def test_weights_are_a_copy_whenever_they_are_asked_for(later):
    profile = a_profile((Signal.BUY, ["瑜伽"], NOON))
    before = profile.to_json()
    profile.weights(NOON + later).clear()

    assert profile.to_json() == before


def test_a_late_event_counts_by_its_own_time():
    inorder = a_profile((Signal.CLICK, ["钢琴"], NOON), (Signal.BUY, ["瑜伽"], NOON + DAY))
    late = a_profile((Signal.BUY, ["瑜伽"], NOON + DAY), (Signal.CLICK, ["钢琴"], NOON))

    assert late.weights(NOON + DAY) == pytest.approx(inorder.weights(NOON + DAY))


def test_bare_words_share_one_unit_of_length():
    weights = a_profile((Signal.MENTION, ["瑜伽", "钢琴", "瑜伽"], NOON)).weights(NOON)

    assert sum(weight**2 for weight in weights.values()) == pytest.approx(1)


def test_a_dislike_takes_back_and_goes_below_nothing():
    profile = a_profile((Signal.MENTION, {"瑜伽": 0.5}, NOON), (Signal.DISLIKE, {"瑜伽": 0.5}, NOON))

    assert profile.weights(NOON)["瑜伽"] == pytest.approx(-1.0)
    assert profile.top(5, NOON) == []


def test_top_is_strongest_first():
    profile = a_profile(
        (Signal.MENTION, ["瑜伽"], NOON), (Signal.BUY, ["钢琴"], NOON), (Signal.CLICK, ["ppt"], NOON)
    )

    assert [term for term, _ in profile.top(2, NOON)] == ["钢琴", "ppt"]


def test_what_is_asked_for_is_newest_and_no_longer_refused():
    profile = a_profile((Signal.BUY, ["excel"], NOON))
    profile.refuse(["考研英语"], ["考研", "英语"], NOON)
    profile.ask(["钢琴"], NOON)
    profile.ask(["瑜伽", "健身"], NOON)
    before = profile.refused
    profile.ask(["英语"], NOON)

    assert before == ("考研英语",)
    assert profile.refused == ()
    assert profile.newest == ("英语", "瑜伽", "健身", "钢琴")
    assert profile.weights(NOON)["英语"] == pytest.approx(1.0)
    assert profile.weights(NOON)["考研"] < 0


def test_what_is_refused_is_no_longer_the_newest_and_does_not_fade():
    profile = Profile()
    profile.ask(["英语", "瑜伽"], NOON)
    profile.refuse(["英语"], ["英语"], NOON)
    profile.learn(Signal.BUY, ["钢琴"], NOON + 3_000 * DAY)

    assert profile.newest == ("瑜伽",)
    assert profile.refused == ("英语",)
    assert list(profile.weights(NOON)) == ["钢琴"]


def test_newest_and_refused_words_come_back_from_the_text_and_stay_few():
    profile = Profile()
    for at in range(30):
        profile.refuse([f"旧{at}"], [], NOON)
        profile.ask([f"新-{at}"], NOON)
    again = Profile.from_json(profile.to_json())

    assert (again.newest, again.refused) == (profile.newest, profile.refused)
    assert again.newest[0] == "新-29"
    assert len(again.newest) == 8
    assert again.refused[-1] == "旧29"
    assert len(again.refused) == 20


def test_forgetting_leaves_no_trace():
    profile = a_profile((Signal.BUY, ["瑜伽", "钢琴"], NOON))

    assert profile.forget("瑜伽")
    assert not profile.forget("瑜伽")
    assert "瑜伽" not in profile.to_json()


def test_a_full_profile_still_learns_and_drops_the_weakest():
    profile = a_profile(*((Signal.BUY, [f"词{n}"], NOON + n) for n in range(5)), limit=5)
    profile.learn(Signal.MENTION, ["新词"], NOON + 10)

    assert len(profile) == 5
    assert "新词" in profile.weights(NOON + 10)
    assert "词0" not in profile.weights(NOON + 10)


def test_faint_interests_fade_out_entirely():
    profile = a_profile((Signal.MENTION, ["瑜伽"], NOON), (Signal.MENTION, ["钢琴"], NOON + 300 * DAY))

    assert list(profile.weights(NOON + 300 * DAY)) == ["钢琴"]


def test_learning_is_the_sum_over_events_as_the_formula_says():
    """w = Σ αⱼ (rⱼ − δ) E(vⱼ): the order of events at one moment, and their grouping, do not matter."""
    one, two = {"瑜伽": 0.8, "钢琴": 0.6}, {"钢琴": 1.0}
    forth = a_profile((Signal.BUY, one, NOON), (Signal.DISLIKE, two, NOON))
    back = a_profile((Signal.DISLIKE, two, NOON), (Signal.BUY, one, NOON))

    assert forth.weights(NOON) == pytest.approx(back.weights(NOON))
    assert forth.weights(NOON)["钢琴"] == pytest.approx(4.0 * 0.6 - 3.0 * 1.0)


TERMS = st.dictionaries(st.text(min_size=1, max_size=6), st.floats(-1, 1), max_size=10)


@UNHURRIED
@given(st.lists(st.tuples(st.sampled_from(Signal), TERMS, st.floats(NOON, NOON + 90 * DAY)), max_size=6))
def test_a_profile_survives_storage(events):
    profile = a_profile(*events)
    again = Profile.from_json(profile.to_json())

    assert again.weights(NOON) == pytest.approx(profile.weights(NOON), abs=1e-4)
    assert again.to_json() == profile.to_json()


def test_storage_is_one_short_json_line():
    text = a_profile((Signal.MENTION, ["瑜伽"], NOON)).to_json()

    assert json.loads(text) == {"at": NOON, "w": {"瑜伽": 10_000}}
    assert "瑜伽" in text


def test_a_smaller_limit_applies_to_what_was_stored():
    stored = a_profile((Signal.BUY, {"瑜伽": 1.0, "钢琴": 0.5}, NOON)).to_json()

    assert list(Profile.from_json(stored, limit=1).weights(NOON)) == ["瑜伽"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"at":1}',
        '{"at":"x","w":{}}',
        '{"at":1,"w":{"a":"b"}}',
        '{"at":1,"w":{"a":NaN}}',
        '{"at":1,"w":[]}',
        '{"at":1,"w":{},"no":1}',
    ],
)
def test_text_that_is_no_profile_is_refused(text):
    with pytest.raises(ValueError, match="not a profile"):
        Profile.from_json(text)


@pytest.mark.parametrize("settings", [{"half_life_days": 0}, {"half_life_days": float("nan")}, {"limit": 0}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(ValueError, match="not"):
        Profile(**settings)


@pytest.mark.parametrize(
    ("terms", "now"), [("瑜伽", NOON), ({"瑜伽": float("inf")}, NOON), (["瑜伽"], float("nan"))]
)
def test_senseless_events_are_refused_and_change_nothing(terms, now):
    profile = Profile()
    with pytest.raises(ValueError, match=r"."):
        profile.learn(Signal.BUY, terms, now)

    assert len(profile) == 0
