"""A course that is in a mini-program or has an article: the chat links there, with our page to fall back to."""

from dataclasses import replace

import pytest

from bot import catalog
from bot.simulator.replies import BadReply, check_text
from tests.scenarios.conftest import courses

ANNA = "oAnna0000000000000000000000a"
APP_ID = "wx0123456789abcdef"
MINI = {"mini_program_appid": APP_ID, "mini_program_path": "pages/course/index?id=1&from=chat"}
PROGRAM = f'data-miniprogram-appid="{APP_ID}" data-miniprogram-path="pages/course/index?id=1&from=chat"'
ARTICLE = "https://mp.weixin.qq.com/s/abc?x=1&y=2"


async def place(world, course_id, **fields):
    """Give a course these fields, in the running shop."""
    course = next(each for each in courses() if each.course_id == course_id)
    await world.shop.store.write(
        lambda tx: catalog.store_courses(tx, [replace(course, **fields)], world.clock.now())
    )
    await world.shop.suggestions.refresh(world.shop.store, world.clock.now())
    return course


def test_the_card_leads_to_the_mini_program_the_page_and_the_article(live):
    async def story(world):
        course = await place(world, "EDU001", **MINI, article_url=ARTICLE)
        return await world.say(ANNA, course.title)

    card = live(story)

    assert f'<a {PROGRAM} href="https://shop.example.cn/c/EDU001?from=' in card
    assert f'<a href="{ARTICLE}">图文介绍</a>' in card
    assert '<a href="https://shop.example.cn/c/EDU001?from=' in card  # where it is bought
    check_text(card)


def test_what_is_theirs_opens_in_the_mini_program(live):
    async def story(world):
        course = await place(world, "EDU001", **MINI, price_fen=0)
        await world.say(ANNA, course.title)
        return [await world.say(ANNA, each) for each in ("领取", "我的课程", course.title)]

    for reply in live(story):
        assert f'<a {PROGRAM} href="https://shop.example.cn/learn/EDU001">' in reply
        check_text(reply)


def test_a_course_without_them_says_nothing_of_them(live):
    async def story(world):
        return await world.say(ANNA, "Python零基础入门课")

    card = live(story)

    assert "小程序" not in card
    assert "图文介绍" not in card
    assert "data-miniprogram" not in card


@pytest.mark.parametrize(
    "anchor",
    [
        f'<a data-miniprogram-appid="{APP_ID}" href="https://a.cn/">看</a>',
        '<a data-miniprogram-path="pages/a" href="https://a.cn/">看</a>',
        '<a data-miniprogram-appid="wx1" data-miniprogram-path="pages/a" href="https://a.cn/">看</a>',
        f'<a data-miniprogram-appid="{APP_ID}" data-miniprogram-path="" href="https://a.cn/">看</a>',
        f'<a data-miniprogram-appid="{APP_ID}" data-miniprogram-path="pages/a" href="tel:1">看</a>',
    ],
)
def test_the_simulator_refuses_half_a_mini_program_link(anchor):
    with pytest.raises(BadReply):
        check_text(anchor)
