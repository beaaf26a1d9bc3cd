"""The sentences an operator may word anew: their names, when each is said, and what may stand in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

REPLY_BYTES = 1900  # UTF-8; WeChat delivers about 2,048, and a longer reply is told in parts
HEAD_BYTES = 300  # of a sentence above a list


@dataclass(frozen=True, slots=True)
class Name:
    """One sentence. ``fields`` are its own placeholders; ``needs`` those it cannot do without.

    A needed placeholder may be replaced by words that say the same, where ``needs`` gives some.
    """

    about: str
    fields: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    limit: int = REPLY_BYTES


COMMON: Mapping[str, str] = {
    "account": "机器人的名字（[chat] account_name）",
    "contact": "人工客服的联系方式（[chat] human_contact）",
    "hours": "人工客服的时间（[office_hours]）",
}
# What a placeholder may take up when it is filled in: for the limits, so on the safe side.
FIELD_BYTES: Mapping[str, int] = {
    "starters": 700,
    "privacy": 150,
    "words": 150,
    "next": 30,
    "rule": 300,
    "kind": 12,
}
_GREETING = {"starters": "三个可以点的开头", "privacy": "隐私说明"}
_TOLD = {"privacy": "隐私"}
NAMES: Mapping[str, Name] = {
    "welcome": Name("第一次关注", _GREETING, _TOLD),
    "welcome_again": Name("取消关注后又回来", _GREETING, _TOLD),
    "welcome_payer": Name("付款后从收据关注", {"privacy": "隐私说明"}, _TOLD),
    "help": Name("帮助、你好、点了菜单里的帮助"),
    "fallback": Name("没有正好合适的课，写在列表上面", {"words": "对方要找的词"}, limit=HEAD_BYTES),
    "empty_shop": Name("一门在售的课也没有"),
    "human": Name("上班时间：已转给人工客服"),
    "human_closed": Name("不在上班时间的人工", {"next": "下一次上班的时间"}, {"hours": ""}),
    "left": Name("留言已记下"),
    "human_over": Name("结束人工，机器人接着回答"),
    "human_message": Name("转不了人工时，怎么联系到人"),
    "refund": Name("退款：没有可退的订单，或只能找人工", {"rule": "退款规则（[refund] 里设置）"}),
    "invoice": Name("发票（自带的会列出可开票的订单和格式）"),
    "discount": Name("优惠券、打折"),
    "thanks": Name("谢谢"),
    "who": Name("你是谁"),
    "fine": Name("好的、不用了"),
    "goodbye": Name("再见"),
    "wordless": Name("只有表情或标点"),
    "media": Name("图片、视频、位置等看不懂的内容", {"kind": "发来的是什么"}),
}
