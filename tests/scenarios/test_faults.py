"""Every endpoint that carries something to followers, through every fault: nothing lost or doubled, no waiting."""

import asyncio
import time

import pytest

from bot.account.mass import MASS_SEND, MASS_SENDALL
from bot.audience import Wanted
from bot.errors import AccountError
from tests.bot.test_tagging import tagging
from tests.reaching import crowd, give, letters
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.test_reach import bought, only_subscribe, only_template, round_of
from tests.scenarios.world import COURSE, TITLE, play

FAULTS = ("api_busy", "api_errors", "api_garbage", "api_lost_before", "api_lost_after", "api_quota", "bad_token")
ONCE = "/cgi-bin/message/template/subscribe"
WAYS = {
    "/cgi-bin/message/custom/send": None,
    "/cgi-bin/message/template/send": only_template,
    "/cgi-bin/message/subscribe/bizsend": only_subscribe,
    ONCE: None,
}


@pytest.fixture
def clock():
    return StoppedClock()


async def open_to(path, shop, simulator, clock):
    """Return the phone of somebody to whom this way is open, and no other."""
    phone = simulator.phone("小林")
    await phone.follow()
    if path.endswith("custom/send"):
        await phone.say("你好")
    clock.forward(minutes=2)
    if path.endswith("bizsend"):
        await phone.allow(shop.config.forms.subscribe["paid"].template_id)
    if path == ONCE:
        template = simulator.add_template("once", "提醒", {})
        shop.outbox._reach._once = template
        phone._follower.once.add((template, "1"))
        now = clock.now()
        await shop.store.write(lambda tx: tx.consents.allow_one(phone.openid, template, now))
    await shop.tagging.calls.all()  # the token is there
    return phone


def told(phone):
    return [shown for shown in phone.screen if TITLE in shown.text and shown.via != "self"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", WAYS)
def test_the_news_arrives_once_whatever_breaks_on_its_way(tmp_path, clock, path, fault):
    async def story(shop, simulator):
        phone = await open_to(path, shop, simulator, clock)
        simulator.faults.api_path = path
        setattr(simulator.faults, fault, 1)
        await bought(shop, phone)
        for _ in range(4):
            await round_of(shop, simulator)
            clock.forward(minutes=3)
        met = getattr(simulator.faults, fault)
        await phone.say("帮助")
        return met, len(told(phone))

    met, times = play(story, tmp_path, clock=clock, templates=WAYS[path])

    assert met == 0
    # WeChat knows no repeat of a customer-service message: told twice rather than never.
    assert times == (2 if path.endswith("custom/send") and fault == "api_lost_after" else 1)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", [MASS_SEND, MASS_SENDALL])
def test_a_broadcast_arrives_once_whatever_breaks_on_its_way(tmp_path, clock, path, fault):
    async def story(shop, simulator):
        phones = crowd(shop, simulator, 3)
        tag_id = 0
        if path == MASS_SENDALL:
            tag_id = (await shop.tagging.calls.create("老客")).tag_id
            await shop.tagging.calls.tag(tag_id, [phone.openid for phone in phones])
        wanted = Wanted(tagged=(frozenset(phone.openid for phone in phones),)) if tag_id else Wanted()
        chosen = await shop.broadcasts.choose(wanted, tag_id=tag_id)
        number = (await shop.broadcasts.write_down(chosen, "新课上线", words="")).broadcast_id
        await shop.tagging.calls.all()
        simulator.faults.api_path = path
        setattr(simulator.faults, fault, 1)
        try:
            await shop.broadcasts.send(number)
        except AccountError:
            clock.forward(seconds=61)
            await shop.broadcasts.send(number)
        await simulator.settle()
        await shop.broadcasts.send(number)
        await simulator.settle()
        return getattr(simulator.faults, fault), chosen.tag_id == tag_id, [letters(phone) for phone in phones]

    assert play(story, tmp_path, clock=clock) == (0, True, [["新课上线"]] * 3)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", ["tags/get", "tags/create", "user/tag/get", "batchtagging", "batchuntagging"])
def test_tags_are_level_after_the_next_round_whatever_breaks_in_this_one(tmp_path, clock, path, fault):
    async def story(shop, simulator):
        owners = crowd(shop, simulator, 3)
        give(shop, COURSE, *owners)
        service = tagging(shop, f"买过=bought:{COURSE}")
        if path == "batchuntagging":
            number = (await service.calls.create("买过")).tag_id
            await service.calls.tag(number, [phone.openid for phone in crowd(shop, simulator, 2, start=9)])
        await service.calls.all()
        simulator.faults.api_path = path
        setattr(simulator.faults, fault, 1)
        for _ in range(2):
            try:
                await service.apply(await service.plan(), adopt=True)
            except AccountError:
                continue
        tags = [tag for tag in await service.calls.all() if tag.name == "买过"]
        members = await service.calls.members(tags[0].tag_id)
        return getattr(simulator.faults, fault), len(tags), members == {phone.openid for phone in owners}

    assert play(story, tmp_path, clock=clock) == (0, 1, True)


@pytest.mark.parametrize("fault", [each for each in FAULTS if each != "bad_token"])
def test_a_page_whose_authorisation_breaks_says_so_and_opens_at_the_next_try(tmp_path, clock, fault):
    async def story(_shop, simulator):
        phone = simulator.phone("小林")
        simulator.faults.api_path = "/sns/oauth2/access_token"
        setattr(simulator.faults, fault, 1)
        first = await phone.open(f"{simulator.webview_url}/c/{COURSE}")
        again = await phone.open(f"{simulator.webview_url}/c/{COURSE}")
        return first.status, "链接已经失效" in first.text, again.status, TITLE in again.text

    assert play(story, tmp_path, clock=clock) == (400, True, 200, True)


@pytest.mark.parametrize("path", WAYS)
def test_an_answer_that_takes_its_time_keeps_nobody_else_waiting(tmp_path, clock, path):
    async def story(shop, simulator):
        phone, other = await open_to(path, shop, simulator, clock), simulator.phone("小周")
        await other.follow()
        simulator.faults.api_path, simulator.faults.api_delay = path, 1.5
        await bought(shop, phone)
        sending = asyncio.create_task(round_of(shop, simulator))
        await asyncio.sleep(0)
        began = time.monotonic()
        answer = await other.say("帮助")
        waited, under_way = time.monotonic() - began, not sending.done()
        await sending
        return answer is not None, waited < 1.5, under_way, len(told(phone))

    assert play(story, tmp_path, clock=clock, templates=WAYS[path]) == (True, True, True, 1)
