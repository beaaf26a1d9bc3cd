from __future__ import annotations

import numpy as np
import pytest

from recsys.sources.base import Log
from recsys.sources.ease import Ease, EaseSettings, Gram, inverted, solve
from tests.recsys.sources.builders import a_catalogue, a_log


@pytest.mark.parametrize("thrift", [0.0, 0.5, 1.0])
def test_a_gram_matrix_kept_event_by_event_is_that_of_the_whole_log(thrift):
    catalogue = a_catalogue()
    log = a_log(catalogue, 40)
    kept = Gram(len(catalogue), thrift)

    for user in range(log.people):
        history = log.history(user)
        for at, item in enumerate(history):
            kept.add(history[:at], int(item))

    assert kept.counts == pytest.approx(Gram.of(log, thrift).counts, abs=1e-4)


def test_one_event_changes_one_row_and_column():
    gram = Gram.of(a_log(a_catalogue(), 40))
    before = gram.counts.copy()

    gram.add(np.array([0, 1]), 12)

    changed = np.argwhere(gram.counts != before)
    assert len(changed) == 5
    assert all(12 in pair for pair in changed)


def test_an_item_is_counted_once_a_person():
    with pytest.raises(ValueError, match="in the history"):
        Gram(3).add(np.array([1]), 1)


def test_the_weights_solve_the_stated_problem():
    """No small change of any off-diagonal weight makes the penalised error smaller."""
    catalogue = a_catalogue()
    x = a_log(catalogue, 40).matrix().toarray()
    weights = solve((x.T @ x).astype(np.float32), EaseSettings(l2=3.0), catalogue).astype(np.float64)

    slope = x.T @ (x @ weights - x) + 3.0 * weights
    np.fill_diagonal(slope, 0)

    assert np.abs(slope).max() < 1e-4
    assert not np.diag(weights).any()


def test_text_stacked_under_the_users_is_more_rows_of_data():
    catalogue = a_catalogue()
    log = a_log(catalogue, 40)
    stacked = np.vstack([log.matrix().toarray(), np.sqrt(2.0) * catalogue.text.toarray().T])

    plain = solve((stacked.T @ stacked).astype(np.float32), EaseSettings(l2=3.0), catalogue)
    collective = Ease(settings=EaseSettings(l2=3.0, text=2.0)).fit(log, catalogue).dense

    assert collective == pytest.approx(plain, abs=1e-4)


def test_an_item_nobody_took_is_reached_through_its_words():
    catalogue = a_catalogue(new=1)
    log = a_log(catalogue)
    scores = {
        text: Ease(settings=EaseSettings(l2=3.0, text=text)).fit(log, catalogue).dense[0, -1]
        for text in (0.0, 20.0)
    }

    assert scores[0.0] == 0
    assert scores[20.0] > 0


def test_a_matrix_that_cannot_be_inverted_is_refused():
    with pytest.raises(ValueError, match="positive definite"):
        inverted(-np.eye(3, dtype=np.float32))


def test_a_given_gram_matrix_is_used():
    catalogue = a_catalogue()
    log = a_log(catalogue)
    source = Ease()
    source.gram = Gram.of(log)

    empty = Log.of([], [], [], width=len(catalogue))

    assert source.fit(empty, catalogue).dense == pytest.approx(Ease().fit(log, catalogue).dense)
