"""The arithmetic of the promise: never more than was paid, never more later, and nothing after its time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import RefundTerms
from bot.refundterms import Basis, Due, Learnt, due
from handlers.chat.replies_refunds import refund_terms

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
USUAL = RefundTerms(full_days=7, full_percent=50, until_days=30)

days = st.integers(0, 400)
terms = st.builds(
    lambda full, percent, more: RefundTerms(full, percent, full + more), days, st.integers(0, 100), days
)
learnt = st.integers(0, 60).flatmap(lambda lessons: st.builds(Learnt, st.integers(0, lessons), st.just(lessons)))
moments = st.timedeltas(timedelta(0), timedelta(days=900)).map(lambda since: NOON + since)


def back(promise, total, at, got):
    found = due(promise, total, NOON, at, got)
    return 0 if found is None else found.fen


@given(terms, st.integers(1, 10**9), moments, learnt)
def test_it_is_between_nothing_and_what_was_paid(promise, total, at, got):
    assert 0 <= back(promise, total, at, got) <= total


@given(terms, st.integers(1, 10**9), moments, st.timedeltas(timedelta(0), timedelta(days=400)), learnt)
def test_waiting_and_learning_never_make_it_more(promise, total, at, later, got):
    more = Learnt(min(got.done + 1, got.lessons), got.lessons)

    assert back(promise, total, at + later, got) <= back(promise, total, at, got)
    assert back(promise, total, at, more) <= back(promise, total, at, got)


@given(terms, st.integers(1, 10**9), learnt)
def test_after_its_time_there_is_nothing(promise, total, got):
    over = NOON + timedelta(days=max(promise.full_days, promise.until_days), seconds=1)

    assert due(promise, total, NOON, over, got) is None


@pytest.mark.parametrize(
    ("since", "done", "wanted"),
    [
        (timedelta(days=7), 4, Due(Basis.FULL, 1000)),
        (timedelta(days=7), 5, Due(Basis.PRO_RATA, 500)),
        (timedelta(days=7, seconds=1), 4, Due(Basis.PRO_RATA, 600)),
        (timedelta(days=30), 10, Due(Basis.PRO_RATA, 0)),
        (timedelta(days=30, seconds=1), 0, None),
    ],
)
def test_each_edge_belongs_to_the_buyer(since, done, wanted):
    assert due(USUAL, 1000, NOON, NOON + since, Learnt(done, 10)) == wanted


def test_parts_of_a_fen_stay_and_a_course_without_lessons_counts_as_not_learnt():
    later = NOON + timedelta(days=10)

    assert due(USUAL, 100, NOON, later, Learnt(1, 3)).fen == 66
    assert due(USUAL, 100, NOON, later, Learnt(0, 0)).fen == 100


@pytest.mark.parametrize(
    ("promise", "sentence"),
    [
        (USUAL, "购买后 7 天内、学习未过半全额退，30 天内按没学的课时退"),
        (RefundTerms(7, 30, 7), "购买后 7 天内可退，学了不到 30%全额退，学得更多按没学的课时退"),
        (RefundTerms(15, 100, 15), "购买后 15 天内可退，没有学完全额退，学得更多按没学的课时退"),
        (RefundTerms(0, 50, 30), "购买后 30 天内按没学的课时退"),
        (RefundTerms(7, 0, 7), "购买后 7 天内按没学的课时退"),
        (RefundTerms(), "购买后不支持退款"),
    ],
)
def test_the_sentence_on_the_card_says_the_promise(promise, sentence):
    assert refund_terms(promise) == sentence
