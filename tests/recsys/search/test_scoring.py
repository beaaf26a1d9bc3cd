"""The best answers are found among a few candidates, and must be the best of all."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from recsys.search.course_search import CourseSearch
from recsys.search.postings import Postings
from recsys.search.scoring import EACH, REPEATED, spread
from recsys.search.understand import understand
from tests.recsys.search.report import catalogue, queries


@pytest.fixture(scope="module")
def crowd(tokenizer, sample) -> CourseSearch:
    """Return a catalogue in which every course has twins, and words of another course in its text."""
    items, _ = catalogue()
    rng = Random(3)
    many = [
        replace(
            item, item_id=f"{item.item_id}-{turn}", text=f"{item.text} {rng.choice(items).text if turn else ''}"
        )
        for item in items
        for turn in range(3)
    ]
    return CourseSearch.build(many, tokenizer, synonyms=sample.wording.synonyms)


def questions(rng: Random, count: int) -> list[str]:
    texts = [query.text for query in queries()]
    return [rng.choice((" ", "和", "入门 ", "，")).join(rng.sample(texts, rng.randint(1, 3))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_the_best_are_the_best_of_all(crowd, seed) -> None:
    rng = Random(seed)
    for text in questions(rng, 60):
        wish = replace(understand(text), several=False, levels=frozenset(), without=())
        wish = replace(wish, min_fen=None, max_fen=None, min_minutes=None, max_minutes=None)
        if not crowd.asked(wish.subject):
            continue
        allow = np.array([rng.random() < 0.5 for _ in crowd.ids]) if rng.random() < 0.5 else None
        k = rng.choice((1, 5, 20, 50))

        found = [(hit.item_id, hit.score, hit.matches) for hit in crowd.search(wish, allow=allow, k=k).hits]

        free = [item_id for at, item_id in enumerate(crowd.ids) if allow is None or allow[at]]
        every = [hit for item_id in free if (hit := crowd.hit(item_id, wish))]
        best = sorted(every, key=lambda hit: (-hit.score, hit.item_id))[:k]
        assert found == [(hit.item_id, hit.score, hit.matches) for hit in best], text
        assert all(sum(match.value for match in matches) == pytest.approx(score) for _, score, matches in found)


@pytest.mark.parametrize("seed", range(3))
def test_several_are_chosen_among_the_best_of_all_and_the_best_of_each(crowd, seed) -> None:
    rng = Random(seed)
    for text in questions(rng, 40):
        wish = replace(understand(text), levels=frozenset(), without=())
        asked = crowd.asked(wish.subject)
        if not asked:
            continue
        question = crowd._question(asked, wish.refining)
        free = np.array([rng.random() < 0.5 for _ in crowd.ids]) if rng.random() < 0.5 else None
        k = rng.choice((1, 2, 5, 12))
        every = [each for at in range(len(crowd.ids)) if free is None or free[at] if (each := question.answer(at))]
        alone = [saying.top(EACH, free) for saying in question._subjects]
        wanted = {at for top in alone for _, at, _ in top} if len(alone) > 1 else set()

        assert [*question.each(k, free)] == sorted({*sorted(every)[: 2 * k], *(e for e in every if e[1] in wanted)})


def test_what_is_remembered_of_one_question_never_answers_another(tokenizer, sample) -> None:
    """Sayings and their parts are kept; a search that was never asked anything says the same."""
    items, facts = catalogue()
    asked = questions(Random(9), 80)
    first = [told(sample, text) for text in asked]
    fresh = CourseSearch.build(items, tokenizer, facts=facts, synonyms=sample.wording.synonyms)

    assert [told(fresh, text) for text in reversed(asked)] == first[::-1]
    assert [told(sample, text) for text in asked] == first


def told(search: CourseSearch, text: str) -> list[tuple]:
    return [(hit.item_id, hit.score, hit.matches, hit.matches) for hit in search.search(text, k=20).hits]


def test_what_is_kept_of_a_saying_is_bounded(crowd) -> None:
    postings = Postings(list(crowd.cuts.values()))
    saying = postings.saying(crowd.asked("数据分析"))
    shares = dict(zip(saying.positions.tolist(), saying.shares.tolist(), strict=True))

    for position, share in [*shares.items(), *shares.items()]:
        assert sum(match.value for match in saying.words.matches(position, share)) == pytest.approx(share)
    assert len(saying.words.known) <= 64


@pytest.mark.parametrize("seed", range(5))
def test_each_thing_asked_for_gets_its_turn(seed) -> None:
    rng = Random(seed)
    for _ in range(200):
        things = "abcd"[: rng.randint(1, 4)]
        shares = [
            tuple((thing, share) for thing in things if (share := rng.choice((0.0, 1.5, rng.random()))))
            for _ in range(rng.randint(0, 12))
        ]
        answers = sorted((-sum(share for _, share in each), at, each) for at, each in enumerate(shares) if each)

        assert spread(answers, 5) == plainly_spread(answers, 5)


def plainly_spread(answers, k):
    left, chosen = list(answers), []
    while left and len(chosen) < k:
        shown = [thing for _, _, shares in chosen for thing, _ in shares]
        worths = [sum(share * REPEATED ** shown.count(thing) for thing, share in answer[2]) for answer in left]
        chosen.append(left.pop(worths.index(max(worths))))
    return chosen
