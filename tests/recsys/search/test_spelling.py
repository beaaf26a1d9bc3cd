"""Which words a mistyped one may mean, and which it must not."""

from __future__ import annotations

import pytest

from recsys.search.spelling import Spelling, slips
from recsys.search.synonyms import Synonyms

WORDS = (
    "数据分析",
    "时间管理",
    "减脂",
    "瑜伽",
    "八段锦",
    "家常菜",
    "月嫂",
    "化妆",
    "python",
    "excel",
    "okr",
    "ppt",
    "prd",
)


@pytest.fixture(scope="module")
def spelling() -> Spelling:
    return Spelling(WORDS)


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [("excel", "excel", 0), ("excle", "excel", 1), ("exel", "excel", 1), ("pyhton", "python", 1), ("abc", "", 3)],
)
def test_a_swap_of_neighbours_is_one_slip(one, other, count) -> None:
    assert slips(one, other) == slips(other, one) == count


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("数剧分析", "数据分析"), ("书据分析", "数据分析"), ("鱼加", "瑜伽"), ("家长菜", "家常菜"), ("月少", "月嫂")],
)
def test_the_same_sound_is_found_whatever_the_reading(spelling, typed, meant) -> None:
    assert list(spelling.same_sound(typed)) == [meant]


def test_one_wrong_character_in_three_is_forgiven(spelling) -> None:
    assert list(spelling.one_character_off("八段绵")) == ["八段锦"]
    assert list(spelling.one_character_off("数据分折")) == ["数据分析"]


def test_one_wrong_character_in_two_is_not(spelling) -> None:
    assert list(spelling.one_character_off("瑜珠")) == []


@pytest.mark.parametrize(
    ("typed", "meant"), [("pyhton", "python"), ("excle", "excel"), ("pptt", "ppt"), ("ptp", "ppt")]
)
def test_slips_in_latin_words_are_forgiven(spelling, typed, meant) -> None:
    assert list(spelling.latin(typed)) == [meant]


@pytest.mark.parametrize("typed", ["ocr", "cad", "java", "go", "typhoon", "excellent"])
def test_another_latin_word_is_left_alone(spelling, typed) -> None:
    assert list(spelling.latin(typed)) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("shujufenxi", [("数据分析", "shujufenxi")]),
        ("shujufengxi", [("数据分析", "shujufenxi")]),
        ("woxiangxuehuazhuang", [("化妆", "huazhuang")]),
        ("jianzhiyujia", [("减脂", "jianzhi"), ("瑜伽", "yujia")]),
    ],
)
def test_pinyin_is_read_with_or_without_a_slip(spelling, typed, meant) -> None:
    assert list(spelling.pinyin(typed)) == meant


@pytest.mark.parametrize("typed", ["basketball", "qwerty", "women", "x" * 500, "", "naïve", "c++"])
def test_what_is_no_pinyin_means_nothing(spelling, typed) -> None:
    assert list(spelling.pinyin(typed)) == []


def test_initials_of_long_words_are_understood_and_of_short_ones_not(spelling) -> None:
    assert list(spelling.initials("sjfx")) == ["数据分析"]
    assert list(spelling.initials("jz")) == []


def test_an_empty_catalogue_corrects_nothing() -> None:
    empty = Spelling(())

    assert not any((empty.same_sound("数据"), empty.latin("excle"), empty.pinyin("shuju"), empty.initials("sjfx")))


def test_synonyms_stand_for_each_other_but_do_not_chain() -> None:
    synonyms = Synonyms(["# 注释", "", "PPT|幻灯片|", "幻灯片|放映机"])

    assert list(synonyms.of("ppt")) == ["幻灯片"]
    assert list(synonyms.of("幻灯片")) == ["ppt", "放映机"]
    assert list(synonyms.of("别的")) == []
    assert set(synonyms.words) == {"ppt", "幻灯片", "放映机"}


def test_synonyms_in_a_sentence_are_found_whole() -> None:
    synonyms = Synonyms(["c|py", "猫|养猫", "养猫咪"])

    assert list(synonyms.within("想养猫咪")) == ["养猫咪"]
    assert list(synonyms.within("用py写")) == ["py"]
    assert list(synonyms.within("pytest c++ happy")) == []
