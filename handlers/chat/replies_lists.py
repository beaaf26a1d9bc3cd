"""What a follower reads in a list of courses: each with its price of today and why it is there."""

from __future__ import annotations

from collections.abc import Sequence

from bot.models import Course
from bot.suggestions import SEVERAL, Shelf
from bot.texts.markup import TAP, link
from recsys.base import Part, Recommendation

HINT = "回复数字看详情，也可以说「换一批」「便宜点」「为什么」。"


def reason(found: Recommendation, mode: str, shelf: Shelf, levels: tuple[str, ...] = ()) -> str:
    """Say honestly why a course is in the list: the follower's own words, else what they are taken to mean.

    Only words that the course uses are quoted, the strongest first, ``levels`` (零基础) after the subject.
    """
    if mode == "new":
        return "新上架"
    used = shelf.words(found.item_id)
    held = [(term, typed) for _, term, _, typed in found.matches if term in used]
    if not held:
        return _unsaid(found, shelf, levels)
    if levels:
        held.sort(key=lambda word: word[0] in levels)
    said = _said(held)
    strongest, typed = held[0]
    if not said or (typed and said[0] in levels):
        return f"这门讲「{shelf.spell(strongest)}」"
    spelling = shelf.spelling
    return f"因为你提到「{'」「'.join([spelling.get(word, word) for word in said[:2]])}」"


def _said(held: Sequence[tuple[str, str]]) -> list[str]:
    """Return the words that the follower wrote as the course has them, without the pieces of longer ones.

    ``held`` are the words that the course has, each with what was written for it where that is another word.
    """
    if len(held) == 1:
        return [] if held[0][1] else [held[0][0]]
    wrote = [typed or term for term, typed in held]
    everything = "\n".join(wrote)
    return [
        term
        for term, typed in held
        if not typed and (term.isascii() or everything.count(term) == wrote.count(term))
    ]


def _unsaid(found: Recommendation, shelf: Shelf, levels: tuple[str, ...]) -> str:
    """Say why a course is there that uses none of the words asked for, if there were any."""
    asked = [part.term for part in found.matches]
    if asked:
        return f"和「{shelf.spell(min(asked, key=levels.__contains__))}」沾点边"
    if any(part.kind == "fresh" for part in found.rest):
        return "新上架，尝个鲜"
    return _strongest(found.reason, found.item_id, shelf)


def _strongest(part: Part | None, course_id: str, shelf: Shelf) -> str:
    """Say what speaks most for a course that nobody asked for."""
    if part is None:
        return _followed(course_id, shelf)
    match part.kind:
        case "bought":
            title = shelf.title(part.term)
            return f"学过《{title}》的人也学这门" if title else "和你学过的课很搭"
        case "alike":
            title = shelf.title(part.term)
            return f"和你学过的《{title}》相近" if title else "和你学过的课相近"
        case "interest":
            return f"因为你关注「{shelf.spell(part.term)}」"
        case "learned":
            return f"聊到「{shelf.spell(part.term)}」的人常学这门"
        case "segment":
            return "和你兴趣相近的人常学这门"
        case "editor":
            return "老师推荐"
        case _:
            return _followed(course_id, shelf)


def _followed(course_id: str, shelf: Shelf) -> str:
    """Say how many have a course, once there are several."""
    learners = shelf.learners.get(course_id, 0)
    return f"已有 {learners} 人在学" if learners >= SEVERAL else "可以先看看简介"


def course_line(number: int, course: Course, why: str, turn: int, price: str) -> str:
    """One course in a list: number, title, price of today, reason. A tap sends the number and whose list it is."""
    title = link(f"{TAP}?msgmenucontent={number}&msgmenuid=s%3A{turn}%3A{number}", f"{number}. {course.title}")
    return f"{title} {price}\n   {why}"


def member_price() -> str:
    """Stand in a list for the price of what a membership opens."""
    return "会员可看"


def course_list(head: str, lines: Sequence[str]) -> str:
    """Join a list of courses with one next step."""
    return "\n".join([head, *lines, HINT])
