"""Finding courses: free text, popular and new ones, another page, cheaper ones, and why they were shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handlers.chat import replies
from handlers.chat.answers import Answer, Text
from handlers.chat.topics import card
from handlers.chat.turn import Turn
from recsys.base import Recommendation

FREE_WORDS = frozenset({"免费", "不要钱", "0元", "零元"})


def free_text(message: Any, turn: Turn) -> Answer:
    """Answer whatever no other route knows: a title, or an interest in somebody's own words."""
    return Text(answer_words(message.content or "", turn))


def answer_words(text: str, turn: Turn) -> str:
    """Open the course a text names, else search for its words and learn them."""
    course = turn.suggestions.titled(text)
    if course is not None:
        return card.open_card(course, turn, "title")
    words = list(turn.suggestions.words(text))
    cap = 0 if any(word in text for word in FREE_WORDS) else None
    words = [word for word in words if word not in FREE_WORDS]
    if turn.follower.personalised and words:
        turn.suggestions.mention(turn.tx, turn.openid, turn.profile, words, turn.now)
    turn.talk.ask("find", words, cap)
    return _list(turn)


def popular(_message: Any, turn: Turn) -> Answer:
    """Show what others learn."""
    turn.talk.ask("popular", [])
    return Text(_list(turn))


def newest(_message: Any, turn: Turn) -> Answer:
    """Show the newest courses."""
    turn.talk.ask("new", [])
    return Text(_list(turn))


def for_me(_message: Any, turn: Turn) -> Answer:
    """Show what fits the profile."""
    turn.talk.ask("find", [])
    return Text(_list(turn))


def free(_message: Any, turn: Turn) -> Answer:
    """Show what costs nothing, on the same subject if there is one."""
    turn.talk.ask("find", turn.talk.words, 0)
    return Text(_list(turn))


def another_page(_message: Any, turn: Turn) -> Answer:
    """Show the next courses of the same search."""
    if not turn.talk.mode:
        return for_me(_message, turn)
    return Text(_list(turn, more=True))


def cheaper(_message: Any, turn: Turn) -> Answer:
    """Show courses of the same search that cost less than the cheapest paid one on the list."""
    prices = [turn.shelf.courses[each].price_fen for each in turn.talk.shown if each in turn.shelf.courses]
    paid = [price for price in prices if price > 0]
    if not paid:
        return Text(replies.no_list()) if not prices else Text(replies.nothing_cheaper(0))
    cap = min(paid) - 1
    if not _find(turn, cap, set()):
        return Text(replies.nothing_cheaper(min(paid)))
    turn.talk.ask(turn.talk.mode or "find", turn.talk.words, cap)
    return Text(_list(turn))


def why(_message: Any, turn: Turn) -> Answer:
    """Explain the latest list by what made up each score."""
    shown = [each for each in turn.talk.shown if each in turn.shelf.courses]
    if not shown:
        return Text(replies.no_list())
    interests = turn.interests.weights(turn.now.timestamp()) if turn.interests is not None else {}
    recommender = turn.shelf.recommender
    terms = turn.suggestions.terms(turn.talk.words)
    entries = [(turn.shelf.courses[each].title, recommender.explain(each, terms, interests)) for each in shown]
    return Text(replies.why(entries))


def _find(turn: Turn, cap: int | None, exclude: set[str]) -> list[Recommendation]:
    exclude = exclude | turn.excluded
    size = turn.chat.list_size
    if turn.talk.mode == "popular":
        return turn.suggestions.popular(exclude=exclude, cap_fen=cap, k=size)
    if turn.talk.mode == "new":
        wanted = [each for each in turn.shelf.newest if each not in exclude and _within(turn, each, cap)]
        return [Recommendation(each, 0.0, ()) for each in wanted[:size]]
    return turn.suggestions.suggest(
        turn.talk.words, turn.interests, now=turn.now, exclude=exclude, cap_fen=cap, k=size
    )


def _within(turn: Turn, course_id: str, cap: int | None) -> bool:
    return cap is None or turn.shelf.courses[course_id].price_fen <= cap


def _list(turn: Turn, *, more: bool = False) -> str:
    """Search as the talk says, note what is shown, and word the list."""
    talk = turn.talk
    found = _find(turn, talk.cap_fen, set(talk.seen))
    if more and not any(each.item_id not in talk.seen for each in found):
        return replies.no_more()
    if not found:
        return replies.empty_shop() if not turn.shelf.courses else replies.no_more()
    talk.show([each.item_id for each in found])
    turn.tx.events.add_shown(turn.openid, talk.shown, turn.now)
    return replies.course_list(_head(talk.mode, talk.words, found), _lines(turn, found))


def _head(mode: str, words: Sequence[str], found: Sequence[Recommendation]) -> str:
    if mode == "popular":
        return replies.popular_head()
    if mode == "new":
        return replies.new_head()
    if words and found[0].basis != "query":
        return replies.nearest_head(words)
    return replies.found_head(words)


def _lines(turn: Turn, found: Sequence[Recommendation]) -> list[str]:
    return [
        replies.course_line(
            number, turn.shelf.courses[each.item_id], replies.reason(each, turn.talk.mode), turn.talk.turn
        )
        for number, each in enumerate(found, 1)
    ]
