"""Everything that may go wrong and be told to a person, as one small tree.

    ZhikeError
    ├── ConfigError              a setting is wrong; names the key, the problem and the cure
    ├── ImportRefused            a file of courses has bad rows; nothing was imported
    ├── TextsWrong               the operator's file of texts is wrong; names every line
    ├── NotFound                 an id that the command or the page was given does not exist
    ├── NotAllowed               a move that the state of the thing forbids
    │   ├── CannotBuy            ... a wish to buy or to pay; why, the front desk puts into words
    │   │   └── CouponRefused    ... with a coupon that cannot be used here
    │   ├── CannotRefund         ... a follower's wish for their money; why, the front desk puts into words
    │   └── CannotTake           ... a wish to take a reward; why, the front desk puts into words
    ├── StoreError               the database did not take the change
    ├── MenuRefused              the menu could not be pushed; says what is live now
    ├── AccountError             api.weixin.qq.com said no (errcode, errmsg, rid, advice)
    │   └── AccountUnknown       ... or said nothing we can rely on
    │       ├── AccountBusy      ... but that it is busy
    │       └── AccountSilent    ... within the time we wait
    └── PayError                 api.mch.weixin.qq.com
        ├── PayRejected          a clear no (status, code)
        │   ├── AlreadyPaid      the trade is paid: query and book it
        │   ├── TradeClosed      the trade is closed: take a new number
        │   └── TradeNoUsed      the same number with other parameters
        ├── PayUnknown           timeout, 5xx, 429, unverifiable answer: query, then repeat the same number
        │   └── PayUnverified    ... the answer, though a success, does not carry WeChat Pay's signature
        ├── NoticeRefused        a notice that is forged, stale or unreadable
        ├── BillNotReady         WeChat Pay is still making the bill: ask again later
        └── BillUnreadable       a bill that must not be believed: wrong hash, columns or totals

``str(error)`` is Simplified Chinese for the person at the command line; details for the log are attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from bot.advice import advice, in_chinese, rid_in


class ZhikeError(Exception):
    """The root: a person can be told what happened."""


class ConfigError(ZhikeError):
    """One or more settings are wrong; ``problems`` has a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("配置有误：\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = tuple(problems)


class ImportRefused(ZhikeError):
    """A file that was not imported; ``problems`` names each bad row and what is wrong with it."""

    def __init__(self, path: str, problems: Sequence[str]) -> None:
        shown = [f"  - {problem}" for problem in problems[:50]]
        if len(problems) > len(shown):
            shown.append(f"  … 还有 {len(problems) - len(shown)} 处")
        super().__init__(f"{path} 有 {len(problems)} 处问题，一行也没有导入：\n" + "\n".join(shown))
        self.problems = tuple(problems)


class TextsWrong(ZhikeError):
    """A file of texts that is not used; ``problems`` has line (0: the file as a whole) and reason of each."""

    def __init__(self, path: str, problems: Sequence[tuple[int, str]]) -> None:
        lines = [f"  - 第 {line} 行：{why}" if line else f"  - {why}" for line, why in problems]
        super().__init__(f"{path} 有 {len(problems)} 处问题：\n" + "\n".join(lines))
        self.problems = tuple(problems)


class NotFound(ZhikeError):
    """No such course, order or follower."""


class NotAllowed(ZhikeError):
    """The thing exists, but not in a state that allows this."""


class Obstacle(StrEnum):
    """What stands in the way of a wish to buy or to pay."""

    OFF_SALE = "off_sale"
    IN_WECHAT_ONLY = "in_wechat_only"
    SETTLED = "settled"
    OVER = "over"
    OFFER_GONE = "offer_gone"
    NOT_TO_GIVE = "not_to_give"
    NO_GROUP = "no_group"
    IN_GROUP = "in_group"
    GROUP_FULL = "group_full"


class CannotBuy(NotAllowed):
    """Nothing can be bought or paid here. Whoever answers the follower words ``why``; the text is for the log."""

    def __init__(self, why: Obstacle) -> None:
        super().__init__(why.value)
        self.why = why


class CouponFault(StrEnum):
    """Why a coupon cannot be used."""

    UNKNOWN = "unknown"
    EARLY = "early"
    OVER = "over"
    NOT_HERE = "not_here"
    NOT_YOURS = "not_yours"
    USED = "used"
    EXHAUSTED = "exhausted"
    NO_USE = "no_use"
    IN_WECHAT_ONLY = "in_wechat_only"
    TOO_MANY_TRIES = "too_many_tries"


class CouponRefused(CannotBuy):
    """The coupon of a wish cannot be used; without it the item may well be bought."""

    def __init__(self, fault: CouponFault) -> None:
        super().__init__(Obstacle.OFFER_GONE)
        self.fault = fault


class NoRefund(StrEnum):
    """What stands in the way of a follower who wants their money back."""

    OFF = "off"  # the shop lets nobody do it alone
    NOT_THEIRS = "not_theirs"
    UNPAID = "unpaid"
    OVER = "over"  # the time of the promise
    LEARNT = "learnt"  # all of it
    DONE = "done"  # it went back already
    UNDER_WAY = "under_way"
    SOON = "soon"  # another refund of the same payment is less than a minute old
    UNCLEAR = "unclear"  # WeChat has still to say what became of the last one
    CHANGED = "changed"  # the amount is not the one that was shown
    PERSON = "person"  # only a person can settle it


class CannotRefund(NotAllowed):
    """Nothing goes back here. Whoever answers the follower words ``why``; the text is for the log."""

    def __init__(self, why: NoRefund) -> None:
        super().__init__(why.value)
        self.why = why


class Hindrance(StrEnum):
    """What stands in the way of taking a reward."""

    OFF = "off"
    NOTHING = "nothing"
    IN_REVIEW = "in_review"
    NOT_YET = "not_yet"
    TOO_LITTLE = "too_little"
    PERSON_DAY = "person_day"
    BUDGET = "budget"
    NAME = "name"


class CannotTake(NotAllowed):
    """Nothing can be taken now. Whoever answers the follower words ``why``; the text is for the log."""

    def __init__(self, why: Hindrance) -> None:
        super().__init__(why.value)
        self.why = why


class StoreError(ZhikeError):
    """The database refused; nothing of the transaction was kept."""


class MenuRefused(ZhikeError):
    """WeChat did not take a menu; the sentence says why, and what followers have now."""


class AccountError(ZhikeError):
    """The official account's API answered with an error number.

    ``advice`` is what an operator can do about it; ``answer`` holds all that the API said.
    """

    def __init__(self, errcode: int, errmsg: str, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(errcode, errmsg)
        self.errcode = errcode
        self.errmsg = errmsg
        self.rid = rid_in(errmsg)
        self.advice = advice(errcode, errmsg)
        self.answer: Mapping[str, Any] = answer or {}

    def __str__(self) -> str:
        return f"微信接口返回错误 {self.errcode}：{self.errmsg}。{self.advice}"


class AccountUnknown(AccountError):
    """No usable answer: the call may or may not have taken effect; ``errmsg`` is the reason, for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(-1, reason)
        self.advice = "过一会儿再试；总是这样就运行 doctor"

    def __str__(self) -> str:
        return f"没有得到微信的明确回答（{in_chinese(self.errmsg)}）。{self.advice}"


class AccountBusy(AccountUnknown):
    """WeChat said that it is busy (errcode -1)."""


class AccountSilent(AccountUnknown):
    """No answer came within the time we wait."""


class PayError(ZhikeError):
    """The root of everything WeChat Pay."""


class PayRejected(PayError):
    """WeChat Pay said no, clearly: repeating the same request will not help."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"微信支付拒绝了请求（{status} {code}）：{detail}")
        self.status = status
        self.code = code
        self.detail = detail


class AlreadyPaid(PayRejected):
    """The trade is paid already."""


class TradeClosed(PayRejected):
    """The trade is closed: a new out_trade_no is needed."""


class TradeNoUsed(PayRejected):
    """This out_trade_no was used with other parameters."""


class PayUnknown(PayError):
    """The outcome is not known; ``reason`` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"微信支付的结果暂时不明：{reason}")
        self.reason = reason


class PayUnverified(PayUnknown):
    """An answer came, but nothing proves that WeChat Pay gave it: usually our copy of its key is wrong."""


class NoticeRefused(PayError):
    """A notice that must not be believed; ``reason`` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"拒收的支付通知：{reason}")
        self.reason = reason


class BillNotReady(PayError):
    """The bill of a day is still being made."""

    def __init__(self, day: date) -> None:
        super().__init__(f"微信支付还没有做好 {day} 的账单，一般次日 10 点后才有，过半小时再试")


class BillUnreadable(PayError):
    """A bill of which nothing is believed; ``reason`` is in Chinese."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"微信支付的账单读不懂，没有拿来对账：{reason}")
        self.reason = reason
