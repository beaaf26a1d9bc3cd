"""A regular expression of an operator costs milliseconds, whatever it is and whatever is said to it."""

import time

import pytest
import regex

from bot.config import ChatSettings
from bot.texts import read
from bot.texts.book import Book, Rule, Said
from bot.texts.markup import Slip
from bot.texts.patterns import LONGEST_SAID, STRIKES, Budget, Pattern, read_pattern

HORROR = "(?:x+x+)+y"  # an exponential one


def slow():
    """Return a pattern that the reading would refuse, as if it had slipped through."""
    return Pattern(HORROR, regex.compile(HORROR))


def test_a_hanging_expression_is_stopped_and_then_put_aside():
    pattern, victim = slow(), "x" * LONGEST_SAID
    started = time.process_time()

    answers = [pattern.found(victim, Budget()) for _ in range(200)]

    assert not any(answers)
    assert pattern.strikes == STRIKES
    assert time.process_time() - started < 2


def test_many_hanging_expressions_share_the_time_of_one_message():
    rules = tuple(Rule(n, str(n), n, "好", regex=(slow(),)) for n in range(1, 101))
    started = time.process_time()

    hit = Book(rules=rules).match(Said.of("x" * 4000))

    assert hit is None
    assert time.process_time() - started < 1


def test_a_good_rule_still_answers_beside_a_hanging_one():
    rules = (Rule(1, "坏", 1, "坏", regex=(slow(),)), Rule(2, "好", 5, "好", contains={"xx": "xx"}))

    assert Book(rules=rules).match(Said.of("x" * 300)).rule.number == 2


@pytest.mark.parametrize("source", [r"(a|aa)+$", r"(\w+\s?)*退$", "(退+款?)+x", "(?R)?a", "((课{1,99}){1,99})+b"])
def test_a_slow_expression_is_refused_when_it_is_read(source):
    with pytest.raises(Slip, match=r"太慢|空消息|写错"):
        read_pattern(source, Budget(9))


@pytest.mark.parametrize("source", ["^退", r"发票.*(抬头|税号)", r"1[3-9]\d{9}", r"(?i)vip\s*\d+", r"\p{Han}{2}券"])
def test_an_everyday_expression_is_taken(source):
    assert read_pattern(source, Budget(9)).source == source


def test_trying_out_many_expressions_does_not_hold_up_an_edit():
    many = "".join(f"[[rule]]\nregex = '发票.*(抬头|税号).*{n}'\nanswer = '好'\n" for n in range(500))
    started = time.process_time()

    assert len(read(many.encode(), "texts.toml", ChatSettings()).rules) == 500
    assert time.process_time() - started < 1.5
