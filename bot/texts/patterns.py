"""Regular expressions of operators, with a time limit that holds: a bad one costs milliseconds, never the bot.

The standard library's ``re`` cannot be stopped once it backtracks; ``regex`` can, and it lets go of the interpreter
while it looks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import regex

from bot.texts.markup import Slip

log = logging.getLogger("zhike.texts")
LONGEST_PATTERN = 200
LONGEST_SAID = 500  # characters of a message that are looked at
SEARCH_SECONDS = 0.02
MESSAGE_SECONDS = 0.05  # for all patterns together
TRIAL_SECONDS = 0.5  # for trying out all patterns of a file; those beyond it are stopped when they hang
STRIKES = 3
WHY = {
    "missing )": "少了右括号 )",
    "unbalanced parenthesis": "多了右括号 )",
    "unterminated character set": "方括号 [ 没有关上",
    "nothing to repeat": "* + ? 或 {} 前面没有可重复的东西",
    "multiple repeat": "重复符号连写了两次",
    "invalid group reference": "引用了不存在的分组",
    "bad escape (end of pattern)": "结尾多了一个反斜杠",
    "unknown property": r"不认识的 \p{} 字符类",
    "bad character range": "方括号里的范围写反了",
    "bad escape": "不认识的反斜杠写法",
}


@dataclass(slots=True)
class Budget:
    """The time that is left for one message."""

    left: float = MESSAGE_SECONDS

    def of_one(self) -> float:
        """Return what one search may take now."""
        return min(self.left, SEARCH_SECONDS)


@dataclass(slots=True)
class Pattern:
    """One expression. After three searches that had to be stopped it is put aside until the file changes."""

    source: str
    compiled: regex.Pattern[str] = field(repr=False)
    strikes: int = 0

    def found(self, text: str, budget: Budget) -> bool:
        """Tell whether it is somewhere in the text; False as well when that could not be found out in time."""
        if self.strikes >= STRIKES or budget.left <= 0:
            return False
        started = time.perf_counter()
        try:
            return self.compiled.search(text, timeout=budget.of_one()) is not None
        except TimeoutError:
            self.strikes += 1
            log.warning("texts.pattern_stopped pattern=%r strikes=%d", self.source, self.strikes)
            return False
        finally:
            budget.left -= time.perf_counter() - started


def read_pattern(source: str, trial: Budget) -> Pattern:
    """Compile an expression and try it out. ``Slip`` says what is wrong with it, or that it is too slow."""
    if len(source) > LONGEST_PATTERN:
        raise Slip(f"正则太长（{len(source)} 个字符），最多 {LONGEST_PATTERN} 个")
    try:
        compiled = regex.compile(source, regex.IGNORECASE | regex.VERSION0)
    except regex.error as error:
        raise Slip(f"正则「{source}」写错了：{_why(error)}") from None
    except (OverflowError, RecursionError, MemoryError):
        raise Slip(f"正则「{source}」太复杂，拆成几条简单的") from None
    started = time.perf_counter()
    try:
        if compiled.search("", timeout=SEARCH_SECONDS):
            raise Slip(f"正则「{source}」连空消息也对得上，会吞掉所有消息；写得更具体些")
        for probe in _probes(source) if trial.left > 0 else ():
            compiled.search(probe, timeout=SEARCH_SECONDS)
    except TimeoutError:
        raise Slip(
            f"正则「{source}」太慢，有的消息要算很久，会拖住机器人；常见原因是重复里又套重复，如 (a+)+，改简单些"
        ) from None
    trial.left -= time.perf_counter() - started
    return Pattern(source, compiled)


def _why(error: regex.error) -> str:
    known = next((told for said, told in WHY.items() if str(error.msg).startswith(said)), "写法不对")
    return f"{known}（第 {error.pos + 1} 个字符附近）" if error.pos is not None else known


def _probes(source: str) -> Iterator[str]:
    """Yield long messages made of what the expression itself is about: those that backtracking suffers from."""
    letters = list(dict.fromkeys(char for char in source if char.isalnum()))[:8]
    words = ["".join(letters), *letters, "a", "1", "课", " ", "课 ", "a1"]
    for word in dict.fromkeys(filter(None, words)):
        filled = (word * LONGEST_SAID)[: LONGEST_SAID - 1]
        yield filled
        yield f"{filled}!"
