"""Events to train on: people who keep to a few courses, so that there is something to learn."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot import catalog

ROOT = Path(__file__).parents[1]
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def courses():
    return catalog.read_courses((ROOT / "data" / "courses.csv").read_bytes(), "courses.csv")


def buyers(count, seed=7):
    """Yield (openid, course_id, when) of people who keep to one field each, and to one half of its courses."""
    rng = random.Random(seed)
    fields = {}
    for at, course in enumerate(courses()):
        if course.status.value == "published":
            fields.setdefault((course.category, at % 2), []).append(course.course_id)
    for person in range(count):
        liked = rng.sample(rng.choice(list(fields.values())), 4)
        for step, course_id in enumerate(liked):
            yield f"oBuyer{person:05}", course_id, NOON - timedelta(days=60 - person % 50, hours=-step)


def record(store, bought):
    def work(tx):
        for openid, course_id, at in bought:
            tx.events.add(openid, "buy", at, course_id=course_id)

    store.write_now(work)
