"""A new course gets its chance, and keeps it by being opened."""

from collections import Counter
from random import Random

import pytest

from recsys.exploring import draw


def often(fits, counts, draws=400):
    rng = Random(1)
    return Counter(draw(fits, counts, rng) for _ in range(draws))


def test_courses_of_which_nothing_is_known_take_turns():
    drawn = often([("A", 1.0), ("B", 1.0)], {})

    assert min(drawn["A"], drawn["B"]) > 150


def test_what_is_opened_often_is_shown_more_and_the_other_not_given_up():
    drawn = often([("A", 1.0), ("B", 1.0)], {"A": (40, 12), "B": (40, 4)})

    assert drawn["A"] > 3 * drawn["B"] > 0


def test_a_better_fit_wins_among_equals():
    assert often([("A", 1.0), ("B", 0.2)], {})["A"] > 300


def test_nothing_to_draw_from_is_an_error():
    with pytest.raises(ValueError, match="nothing"):
        draw([], {}, Random(1))
