"""What the course page answers when there is nothing to buy, and that its script has words for each answer."""

import json
import re
from dataclasses import replace

import pytest

from bot.errors import Obstacle
from bot.models import CourseStatus
from tests.scenarios.conftest import ROOT
from tests.scenarios.test_money import ANNA, COURSE
from tests.scenarios.test_pages import Browser, text

DESKTOP = "Mozilla/5.0 (X11; Linux x86_64)"


async def change(world, **changes):
    course = await world.shop.store.read(lambda tx: tx.courses.get(COURSE))
    await world.shop.store.write(lambda tx: tx.courses.put_many([replace(course, **changes)], world.clock.now()))


def test_a_course_that_was_retired_while_its_page_was_open_says_so(live):
    async def story(world):
        browser = Browser(world)
        await browser.log_in(f"/c/{COURSE}", ANNA)
        await change(world, status=CourseStatus.RETIRED)
        placed = json.loads(text(await browser.open(f"/c/{COURSE}/order", method="POST")))
        return placed, await world.shop.store.read(lambda tx: tx.orders.all())

    assert live(story) == ({"state": "refused", "why": "off_sale"}, [])


def test_a_free_course_outside_wechat_sends_into_wechat(live):
    async def story(world):
        browser = Browser(world, DESKTOP)
        await change(world, price_fen=0)
        return json.loads(text(await browser.open(f"/c/{COURSE}/order", method="POST")))

    assert live(story) == {"state": "refused", "why": "in_wechat_only"}


def test_a_course_that_does_not_exist_is_refused_without_a_reason_of_ours(live):
    async def story(world):
        return json.loads(text(await Browser(world, DESKTOP).open("/c/NOPE/order", method="POST")))

    assert live(story) == {"state": "refused", "why": "course"}


@pytest.mark.parametrize("why", [*Obstacle, "session", "no_pay"])
def test_the_page_has_a_chinese_sentence_for_every_obstacle(why):
    script = (ROOT / "handlers/web/static/checkout.js").read_text("utf-8")

    assert re.search(rf"\n    {why}: \"[^\"]*[\u4e00-\u9fff][^\"]*。\"", script)
