"""One course: opened by number or title, hidden by 不感兴趣, shown again by 撤销."""

from __future__ import annotations

import re
from typing import Any

from bot.models import Course
from handlers.chat import replies
from handlers.chat.answers import Answer, Text
from handlers.chat.turn import Turn
from recsys.base import Signal
from recsys.text import normalise


def number(message: Any, turn: Turn) -> Answer:
    """Open the course a number means."""
    wanted = _number_in(message.content)
    picked = turn.talk.pick(wanted, turn.tap) if wanted is not None else None
    course = turn.shelf.courses.get(picked) if picked else None
    if course is None:
        return Text(replies.expired_number())
    return Text(open_card(course, turn, "list"))


def open_card(course: Course, turn: Turn, source: str) -> str:
    """Show a course with the way to buy, claim or open it, and learn from the interest in it."""
    turn.talk.course = course.course_id
    if turn.tx.entitlements.get(turn.openid, course.course_id):
        return replies.owned(course, turn.lesson_link(course.course_id))
    if turn.follower.personalised:
        turn.suggestions.touch(turn.tx, turn.openid, turn.profile, Signal.CLICK, course, turn.now)
    if course.free:
        return replies.free_card(course)
    return replies.card(course, turn.course_link(course, source), turn.chat.refund_note)


def claim(_message: Any, turn: Turn) -> Answer:
    """Grant the free course that lies open."""
    course = turn.shelf.courses.get(turn.talk.course)
    if course is None or not course.free:
        return Text(replies.nothing_to_claim())
    placed = turn.orders.place_in(turn.tx, turn.openid, course.course_id, turn.now, source="chat")
    url = turn.lesson_link(course.course_id)
    return Text(replies.owned(course, url) if placed.outcome == "owned" else replies.granted(course, url))


def not_interested(message: Any, turn: Turn) -> Answer:
    """Hide a course, by its number or the one that lies open, and learn from it."""
    named = _number_in(message.content)
    picked = turn.talk.pick(named, "") if named is not None else (turn.talk.course or None)
    course = turn.shelf.courses.get(picked) if picked else None
    if course is None:
        return Text(replies.which_dislike())
    turn.tx.dislikes.add(turn.openid, course.course_id, turn.now)
    turn.suggestions.touch(turn.tx, turn.openid, turn.profile, Signal.DISLIKE, course, turn.now)
    turn.talk.disliked = course.course_id
    return Text(replies.disliked(course))


def undo(_message: Any, turn: Turn) -> Answer:
    """Show again what was hidden last."""
    course = turn.shelf.courses.get(turn.talk.disliked)
    if course is None:
        return Text(replies.nothing_to_undo())
    turn.tx.dislikes.remove(turn.openid, course.course_id)
    turn.talk.disliked = ""
    return Text(replies.dislike_undone(course))


def _number_in(text: str) -> int | None:
    """Return the number that somebody wrote, as "2", "２。" or "②"; None when there is none."""
    found = re.search(r"\d+", normalise(text))
    return int(found[0]) if found else None
