"""What every source promises, over a board whose right answer is plain to the eye."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.live import Live
from recsys.sources.base import Crowd, Log, Person
from recsys.sources.content import Content
from recsys.sources.ease import Ease, EaseSettings
from recsys.sources.formula import Formula
from recsys.sources.neighbours import Neighbours
from recsys.sources.popularity import Popularity
from recsys.sources.segments import Segments
from recsys.sources.transitions import Transitions
from recsys.sources.walk import Walk
from recsys.sources.words import Words
from tests.recsys.sources.builders import EACH, SUBJECTS, a_catalogue, a_log, subject_of

MAKERS = {
    "popularity": Popularity,
    "popularity-decayed": lambda: Popularity(half_life=2.0),
    "content": Content,
    "tags": lambda: Content(by="tags"),
    "formula": Formula,
    "ease": Ease,
    "ease-all": lambda: Ease(
        settings=EaseSettings(l2=5, dropout=0.3, popularity=0.2, thrift=0.5, text=2, tags=1, decay=0.7)
    ),
    "ease-thin": lambda: Ease(settings=EaseSettings(l2=5, keep=4)),
    "walk": Walk,
    "walk-thin": lambda: Walk(keep=4, alpha=0.8),
    "neighbours": Neighbours,
    "transitions": Transitions,
    "words": Words,
    "segments": lambda: Segments(count=4, size=8),
    "live": Live,
}
PERSONAL = [name for name in MAKERS if not name.startswith("popularity")]
LINEAR = [name for name in MAKERS if name not in ("segments", "live")]
LEARNER = Person((0, 2), {"python": 1.0})
PEOPLE = [
    LEARNER,
    Person(),
    Person((7,)),
    Person((), {"瑜伽": 0.5, "nobody said": 1.0}),
    Person((5, 6, 8, 9, 10, 1)),
]


@pytest.fixture(scope="module")
def catalogue():
    return a_catalogue()


@pytest.fixture(scope="module")
def log(catalogue):
    return a_log(catalogue, ordered=True)


@pytest.fixture(scope="module", params=MAKERS)
def source(request, log, catalogue):
    return MAKERS[request.param]().fit(log, catalogue)


def test_scores_are_finite_and_one_an_item(source, catalogue):
    for person in PEOPLE:
        scores = source.score(person)

        assert scores.shape == (len(catalogue),)
        assert np.isfinite(scores).all()


def test_scoring_together_is_scoring_one_by_one(source, catalogue):
    together = source.score_many(Crowd(PEOPLE, catalogue))

    assert together.dtype == np.float32
    for person, row in zip(PEOPLE, together, strict=True):
        assert row == pytest.approx(source.score(person), rel=1e-4, abs=1e-5)


def test_an_explanation_adds_up(source):
    for person in PEOPLE:
        scores = source.score(person)
        for item in range(len(scores)):
            assert sum(part.value for part in source.explain(person, item)) == pytest.approx(scores[item], abs=1e-9)


@pytest.mark.parametrize("name", LINEAR)
def test_removing_an_event_takes_away_what_it_said(name, log, catalogue):
    source = MAKERS[name]().fit(log, catalogue)
    person = Person((0, 2, 7), ages=(2.0, 1.0, 0.0))

    for held in person.history:
        without = source.score(person.without(held))
        for item in range(len(catalogue)):
            said = sum(p.value for p in source.explain(person, item) if p.key == catalogue.ids[held])
            assert source.score(person)[item] - without[item] == pytest.approx(said, abs=1e-9)


def test_recommendations_are_distinct_new_and_allowed(source, catalogue):
    for person in PEOPLE:
        found = [item for item, _ in source.recommend(person, 50, exclude=[3, 11])]

        assert len(found) == len(set(found)) == len(catalogue) - len({*person.history, 3, 11})
        assert not {*person.history, 3, 11} & set(found)


def test_nothing_is_asked_and_nothing_comes(source):
    assert source.recommend(LEARNER, 0) == []


@pytest.mark.parametrize("name", PERSONAL)
def test_the_same_subject_comes_first(name, log, catalogue):
    source = MAKERS[name]().fit(log, catalogue)
    person = Person((), {"python": 1.0}) if name == "words" else Person((5, 7))

    first = [item for item, _ in source.recommend(person, 2)]

    assert {subject_of(item) for item in first} == {1}


def test_similar_items_are_others_and_alike(source):
    for item in (0, 12):
        found = source.similar(item, 3)

        assert item not in [other for other, _ in found]
        assert all(likeness > 0 for _, likeness in found)
        assert [likeness for _, likeness in found] == sorted((likeness for _, likeness in found), reverse=True)


def test_a_source_survives_storage_without_pickle(source, tmp_path):
    source.save(tmp_path)
    again = type(source)(source.name).load(tmp_path)

    for person in PEOPLE:
        assert again.score(person).tolist() == source.score(person).tolist()
        assert again.explain(person, 4) == source.explain(person, 4)


def test_a_pickled_array_is_refused(source, tmp_path):
    source.save(tmp_path)
    arrays, _ = source.state()
    poisoned = {name: np.array([object()], dtype=object) for name in arrays}
    np.savez(tmp_path / f"{source.name}.npz", allow_pickle=True, **poisoned)

    with pytest.raises(ValueError, match="allow_pickle"):
        type(source)(source.name).load(tmp_path)


@pytest.mark.parametrize("name", MAKERS)
def test_fitting_again_gives_the_same_numbers(name, log, catalogue):
    first, second = (MAKERS[name]().fit(log, catalogue).score(LEARNER) for _ in range(2))

    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("name", MAKERS)
def test_a_log_of_another_catalogue_is_refused(name, catalogue):
    with pytest.raises(ValueError, match="catalogue"):
        MAKERS[name]().fit(Log.of([0], [0], [0], width=3), catalogue)


@pytest.mark.parametrize("name", MAKERS)
def test_a_log_without_events_is_no_accident(name, catalogue):
    source = MAKERS[name]().fit(Log.of([], [], [], width=len(catalogue)), catalogue)

    assert np.isfinite(source.score(LEARNER)).all()


def test_popularity_forgets_where_time_is_real(catalogue):
    log = Log.of([0, 1, 2, 3], [0, 0, 0, 1], [0, 0, 0, 100], width=len(catalogue), ordered=True)

    assert Popularity().fit(log, catalogue).score(Person())[:2].argmax() == 0
    assert Popularity(half_life=10).fit(log, catalogue).score(Person())[:2].argmax() == 1


def test_transitions_know_the_direction(catalogue):
    log = Log.of(
        [u for u in range(9) for _ in range(2)], [3, 4] * 9, [0, 1] * 9, width=len(catalogue), ordered=True
    )
    source = Transitions().fit(log, catalogue)

    assert source.recommend(Person((3,)), 1)[0][0] == 4
    assert not source.score(Person((4,))).any()


def test_transitions_are_silent_where_order_means_nothing(catalogue):
    source = Transitions().fit(a_log(catalogue, ordered=False), catalogue)

    assert not source.score(LEARNER).any()


def test_the_newest_event_weighs_most(log, catalogue):
    source = Ease(settings=EaseSettings(l2=5, decay=0.5)).fit(log, catalogue)

    assert subject_of(source.recommend(Person((0, 7)), 1)[0][0]) == 1
    assert subject_of(source.recommend(Person((7, 0)), 1)[0][0]) == 0


def test_words_of_buyers_lead_to_what_they_bought_whatever_it_says(log, catalogue):
    """Those who say 钢琴 buy Excel courses here: the regression follows the deeds, not the text."""
    spoken = np.zeros((log.people, len(catalogue.terms)))
    spoken[[user for user in range(log.people) if user % len(SUBJECTS) == 0], catalogue.terms["钢琴"]] = 1.0
    from scipy.sparse import csr_array  # noqa: PLC0415 - one test's material

    source = Words(buyers=csr_array(spoken)).fit(log, catalogue)

    assert {subject_of(item) for item, _ in source.recommend(Person((), {"钢琴": 1.0}), 3)} == {0}


def test_segments_are_named_by_what_they_say(log, catalogue):
    source = Segments(count=4, size=8).fit(log, catalogue)

    names = {source.names[source.segment(Person((subject * EACH,)))].split("、")[0] for subject in range(4)}

    assert names == set(SUBJECTS)
    assert source.segment(Person()) == -1


def test_a_person_holds_each_item_once():
    with pytest.raises(ValueError, match="each item once"):
        Person((1, 1))
    with pytest.raises(ValueError, match="one age"):
        Person((1, 2), ages=(1.0,))


def test_a_log_keeps_the_first_of_repeated_events_in_order():
    log = Log.of([1, 0, 1, 1], [2, 1, 0, 2], [5, 1, 7, 9], width=3)

    assert log.history(1).tolist() == [2, 0]
    assert log.times.tolist() == [1, 5, 7]
    with pytest.raises(ValueError, match="as many"):
        Log.of([0], [0, 1], [0], width=3)
    with pytest.raises(ValueError, match="end before"):
        Log.of([0], [3], [0], width=3)
