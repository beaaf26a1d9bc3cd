"""Finding courses: free text, popular and new ones, another page, cheaper ones, and why they were shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.models import Course, Kind
from bot.suggestions import LONGEST_TEXT, Suggested
from handlers.chat import reading, replies, replies_lists
from handlers.chat.answers import Answer, Text
from handlers.chat.topics import card, items
from handlers.chat.turn import Turn
from recsys.base import Recommendation
from recsys.search.understand import Wish

SHORTEST_PHRASE = 4  # characters; a shorter rest without a content word is about nothing: 我, 就
PERSONAL = frozenset({"bought", "alike", "interest", "learned", "segment"})


def free_text(_message: Any, turn: Turn) -> Answer:
    """Answer whatever no other route knows: a title, or an interest in somebody's own words."""
    return Text(answer_words(turn.said, turn))


def answer_words(text: str, turn: Turn) -> str:
    """Open the course a text names, else search for what it asks and learn its subject."""
    course = turn.suggestions.titled(text)
    if course is not None:
        return card.open_card(course, turn, "title")
    text = reading.worded(text)[:LONGEST_TEXT]
    wish = _wish(turn, text)
    if turn.follower.personalised:
        _learn(turn, wish)
    mode = "new" if wish.newest and not wish.subject else "find"
    turn.talk.ask(mode, text)
    return _show(turn, _find(turn, None, set(), wish), wish=wish)


def _learn(turn: Turn, wish: Wish) -> None:
    """Remember what a wish is about, and no longer what it refuses."""
    if wish.without:
        turn.suggestions.refuse(turn.notes, turn.openid, turn.profile, wish.without, turn.now)
    if words := turn.suggestions.subject(wish):
        turn.suggestions.mention(turn.notes, turn.openid, turn.profile, words, turn.now)


def _wish(turn: Turn, text: str, cap_fen: int | None = None) -> Wish:
    """Read what a text asks for; a rest that is about nothing is no subject."""
    wish = turn.suggestions.understand(text, cap_fen)
    idle = wish.without or len(wish.subject) < SHORTEST_PHRASE
    return replace(wish, subject="") if idle and not turn.suggestions.words(wish.subject) else wish


def popular(_message: Any, turn: Turn) -> Answer:
    """Show what others learn."""
    turn.talk.ask("popular")
    return Text(_list(turn))


def newest(_message: Any, turn: Turn) -> Answer:
    """Show the newest courses."""
    turn.talk.ask("new")
    return Text(_list(turn))


def for_me(_message: Any, turn: Turn) -> Answer:
    """Show what fits the profile; right after a refusal, what its answer did not show, if that fills a list."""
    talk = turn.talk
    last = _wish(turn, talk.text)
    seen = talk.seen if talk.mode == "find" and last.without and not last.subject else []
    talk.ask("find")
    found = _find(turn, None, set(seen))
    if len(found.courses) < turn.chat.list_size:
        seen, found = [], _find(turn, None, set())
    talk.seen = seen
    return Text(_show(turn, found))


def free(_message: Any, turn: Turn) -> Answer:
    """Show what costs nothing, on the same subject if there is anything."""
    turn.talk.ask("find", turn.talk.text, 0)
    found = _find(turn, 0, set())
    if not turn.talk.text or not found.relaxed:
        return Text(_show(turn, found))
    turn.talk.ask("find", cap_fen=0)
    return Text(_show(turn, _find(turn, 0, set()), replies.nothing_free_here()))


def another_page(_message: Any, turn: Turn) -> Answer:
    """Show the next courses of the same search."""
    if not turn.talk.mode:
        return for_me(_message, turn)
    return Text(_list(turn, more=True))


def cheaper(_message: Any, turn: Turn) -> Answer:
    """Show courses of the same search that cost less than the cheapest paid one on the list."""
    prices = [turn.shelf.courses[each].price_fen for each in turn.talk.suggested if each in turn.shelf.courses]
    paid = [price for price in prices if price > 0]
    if not paid:
        return Text(replies.all_free() if prices else replies.no_list())
    cap = min(paid) - 1
    found = _find(turn, cap, set())
    if not found.courses or found.relaxed or not found.answered:
        return Text(replies.nothing_cheaper(min(paid)))
    turn.talk.ask(turn.talk.mode or "find", turn.talk.text, cap)
    return Text(_show(turn, found))


def why(_message: Any, turn: Turn) -> Answer:
    """Explain the latest list by what made up each score."""
    shown = [each for each in turn.talk.suggested if each in turn.shelf.courses]
    if not shown:
        return Text(replies.no_list())
    wish = _wish(turn, turn.talk.text)
    courses = turn.shelf.courses
    entries = [(courses[each].title, turn.suggestions.explain(each, wish, turn.person, turn.now)) for each in shown]
    return Text(replies.why(entries, turn.shelf))


def _find(turn: Turn, cap: int | None, seen: set[str], wish: Wish | None = None) -> Suggested:
    """Search as the talk says, for ``wish`` where that was read from its text already."""
    exclude = seen | turn.excluded | turn.spent
    size = turn.chat.list_size
    if turn.talk.mode == "popular":
        found = turn.suggestions.popular(turn.person, exclude=exclude, cap_fen=cap, k=size)
        return Suggested(found, answered=True)
    if turn.talk.mode == "new":
        exclude |= turn.shelf.plans.keys()
        wanted = [each for each in turn.shelf.newest if each not in exclude and _within(turn, each, cap)]
        return Suggested([Recommendation(each, 0.0, ()) for each in wanted[:size]], answered=True)
    wish = wish or _wish(turn, turn.talk.text, cap)
    return turn.suggestions.suggest(wish, turn.person, now=turn.now, exclude=exclude, k=size)


def _within(turn: Turn, course_id: str, cap: int | None) -> bool:
    return cap is None or turn.shelf.courses[course_id].price_fen <= cap


def _list(turn: Turn, *, more: bool = False) -> str:
    """Go on with the search that the talk is about."""
    found = _find(turn, turn.talk.cap_fen, set(turn.talk.seen))
    if more and not (found.courses and found.answered):
        return replies.no_more()
    return _show(turn, found)


def _show(turn: Turn, found: Suggested, head: str = "", wish: Wish | None = None) -> str:
    """Note what is shown, and word the list, below ``head`` if there is one to say.

    Where nothing answers the question, what is shown instead goes on by itself: 换一批 shows more of that.
    """
    talk = turn.talk
    if not found.courses:
        return turn.word("empty_shop", replies.empty_shop()) if not turn.shelf.courses else replies.no_more()
    talk.show([each.item_id for each in found.courses])
    turn.suggestions.shown(turn.notes, turn.openid, found.courses, turn.now)
    wish = wish or _wish(turn, talk.text)
    head = head or _head(turn, found, wish)
    if not found.answered and not found.relaxed:
        talk.text = ""
    return replies_lists.course_list(head, _lines(turn, found.courses, wish.refining))


def _head(turn: Turn, found: Suggested, wish: Wish) -> str:
    talk = turn.talk
    if talk.mode == "popular":
        return replies.popular_head(known=turn.shelf.learners_known)
    if talk.mode == "new":
        return replies.new_head()
    if found.relaxed:
        return replies.relaxed_head(found.relaxed)
    named, corrected = turn.suggestions.named(wish, found.courses)
    if corrected:
        return replies.meant_head(named)
    words = named or [turn.shelf.spell(word) for word in turn.suggestions.words(wish.subject)]
    if not found.answered:
        known = turn.shelf.learners_known
        nearest = replies.nearest_head(words, personal=_personal(found), known=known)
        return turn.word("fallback", nearest, words=replies.looked_for(words))
    if wish.without and not words and not wish.limits:
        return replies.without_head([turn.shelf.spell(each) for each in wish.without])
    if not (wish.subject or wish.limits or talk.cap_fen is not None or _personal(found)):
        return replies.unknown_head()
    return replies.found_head(words)


def _personal(found: Suggested) -> bool:
    """Tell whether any of the courses is there because of who asks."""
    return any(each.basis in PERSONAL for each in found.courses)


def _lines(turn: Turn, found: Sequence[Recommendation], levels: tuple[str, ...]) -> list[str]:
    shelf, mode, number_of_list = turn.shelf, turn.talk.mode, turn.talk.turn
    price = _price if turn.member or turn.any_limited else _list_price
    lines = []
    for number, each in enumerate(found, 1):
        course = shelf.courses[each.item_id]
        why = replies_lists.reason(each, mode, shelf, levels)
        lines.append(replies_lists.course_line(number, course, why, number_of_list, price(course, turn)))
    return lines


def _price(course: Course, turn: Turn) -> str:
    """Say what stands behind a title: that a membership opens it, or what it costs this follower today."""
    if not course.free and turn.cover.opens(course):
        return replies_lists.member_price()
    return _todays_price(course, turn) if course.course_id in turn.limited else _list_price(course, turn)


def _list_price(course: Course, turn: Turn) -> str:
    """Say what a course costs everybody; what a bundle or a membership costs depends on who asks."""
    return replies.yuan(course.price_fen) if course.kind is Kind.COURSE else _todays_price(course, turn)


def _todays_price(course: Course, turn: Turn) -> str:
    priced = items.priced(course, turn)
    return replies.today(priced) if priced is not None else replies.yuan(course.price_fen)
