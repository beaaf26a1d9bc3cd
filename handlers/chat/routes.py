"""Every route of the conversation on one page: which words, taps and events lead to which topic.

Text goes down ``WORDS`` (exact, after folding), then ``PATTERNS`` in order, and what is left is an interest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from handlers.chat import replies
from handlers.chat.answers import Answer, Later, Text
from handlers.chat.topics import card, desk, find, mine
from handlers.chat.turn import Turn
from recsys.text import normalise

Topic = Callable[[Any, Turn], Answer | Later]

WORDS: Mapping[str, Topic] = {
    word: topic
    for words, topic in (
        ("换一批 换一换 下一页 还有吗", find.another_page),
        ("便宜点 便宜一点 太贵了 更便宜", find.cheaper),
        ("免费 免费课 免费课程 免费的", find.free),
        ("热门 热门课 热门课程", find.popular),
        ("新课 最新 最新课程", find.newest),
        ("推荐 推荐课程 给我推荐", find.for_me),
        ("为什么 为啥 理由", find.why),
        ("我的课程 我的课 继续学习", mine.courses),
        ("我的订单 订单", mine.orders),
        ("继续支付 付款 支付", mine.continue_paying),
        ("我付了 我付过了 付了没开通 没开通", mine.i_paid),
        ("我的兴趣 隐私 你记得我什么", mine.interests),
        ("关闭个性化", mine.switch_off),
        ("开启个性化", mine.switch_on),
        ("忘记我的兴趣 清空兴趣", mine.forget),
        ("领取 免费领取", card.claim),
        ("撤销", card.undo),
        ("更多", desk.read_on),
        ("人工 客服 转人工", desk.human),
        ("帮助 菜单 help ?", desk.help_me),
        ("你好 您好 hi hello 在吗", desk.help_me),
    )
    for word in words.split()
}
PATTERNS: tuple[tuple[re.Pattern[str], Topic], ...] = (
    (re.compile(r"\d{1,2}"), card.number),
    (re.compile(r"不感兴趣\s*\d{0,2}"), card.not_interested),
)
MENU_KEYS: Mapping[str, Topic] = {
    "recommend": find.for_me,
    "popular": find.popular,
    "new": find.newest,
    "my_courses": mine.courses,
    "my_orders": mine.orders,
    "help": desk.help_me,
}
EVENTS: Mapping[str, Topic] = {
    "voice": desk.voice,
    "image": desk.media,
    "video": desk.media,
    "location": desk.media,
    "link": desk.media,
    "unknown": desk.media,
    "subscribe_event": desk.follow,
    "unsubscribe_event": desk.unfollow,
    "scan_event": desk.scan,
    "view_event": desk.ignore,
    "location_event": desk.ignore,
    "unknown_event": desk.ignore,
}


def text(message: Any, turn: Turn) -> Answer | Later:
    """Route a text."""
    plain = normalise(message.content or "").strip(" ！!。.~～")
    if plain in WORDS:
        return WORDS[plain](message, turn)
    starter = _starter(plain, turn)
    if starter:
        return WORDS[starter](message, turn) if starter in WORDS else Text(find.answer_words(starter, turn))
    for pattern, topic in PATTERNS:
        if pattern.fullmatch(plain):
            return topic(message, turn)
    return find.free_text(message, turn)


def _starter(plain: str, turn: Turn) -> str:
    """Return the starter that a number typed after the greeting means; empty for everything else."""
    fresh = not turn.talk.lists
    number = int(plain) if fresh and plain.isascii() and plain.isdigit() and len(plain) == 1 else 0
    return replies.STARTERS[number - 1] if 0 < number <= len(replies.STARTERS) else ""


def click(message: Any, turn: Turn) -> Answer | Later:
    """Route a menu tap; a key that nobody knows gets help."""
    return MENU_KEYS.get(message.key or "", desk.help_me)(message, turn)
