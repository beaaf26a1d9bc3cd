"""One warm tokenizer for all (it costs a second), and the board indexed with it."""

from __future__ import annotations

import pytest

from recsys.index import CourseIndex
from recsys.recommender import Recommender
from recsys.text import Tokenizer
from tests.recsys.builders import a_board

STOP_WORDS = ["的", "和", "了", "吗", "没有"]
USER_WORDS = ["自媒体", "短视频", "数据分析", "机器学习", "C语言", "Power BI", "1688", "茶"]


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    shared = Tokenizer(STOP_WORDS, USER_WORDS)
    shared.warm()
    return shared


@pytest.fixture(scope="module")
def learning_tokenizer() -> Tokenizer:
    """One that a test may teach new names."""
    return Tokenizer(STOP_WORDS, USER_WORDS)


@pytest.fixture(scope="session")
def board(tokenizer) -> CourseIndex:
    return CourseIndex.build(a_board(), tokenizer)


@pytest.fixture
def recommender(board) -> Recommender:
    return Recommender(board)
