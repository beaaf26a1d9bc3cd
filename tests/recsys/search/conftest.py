"""The sample catalogue's search, built once: jieba alone costs a second."""

from __future__ import annotations

import pytest

from recsys.search.course_search import CourseSearch
from recsys.text import Tokenizer
from tests.recsys.search.report import our_search


@pytest.fixture(scope="session")
def sample() -> CourseSearch:
    return our_search()


@pytest.fixture(scope="session")
def tokenizer(sample) -> Tokenizer:
    return sample.wording.tokenizer
