from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.base import NEAREST, Part, Recommendation, Signal
from recsys.index import CourseIndex
from recsys.profile import Profile
from recsys.recommender import Recommender, RecommenderSettings
from recsys.search.course_search import CourseSearch
from tests.recsys.builders import NOON, SUBJECTS, a_board, an_item, subject_of

UNHURRIED = settings(deadline=None)  # the machine may be busy; speed is measured by the benchmark

WORDS = st.sampled_from([*SUBJECTS, *SUBJECTS.values(), "入门", "没听过"])
QUERIES = st.lists(WORDS, max_size=4)
PROFILES = st.dictionaries(WORDS, st.floats(-5, 5), max_size=6)
IDS = st.sets(st.sampled_from([item.item_id for item in a_board()]), max_size=20)


def ids(found: list[Recommendation]) -> list[str]:
    return [one.item_id for one in found]


def subjects(found: list[Recommendation]) -> set[str]:
    return {subject_of(one.item_id) for one in found}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_asking_for_a_subject_brings_all_of_it_and_nothing_else(recommender, subject):
    found = recommender.recommend(query=[subject], k=10)

    assert sorted(ids(found)) == [f"{subject}-{n}" for n in range(1, 5)]
    assert {one.basis for one in found} == {"query"}
    assert {one.reason.term for one in found} == {subject}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_without_a_question_the_interest_chooses(recommender, subject):
    found = recommender.recommend(profile={subject: 2.0}, k=4)

    assert subjects(found) == {subject}
    assert {one.basis for one in found} == {"interest"}


def test_the_question_outweighs_a_long_interest(recommender):
    found = recommender.recommend(query=["瑜伽", "钢琴"], profile={"python": 50.0, "钢琴": 10.0}, k=8)

    assert subjects(found) == {"瑜伽", "钢琴"}
    assert subject_of(found[0].item_id) == "钢琴"


def test_a_question_nothing_answers_falls_to_the_interest_then_to_the_popular(board):
    recommender = Recommender(board, {"ppt-3": 1.0})

    interested = recommender.recommend(query=["没听过"], profile={"瑜伽": 1.0}, k=1)[0]
    stranger = recommender.recommend(query=["没听过"], k=1)[0]

    assert (subject_of(interested.item_id), interested.basis) == ("瑜伽", "interest")
    assert (stranger.item_id, stranger.basis) == ("ppt-3", "popular")


def test_a_question_whose_answers_are_all_owned_is_not_said_to_be_answered(recommender):
    owned = [f"瑜伽-{n}" for n in range(1, 5)]
    found = recommender.recommend(query=["瑜伽"], exclude=owned)

    assert len(found) == 5
    assert all(part.kind != "query" for one in found for part in one.parts)


def test_popularity_fills_what_interest_leaves_open(board):
    found = Recommender(board, {"ppt-3": 1.0}).recommend(profile={"瑜伽": 1.0}, k=6)

    assert subjects(found[:4]) == {"瑜伽"}
    assert found[4].item_id == "ppt-3"
    assert [one.basis for one in found[4:]] == ["popular", "popular"]


def test_a_dislike_pushes_down(recommender):
    profile = Profile()
    profile.learn(Signal.DISLIKE, {"瑜伽": 1.0}, NOON)
    found = recommender.recommend(query=["入门"], profile=profile.weights(NOON), k=20)

    assert len(found) == 20
    assert subjects(found[-4:]) == {"瑜伽"}
    assert subjects(recommender.recommend(profile=profile.weights(NOON), k=16)) == set(SUBJECTS) - {"瑜伽"}


def test_buying_moves_the_answer_more_than_clicking_more_than_mentioning(recommender):
    profile = Profile()
    for signal, term in ((Signal.MENTION, "瑜伽"), (Signal.BUY, "钢琴"), (Signal.CLICK, "python")):
        profile.learn(signal, [term], NOON)
    found = recommender.recommend(query=["入门"], profile=profile.weights(NOON), k=20)
    first = {one: [subject_of(item) for item in ids(found)].index(one) for one in ("瑜伽", "钢琴", "python")}

    assert first["钢琴"] < first["python"] < first["瑜伽"]


def test_popularity_breaks_ties_and_then_the_id(board):
    plain = RecommenderSettings(variety=0)
    found = Recommender(board, {"瑜伽-3": 0.5}, plain).recommend(query=["瑜伽"], k=4)

    assert ids(found) == ["瑜伽-3", "瑜伽-1", "瑜伽-2", "瑜伽-4"]


def test_the_popular_are_shown_to_strangers_in_order(board):
    found = Recommender(board, {"瑜伽-3": 0.5, "ppt-2": 1.0}).popular(3)

    assert ids(found) == ["ppt-2", "瑜伽-3", "excel-1"]
    assert found[0].parts == (Part("popular", "", 0.05),)
    assert found[2].reason is None


def test_many_popular_come_in_the_same_order_as_few(board):
    recommender = Recommender(board, {"瑜伽-3": 0.5, "ppt-2": 1.0})
    items = [*a_board(), *(an_item(f"其他-{n:02}", "入门") for n in range(40))]
    large = Recommender(CourseIndex.build(items, board.tokenizer), {"瑜伽-3": 0.5, "ppt-2": 1.0})

    assert ids(recommender.popular(5)) == ids(recommender.popular(20))[:5]
    assert ids(large.popular(40))[:5] == ids(large.popular(5))
    assert len(large.popular(500)) == 60


@UNHURRIED
@given(QUERIES, PROFILES, IDS, st.integers(1, 25))
def test_k_distinct_items_none_owned_and_parts_that_sum_to_the_score(board, query, profile, owned, k):
    recommender = Recommender(board, {"瑜伽-3": 0.5, "ppt-2": 1.0})
    found = recommender.recommend(query=query, profile=profile, exclude=owned, k=k)

    assert len(set(ids(found))) == len(found) <= k
    assert not set(ids(found)) & owned
    assert found == recommender.recommend(query=query, profile=profile, exclude=owned, k=k)
    for one in found:
        assert sum(part.value for part in one.parts) == pytest.approx(one.score, abs=1e-9)
    if not any(part.kind == "query" for one in found for part in one.parts):
        assert len(found) == min(k, len(board) - len(owned))


@UNHURRIED
@given(QUERIES.filter(lambda words: "没听过" not in words and words), PROFILES)
def test_explaining_one_item_tells_what_recommending_told(board, query, profile):
    recommender = Recommender(board, {"瑜伽-3": 0.5})

    for one in recommender.recommend(query=query, profile=profile, k=20):
        told = recommender.explain(one.item_id, query, profile)
        assert told.score == pytest.approx(one.score, abs=1e-9)
        assert [part[:2] for part in told.parts] == [part[:2] for part in one.parts]


@UNHURRIED
@given(QUERIES, PROFILES)
def test_without_variety_scores_come_in_falling_order(board, query, profile):
    plain = Recommender(board, settings=RecommenderSettings(variety=0))
    scores = [one.score for one in plain.recommend(query=query, profile=profile, k=20)]

    assert scores == sorted(scores, reverse=True) or np.diff(scores).max() < 1e-12


def test_variety_brings_in_the_less_alike(tokenizer):
    alike = [an_item(f"A{n}", "瑜伽体式", tags=("瑜伽",)) for n in range(5)]
    other = [an_item("B1", "瑜伽音乐", tags=("冥想",)), an_item("B2", "瑜伽饮食", tags=("营养",))]
    index = CourseIndex.build([*alike, *other], tokenizer)

    plain = Recommender(index, settings=RecommenderSettings(variety=0)).recommend(query=["瑜伽"], k=3)
    varied = Recommender(index, settings=RecommenderSettings(variety=0.6)).recommend(query=["瑜伽"], k=3)

    assert ids(plain) == ["A0", "A1", "A2"]
    assert ids(varied)[0] == "A0"
    assert set(ids(varied)) == {"A0", "B1", "B2"}


@pytest.fixture(scope="module")
def searched(board) -> CourseSearch:
    return CourseSearch.build(a_board(), board.tokenizer)


def slowly_varied(index: CourseIndex, best: list[tuple[float, int]], k: int, variety: float) -> list[int]:
    """Choose by maximal marginal relevance as the textbook says it."""
    rows = index.sketches([at for _, at in best]).astype(np.float64)
    most = max(abs(best[0][0]), abs(best[-1][0]))
    picked = [0]
    while len(picked) < min(k, len(best)):
        left = [each for each in range(len(best)) if each not in picked]
        worth = {
            each: (1 - variety) * best[each][0] / most - variety * max(rows[each] @ rows[other] for other in picked)
            for each in left
        }
        picked.append(next(each for each in left if worth[each] > max(worth.values()) - 1e-6))
    return [best[each][1] for each in picked]


@UNHURRIED
@given(st.lists(WORDS, min_size=1, max_size=3), PROFILES, st.integers(1, 8))
def test_what_was_found_is_rearranged_by_whole_scores_and_variety(board, searched, words, profile, k):
    popularity = np.random.default_rng(5).random(len(board))
    recommender = Recommender(board, popularity)
    hits = searched.search(" ".join(words), k=12).hits
    scores = {one.item_id: one.score for one in recommender.rerank(hits, profile=profile, k=12, keep_order=True)}
    at = {item_id: board.position(item_id) for item_id in scores}
    ranked = sorted(scores, key=lambda item_id: (-scores[item_id], -popularity[at[item_id]], at[item_id]))
    best = [(scores[item_id], at[item_id]) for item_id in ranked]
    expected = slowly_varied(board, best, k, recommender.settings.found_variety) if best else []

    assert [at[one.item_id] for one in recommender.rerank(hits, profile=profile, k=k)] == expected


@UNHURRIED
@given(st.lists(WORDS, min_size=1, max_size=3), PROFILES, st.booleans())
def test_what_was_found_is_told_in_parts_that_sum_to_the_score(board, searched, words, profile, kept):
    recommender = Recommender(board, {"瑜伽-3": 0.5, "ppt-2": 1.0})
    hits = searched.search(" ".join(words), k=8).hits
    matched = {hit.item_id: hit for hit in hits}
    for one in recommender.rerank(hits, profile=profile, k=5, keep_order=kept):
        alone = recommender.explain_found(
            one.item_id, matched[one.item_id], max(hit.score for hit in hits), profile
        )
        rest = recommender.explain(one.item_id, (), profile)

        assert sum(part.value for part in one.parts) == pytest.approx(one.score, abs=1e-9)
        assert one.shares().keys() == {part.kind for part in one.parts}
        for kind, share in one.shares().items():
            assert share == pytest.approx(sum(part.value for part in one.parts if part.kind == kind), abs=1e-9)
        assert alone.score == pytest.approx(one.score, abs=1e-9)
        assert {part[:2] for part in one.parts if part.kind != "query"} == {part[:2] for part in rest.parts}


def test_the_order_of_the_search_is_kept_where_that_is_wanted(board, searched):
    hits = searched.search("瑜伽和钢琴", k=8).hits
    kept = Recommender(board).rerank(hits, profile={"钢琴": 5.0}, k=5, keep_order=True)

    assert ids(kept) == [hit.item_id for hit in hits[:5]]
    assert Recommender(board).rerank((), profile={"钢琴": 5.0}) == []


PARTS = st.builds(
    Part, st.sampled_from([*NEAREST, "popular", "fresh"]), WORDS, st.sampled_from([-1.0, 0.0, 0.5, 2.0])
)


@given(st.lists(PARTS, max_size=6))
def test_the_reason_is_the_strongest_part_and_the_basis_the_nearest(parts):
    one = Recommendation.of("A1", parts)
    speaking = [part for part in parts if part.value > 0]
    near = [kind for kind in NEAREST if kind in {part.kind for part in speaking}]

    assert one.reason == max(speaking, key=lambda part: part.value, default=None)
    assert one.basis == (near[0] if near else "popular")
    assert one.score == pytest.approx(sum(one.shares().values()))


def test_allow_limits_whom_to_show_even_among_the_popular(board):
    allow = np.zeros(len(board), np.bool_)
    allow[[board.position("瑜伽-2"), board.position("ppt-1")]] = True
    recommender = Recommender(board, {"excel-1": 1.0})

    assert ids(recommender.recommend(query=["瑜伽"], allow=allow)) == ["瑜伽-2"]
    assert set(ids(recommender.popular(allow=allow))) == {"瑜伽-2", "ppt-1"}
    assert recommender.popular(allow=allow, exclude=["瑜伽-2", "ppt-1"]) == []


def test_editing_one_item_changes_the_answer(tokenizer, board):
    items = a_board()
    items[0] = dataclasses.replace(items[0], title="水彩入门", tags=("水彩",))
    edited = Recommender(CourseIndex.build(items, tokenizer, board))

    assert Recommender(board).recommend(query=["水彩"], k=1)[0].basis == "popular"
    assert ids(edited.recommend(query=["水彩"])) == [items[0].item_id]
    assert items[0].item_id not in ids(edited.recommend(query=["excel"]))


def test_an_empty_shop_recommends_nothing(tokenizer):
    recommender = Recommender(CourseIndex.build([], tokenizer))

    assert recommender.recommend(query=["瑜伽"], profile={"瑜伽": 1.0}) == []
    assert recommender.popular() == []


def test_threads_get_the_answers_they_would_get_alone(recommender):
    questions = [[subject] for subject in SUBJECTS] * 40
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda query: recommender.recommend(query=query), questions))

    assert together == [recommender.recommend(query=query) for query in questions]


def test_senseless_calls_are_refused(board, recommender):
    for call in (
        lambda: recommender.recommend(query="瑜伽"),
        lambda: recommender.recommend(exclude="瑜伽-1"),
        lambda: recommender.recommend(k=0),
        lambda: recommender.recommend(allow=np.ones(3, np.bool_)),
        lambda: recommender.recommend(allow=np.ones(len(board))),
        lambda: recommender.recommend(profile={"瑜伽": float("nan")}),
        lambda: recommender.explain("nowhere"),
        lambda: Recommender(board, np.ones(3)),
        lambda: Recommender(board, {"瑜伽-1": 2.0}),
        lambda: Recommender(board, {"瑜伽-1": float("nan")}),
        lambda: RecommenderSettings(query_weight=-1),
        lambda: RecommenderSettings(variety=1),
        lambda: RecommenderSettings(pool=0),
    ):
        with pytest.raises(ValueError, match=r"."):
            call()
