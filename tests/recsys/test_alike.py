"""What the courses somebody has say of those like them, on a board whose right answer is plain to the eye."""

import numpy as np
import pytest

from recsys.alike import LEAST, Alike
from recsys.evidence import Evidence
from tests.recsys.builders import subject_of


def told(index, held, weight=1.0):
    voices = Alike(index).voices(held, weight)
    evidence = Evidence(index.ids, {}, np.zeros(len(index)), voices)
    return {each.item_id: each for each in evidence.explain(range(len(index)))}


def test_a_course_speaks_for_those_of_its_subject_never_for_itself_or_strangers(board):
    found = told(board, ["瑜伽-1"])

    assert {item_id for item_id, each in found.items() if each.score} == {"瑜伽-2", "瑜伽-3", "瑜伽-4"}
    assert found["瑜伽-2"].basis == "alike"
    assert found["瑜伽-2"].reason.term == "瑜伽-1"


def test_what_it_says_is_the_cosine_and_every_part_adds_up(board):
    found = told(board, ["瑜伽-1"])
    own = dict(board.row(board.position("瑜伽-1")))
    for item_id in ("瑜伽-2", "瑜伽-3", "瑜伽-4"):
        cosine = sum(weight * own.get(term, 0.0) for term, weight in board.row(board.position(item_id)))
        assert found[item_id].score == pytest.approx(cosine, abs=1e-9)
        assert LEAST <= cosine <= 1

    both = told(board, ["瑜伽-1", "瑜伽-2"])["瑜伽-3"]
    assert [part.term for part in both.parts] == ["瑜伽-2", "瑜伽-1"]
    assert sum(part.value for part in both.parts) == pytest.approx(both.score)


def test_the_newest_course_counts_most_and_only_the_newest_few_speak(board):
    held = [item_id for item_id in board.ids if subject_of(item_id) in ("excel", "ppt")]
    voices = Alike(board).voices(held, 0.4)

    assert [voice.term for voice in voices] == held[:-6:-1]
    assert [voice.weight for voice in voices] == sorted((voice.weight for voice in voices), reverse=True)
    assert voices[0].weight == pytest.approx(0.4)


def test_courses_the_shop_does_not_sell_say_nothing(board):
    assert Alike(board).voices(["gone"], 1.0) == []
    assert Alike(board).voices([], 1.0) == []
