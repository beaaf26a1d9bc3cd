"""What the blend is taught with: how much of it there is, and that a sample says what the whole would say."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.blend import GROUPS, Examples, Logit, gather, pooled

TRUE = 1.5  # what one unit of the only telling feature is worth


def questions(width: int, *, people: int = 400, seed: int = 1) -> Examples:
    """People who choose one of ``width`` items by the first feature; the second is noise."""
    rng = np.random.default_rng(seed)
    features = [rng.normal(size=(people, width)).astype(np.float32) for _ in range(2)]
    taken = np.zeros((people, width), np.bool_)
    chosen = (TRUE * features[0] + rng.gumbel(size=features[0].shape)).argmax(axis=1)
    taken[np.arange(people), chosen] = True
    groups = np.zeros((people, GROUPS), np.float32)
    groups[:, 0] = 1
    return gather(features, taken, np.ones(taken.shape, np.bool_), groups, rng)


def test_a_larger_catalogue_needs_no_more_examples():
    """Candidates for a question stay some dozens, so a million events fit into memory at thousands of items."""
    few, many = (len(questions(width, people=100).question) / 100 for width in (800, 8_000))

    assert many < 1.2 * few
    assert many < 100


@pytest.mark.parametrize("width", [300, 4_000])
def test_the_sample_teaches_what_all_items_would(width):
    weights = Logit.fit([questions(width, seed=seed) for seed in (1, 2, 3)]).weights

    assert weights[0, 0] == pytest.approx(TRUE, abs=0.15)
    assert weights[1, 0] == pytest.approx(0, abs=0.15)


def test_examples_are_split_between_questions():
    first, second = questions(50, people=30), questions(50, people=20, seed=2)

    before, last = pooled([first, second]).split(20)

    for part, whole in ((before, first), (last, second)):
        assert np.array_equal(part.features, whole.features)
        assert np.array_equal(part.question, whole.question)
        assert np.array_equal(part.taken, whole.taken)
        assert len(part.groups) == len(whole.groups)


def test_fitting_leaves_the_examples_as_they_are():
    examples = [questions(50, people=30), questions(50, people=30, seed=2)]
    kept = [each.features.copy() for each in examples]

    Logit.fit(examples)

    assert all(np.array_equal(each.features, before) for each, before in zip(examples, kept, strict=True))
