"""Finding courses: free text, popular and new ones, another page, cheaper ones, and why they were shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.suggestions import LONGEST_TEXT, Suggested
from handlers.chat import replies
from handlers.chat.answers import Answer, Text
from handlers.chat.topics import card
from handlers.chat.turn import Turn
from recsys.base import Recommendation


def free_text(message: Any, turn: Turn) -> Answer:
    """Answer whatever no other route knows: a title, or an interest in somebody's own words."""
    return Text(answer_words(message.content or "", turn))


def answer_words(text: str, turn: Turn) -> str:
    """Open the course a text names, else search for what it asks and learn its subject."""
    course = turn.suggestions.titled(text)
    if course is not None:
        return card.open_card(course, turn, "title")
    wish = turn.suggestions.understand(text)
    if turn.follower.personalised and (words := turn.suggestions.subject(wish)):
        turn.suggestions.mention(turn.tx, turn.openid, turn.profile, words, turn.now)
    mode = "new" if wish.newest and not wish.subject else "find"
    turn.talk.ask(mode, text[:LONGEST_TEXT])
    return _list(turn)


def popular(_message: Any, turn: Turn) -> Answer:
    """Show what others learn."""
    turn.talk.ask("popular")
    return Text(_list(turn))


def newest(_message: Any, turn: Turn) -> Answer:
    """Show the newest courses."""
    turn.talk.ask("new")
    return Text(_list(turn))


def for_me(_message: Any, turn: Turn) -> Answer:
    """Show what fits the profile."""
    turn.talk.ask("find")
    return Text(_list(turn))


def free(_message: Any, turn: Turn) -> Answer:
    """Show what costs nothing, on the same subject if there is anything."""
    turn.talk.ask("find", turn.talk.text, 0)
    if not turn.talk.text or not _find(turn, 0, set()).relaxed:
        return Text(_list(turn))
    turn.talk.ask("find", cap_fen=0)
    return Text(f"{replies.nothing_free_here()}\n{_list(turn)}")


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
    found = _find(turn, cap, set())
    if not found.courses or found.relaxed:
        return Text(replies.nothing_cheaper(min(paid)))
    turn.talk.ask(turn.talk.mode or "find", turn.talk.text, cap)
    return Text(_list(turn))


def why(_message: Any, turn: Turn) -> Answer:
    """Explain the latest list by what made up each score."""
    shown = [each for each in turn.talk.shown if each in turn.shelf.courses]
    if not shown:
        return Text(replies.no_list())
    wish = turn.suggestions.understand(turn.talk.text)
    courses = turn.shelf.courses
    entries = [(courses[each].title, turn.suggestions.explain(each, wish, turn.person, turn.now)) for each in shown]
    return Text(replies.why(entries, turn.shelf))


def _find(turn: Turn, cap: int | None, seen: set[str]) -> Suggested:
    exclude = seen | turn.excluded
    size = turn.chat.list_size
    if turn.talk.mode == "popular":
        return Suggested(turn.suggestions.popular(exclude=exclude, cap_fen=cap, k=size), answered=True)
    if turn.talk.mode == "new":
        wanted = [each for each in turn.shelf.newest if each not in exclude and _within(turn, each, cap)]
        return Suggested([Recommendation(each, 0.0, ()) for each in wanted[:size]], answered=True)
    wish = turn.suggestions.understand(turn.talk.text, cap)
    return turn.suggestions.suggest(wish, turn.person, now=turn.now, exclude=exclude, k=size)


def _within(turn: Turn, course_id: str, cap: int | None) -> bool:
    return cap is None or turn.shelf.courses[course_id].price_fen <= cap


def _list(turn: Turn, *, more: bool = False) -> str:
    """Search as the talk says, note what is shown, and word the list."""
    talk = turn.talk
    found = _find(turn, talk.cap_fen, set(talk.seen))
    if more and not (found.courses and found.answered):
        return replies.no_more()
    if not found.courses:
        return replies.empty_shop() if not turn.shelf.courses else replies.no_more()
    talk.show([each.item_id for each in found.courses])
    turn.suggestions.shown(turn.tx, turn.openid, found.courses, turn.now)
    return replies.course_list(_head(turn, found), _lines(turn, found.courses))


def _head(turn: Turn, found: Suggested) -> str:
    talk = turn.talk
    if talk.mode == "popular":
        return replies.popular_head()
    if talk.mode == "new":
        return replies.new_head()
    subject = turn.suggestions.understand(talk.text).subject
    words = [turn.shelf.spell(word) for word in turn.suggestions.words(subject)]
    if found.relaxed:
        return replies.relaxed_head(found.relaxed)
    if not found.answered:
        return replies.nearest_head(words)
    if found.meant:
        return replies.meant_head(turn.shelf.spell(found.meant))
    return replies.found_head(words)


def _lines(turn: Turn, found: Sequence[Recommendation]) -> list[str]:
    shelf, mode, number_of_list = turn.shelf, turn.talk.mode, turn.talk.turn
    return [
        replies.course_line(number, shelf.courses[each.item_id], replies.reason(each, mode, shelf), number_of_list)
        for number, each in enumerate(found, 1)
    ]
