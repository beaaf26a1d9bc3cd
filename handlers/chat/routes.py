"""Every route of the conversation on one page: which words, taps and events lead to which topic.

What is said, by hand or by voice, goes down ``WORDS`` (folded, politeness taken off), then the numbers and
不感兴趣, and what is left is an interest. The operator's keyword rules come before an interest and before the
commands of ``SMALL_TALK``; before any other command only where a rule says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.texts.book import Said
from handlers.chat import reading, replies
from handlers.chat.answers import Answer, Later, Text
from handlers.chat.topics import (
    card,
    desk,
    find,
    giving,
    invite,
    invoices,
    items,
    mine,
    notified,
    offers,
    person,
    refunds,
    reports,
    together,
)
from handlers.chat.turn import Turn

Topic = Callable[[Any, Turn], Answer | Later]

COMMANDS: tuple[tuple[str, Topic], ...] = (
    ("换一批 换一换 下一页 还有 还有别的", find.another_page),
    ("便宜点 便宜一点 太贵了 太贵 更便宜", find.cheaper),
    ("免费 免费课 免费课程 免费的", find.free),
    ("热门 热门课 热门课程", find.popular),
    ("新课 最新 最新课程", find.newest),
    ("推荐 推荐课程 给我推荐 接下来学什么 学什么好 学什么 学啥 我该学什么 下一步学什么", find.for_me),
    ("为什么 为啥 理由", find.why),
    ("我的课程 我的课 继续学习", mine.courses),
    ("我的会员 会员 vip 开通会员 会员续费 续费 续费会员 会员到期 我的vip", items.my_membership),
    ("我的订单 订单", mine.orders),
    ("送朋友 送给朋友 送礼物 送人 我要送人 赠送 送礼 买来送人", giving.to_a_friend),
    ("我的礼物 礼物 送出的课", giving.given),
    ("兑换 兑换码 兑换课程 怎么兑换", giving.how),
    ("我的拼团 拼团 拼团进度", together.mine),
    ("退出拼团 取消拼团", together.leave),
    ("继续支付 继续付款 付款 支付 去付款 去支付", mine.continue_paying),
    ("取消订单 取消支付 取消付款 不买了 不想买了", mine.cancel_order),
    ("我付了 我付过了 付了没开通 没开通 付款了 我付款了 已付款 我已付款", mine.i_paid),
    ("我的兴趣 隐私 你记得我什么", mine.interests),
    ("关闭个性化", mine.switch_off),
    ("开启个性化", mine.switch_on),
    ("忘记我的兴趣 清空兴趣 清空我的兴趣", mine.forget),
    ("导出我的数据 导出 导出数据 我的数据 下载我的数据", mine.export),
    ("删除我的数据 删除数据 删除我的全部数据 注销 注销账号", mine.ask_to_erase),
    (replies.ERASE, mine.erase),
    ("不删了 不删除 不删除了 先不删了", mine.keep),
    ("邀请好友 我的邀请 邀请 邀请有奖 邀请奖励 我的奖励 领奖励 推荐给朋友", invite.mine),
    ("领取 免费领取", card.claim),
    ("撤销 撤回", card.undo),
    ("多少钱 价格 什么价 怎么卖 怎么收费 怎么买 怎么购买 购买 买 下单 免费吗 要钱 收费 贵吗", card.price),
    ("更多", desk.read_on),
    ("人工 客服 转人工 人工客服 在线客服 真人 找人工 找客服", person.human),
    ("结束人工 结束客服 退出人工", person.over),
    ("退款 怎么退款 如何退款 申请退款 退款怎么办 能退款 退钱 退费 退课 退货 能退 怎么退 确认退款", refunds.ask),
    ("不退了 不退 不退款 先不退 先不退了 取消退款 不退款了", refunds.keep),
    ("发票 开发票 怎么开发票 如何开发票 开票 我的发票", invoices.ask),
    ("优惠券 我的优惠券 优惠 优惠码 优惠活动 打折 折扣", offers.coupons),
    ("帮助 菜单 help ? 怎么用", desk.help_me),
    ("你好 您好 hi hello 在吗 有人 有人在", desk.help_me),
    ("谢谢 谢谢你 谢谢您 多谢 感谢 谢了 thanks 谢谢老师", desk.thanks),
    ("你是谁 你叫什么 你是机器人 你是什么 你是真人 你叫什么名字 你是干什么的 你会什么", desk.who),
    ("好的 好 ok 嗯 嗯嗯 行 可以 收到 知道了 明白 明白了 哦 好吧 好滴 好嘞 哈哈 哈哈哈", desk.fine),
    ("不用 不用了 不要了 不需要 算了 没事 没事了", desk.fine),
    ("再见 拜拜 bye", desk.goodbye),
)
WORDS: Mapping[str, Topic] = {word: topic for words, topic in COMMANDS for word in words.split()}
SMALL_TALK = frozenset(
    {
        desk.help_me,
        refunds.ask,
        invoices.ask,
        offers.coupons,
        desk.thanks,
        desk.who,
        desk.fine,
        desk.goodbye,
        desk.wordless,
    }
)
MENU_KEYS: Mapping[str, Topic] = {
    "recommend": find.for_me,
    "popular": find.popular,
    "new": find.newest,
    "my_courses": mine.courses,
    "my_membership": items.my_membership,
    "my_orders": mine.orders,
    "help": desk.help_me,
    "end_human": person.over,
}


@dataclass(frozen=True, slots=True)
class Intent:
    """A command that a message was taken for, and by which words. ``kept`` ones yield to no rule by accident."""

    topic: Topic
    words: str

    @property
    def kept(self) -> bool:
        """Whether only a rule that asks for commands may answer instead."""
        return self.topic not in SMALL_TALK


def ways() -> Mapping[str, str]:
    """Return every click key with a word that does the same, empty where there is none."""
    words = {topic: word for word, topic in reversed(list(WORDS.items()))}
    return {key: words.get(topic, "") for key, topic in MENU_KEYS.items()}


def text(message: Any, turn: Turn) -> Answer | Later:
    """Route what was typed or tapped."""
    turn.said = message.content or ""
    if (answer := _for_people(message, turn)) is not None:
        return answer
    return _answer(message, turn) or find.free_text(message, turn)


def voice(message: Any, turn: Turn) -> Answer | Later:
    """Route recognised speech as if it had been typed; say what was heard where it is searched for."""
    turn.said = (message.recognition or "").strip()
    if (answer := _for_people(message, turn)) is not None:
        return answer
    if not turn.said:
        return desk.media(message, turn)
    return _answer(message, turn) or Text(f"{replies.heard(turn.said)}\n{find.answer_words(turn.said, turn)}")


def media(message: Any, turn: Turn) -> Answer:
    """Keep what cannot be read for people where they wait for it, else say so."""
    return _for_people(message, turn) or desk.media(message, turn)


def _for_people(message: Any, turn: Turn) -> Answer | None:
    """Stand aside while a person serves, and keep what is left for one; None for what the bot is to answer.

    Commands, taps and greetings are answered all the same while a message may be left.
    """
    if turn.service is None and not turn.talk.leave:
        return None
    intent = recognise(turn.said, turn.suggestions.words) if turn.said else None
    topic = intent.topic if intent is not None else None
    if turn.service is not None:
        heard = topic is person.over or (topic is person.human and not turn.service.account)
        return None if heard else person.aside(message, turn)
    if turn.tap or (topic is not None and topic not in LEFT):
        return None
    return person.leave(message, turn)


def _answer(message: Any, turn: Turn) -> Answer | Later | None:
    """Answer by a rule of the operator's or by a command; None for an interest in somebody's own words."""
    intent = recognise(turn.said, turn.suggestions.words)
    book = turn.shop.texts.book
    hit = book.match(said(turn.said), command=intent is not None and intent.kept) if book.rules else None
    if hit is not None:
        return Text(hit.rule.answer)
    return intent.topic(message, turn) if intent is not None else offers.bare(turn)


def said(words: str) -> Said:
    """Make a message ready for the operator's rules: as it is, and with politeness taken off."""
    return Said.of(words, reading.commands(words))


def click(message: Any, turn: Turn) -> Answer | Later:
    """Route a menu tap; a key that nobody knows gets help."""
    if turn.service is not None and message.key != "end_human":
        return person.aside(message, turn)
    return MENU_KEYS.get(message.key or "", desk.help_me)(message, turn)


def recognise(text: str, words: Callable[[str], Iterable[str]]) -> Intent | None:
    """Return the command that a message is; None for an interest. ``words`` finds the content words of a text."""
    commands = reading.commands(text)
    for command in commands:
        if command in WORDS:
            return Intent(WORDS[command], command)
    if (form := reading.invoice_form(text)) is not None:
        return Intent(partial(invoices.fill_in, form), text)
    if reading.says_nothing(text):
        return Intent(desk.wordless, text)
    naming = [command for command in commands if reading.names_something(command)]
    for command in naming:
        if (intent := _named(command)) is not None:
            return intent
    if any(map(reading.is_other_number, naming)) and not words(text):
        return Intent(_no_such_number, text)
    return None


def _named(command: str) -> Intent | None:
    """Return the command that names a code, an order, a number, a price or a subject."""
    if (code := reading.redeem(command)) is not None:
        return Intent(partial(giving.redeem, code), command)
    if (tail := reading.refund(command)) is not None:
        return Intent(partial(_refund, tail), command)
    if (number := reading.number(command)) is not None:
        return Intent(partial(_by_number, number), command)
    if (code := reading.coupon(command)) is not None:
        return Intent(partial(offers.typed, code), command)
    if (thing := reading.priced(command)) == "":
        return Intent(card.price, command)
    if thing is not None and (number := reading.number(thing)) is not None:
        return Intent(partial(_by_number, number), command)
    if (thing := reading.not_interested(command)) is not None:
        return Intent(partial(_not_interested, thing), command)
    return None


def _refund(named: reading.Named, message: Any, turn: Turn) -> Answer | Later:
    """Show or confirm the refund of the order that was named, by its number in the list or the end of its own."""
    if len(named.tail) <= 2:  # noqa: PLR2004  no list is longer
        return (
            refunds.by_number(int(named.tail), message, turn)
            if turn.talk.refundable
            else refunds.ask(message, turn)
        )
    if named.confirmed:
        return refunds.confirm(named.tail, message, turn)
    return refunds.of_order(named.tail, message, turn)


def _no_such_number(_message: Any, _turn: Turn) -> Answer:
    return Text(replies.expired_number())


def _by_number(number: int, message: Any, turn: Turn) -> Answer | Later:
    """Do what a number means: one of the greeting's starters while they are what was shown last, else a course."""
    turn.number = number
    if turn.talk.refundable and not turn.tap:
        return refunds.by_number(number, message, turn)
    if not turn.talk.starters or turn.tap.startswith("s:"):
        return card.number(message, turn)
    if not 0 < number <= len(replies.STARTERS):
        return Text(replies.expired_number())
    starter = replies.STARTERS[number - 1]
    return WORDS[starter](message, turn) if starter in WORDS else Text(find.answer_words(starter, turn))


def _not_interested(thing: str, message: Any, turn: Turn) -> Answer | Later:
    """Hide the course that a number means or that lies open; anything else is a subject to leave out."""
    turn.number = reading.number(thing)
    if not thing or turn.number is not None:
        return card.not_interested(message, turn)
    subjects = turn.suggestions.words(thing)
    return Text(find.answer_words(f"不喜欢{'、'.join(subjects)}", turn) if subjects else replies.which_dislike())


LEFT = frozenset({refunds.ask, invoices.ask, offers.coupons, desk.who, _no_such_number})  # may be left for people
EVENTS: Mapping[str, Topic] = {
    "voice": voice,
    "image": media,
    "video": media,
    "location": media,
    "link": media,
    "unknown": media,
    "subscribe_event": desk.follow,
    "unsubscribe_event": desk.unfollow,
    "scan_event": desk.scan,
    "view_event": desk.ignore,
    # A type is the event's name and "_event", and these names end in it already.
    "templatesendjobfinish_event": notified.template_finished,
    "subscribe_msg_popup_event_event": notified.answered,
    "subscribe_msg_change_event_event": notified.answered,
    "subscribe_msg_sent_event_event": notified.notice_sent,
    "user_authorization_revoke_event": notified.revoked,
    "user_authorization_cancellation_event": notified.cancelled,
    reports.MASS_SENT: reports.mass_sent,
    "kf_create_session_event": person.taken,
    "kf_switch_session_event": person.taken,
    "kf_close_session_event": person.closed,
    "location_event": desk.ignore,
    "unknown_event": desk.ignore,
}
