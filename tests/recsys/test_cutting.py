"""Our cutting is jieba's: the same words for whatever characters, before and after names were taught."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.cutting import Cutter, load_jieba

DATA = Path(__file__).parents[2] / "data"
HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
RARE = st.sampled_from("㐀㐁䶵豈﨩𠀀𪛖龦鿿")
NAMES = ("雪球投资法", "短视频", "龘靐齉", "学做")


@pytest.fixture(scope="module")
def jieba():
    return load_jieba()


@pytest.fixture(scope="module")
def cutter(jieba):
    taught = Cutter(jieba)
    for name in NAMES:
        taught.teach(name)
    return taught


@pytest.fixture(scope="module")
def words(jieba):
    """Return words of the dictionary, the mere beginnings of words included."""
    return Random(1).sample(
        sorted(word for word in jieba.FREQ if all("\u4e00" <= char <= "\u9fd5" for char in word)), 5_000
    )


@settings(max_examples=300, deadline=None)
@given(run=st.text(HAN | RARE, min_size=1, max_size=30))
def test_any_characters_are_cut_as_jieba_cuts_them(jieba, cutter, run):
    assert list(cutter.cut(run)) == list(jieba.cut(run))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_joined_words_are_cut_as_jieba_cuts_them(jieba, cutter, words, data):
    run = "".join(data.draw(st.lists(st.sampled_from([*words, *NAMES]) | HAN, min_size=1, max_size=8)))

    assert list(cutter.cut(run)) == list(jieba.cut(run))


def test_the_catalogue_is_cut_as_jieba_cuts_it(jieba, cutter):
    text = (DATA / "courses.csv").read_text("utf-8")
    runs = {run for run in "".join(char if "\u4e00" <= char <= "\u9fff" else " " for char in text).split() if run}

    assert len(runs) > 1_000
    assert {run: list(cutter.cut(run)) for run in runs} == {run: list(jieba.cut(run)) for run in runs}


def test_a_name_taught_stays_whole_and_leaves_others_alone(jieba):
    cutter = Cutter(jieba)
    before = list(cutter.cut("零基础学吉他弹唱"))
    cutter.teach("吉他谱大全")

    assert list(cutter.cut("吉他谱大全")) == ["吉他谱大全"]
    assert list(cutter.cut("零基础学吉他弹唱")) == before
