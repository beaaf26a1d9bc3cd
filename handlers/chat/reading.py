"""Reading short messages: the command inside a polite sentence, the number in 第二个, and messages without words.

Pure functions on text. Which command leads where is ``routes.py``; what a longer sentence asks for is recsys'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.offers import codes
from recsys.search.fold import fold
from recsys.search.numerals import number as value_of
from recsys.search.understand import is_subject

LONGEST_COMMAND = 24  # characters; anything longer is somebody's own words
LONGEST_FORM = 200
MARKS = " ,，、。.！!？?~～…;；:：()（）[]【】「」“”\"'"
_PICTURES = re.compile(r"\[[\u4e00-\u9fffA-Za-z0-9]{1,6}\]|/:[!-~]{1,8}|[\ufe0f\u20e3]")  # [微笑] and /:rose
_GAP = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")  # 退 款
_BEFORE = re.compile(
    r"(?:我?(?:都|已经|全)?学完了[,，。.!！\s]*|老师|请问|请|麻烦[您你]?|帮忙|帮我|给我|那就|那么?|我?还?(?:想要?|要)|[你您]?能不能|[你您]?(?:能|可以)"
    r"|有没有|有什么|有|再|查看|查一?下|看一?下|看看|打开)(?=.)"
)
_AFTER = re.compile(
    r"(?<=.)(?:吧|呢|啊|呀|哦|噢|喔|啦|嘛|哈|吗|(?<!什)么|一下|谢谢[您你]?|多谢|谢了|好吗|行吗|可以吗)$"
)
_ENDINGS = frozenset("吧呢啊呀哦噢喔啦嘛哈吗么下谢您你了")  # of what _AFTER finds
_VERB = r"(?:我?(?:想|要)?(?:选择?|看看?|打开|点开?|买|学|来|要))?\s*"
_CHINESE = "[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九]"
_COUNT = rf"(?:\d{{1,2}}|{_CHINESE})"
_NUMBER = re.compile(
    rf"{_VERB}(?:第\s*(?P<nth>{_COUNT})\s*[个门号项条款节课]?(?:课程?)?|(?:编号|#)?\s*(?P<bare>{_COUNT})\s*号?)"
)
_OTHER_NUMBER = re.compile(r"[-+]?\d[\d.]*")
_NOT_INTERESTED = re.compile(r"(?:我?对)?([^,，。;；想要]*?)我?(?:不感兴趣|没有?兴趣)的?(?:是)?([^,，。;；想要]*)")
_PRICED = re.compile(r"(.*?)的?(?:要|是)?(?:多少钱|什么价|价格|怎么卖|怎么买|怎么收费|贵)")
_NAMING = re.compile(r"^[!-~][^\u3400-\u9fff]*$|[兑退优钱价卖买费贵兴\d一二三四五六七八九十]")
_OF_PRICES = re.compile("[钱价卖买费贵]")
_REDEEM = re.compile(r"(?:兑换|兑换码|使用兑换码|兑)\s*[:：]?\s*([0-9a-z][0-9a-z\s-]{0,30})")
_COUPON = re.compile(r"(?:使?用)?优惠[码券]\s*(?:是|[:：])?\s*([0-9a-z][0-9a-z-]{2,15})")
_REFUND = re.compile(
    r"(?P<sure>确认)?退(?:款|掉)?\s*(?:第\s*)?(?:订单)?\s*(?:尾号)?\s*(?P<tail>[0-9a-z]{4,18}|\d{1,2})\s*[号个门]?"
)
_INVOICE = re.compile(r"\s*(?:请|我要|我想|帮我)?(?:开票|开?发票)(?:\s+|\s*[:：,，]\s*)(\S.*)", re.DOTALL)
_TITLED = re.compile(
    r"^(?=[A-Za-z]*[0-9])[0-9A-Za-z]{6}\s+\S|"
    r"个人|抬头|税号|[0-9A-Za-z]{15,20}|(?:公司|集团|中心|学校|大学|学院|医院|院|所|室|店|厂|社|局|会)\s*$"
)
_THIS = frozenset({"", "这个", "这门", "这门课", "这个课", "这课", "它"})


def worded(text: str) -> str:
    """Return a message without the pictures that WeChat writes as words, which are about nothing: 好的[微笑]."""
    return _PICTURES.sub("", text)


def says_nothing(text: str) -> bool:
    """Tell whether there is no letter, character or digit in a message: 😀, [微笑], ……."""
    return not (text[:1].isalnum() or any(map(str.isalnum, worded(text))))


def commands(text: str) -> tuple[str, ...]:
    """Return what command a message may be: as it is written, then with one politeness after the other taken off.

    Folded, so that width, case and Traditional characters make no difference, nor do spaces between Chinese
    characters. Nothing for a long message.
    """
    if len(text) > LONGEST_COMMAND:
        return ()
    whole = fold(text)
    shown = worded(text)
    bare = (whole if shown == text else fold(shown)).strip(MARKS)
    found = {whole: None}
    if " " in bare:
        found[_GAP.sub("", bare)] = None
    while bare:
        found[bare] = None
        bare = _less_polite(bare).strip(MARKS)
    return tuple(found)


def _less_polite(command: str) -> str:
    """Return a command without its last politeness, or where it has none its first; "" where it has neither."""
    if command[-1] in _ENDINGS and (after := _AFTER.search(command)):
        return command[: after.start()]
    before = _BEFORE.match(command)
    return command[before.end() :] if before else ""


def names_something(command: str) -> bool:
    """Tell whether a command may name a code, an order, a number, a price or a dislike: most wishes do not."""
    return _NAMING.search(command) is not None


def redeem(command: str) -> str | None:
    """Return the redeem code of 「兑换 ABCD-EFGH-JKMN-P」, or of a message that is nothing else."""
    if "兑" in command:
        named = _REDEEM.fullmatch(command)
        return named[1] if named is not None else None
    if len(command) <= codes.LENGTH:
        return None
    code = codes.read(command)
    return command if code is not None and codes.whole(code) else None


def number(command: str) -> int | None:
    """Return the number that a command names: "2", 二, 第二个, 选2, 2号; None when it names none."""
    found = _NUMBER.fullmatch(command)
    return int(value_of(found["nth"] or found["bare"])) if found else None


@dataclass(frozen=True, slots=True)
class Named:
    """Whose money is wanted back: the end of its number, or its place in a list; ``confirmed``: for sure."""

    tail: str
    confirmed: bool


def refund(command: str) -> Named | None:
    """Return whose money a command wants back: 退款 7k2m9q, 退款 2, 确认退款 7k2m9q; None for other messages."""
    found = _REFUND.fullmatch(command) if "退" in command else None
    return Named(found["tail"], bool(found["sure"])) if found else None


def invoice_form(text: str) -> str | None:
    """Return what somebody filled in behind 开票 or 发票, as they wrote it; None for other messages.

    开票 实操 asks for a course: only what has the look of a title, a tax number or the end of an order's is a form.
    """
    found = _INVOICE.fullmatch(text) if "票" in text and len(text) <= LONGEST_FORM else None
    return found[1] if found and _TITLED.search(found[1]) else None


def is_other_number(command: str) -> bool:
    """Tell whether a command is a number that no list can have: -1, 1.5, 100."""
    return _OTHER_NUMBER.fullmatch(command) is not None


def priced(command: str) -> str | None:
    """Return what somebody asks the price of, "" for what lies open; None for other messages."""
    return _thing(_PRICED.fullmatch(command)) if _OF_PRICES.search(command) else None


def coupon(command: str) -> str | None:
    """Return the code in 「优惠码 SPRING」, as codes are kept; None for other messages."""
    found = _COUPON.fullmatch(command) if "优惠" in command else None
    return found[1].upper() if found else None


def not_interested(command: str) -> str | None:
    """Return what somebody says they are not interested in, "" for what lies open; None for other messages."""
    thing = _thing(_NOT_INTERESTED.fullmatch(command)) if "兴趣" in command else None
    return thing if thing is None or is_subject(thing) else None


def _thing(found: re.Match[str] | None) -> str | None:
    if found is None:
        return None
    thing = "".join(found.groups()).strip(MARKS)
    return "" if thing in _THIS else thing
