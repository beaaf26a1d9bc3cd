from __future__ import annotations

import pytest

from recsys.base import Signal
from recsys.popularity import Popularity
from tests.recsys.builders import DAY, NOON


def a_popularity(*events, half_life_days=10.0) -> Popularity:
    popularity = Popularity(half_life_days)
    for event in events:
        popularity.add(*event)
    return popularity


def test_a_count_halves_in_a_half_life():
    popularity = a_popularity(("A1", Signal.BUY, NOON))

    assert popularity.score("A1", NOON + 10 * DAY) == pytest.approx(popularity.score("A1", NOON) / 2)


def test_events_add_up_whatever_their_order():
    forth = a_popularity(("A1", Signal.BUY, NOON), ("A1", Signal.CLICK, NOON + 5 * DAY))
    back = a_popularity(("A1", Signal.CLICK, NOON + 5 * DAY), ("A1", Signal.BUY, NOON))

    assert back.score("A1", NOON + 9 * DAY) == pytest.approx(forth.score("A1", NOON + 9 * DAY))


def test_dislikes_never_bring_a_count_below_nothing():
    popularity = a_popularity(
        ("A1", Signal.CLICK, NOON), ("A1", Signal.DISLIKE, NOON), ("A1", Signal.DISLIKE, NOON)
    )

    assert popularity.score("A1", NOON) == 0.0
    assert popularity.score("A2", NOON) == 0.0


def test_the_array_follows_the_index_and_ends_at_one(board):
    popularity = a_popularity(
        ("瑜伽-1", Signal.BUY, NOON), ("钢琴-1", Signal.CLICK, NOON), ("gone", Signal.BUY, NOON)
    )
    scores = popularity.array(board, NOON)

    assert scores.shape == (len(board),)
    assert scores[board.position("瑜伽-1")] == 1.0
    assert 0 < scores[board.position("钢琴-1")] < 1
    assert (scores > 0).sum() == 2


def test_nobody_bought_anything_yet(board):
    assert not a_popularity().array(board, NOON).any()


def test_a_popularity_survives_storage():
    popularity = a_popularity(("A1", Signal.BUY, NOON), ("A2", Signal.VIEW, NOON + DAY))

    assert Popularity.from_dict(popularity.to_dict(), 10.0).to_dict() == popularity.to_dict()


def test_senseless_input_is_refused():
    with pytest.raises(ValueError, match="half-life"):
        Popularity(-1)
    with pytest.raises(ValueError, match="an item"):
        Popularity().add("", Signal.BUY, NOON)
    with pytest.raises(ValueError, match="a time"):
        Popularity().add("A1", Signal.BUY, float("nan"))
    with pytest.raises(ValueError, match="no popularity"):
        Popularity.from_dict({"A1": (-1.0, NOON)})
