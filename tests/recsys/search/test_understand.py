"""What a sentence asks for, rule by rule, and what must not be read into it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.search import understand as understanding
from recsys.search.fold import fold
from recsys.search.numerals import number
from recsys.search.understand import Wish, understand

EASY = frozenset({"入门"})
HARDER = frozenset({"进阶", "高级"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("99.5", 99.5),
        ("两", 2),
        ("十五", 15),
        ("二十", 20),
        ("一百二", 120),
        ("一百零二", 102),
        ("三千五", 3500),
        ("一百二十五", 125),
        ("一万二", 12_000),
        ("一万两千", 12_000),
    ],
)
def test_numbers_are_read_as_spoken(text, value) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "元", "一元"])
def test_what_is_no_number_is_refused(text) -> None:
    with pytest.raises(ValueError, match="not a number"):
        number(text)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100块以内", None, 10_000),
        ("一百元以下", None, 10_000),
        ("50-200元", 5_000, 20_000),
        ("五十到两百块", 5_000, 20_000),
        ("不超过99.9元", None, 9_990),
        ("9块9", None, 990),
        ("预算200", None, 20_000),
        ("￥99以内", None, 9_900),
        ("两百以内", None, 20_000),
        ("三百元以上", 30_000, None),
        ("100元左右", 7_500, 12_500),
        ("免费", None, 0),
        ("不要钱的", None, 0),
        ("0元", None, 0),
        ("不要免费的", 1, None),
    ],
)
def test_a_price_becomes_a_limit(text, low, high) -> None:
    assert understand(text) == Wish(min_fen=low, max_fen=high)


@pytest.mark.parametrize(
    "text",
    [
        "100天学会英语",
        "20以内的加减法",
        "一元二次方程",
        "一块学英语",
        "一起学英语",
        "几十块的课",
        "便宜的瑜伽",
        "不贵的瑜伽",
        "不要太贵的瑜伽",
        "第100课",
    ],
)
def test_not_every_number_is_a_price(text) -> None:
    assert understand(text).limits == ()


def test_a_hundred_is_not_free() -> None:
    assert understand("100元的课").max_fen == 10_000


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("半小时以内", None, 30),
        ("一个半小时以内", None, 90),
        ("90分钟以内", None, 90),
        ("3小时以上", 180, None),
        ("一小时能学完的", None, 60),
        ("两小时", None, 150),
        ("一小时左右", 45, 75),
        ("1-2小时", 60, 120),
        ("不超过两个钟头", None, 120),
        ("不要太长的", None, 90),
    ],
)
def test_a_length_becomes_a_limit(text, low, high) -> None:
    assert understand(text) == Wish(min_minutes=low, max_minutes=high)


@pytest.mark.parametrize(
    "text", ["午间十五分钟冥想", "每天二十分钟的冥想", "低头两小时脖子疼", "教资面试十分钟试讲"]
)
def test_not_every_duration_is_the_length_of_a_course(text) -> None:
    assert understand(text) == Wish(subject=text)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("零基础", EASY),
        ("没有基础", EASY),
        ("小白", EASY),
        ("不要太难的", EASY),
        ("不难", EASY),
        ("简单点的", EASY),
        ("入门级", EASY),
        ("进阶", frozenset({"进阶"})),
        ("高级", frozenset({"高级"})),
        ("不要太简单的", HARDER),
        ("有一点基础", HARDER),
    ],
)
def test_a_level_becomes_a_limit(text, levels) -> None:
    wish = understand(text)

    assert (wish.levels, wish.subject) == (levels, "")


@pytest.mark.parametrize(
    "text", ["阳台种小白菜", "高级感穿搭", "新手妈妈", "难不难", "心里很难受", "深入浅出", "容易上火"]
)
def test_not_every_such_word_is_a_level(text) -> None:
    assert understand(text) == Wish(subject=text)


@pytest.mark.parametrize(
    ("text", "without", "subject"),
    [
        ("不想学英语", ("英语",), ""),
        ("我不想学习英语了", ("英语",), "我"),
        ("除了 Excel", ("excel",), ""),
        ("除了Python以外的编程课", ("python",), "编程课"),
        ("别推荐直播课", ("直播",), ""),
        ("不要英语和数学，要语文", ("英语", "数学"), ",要语文"),
        ("雅思不要写作", ("写作",), "雅思"),
        ("减脂但不喜欢跑步", ("跑步",), "减脂但"),
        ("理财没兴趣", ("理财",), ""),
        ("理财不感兴趣", ("理财",), ""),
        ("理财我不敢兴趣", ("理财",), ""),
        ("对理财没什么兴趣", ("理财",), ""),
        ("對理財沒什麼興趣，想學做飯", ("理财",), ",想学做饭"),
        ("想学做饭，但理财没兴趣", ("理财",), "想学做饭,"),
        ("理财和保险都不太感兴趣", ("理财", "保险"), ""),
        ("我对理财类的课提不起兴趣了", ("理财",), ""),
        ("学英语没什么兴趣", ("英语",), ""),
        ("没什么兴趣学理财", ("理财",), ""),
    ],
)
def test_what_is_refused_is_taken_from_the_subject(text, without, subject) -> None:
    wish = understand(text)

    assert (wish.without, wish.subject) == (without, subject)


@pytest.mark.parametrize(
    "text",
    [
        "要不要学英语",
        "想不想学画画",
        "不是不想学英语",
        "孩子不想学英语怎么办",
        "孩子不想学习",
        "不会做饭",
        "特别推荐excel",
        "性别意识",
        "没兴趣班吗",
        "有没有兴趣班",
        "有没有兴趣学画画",
        "对理财感不感兴趣",
        "对理财感兴趣",
        "没什么兴趣爱好",
        "没兴趣",
        "但是没兴趣",
        "我没什么兴趣",
        "对什么都没兴趣",
        "对生活没有兴趣了",
        "孩子对英语没兴趣",
        "孩子对数学不感兴趣怎么办",
        "为什么对上班没兴趣",
    ],
)
def test_not_every_no_is_a_refusal(text) -> None:
    assert understand(text).without == ()


def test_easy_english_is_still_about_english() -> None:
    wish = understand("不难的英语")

    assert (wish.subject, wish.levels, wish.without) == ("英语", EASY, ())


def test_a_level_word_that_courses_say_too_is_kept_to_sharpen_the_order() -> None:
    wish = understand("零基础英语")

    assert (wish.subject, wish.refining, wish.levels) == ("英语", ("零基础",), EASY)


@pytest.mark.parametrize(
    ("text", "level"), [("中级", "进阶"), ("提高班", "进阶"), ("高阶的", "高级"), ("有难度的", "高级")]
)
def test_a_level_word_that_courses_do_not_say_is_a_limit_and_nothing_else(text, level) -> None:
    assert understand(text) == Wish(levels=frozenset({level}))


def test_everything_at_once() -> None:
    wish = understand("想学零基础的Excel和PPT，不要直播，100块以内，两小时以内")

    assert wish.max_fen == 10_000
    assert wish.max_minutes == 120
    assert wish.levels == EASY
    assert wish.without == ("直播",)
    assert wish.several
    assert "excel和ppt" in wish.subject


def test_the_first_of_two_limits_stays() -> None:
    assert understand("100块以内，200块以内").max_fen == 10_000


def test_newest_is_heard() -> None:
    wish = understand("最新的AI课")

    assert (wish.newest, wish.subject) == (True, "ai课")


def test_a_sentence_of_filters_alone_leaves_no_subject() -> None:
    wish = understand("免费的 零基础 一小时以内")

    assert wish.subject == ""
    assert wish.limits == ("price", "level", "length")


@given(st.text(max_size=60))
def test_no_text_is_an_error(text) -> None:
    assert understand(text) == understand(text)


@given(st.text(alphabet="不要想学别除了免费的以内元块小时半一百零基础难0９,，和 excel英语", max_size=30))
def test_no_order_of_the_words_of_rules_is_an_error(text) -> None:
    wish = understand(text)

    assert wish.max_fen is None or wish.max_fen >= 0
    assert all(wish.without)


def by_every_rule(text: str) -> Wish:
    """Read a sentence the slow way: every rule gets its turn, whether or not the sentence hints at it."""
    rest, learned = fold(text), {}
    for rule in understanding._RULES:
        rest = rule.apply(rest, learned)
    rest = " ".join(rest.split())
    parts = [part for part in understanding._LISTING.split(rest) if part.strip()]
    return Wish(subject=rest, several=len(parts) > 1, **learned)


def spoken() -> list[str]:
    """Return every query of the sets, and each hint of a rule on its own."""
    here = Path(__file__).parent
    lines = [line for name in ("queries.tsv", "blind.tsv") for line in (here / name).read_text("utf-8").split("\n")]
    hints = sorted(hint for rule in understanding._RULES for hint in rule.hints)
    return [*(line.split("\t")[0] for line in lines[1:] if line), *hints]


def test_no_rule_is_overlooked_in_a_query_or_in_queries_said_together() -> None:
    said, rng = spoken(), Random(5)
    joined = [
        "".join((rng.choice(said), rng.choice(["", " ", "，", "，不要", "的"]), rng.choice(said))) for _ in said * 3
    ]

    assert {text: understand(text) for text in said + joined} == {
        text: by_every_rule(text) for text in said + joined
    }


SAID = """
    不要 不 别 想 学 除了 免费 的 以内 以上 左右 元 块 100 五 十 小时 半 分钟 零基础 入门 难 高级 新 短 没有兴趣
    预算 钱 贵
    英语 好 容易 上手 从 零 0 开始 提 升班 高 阶 难度 有 太 长 一点 一些 出 最 课 下 之 内 封顶 复杂
"""
WORDS = (*SAID.split(), " ", "，")


@settings(max_examples=500)
@given(st.lists(st.sampled_from(WORDS) | st.characters(), max_size=12).map("".join))
def test_no_rule_is_overlooked_in_whatever_is_said(text) -> None:
    assert understand(text) == by_every_rule(text)
