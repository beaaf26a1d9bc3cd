"""What a search finds, why, and what it must not find."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from recsys.base import Part
from recsys.search.course_search import CourseSearch, Facts
from recsys.search.synonyms import Synonyms
from recsys.search.understand import Wish, understand
from tests.recsys.builders import an_item
from tests.recsys.search.report import catalogue, queries

SHELF = (
    an_item("A", "Excel入门", tags=("excel", "办公软件"), text="表格从头学"),
    an_item("B", "Excel高手", tags=("excel",), text="函数"),
    an_item("C", "C++竞赛", tags=("C++",)),
    an_item("D", "瑜伽入门", tags=("瑜伽",), text="在旧仓库里也能练"),
    an_item("E", "PPT排版", tags=("ppt", "办公软件")),
)
FACTS = {
    "A": Facts(9_900, "入门", 60),
    "B": Facts(29_900, "高级", 180),
    "C": Facts(0, "进阶", 90),
    "D": Facts(4_900, "入门", 45),
    "E": Facts(19_900, "进阶", 120),
}


@pytest.fixture(scope="module")
def shelf(tokenizer) -> CourseSearch:
    return CourseSearch.build(SHELF, tokenizer, facts=FACTS, synonyms=Synonyms(["ppt|幻灯片"]))


def found(search: CourseSearch, wish: Wish | str, **how) -> list[str]:
    return [hit.item_id for hit in search.search(wish, **how).hits]


def told(search: CourseSearch, wish: Wish | str, **how) -> list[tuple]:
    return [(hit.item_id, hit.score, hit.matches) for hit in search.search(wish, **how).hits]


def test_shares_add_up_to_the_score_for_every_query(sample) -> None:
    for query in queries():
        for hit in sample.search(query.text).hits:
            assert math.isclose(sum(match.value for match in hit.matches), hit.score, rel_tol=0, abs_tol=1e-9)
            assert all(match.value > 0 for match in hit.matches)


def test_scores_fall_and_no_course_comes_twice(sample) -> None:
    for query in queries():
        hits = sample.search(query.text, k=10).hits
        assert len({hit.item_id for hit in hits}) == len(hits)
        if not understand(query.text).several:
            assert all(better.score >= worse.score - 1e-9 for better, worse in pairwise(hits))


def test_a_correction_is_told(sample) -> None:
    hit = sample.search("数剧分析").hits[0]

    assert hit.matches[0].term == "数据分析"
    assert hit.matches[0].typed == "数剧分析"


def test_slips_are_put_right_near_the_start_of_a_text_only(sample) -> None:
    told = "我家住在河边每天早上都要走很远的路才能到车站" * 3

    assert "数据分析" in {each.says for each in sample.asked(f"数剧分析,{told}")}
    assert "数据分析" not in {each.says for each in sample.asked(f"{told},数剧分析")}


def test_a_word_typed_well_is_not_called_a_correction(sample) -> None:
    assert not any(match.typed and match.term in "数据分析" for match in sample.search("数据分析").hits[0].matches)


def test_a_synonym_counts_less_than_the_word_itself(shelf) -> None:
    exact, other = shelf.search("ppt").hits[0], shelf.search("幻灯片").hits[0]

    assert exact.item_id == other.item_id == "E"
    assert other.score < exact.score
    assert other.matches == (Part("query", "ppt", other.score, "幻灯片"),)


@pytest.mark.parametrize("text", ["C", "c语言", "C#"])
def test_c_is_not_c_plus_plus(shelf, text) -> None:
    assert "C" not in found(shelf, text)


def test_a_price_is_kept_to(shelf) -> None:
    assert found(shelf, "100块以内的excel") == ["A"]


def test_where_nothing_keeps_to_a_limit_it_is_dropped_and_said(shelf) -> None:
    answer = shelf.search("10块以内的excel")

    assert {hit.item_id for hit in answer.hits} == {"A", "B"}
    assert answer.relaxed == ("price",)


def test_only_the_limit_in_the_way_is_dropped(shelf) -> None:
    answer = shelf.search("100块以内两小时以上的excel")

    assert answer.relaxed == ("length",)
    assert [hit.item_id for hit in answer.hits] == ["A"]


def test_limits_alone_find_what_keeps_to_them(shelf) -> None:
    assert found(shelf, "100块以内") == ["A", "C", "D"]
    assert found(shelf, "免费的") == ["C"]
    assert shelf.search("免费的").hits[0].score == 0


def test_limits_alone_that_nothing_keeps_to_find_nothing(shelf) -> None:
    assert shelf.search("10小时以上").hits == ()


def test_courses_without_facts_keep_to_no_limit(tokenizer) -> None:
    bare = CourseSearch.build(SHELF, tokenizer)

    answer = bare.search("100块以内的excel")

    assert answer.relaxed == ("price",)
    assert bare.search("免费的").hits == ()


def test_what_is_refused_is_never_shown(shelf) -> None:
    assert found(shelf, "办公软件，不要excel") == ["E"]
    assert found(shelf, "不要excel") == []


def test_a_refused_synonym_is_not_shown_either(shelf) -> None:
    assert found(shelf, "办公软件，不要幻灯片") == ["A"]


def test_refusing_c_does_not_refuse_c_plus_plus(shelf) -> None:
    assert found(shelf, Wish(subject="竞赛", without=("c",))) == ["C"]


def test_level_words_sharpen_but_do_not_find(shelf) -> None:
    assert found(shelf, "零基础围棋入门") == []
    assert found(shelf, "excel入门")[0] == "A"


def test_a_level_word_alone_finds_the_courses_of_that_level(shelf) -> None:
    assert found(shelf, "中级") == ["C", "E"]
    assert found(shelf, "有难度的") == ["B"]


def test_a_word_in_passing_is_no_evidence(shelf) -> None:
    assert found(shelf, "仓库") == []


def test_allow_and_exclude_are_never_relaxed(shelf) -> None:
    allow = np.array([item_id != "A" for item_id in shelf.ids])

    assert found(shelf, "10块以内的excel", allow=allow) == ["B"]
    assert found(shelf, "10块以内的excel", exclude={"A", "B"}) == []
    assert allow.sum() == 4


def test_equal_courses_come_in_the_order_of_their_ids(tokenizer) -> None:
    twins = [an_item(item_id, "瑜伽入门", tags=("瑜伽",)) for item_id in ("c", "a", "b")]

    assert found(CourseSearch.build(twins, tokenizer), "瑜伽") == ["a", "b", "c"]


def test_of_several_things_each_gets_its_turn(sample) -> None:
    top = found(sample, "瑜伽和插花", k=3)

    assert "LIFE012" in top
    assert {"HEALTH006", "HEALTH007"} & set(top)


def test_a_thing_that_many_words_speak_for_leaves_room_for_one_that_a_single_word_does(tokenizer) -> None:
    rich = [an_item(f"r{n}", "情绪管理与情绪觉察", tags=("情绪管理", "情绪觉察", "情绪")) for n in range(20)]
    plain = an_item("s", "前端开发", tags=("前端",), text="会讲一点 CSS，CSS 也叫样式表")
    search = CourseSearch.build([*rich, plain], tokenizer, synonyms=Synonyms(["情绪管理|情绪觉察|情绪"]))

    assert "s" in found(search, "情绪管理、CSS", k=5)
    assert "s" not in found(search, "情绪管理", k=5)


@pytest.mark.parametrize("text", ["滑雪", "阿斯顿发生的", "有什么课", "12345", "!!!", "", " ", "\x00"])
def test_gibberish_and_other_subjects_find_nothing(sample, text) -> None:
    assert sample.search(text).hits == ()


def test_very_long_texts_are_answered(sample) -> None:
    assert found(sample, "我想学瑜伽" * 400)[0] in {"HEALTH006", "HEALTH007"}
    assert sample.search("a" * 10_000).hits == ()


def test_a_rebuild_is_the_same_as_a_fresh_build_and_spares_cutting(tokenizer, sample) -> None:
    items, facts = catalogue()
    changed = [replace(items[0], title="尤克里里新课"), *items[1:-1]]
    synonyms = sample.wording.synonyms

    again = CourseSearch.build(changed, tokenizer, facts=facts, synonyms=synonyms, previous=sample)

    fresh = CourseSearch.build(changed, tokenizer, facts=facts, synonyms=synonyms)
    kept = [item.item_id for item in changed[1:]]
    assert all(again.cuts[item_id] is sample.cuts[item_id] for item_id in kept)
    for query in queries()[::7]:
        assert told(again, query.text) == told(fresh, query.text)
    assert found(again, "尤克里里")[0] in {items[0].item_id, "EDU023"}


def test_an_empty_catalogue_is_searched_without_complaint(tokenizer) -> None:
    empty = CourseSearch.build([], tokenizer)

    for text in ("瑜伽", "shuju", "免费", "不要瑜伽", "从走到跑步"):
        assert empty.search(text).hits == ()


def test_an_id_of_its_own_is_asked_of_every_item(tokenizer) -> None:
    with pytest.raises(ValueError, match="'A'"):
        CourseSearch.build([an_item("A"), an_item("A")], tokenizer)
    with pytest.raises(ValueError, match="''"):
        CourseSearch.build([an_item("")], tokenizer)
