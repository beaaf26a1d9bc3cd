"""What the bench is about, the same at every run: synthetic courses, followers, and the sentences they write."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

from bot.catalog import read_courses
from bot.models import Course

ROOT = Path(__file__).parents[2]
COURSES = 10_000
FOLLOWERS = 10_000
TALKS = 8
HELLO = "hello"
OPENINGS = ("我想学 {}", "想学{}", "有没有{}的课", "{}的课", "请推荐 {} 课程", "怎么学好{}", "{}入门", "找{}教程")
JOINTS = (" ", "和", "、", "，最好讲到")


@cache
def _seeds() -> tuple[Course, ...]:
    return tuple(read_courses((ROOT / "data" / "courses.csv").read_bytes(), "courses.csv"))


@cache
def tags() -> tuple[str, ...]:
    """Return every tag of the real catalogue once."""
    return tuple(dict.fromkeys(tag for course in _seeds() for tag in course.tags))


def courses() -> list[Course]:
    """Return ``COURSES`` courses: each a real one with half of its words taken from two others."""
    rng = Random(1)
    return [_varied(number, rng) for number in range(COURSES)]


def _varied(number: int, rng: Random) -> Course:
    base = _seeds()[number % len(_seeds())]
    other, third = rng.sample(_seeds(), 2)
    own = rng.sample(base.tags, min(3, len(base.tags)))
    sentences = rng.sample(f"{base.description}{other.description}".split("。"), 3)
    return replace(
        base,
        course_id=f"BENCH{number:05}",
        title=f"{rng.choice(own or tags())}{rng.choice(third.tags or tags())}{base.title}{number}",
        tags=tuple(dict.fromkeys([*own, *rng.sample(tags(), 2)])),
        description="。".join(sentences),
        price_fen=rng.randrange(0, 30_000, 100),
    )


@cache
def openids() -> tuple[str, ...]:
    """Return the followers."""
    return tuple(f"oBench{number:022}" for number in range(FOLLOWERS))


def sentence(rng: Random) -> str:
    """Return what somebody writes: one or two interests, in one of two million wordings, never a command."""
    wish = rng.choice(tags())
    if rng.random() < 0.75:
        wish += rng.choice(JOINTS) + rng.choice(tags())
    return rng.choice(OPENINGS).format(wish)
