"""What training learnt, as followers meet it in the chat: a learner, a stranger, and one who wants none of it."""

import random
import re

import pytest

from bot import training
from bot.models import Course, Entitlement
from recsys.sources import words

ANNA = "oAnna0000000000000000000000a"
BEN = "oBen00000000000000000000000b"
TITLE = re.compile(r"\d\. ([^<]+)</a>")


@pytest.fixture
def taught(live, tokenizer, monkeypatch):
    """Return a runner of stories in a shop whose model was trained on people who keep to one teacher-made pair."""
    monkeypatch.setattr(training.doors, "tokenizer", lambda _config: tokenizer)
    monkeypatch.setattr(words, "_MOST_TERMS", 200)

    def start(story):
        async def play(world):
            await world.shop.store.write(lambda tx: remember(tx, world))
            training.learn(world.shop.config, world.shop.store, world.clock, lambda _done, _of: None)
            await world.shop.suggestions.refresh(world.shop.store, world.clock.now())
            assert world.shop.suggestions.shelf.companions is not None
            return await story(world)

        return live(play)

    return start


def remember(tx, world):
    """Write down what 200 people bought: whoever learns Excel goes on to photography, whatever the texts say."""
    rng = random.Random(3)
    shelf = world.shop.suggestions.shelf.courses
    groups = [(about(shelf, "Excel"), about(shelf, "摄影")), (about(shelf, "瑜伽"), about(shelf, "英语"))]
    for person in range(200):
        first, then = groups[person % 2]
        for course_id in [*rng.sample(first, 2), *rng.sample(then, 2)]:
            world.clock.forward(seconds=60)
            tx.events.add(f"oOther{person:04}", "buy", world.clock.now(), course_id=course_id)


def about(shelf: dict[str, Course], word):
    return [each.course_id for each in shelf.values() if word in each.title or word in each.tags][:4]


def own(world, openid, course_ids):
    def work(tx):
        for course_id in course_ids:
            world.clock.forward(seconds=1)
            tx.entitlements.grant(Entitlement(openid, course_id, "test", "", world.clock.now()))

    return world.shop.store.write(work)


def test_a_learner_is_told_what_people_with_the_same_courses_went_on_to(taught):
    async def story(world):
        shelf = world.shop.suggestions.shelf.courses
        await world.say(ANNA, "你好")
        await own(world, ANNA, about(shelf, "Excel")[:3])
        listed, why = await world.say(ANNA, "推荐"), await world.say(ANNA, "为什么")
        return listed, why, [shelf[each].title for each in about(shelf, "摄影")], about(shelf, "Excel")[:3]

    listed, why, photography, _owned = taught(story)

    assert set(TITLE.findall(listed)) & set(photography)
    assert re.search(r"学过《[^》]*》的人也学这门", listed)
    assert "你学过《" in why


def test_what_somebody_asks_for_outweighs_what_others_went_on_to(taught):
    async def story(world):
        await world.say(ANNA, "你好")
        await own(world, ANNA, about(world.shop.suggestions.shelf.courses, "Excel")[:3])
        return await world.say(ANNA, "我想学瑜伽")

    listed = taught(story)

    assert "瑜伽" in TITLE.findall(listed)[0]
    assert "因为你提到「瑜伽」" in listed


def test_whoever_switched_personalisation_off_gets_what_a_stranger_gets(taught):
    async def story(world):
        await world.say(ANNA, "关闭个性化")
        await own(world, ANNA, about(world.shop.suggestions.shelf.courses, "Excel")[:3])
        return await world.say(ANNA, "推荐"), await world.say(BEN, "推荐")

    anna, ben = taught(story)

    assert "学过《" not in anna
    assert "因为你关注" not in anna
    assert len(TITLE.findall(anna)) == len(TITLE.findall(ben)) == 5


def test_a_model_taken_back_is_no_longer_heard(taught):
    async def story(world):
        await world.say(ANNA, "你好")
        await own(world, ANNA, about(world.shop.suggestions.shelf.courses, "Excel")[:3])
        before = await world.say(ANNA, "推荐")
        training.roll_back(world.shop.config)
        await world.shop.suggestions.refresh(world.shop.store, world.clock.now())
        return before, await world.say(ANNA, "推荐")

    before, after = taught(story)

    assert "学过《" in before
    assert "学过《" not in after
