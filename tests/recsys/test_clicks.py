"""Weights are learned from what was opened, not from where it stood, and only when they prove better."""

from random import Random

from recsys.clicks import KINDS, Card, learn


def lists(count, opens, seed=1):
    """Return lists of five; ``opens(shares, place)`` is the chance that a course is opened."""
    rng = Random(seed)
    found = []
    for _ in range(count):
        cards = []
        for place in range(5):
            shares = {"query": rng.random(), "interest": rng.random(), "popular": rng.random()}
            cards.append(Card(shares, 99.0, fresh=False, opened=rng.random() < opens(shares, place)))
        found.append(cards)
    return found


def test_a_voice_that_is_followed_gains_and_one_that_is_not_loses():
    lesson = learn(lists(2_000, lambda shares, _place: 0.05 + 0.5 * shares["interest"] ** 2))

    assert lesson is not None
    assert lesson.factors["interest"] > 1.5
    assert lesson.factors["query"] == lesson.factors["popular"] == 0.2
    assert lesson.gain > lesson.error


def test_standing_first_is_not_taken_for_a_merit():
    def first_is_opened(shares, place):
        return (0.6 if place == 0 else 0.05) + 0.1 * (shares["query"] + shares["interest"] + shares["popular"])

    lesson = learn(lists(3_000, first_is_opened))

    assert lesson is None or all(0.4 < lesson.factors[kind] < 2.5 for kind in ("query", "interest", "popular"))


def test_a_few_lists_teach_nothing():
    assert learn(lists(40, lambda shares, _place: shares["interest"])) is None
    assert learn([]) is None


def test_clicks_at_random_change_nothing():
    assert learn(lists(2_000, lambda _shares, _place: 0.2)) is None


def test_a_voice_nobody_heard_keeps_its_weight():
    lesson = learn(lists(2_000, lambda shares, _place: 0.05 + 0.5 * shares["interest"] ** 2))

    assert set(lesson.factors) == set(KINDS)
    assert lesson.factors["bought"] == lesson.factors["learned"] == 1.0
