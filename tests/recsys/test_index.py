from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.index import CourseIndex
from tests.recsys.builders import a_board, an_item

UNHURRIED = settings(deadline=None)  # the machine may be busy; speed is measured by the benchmark


def everything(index: CourseIndex):
    rows = [index.row(at) for at in range(len(index))]
    return index.ids, rows, dict(index.term_ids), index.sketches(range(len(index))).tolist()


def test_rows_are_unit_vectors(board):
    for at in range(len(board)):
        assert sum(weight**2 for _, weight in board.row(at)) == pytest.approx(1)


def test_posting_lists_and_rows_say_the_same(board):
    for term, count in (("瑜伽", 4), ("入门", 20)):
        positions, weights = board.posting(term)

        assert len(positions) == count
        for at, weight in zip(positions.tolist(), weights.tolist(), strict=True):
            assert dict(board.row(at))[term] == weight
    assert board.posting("没听过") is None


@settings(deadline=None)
@given(st.lists(st.integers(0, 19), max_size=8), st.data())
def test_shares_are_what_the_rows_say_times_what_is_wanted(board, positions, data):
    terms = st.sampled_from([*board.term_ids, "没听过"])
    wanted = data.draw(st.dictionaries(terms, st.floats(-5, 5), max_size=60))
    found = board.shares(positions, wanted, 0.3)
    slow = [
        [(term, wanted[term] * 0.3 * value) for term, value in board.row(at) if term in wanted] for at in positions
    ]

    assert [sorted(said) for said in found] == [sorted(said) for said in slow]
    assert all(said == sorted(said, key=lambda share: board.term_ids[share[0]]) for said in found)


def test_a_word_in_the_title_weighs_more_than_in_the_text(tokenizer):
    index = CourseIndex.build([an_item("A1", "瑜伽", text="钢琴"), an_item("A2", "绘画")], tokenizer)
    weights = dict(index.terms_of("A1"))

    assert weights["瑜伽"] > weights["钢琴"]


def test_terms_of_gives_the_weightiest_first_and_no_more_than_asked(board):
    terms = board.terms_of("瑜伽-1", 2)

    assert terms[0][0] == "瑜伽"
    assert len(terms) == 2
    assert board.terms_of("nowhere") == ()


def test_the_order_of_the_items_does_not_matter(tokenizer, board):
    assert everything(CourseIndex.build(reversed(a_board()), tokenizer)) == everything(board)


def test_building_on_a_previous_index_gives_the_same(tokenizer, board):
    items = a_board()
    items[3] = dataclasses.replace(items[3], title="全新的油画课", tags=("油画",))
    items = [*items[:10], *items[11:], an_item("新-1", "短视频运营")]

    built = CourseIndex.build(items, tokenizer, board)

    assert everything(built) == everything(CourseIndex.build(items, tokenizer))
    assert built.analysed["瑜伽-1"] is board.analysed["瑜伽-1"]


def test_a_new_name_reaches_the_unchanged_items_that_say_it(learning_tokenizer):
    items = [an_item("A1", "云端手工坊实战"), an_item("A2", "钢琴")]
    before = CourseIndex.build(items, learning_tokenizer)
    learning_tokenizer.add_words(["云端手工坊"])

    after = CourseIndex.build(items, learning_tokenizer, before)

    assert "云端手工坊" not in before.term_ids
    assert "云端手工坊" in after.term_ids
    assert after.analysed["A2"] is before.analysed["A2"]
    assert everything(after) == everything(CourseIndex.build(items, learning_tokenizer))


def test_an_index_of_another_tokenizer_is_not_reused(tokenizer, learning_tokenizer):
    items = [an_item("A1", "钢琴")]
    before = CourseIndex.build(items, learning_tokenizer)

    assert CourseIndex.build(items, tokenizer, before).analysed["A1"] is not before.analysed["A1"]


@pytest.mark.parametrize("items", [[], [an_item("A1", "，。")]])
def test_a_shop_without_words_has_an_index_all_the_same(tokenizer, items):
    index = CourseIndex.build(items, tokenizer)

    assert len(index) == len(items)
    assert not index.term_ids
    assert index.sketches(range(len(items))).shape == (len(items), 128)


@pytest.mark.parametrize("items", [[an_item("")], [an_item("A1"), an_item("A1", "钢琴")]])
def test_ids_are_given_and_given_once(tokenizer, items):
    with pytest.raises(ValueError, match="id"):
        CourseIndex.build(items, tokenizer)


def test_a_snapshot_cannot_be_written(board):
    with pytest.raises(ValueError, match="read-only"):
        board._weights.by_term[0] = 1.0  # the arrays are nobody's to change


def test_sketches_tell_alike_from_unlike(board):
    same, near, far = board.sketches([board.position(x) for x in ("瑜伽-1", "瑜伽-2", "钢琴-1")])

    assert same @ near > 0.9
    assert same @ far < 0.5
    assert np.linalg.norm(same) == pytest.approx(1)
