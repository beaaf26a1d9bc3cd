"""A talk comes back as it was kept, whoever wrote it down."""

import json
import random
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

from handlers.chat import talk
from handlers.chat.talk import Talk

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SAID = ("", "Excel", "数据分析", "“引号”\\\n\t", "🎹", "\u2028")


def some_talk(rng):
    """Fill some fields of a talk, each with what its kind allows."""
    found = Talk()
    for each in fields(Talk):
        idle = getattr(found, each.name)
        if rng.random() < 0.5:
            continue
        if isinstance(idle, bool):
            value = rng.random() < 0.5
        elif isinstance(idle, str):
            value = rng.choice(SAID)
        elif isinstance(idle, list):
            value = rng.choices(SAID, k=rng.randrange(4))
        elif isinstance(idle, dict):
            value = {str(turn): rng.choices(SAID, k=2) for turn in range(rng.randrange(4))}
        else:
            value = rng.randrange(2_000_000_000)
        setattr(found, each.name, value)
    return found


@pytest.mark.parametrize("seed", range(100))
def test_what_is_kept_of_a_talk_is_what_says_something_and_brings_it_back(seed):
    before = some_talk(random.Random(seed))

    kept = talk.dump(before)

    idle = Talk()
    told = {each.name: getattr(before, each.name) for each in fields(Talk)}
    assert json.loads(kept) == {name: value for name, value in told.items() if value != getattr(idle, name)}
    assert talk.load(kept, NOON, NOON, HOUR) == before


def test_a_talk_of_another_release_is_read_as_far_as_it_is_known():
    kept = '{ "turn": 3, "mode": "find", "text": "\\u6570\\u636e", "of_tomorrow": [1] }'

    assert talk.load(kept, NOON, NOON, HOUR) == Talk(turn=3, mode="find", text="数据")


def test_no_two_talks_share_a_list():
    kept = talk.dump(Talk(turn=1))
    first, second = talk.load(kept, NOON, NOON, HOUR), talk.load(kept, NOON, NOON, HOUR)

    first.seen.append("A")
    first.lists["1"] = ["A"]

    assert (second.seen, second.lists, Talk().seen, Talk().lists) == ([], {}, [], {})
