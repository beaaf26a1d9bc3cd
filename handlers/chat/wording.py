"""What the operator's file of texts means for the chat: the default of every name, and what rules take away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.config import ChatSettings, RefundSettings
from bot.models import RefundTerms
from bot.texts import Book, Rule
from bot.texts.patterns import Budget
from handlers.chat import replies, replies_money, replies_offers, replies_refunds, routes

Default = Callable[[ChatSettings], str]
TERMS = RefundSettings().terms  # shown where the settings are not known
SAMPLES: Mapping[str, str] = {
    "starters": replies.starters(),
    "privacy": replies.PRIVACY,
    "words": replies.looked_for(["潜水"]),
    "next": "明天 09:00",
    "kind": "图片",
}
HOURS = "周一至周五 09:00-18:00"  # shown where the file has none
DEFAULTS: Mapping[str, Default] = {
    "welcome": lambda chat: replies.welcome(chat.account_name, again=False),
    "welcome_again": lambda chat: replies.welcome(chat.account_name, again=True),
    "welcome_payer": lambda chat: replies.welcome_payer(chat.account_name),
    "help": lambda _chat: replies.help_text(),
    "fallback": lambda _chat: replies.nearest_head(["潜水"], personal=False, known=True),
    "empty_shop": lambda _chat: replies.empty_shop(),
    "human": lambda _chat: replies.handed_over(),
    "human_closed": lambda _chat: replies.closed(HOURS, SAMPLES["next"]),
    "left": lambda _chat: replies.left(SAMPLES["next"]),
    "human_over": lambda _chat: replies.human_over(),
    "human_message": lambda chat: replies.human(chat.human_contact),
    "refund": lambda chat: replies_refunds.refund(TERMS, chat.human_contact),
    "invoice": lambda chat: replies_money.invoices([], chat.human_contact),
    "discount": lambda _chat: replies_offers.discount(),
    "thanks": lambda _chat: replies.thanks(),
    "who": lambda chat: replies.who(chat.account_name),
    "fine": lambda _chat: replies.fine(),
    "goodbye": lambda _chat: replies.goodbye(),
    "wordless": lambda _chat: replies.wordless(),
    "media": lambda _chat: replies.media(SAMPLES["kind"]),
}
LEAVING = ("退订", "取消订阅", "td")
NUMBERS = ("1", "2", "3", "第二个", "②", "2 多少钱", "不感兴趣", "不感兴趣 2")
EVERYDAY = (
    "我想学 Python 数据分析",
    "有没有摄影课",
    "Excel 函数怎么用",
    "零基础能学会吗",
    "心理学",
    "学剪辑要多久呀",
    "练瑜伽",
    "老板让我做 PPT",
)
TOO_MANY = 4  # of those: a rule that answers so many leaves nothing to searching
SHOWN = 8


def shown(name: str, book: Book, chat: ChatSettings, terms: RefundTerms = TERMS) -> str:
    """Return a text as the follower gets it, with samples for what is only known then."""
    own = book.words.get(name)
    if own is not None:
        return own.render({**SAMPLES, "rule": replies_refunds.refund_rule(terms)})
    if name == "refund":
        return replies_refunds.refund(terms, chat.human_contact)
    if name == "human_closed" and book.hours is not None:
        return replies.closed(book.hours.told, SAMPLES["next"])
    return DEFAULTS[name](chat)


def remarks(book: Book) -> Iterator[tuple[int, str]]:
    """Say, with its line, what is allowed but probably not meant: what rules take from commands and each other."""
    for rule in book.rules:
        yield from ((rule.line, f"{rule.title} {said}") for said in _remarks(rule, book))


def _remarks(rule: Rule, book: Book) -> Iterator[str]:
    taken, talk = _commands_hit(rule)
    if leaving := [each for each in LEAVING if routes.recognise(each, _none) is None and _fits(rule, each)]:
        yield f"会回答 {_listed(leaving)}：对方想停止消息，确认回答里说清楚怎么做"
    if taken and rule.commands:
        yield f"会盖住自带的命令 {_listed(taken)}：对方再说这些，只会得到这条规则的回答"
    elif taken:
        yield f"也对得上自带的命令 {_listed(taken)}：那些仍由命令回答；真要盖住就在这条规则里写 commands = true"
    if talk:
        yield f"会代替自带的回答 {_listed(talk)}"
    common = [each for each in EVERYDAY if _fits(rule, each)]
    if len(common) >= TOO_MANY:
        yield f"连 {_listed(common)} 都对得上，这样的消息就到不了找课了；写得更具体些"
    if short := [said for folded, said in rule.contains.items() if len(folded) == 1]:
        yield f"只要包含 {_listed(short)} 一个字就回答，多半太宽了"
    yield from _shadowed(rule, book)


def _commands_hit(rule: Rule) -> tuple[list[str], list[str]]:
    """Return which commands a rule fits: those it gets only by asking, and small talk that it gets anyway."""
    kept: list[str] = []
    talk: list[str] = []
    for words in dict.fromkeys((*NUMBERS, *LEAVING, *routes.WORDS)):
        intent = routes.recognise(words, _none)
        if intent is not None and _fits(rule, words):
            (kept if intent.kept else talk).append(words)
    return kept, talk


def _fits(rule: Rule, words: str) -> bool:
    return rule.hit(routes.said(words), Budget()) is not None


def _none(_text: str) -> tuple[str, ...]:
    return ()


def _shadowed(rule: Rule, book: Book) -> Iterator[str]:
    """Name the keywords that an earlier rule answers."""
    plain = [*rule.exact.values(), *rule.contains.values()]
    by: dict[int, list[str]] = {}
    for keyword in plain:
        for former in book.rules[: rule.number - 1]:
            if former.commands >= rule.commands and _fits(former, keyword):
                by.setdefault(former.number, []).append(keyword)
                break
    for number, keywords in by.items():
        yield f"轮不到 {_listed(keywords)}：上面的规则 {number} 先答"


def _listed(words: Sequence[str]) -> str:
    more = f" 等 {len(words)} 个" if len(words) > SHOWN else ""
    return f"「{'」「'.join(words[:SHOWN])}」{more}"
