"""The labelled queries: at least 95 % of what a sensible teacher would show is among the first three."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.recsys.search.report import by_keyword, by_search, by_tfidf, catalogue, queries, table

KINDS = {
    *("plain", "mixed", "pinyin", "homophone", "typo", "swapped", "traditional", "fullwidth", "synonym"),
    *("negation", "price", "free", "level", "length", "title", "colloquial", "several-needs", "none"),
}


@pytest.fixture(scope="module")
def figures(sample):
    items, _ = catalogue()
    ways = {"keyword": by_keyword(items), "tf-idf": by_tfidf(items), "ours": by_search(sample)}
    return {kind: [recall for recall, _ in row] for kind, _, row in table(queries(), ways)}


def test_the_set_is_large_varied_and_sound() -> None:
    asked = queries()
    known = {item.item_id for item in catalogue()[0]}
    counts = Counter(query.kind for query in asked)

    assert len(asked) >= 420
    assert len({query.text for query in asked}) == len(asked)
    assert set(counts) == KINDS
    assert min(counts.values()) >= 14
    assert all(query.expected <= known for query in asked)
    assert not any(query.expected for query in asked if query.kind == "none")


def test_a_stranger_is_answered_nearly_as_well(sample) -> None:
    blind = queries("blind.tsv")
    items, _ = catalogue()
    ways = {"tf-idf": by_tfidf(items), "ours": by_search(sample)}

    ((_tfidf, _), (ours, _)) = next(row for kind, _, row in table(blind, ways) if kind == "all")

    assert len(blind) == 160
    assert ours >= 0.9


def test_every_field_of_the_catalogue_is_asked_for() -> None:
    categories = {item.item_id: item.category for item in catalogue()[0]}

    asked = Counter(categories[item_id] for query in queries() for item_id in query.expected)

    assert len(asked) == 5
    assert min(asked.values()) >= 100


def test_recall_is_at_least_95_percent(figures) -> None:
    assert figures["all"][2] >= 0.95


def test_it_beats_exact_keywords_and_plain_tfidf_by_far(figures) -> None:
    keyword, tfidf, ours = figures["all"]

    assert ours > tfidf + 0.2
    assert tfidf > keyword


def test_no_kind_of_query_is_left_behind(figures) -> None:
    assert {kind: row[2] for kind, row in figures.items() if row[2] < 0.93} == {}


def test_the_half_that_was_kept_aside_does_as_well(sample) -> None:
    held_out = [query for query in queries() if query.held_out]

    ((*_, (recall, _hit)),) = (
        row for kind, _, row in table(held_out, {"ours": by_search(sample)}) if kind == "all"
    )

    assert recall >= 0.95
