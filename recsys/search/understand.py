"""What a follower's sentence asks for: the subject, what it must not be, and limits on price, level and length.

One table of rules, read from the top; each takes its phrase out of the sentence. What the words left over find is
``course_search.py``. Nothing here knows the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from recsys.search.fold import fold
from recsys.search.numerals import NUMBER, number

BEGINNER, INTERMEDIATE, ADVANCED = "入门", "进阶", "高级"  # the catalogue's own names of its levels
SHORT_MINUTES = 90  # what "短一点" means
ROUGHLY = 0.25  # "一小时左右" is 45 to 75 minutes


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. Limits are inclusive; prices in fen, lengths in minutes; None and empty mean "no limit".

    ``subject`` is what is left to search for, folded; it may be empty. ``refining`` are level words that courses
    also say of themselves ("零基础"): they sharpen an order, but find nothing while there is a subject.
    ``several`` tells that the subject lists more than one thing ("做饭和插花").
    """

    subject: str = ""
    refining: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    min_fen: int | None = None
    max_fen: int | None = None
    levels: frozenset[str] = frozenset()
    min_minutes: float | None = None
    max_minutes: float | None = None
    newest: bool = False
    several: bool = False

    @property
    def limits(self) -> tuple[str, ...]:
        """Return which kinds of limit are set: some of "price", "level" and "length"."""
        price = self.min_fen is not None or self.max_fen is not None
        length = self.min_minutes is not None or self.max_minutes is not None
        said = (("price", price), ("level", bool(self.levels)), ("length", length))
        return tuple(kind for kind, is_set in said if is_set)


_Read = Callable[[re.Match[str]], Mapping[str, Any] | None]


@lru_cache(1_024)
def understand(text: str) -> Wish:
    """Read a sentence of any spelling, in some 10 µs. Nothing is an error; at worst all of it is subject."""
    rest, learned = fold(text), dict[str, Any]()
    for rule in _hinted(rest):
        rest = rule.apply(rest, learned)
    rest = " ".join(rest.split())
    return Wish(rest, several=_several(rest), **learned)


def _several(subject: str) -> bool:
    parts = _LISTING.split(subject)
    return len(parts) > 1 and len([part for part in parts if part.strip()]) > 1


def _hinted(text: str) -> list[_Rule]:
    """Return the rules that may find something in a text or in what others leave of it, in their order.

    What a rule takes out leaves a space, and no hint has one: the rest never hints at more than the text.
    """
    first = _FIRST_OF_HINTS.intersection(text)
    if not first:
        return []
    places = {at for char in first for hint, rules in _HINTS[char] if hint in text for at in rules}
    return [_RULES[at] for at in sorted(places)]


@dataclass(frozen=True, slots=True)
class _Rule:
    """One phrase and what it tells. ``read`` returns fields of Wish; None when the match is no such phrase.

    What a pattern names ``said`` is kept as a refining word. Every match contains one of the ``hints``.
    """

    pattern: re.Pattern[str]
    read: _Read
    hints: frozenset[str]

    def apply(self, text: str, learned: dict[str, Any]) -> str:
        """Add what the phrase tells to the fields ``learned`` so far, and return the text without it."""
        kept, at = [], 0
        for match in self.pattern.finditer(text):
            told = self.read(match)
            if told is None:
                continue
            _merge(learned, told)
            if "said" in self.pattern.groupindex and match["said"]:
                _merge(learned, {"refining": (match["said"],)})
            kept.append(text[at : match.start()])
            at = match.end()
        return " ".join((*kept, text[at:])) if kept else text


def _merge(learned: dict[str, Any], told: Mapping[str, Any]) -> None:
    """Add what was told: lists grow, and of two limits the first one said stays."""
    for name, value in told.items():
        if name not in learned:
            learned[name] = value
        elif isinstance(value, tuple):
            learned[name] += value


# Money ---------------------------------------------------------------------------------------------------------

_YUAN = r"(?:元钱?|块钱?|rmb|人民币)"
_MONEY = "元|块|rmb|人民币"
_UNIT = rf"(?:{_YUAN}(?P<jiao>[\d一二三四五六七八九](?![\d次]))?毛?)"
_BARE_SUM = rf"[¥￥]?\s*(?P<sum>{NUMBER})\s*{_UNIT}?"
_SUM = rf"[¥￥]?\s*(?P<sum>{NUMBER})\s*{_UNIT}"
_ALONE = "(?<![\\d.第几〇零一二两三四五六七八九十百千万])"  # not in the middle of a number
_BUDGET = r"预算(?:是|在|只有|就|大概|大约)?"
_BELOW = r"(?:以内|以下|之内|之下|封顶|内(?!容))"
_ABOVE = r"(?:以上|往上|起步?(?!跑))"
_AT_MOST = r"(?:不(?:要|能)?超过|别超过|不到|低于|少于|小于|最多|至多|控制在)"
_AT_LEAST = r"(?:(?<!不)(?<!别)(?<!要)超过|高于|多于|至少|不低于|不少于)"
_ROUND = r"(?:左右|上下)"
_NO_SUMS = r"(?!的?(?:加减|乘除|口算|加法|减法|乘法|除法|算术|数学))"  # "100以内的加减法" is arithmetic
_PLAIN_PRICE = r"(?=\d|[一二两三四五六七八九]?[十百千]|.[元块].?[\d一二三四五六七八九])"  # "一元", "一块" are not


def _fen(match: re.Match[str]) -> int:
    return round(number(match["sum"]) * 100) + (round(number(match["jiao"]) * 10) if match["jiao"] else 0)


def _at_most(match: re.Match[str]) -> Mapping[str, Any]:
    return {"max_fen": _fen(match)}


def _at_least(match: re.Match[str]) -> Mapping[str, Any]:
    return {"min_fen": _fen(match)}


def _about(match: re.Match[str]) -> Mapping[str, Any]:
    fen = _fen(match)
    return {"min_fen": round(fen * (1 - ROUGHLY)), "max_fen": round(fen * (1 + ROUGHLY))}


def _between(match: re.Match[str]) -> Mapping[str, Any] | None:
    low, high = round(number(match["low"]) * 100), _fen(match)
    return {"min_fen": low, "max_fen": high} if low <= high else None


# Time ----------------------------------------------------------------------------------------------------------

_TIME = (
    rf"(?:(?P<hours>{NUMBER}|半)\s*个?(?P<half>半)?(?:小时|钟头)(?P<more>半)?"
    rf"|(?P<minutes>{NUMBER})\s*分钟|(?P<quarters>[一三])刻钟)"
)
_CLOCK = "小时|钟"
_NO_HABIT = r"(?:时长)?(?<![每天日周次头])(?<!每[天日周次])"  # "每天二十分钟" is a habit, not a course's length
_DONE = r"(?:就?(?:能|可以)?(?:学完|看完|听完))"
_LEARNT = r"(?:就?(?:能|可以)?(?:学完|看完|听完|学会|搞定))"
_OF_A_COURSE = r"的(?=课|视频|教程|[a-z]|.{1,6}课)|(?=\s|$|学)"


def _minutes(match: re.Match[str]) -> float:
    if match["quarters"]:
        return 15.0 * number(match["quarters"])
    if match["minutes"]:
        return number(match["minutes"])
    hours = 0.5 if match["hours"] == "半" else number(match["hours"])
    return 60.0 * (hours + (0.5 if match["half"] or match["more"] else 0.0))


def _no_longer(match: re.Match[str]) -> Mapping[str, Any]:
    return {"max_minutes": _minutes(match)}


def _no_shorter(match: re.Match[str]) -> Mapping[str, Any]:
    return {"min_minutes": _minutes(match)}


def _about_as_long(match: re.Match[str]) -> Mapping[str, Any]:
    minutes = _minutes(match)
    return {"min_minutes": minutes * (1 - ROUGHLY), "max_minutes": minutes * (1 + ROUGHLY)}


def _some_hours(match: re.Match[str]) -> Mapping[str, Any] | None:
    """Read "两小时的课". Minutes without a bound are no limit: "午间十五分钟冥想" is a title."""
    return {"max_minutes": _minutes(match) * (1 + ROUGHLY)} if match["hours"] else None


def _from_to(match: re.Match[str]) -> Mapping[str, Any]:
    unit = 1.0 if match["unit"] == "分钟" else 60.0
    return {"min_minutes": number(match["low"]) * unit, "max_minutes": number(match["high"]) * unit}


# What it must not be -------------------------------------------------------------------------------------------

_PROBLEM = re.compile("怎么办|咋办|怎么破")  # "孩子不想学英语怎么办" is about English
_UNWANTED = (
    r"(?:(?<![要想是])不(?:想|要|愿意?|喜欢)再?(?:学习(?=[^\s,，。怎了])|学(?![习校前生历])|看(?!书)|听|做|买|选|上(?!班|台|火)|要|推荐)?"
    r"|(?<![特识区类级性个告分辨])别(?:再)?(?:给我)?(?:推荐|推|发|来|要|选|是)"
    r"|(?<!有)没有?(?:什么|啥|多大)?兴趣(?:学习?|看|听|上|了解)"
    r"|除了|除开|除去|排除|去掉|不含|不包括|讨厌)"
)
_BORED = (
    r"(?<!感)(?:不(?:太|怎么|大|是很|是太)?[感敢]兴趣|没有?(?:什么|啥|多大|太大|半点|任何)?兴趣|提不起(?:什么|半点)?兴趣)"
    r"(?![班课小爱])[了的]?"
)
_BORED_BY = (  # from the beginning of a clause, so that it is seen who says it
    r"(?:(?<=[,，。;；!！?？:：\s])|^)(?:但是?|可是|不过)?(?:我|本人)?(?:现在|暂时|其实|真的)?(?:对于?)?"
    r"(?:学(?![习校前生历])|学习(?=[^,，\s]))?"
    r"(?P<thing>[^,，。;；!！?？:：\s]{1,12}?)(?:我|都|也|真的|实在|完全|并|又|一点|可)*"
)
# Somebody else's boredom, a trouble or a question: what is named may well be what is looked for.
_NO_SUBJECT = re.compile(
    "孩子|[小男女]孩|娃|宝宝|儿子|女儿|学生|员工|同事|家人|爸|妈|老公|老婆|[他她]|谁|什么|啥|任何|一切|生活|人生|学习|工作"
    "|为何|怎么|如何|有没$|有$|^[不别没]|^(?:我|是|但是?|可是|不过)$"
)
_ENDED = r"(?=[,，。;；!！?？:：\s]|以外|之外|还[有想要能是]|也|但|而是|只?想|我?要|的|$)"
_THING = rf"(?P<thing>(?!什么|怎么|就|只|学习)[^,，。;；!！?？:：\s]{{1,12}}?){_ENDED}(?:以外|之外)?的?"
_TAIL = re.compile(r"(?:这|那)?(?:类|种|方面)?(?:课程|课|教程|内容|的|了)+$")
_AND = re.compile("[、/和与跟及或]")
_LISTING = re.compile(r"[、/,，;；&和与跟及或]|还有|以及")


def is_subject(thing: str) -> bool:
    """Tell whether somebody who has no interest in a thing names what they do not want to learn.

    Not so where another person's boredom or a trouble is told of: 孩子对英语, 对生活.
    """
    return _NO_SUBJECT.search(thing) is None


def _bored(match: re.Match[str]) -> Mapping[str, Any] | None:
    return _refused(match) if is_subject(match["thing"]) else None


def _refused(match: re.Match[str]) -> Mapping[str, Any] | None:
    if _PROBLEM.search(match.string):
        return None
    things = (_TAIL.sub("", part.strip()) for part in _AND.split(match["thing"]))
    named = tuple(thing for thing in things if thing)
    return {"without": named} if named else None


# The rules -----------------------------------------------------------------------------------------------------


def _rule(pattern: str, hints: str, read: _Read | None = None, **fields: Any) -> _Rule:
    """Make a rule that tells what ``read`` finds in the match, or ``fields`` as they are."""
    return _Rule(re.compile(pattern), read or (lambda _match: fields), frozenset(hints.split("|")))


_EASY = frozenset({BEGINNER})
_HARDER = frozenset({INTERMEDIATE, ADVANCED})
_RULES = (
    # Free, and what is said of prices without a number.
    _rule(r"(?:不要|不想要|别推荐|除了)免费的?", "免费", min_fen=1),
    _rule(r"(?:完全|全)?免费的?|白嫖|公益课|(?<!\d)(?<!\d\.)0元的?|零元", "免费|白嫖|公益|0元|零元", max_fen=0),
    _rule(r"不(?:要|用|花|收)(?:花)?钱的?", "钱", max_fen=0),
    _rule(r"(?:不要|不能|别)?太贵(?:了|的)?|不(?:太|要)?贵的?|便宜(?:一?点儿?)?的?", "贵|便宜"),
    # Prices.
    _rule(r"(?:我的?)?预算(?:不多|不高|不够|有限|紧张|很?少)的?", "预算"),
    _rule(rf"{_ALONE}(?P<low>{NUMBER})\s*{_YUAN}?\s*[-~—到至]+\s*{_SUM}(?:之间|左右)?的?", _MONEY, _between),
    _rule(rf"{_BUDGET}{_BARE_SUM}(?:{_BELOW}|{_ROUND})?的?", "预算", _at_most),
    _rule(rf"{_AT_MOST}{_SUM}(?:{_BELOW}|{_ROUND})?的?", _MONEY, _at_most),
    _rule(rf"{_AT_LEAST}{_SUM}的?", _MONEY, _at_least),
    _rule(rf"{_ALONE}{_BARE_SUM}{_BELOW}{_NO_SUMS}的?", "以下|之下|内|封顶", _at_most),
    _rule(rf"{_ALONE}{_SUM}{_ABOVE}的?", _MONEY, _at_least),
    _rule(rf"{_ALONE}{_SUM}{_ROUND}的?", _MONEY, _about),
    _rule(rf"{_ALONE}{_PLAIN_PRICE}{_SUM}(?!一次|二次|函数|方程|论)的?", _MONEY, _at_most),
    # Lengths.
    _rule(
        rf"{_NO_HABIT}(?P<low>{NUMBER})\s*(?:个?小时|分钟)?[-~到至](?P<high>{NUMBER})\s*个?"
        r"(?P<unit>小时|钟头|分钟)(?:之间|左右)?的?",
        _CLOCK,
        _from_to,
    ),
    _rule(rf"(?:时长)?{_AT_MOST}{_TIME}的?", _CLOCK, _no_longer),
    _rule(rf"(?:时长)?{_AT_LEAST}{_TIME}的?", _CLOCK, _no_shorter),
    _rule(rf"{_NO_HABIT}{_TIME}(?:{_BELOW}{_LEARNT}?|{_DONE})的?", _CLOCK, _no_longer),
    _rule(rf"{_NO_HABIT}{_TIME}以上的?", _CLOCK, _no_shorter),
    _rule(rf"{_NO_HABIT}(?:大概|大约)?{_TIME}{_ROUND}的?", _CLOCK, _about_as_long),
    _rule(rf"{_NO_HABIT}{_TIME}(?:{_LEARNT}|{_OF_A_COURSE})", _CLOCK, _some_hours),
    _rule(r"(?:不要|别)太长的?|短(?:一?点儿?|一些)的?", "太长|短点|短一", max_minutes=float(SHORT_MINUTES)),
    # Levels.
    _rule(
        r"(?:不要|别)?太(?:简单|浅|基础|入门)的?|不要(?:入门|零基础|基础)的?", "简单|浅|基础|入门", levels=_HARDER
    ),
    _rule(r"(?<!没)(?<!无)(?<!要不要)有(?:一?[点些])?儿?基础的?", "基础", levels=_HARDER),
    _rule(r"(?:没有?|无|毫无|不需要|不要求)(?:任何|一?点)?(?:编程)?基础的?", "基础", levels=_EASY),
    _rule(r"(?P<said>[零0](?:基础|起点))的?", "基础|起点", levels=_EASY),
    _rule(r"从[零0头](?:开始|学起|起步|学)", "从零|从0|从头", levels=_EASY),
    _rule(r"(?P<said>入门)(?:级的?)?", "入门", levels=_EASY),
    _rule(r"(?P<said>新手)(?!妈|爸|父|奶|宝|上路)", "新手", levels=_EASY),
    _rule(r"(?:纯|编程)?小白(?!菜|鞋|兔)|初学者?(?!校)", "小白|初学", levels=_EASY),
    _rule(
        r"(?<![难困])(?:不要|不会|不|别)(?:太|那么|很)?(?:难|复杂|深奥|深)(?![受过题看度吃入])的?",
        "难|复杂|深",
        levels=_EASY,
    ),
    _rule(
        r"(?<!不)简单(?:一?点儿?|易学|易懂)?的?|(?:容易|好)(?:学|上手)的?",
        "简单|容易学|容易上手|好学|好上手",
        levels=_EASY,
    ),
    _rule(r"(?P<said>进阶)的?|中级的?|提[高升]班", "进阶|中级|提高班|提升班", levels=frozenset({INTERMEDIATE})),
    _rule(
        r"(?P<said>高级)(?!感|灰|会计|经济)的?|高阶的?|有难度的?", "高级|高阶|有难度", levels=frozenset({ADVANCED})
    ),
    _rule(r"最新(?:的|款)?|新(?:出|上|上架)的|新课", "最新|新出|新上|新课", newest=True),
    # What it must not be, last: the rules above have taken "不要太难的" and "不要钱" away.
    _rule(rf"{_BORED_BY}{_BORED}", "兴趣", _bored),
    _rule(rf"{_UNWANTED}\s*{_THING}", "不|别|除|去掉|讨厌|兴趣", _refused),
)


def _by_first_character() -> Mapping[str, Sequence[tuple[str, Sequence[int]]]]:
    """Return each hint with the places of its rules, to be found by how it begins."""
    hints = sorted(set(chain.from_iterable(rule.hints for rule in _RULES)))
    found: dict[str, list[tuple[str, Sequence[int]]]] = {}
    for hint in hints:
        places = [at for at, rule in enumerate(_RULES) if hint in rule.hints]
        found.setdefault(hint[0], []).append((hint, places))
    return found


_HINTS = _by_first_character()
_FIRST_OF_HINTS = frozenset(_HINTS)
