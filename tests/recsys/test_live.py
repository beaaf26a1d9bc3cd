"""What training learned speaks in the evidence, adds up, and survives a catalogue that changed since."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.evidence import Evidence
from recsys.live import Companions, Live
from recsys.sources.base import Person
from recsys.training import Frozen
from tests.recsys.sources.builders import EACH, a_catalogue, a_log, subject_of


@pytest.fixture(scope="module")
def catalogue():
    return a_catalogue()


@pytest.fixture(scope="module")
def live(catalogue):
    return Live().fit(a_log(catalogue), catalogue)


def scores(companions, ids, held, words=None):
    voices = companions.voices(held, words or {}, 1.0)
    return Evidence(ids, {}, np.zeros(len(ids)), voices).total


@pytest.mark.parametrize("held", [[], [0], [0, 2], [0, 2, 3], [5, 6, 8, 1]], ids=len)
def test_serving_says_what_the_source_says(live, catalogue, held):
    companions = Companions(live, catalogue.ids)
    words = {"python": 0.7}

    served = scores(companions, catalogue.ids, [catalogue.ids[at] for at in held], words)

    assert served == pytest.approx(live.score(Person(tuple(held), words)), abs=1e-9)


def test_the_companions_of_a_course_are_those_of_its_subject(live, catalogue):
    served = scores(Companions(live, catalogue.ids), catalogue.ids, [catalogue.ids[0], catalogue.ids[1]])

    served[[0, 1]] = -np.inf
    assert {subject_of(int(at)) for at in np.argsort(-served)[:3]} == {0}


def test_parts_add_up_and_removing_a_course_takes_its_part_away(live, catalogue):
    ids, companions = catalogue.ids, Companions(live, catalogue.ids)
    held = [ids[0], ids[1], ids[2], ids[6]]
    evidence = Evidence(ids, {}, np.zeros(len(ids)), companions.voices(held, {}, 1.0))
    told = evidence.explain([3])[0]
    less = scores(companions, ids, held[1:])

    assert sum(part.value for part in told.parts) == pytest.approx(evidence.total[3], abs=1e-9)
    gone = sum(part.value for part in told.parts if part.term == ids[0])
    assert gone != 0
    assert evidence.total[3] - less[3] == pytest.approx(gone, abs=1e-9)


def test_courses_that_came_or_went_since_training_do_no_harm(live, catalogue):
    changed = ("brand-new", *catalogue.ids[2:])
    companions = Companions(live, changed)

    served = scores(companions, changed, ["brand-new", catalogue.ids[0], catalogue.ids[2]])
    whole = scores(Companions(live, catalogue.ids), catalogue.ids, [catalogue.ids[0], catalogue.ids[2]])

    assert served[0] == 0
    assert served[1:] == pytest.approx(whole[2:], abs=1e-9)
    assert not companions.knows("brand-new")


def test_a_newcomer_is_given_what_people_of_the_same_interests_take(live, catalogue):
    companions = Companions(live, catalogue.ids)
    voices = companions.voices([], {"瑜伽": 1.0}, 1.0)

    group = next(voice for voice in voices if voice.kind == "segment")

    assert "瑜伽" in group.term
    best = group.positions[np.argsort(-group.values)[:EACH]]
    assert {subject_of(int(at)) for at in best} == {2}


def test_a_stranger_without_a_word_hears_nothing(live, catalogue):
    assert Companions(live, catalogue.ids).voices([], {}, 1.0) == []


def test_a_saved_model_says_the_same(live, tmp_path):
    live.save(tmp_path)
    back = Live().load(tmp_path)

    person = Person((0, 2), {"python": 1.0})
    assert back.score(person).tolist() == live.score(person).tolist()
    assert back.score(Person(words={"钢琴": 1.0})).tolist() == live.score(Person(words={"钢琴": 1.0})).tolist()


def test_a_former_model_can_be_asked_about_todays_catalogue(live, catalogue):
    wider = a_catalogue(new=2)
    former = Frozen(live).fit(a_log(wider), wider)

    asked = former.score(Person((0, 1)))

    assert asked[: len(catalogue)] == pytest.approx(live.score(Person((0, 1))), abs=1e-9)
    assert asked[len(catalogue) :].tolist() == [0, 0]
