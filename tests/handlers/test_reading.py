"""Reading short messages looks only where something may be, and finds what looking everywhere would."""

from __future__ import annotations

from random import Random

import pytest

from handlers.chat import reading, routes

SAID = """
    我想学 请问 老师 麻烦您 帮我 能不能 有没有 再 看看 吧 呢 么 什么 一下 谢谢您 多谢 好吗 可以吗 ！ ？
    [微笑] /:rose
    第 二 十 3 个 号 12 100 -1 1.5 兑换 退款 7k2m9q 优惠码 SPRING20 多少钱 不感兴趣 这门课 没有兴趣 #2 ٣ ı
    ABCD-EFGH-JKMN-P ABCDEFGHJKMN 0000000000000 python 数据分析 c++ 课程 推荐 免费 我的课程
"""
BITS = (*SAID.split(), " ", "  ", "，", "\n")


def messages(count: int) -> list[str]:
    rng = Random(3)
    return ["".join(rng.choices(BITS, k=rng.randint(1, 4))) for _ in range(count)]


def plain_commands(text: str) -> list[str]:
    """Return the same with every pattern tried everywhere."""
    whole, bare = reading.fold(text), reading.fold(reading.worded(text)).strip(reading.MARKS)
    found = [whole, reading._GAP.sub("", bare), bare]
    while bare:
        shorter = reading._AFTER.sub("", bare, count=1)
        if shorter == bare:
            shorter = reading._BEFORE.sub("", bare, count=1) if reading._BEFORE.match(bare) else ""
        bare = shorter.strip(reading.MARKS)
        found.append(bare)
    return [command for command in dict.fromkeys(found) if command or command == whole]


def test_commands_are_those_with_one_politeness_after_the_other_taken_off() -> None:
    for text in messages(5_000):
        if len(text) <= reading.LONGEST_COMMAND:
            assert list(reading.commands(text)) == plain_commands(text), text


def test_whatever_names_something_looks_like_it() -> None:
    for text in messages(5_000):
        for command in reading.commands(text):
            named = routes._named(command) is not None or reading.is_other_number(command)
            assert reading.names_something(command) or not named, command


@pytest.mark.parametrize("text", ["python数据分析", "我想学瑜伽", "c语言的课", "怎么学好excel、ppt"])
def test_a_wish_names_nothing(text) -> None:
    assert not any(map(reading.names_something, reading.commands(text)))
    assert routes.recognise(text, str.split) is None
