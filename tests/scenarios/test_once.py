"""One message by consent: asked for on our pages, agreed to on WeChat's, used once, without a foreign script."""

from dataclasses import replace

import pytest

from bot.models import Entitlement
from bot.reach.once import letter
from bot.store.reach import SendingState
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.test_reach import bought, round_of, state_of
from tests.scenarios.world import COURSE, TITLE, play

ONCE = "/cgi-bin/message/template/subscribe"


@pytest.fixture
def clock():
    return StoppedClock()


def once(story, tmp_path, clock):
    """Tell ``story(shop, simulator, phone)`` of an owner of a course who does not follow."""

    async def told(shop, simulator):
        template = simulator.add_template("once", "一次性订阅消息", {})
        reach = replace(shop.config.reach, once_template=template)
        object.__setattr__(shop.config, "reach", reach)
        shop.outbox._reach._once = template
        phone, now = simulator.phone("小周"), shop.clock.now()
        shop.store.write_now(
            lambda tx: tx.entitlements.grant(Entitlement(phone.openid, COURSE, "order", "ZK1", now))
        )
        return await story(shop, simulator, phone)

    return play(told, tmp_path, clock=clock)


async def ask(simulator, phone):
    """Open the lessons and tap the link: returns WeChat's page."""
    page = await phone.open(f"{simulator.webview_url}/learn/{COURSE}")
    assert f'href="/remind?to=%2Flearn%2F{COURSE}"' in page.text
    return await phone.open(f"{simulator.webview_url}/remind?to=/learn/{COURSE}")


async def answer(page, phone, word):
    return await phone.open(f"{page.url.partition('#')[0]}&answer={word}")


def count(simulator):
    return sum(call.path == ONCE for call in simulator.calls)


def test_who_agreed_is_told_once_without_following_and_may_agree_again(tmp_path, clock):
    async def story(shop, simulator, phone):
        asked = await ask(simulator, phone)
        back = await answer(asked, phone, "confirm")
        await bought(shop, phone, "ZK1", kind="refunded")
        await bought(shop, phone, "ZK2", "第二门课", kind="refunded")
        await round_of(shop, simulator)
        again = await phone.open(f"{simulator.webview_url}/learn/{COURSE}")
        return asked.text, back, phone.screen, count(simulator), again.text, await state_of(shop, kind="refunded")

    asked, back, screen, calls, again, state = once(story, tmp_path, clock)

    assert "同意" in asked
    assert (back.status, back.url.endswith(f"/learn/{COURSE}"), "/remind" in back.text) == (200, True, False)
    assert [shown.via for shown in screen] == ["once"]
    assert f"《{TITLE}》的退款 ¥99" in screen[0].text
    assert (calls, state) == (1, ("once", SendingState.SENT))
    assert "/remind" in again


def test_who_says_no_is_sent_nothing(tmp_path, clock):
    async def story(shop, simulator, phone):
        back = await answer(await ask(simulator, phone), phone, "cancel")
        await bought(shop, phone)
        await round_of(shop, simulator)
        return back.status, phone.screen, count(simulator)

    assert once(story, tmp_path, clock) == (200, [], 0)


def test_nobody_agrees_for_somebody_else_or_twice_with_one_answer(tmp_path, clock):
    async def story(shop, simulator, phone):
        asked, thief = await ask(simulator, phone), simulator.phone("小偷")
        stolen = await answer(asked, thief, "confirm")
        late = await answer(asked, phone, "confirm")
        made_up = await phone.open(f"{simulator.webview_url}/reminded?action=confirm&reserved=abc")
        allowed = await shop.store.read(lambda tx: [tx.consents.of(who.openid) for who in (phone, thief)])
        return stolen.status, late.status, made_up.status, allowed

    assert once(story, tmp_path, clock) == (400, 400, 400, [[], []])


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_the_way_back_leads_to_no_other_site(tmp_path, clock, wanted):
    async def story(_shop, simulator, phone):
        await phone.open(f"{simulator.webview_url}/learn/{COURSE}")
        asked = await phone.open(f"{simulator.webview_url}/remind?to={wanted}")
        return await answer(asked, phone, "confirm")

    assert "evil" not in once(story, tmp_path, clock).url


def test_a_consent_whose_answer_is_lost_is_not_used_for_the_same_news_twice(tmp_path, clock):
    async def story(shop, simulator, phone):
        await answer(await ask(simulator, phone), phone, "confirm")
        await shop.tagging.calls.all()  # the token is there
        simulator.faults.api_path, simulator.faults.api_lost_after = ONCE, 1
        await bought(shop, phone, kind="refunded")
        await round_of(shop, simulator)
        clock.forward(minutes=2)
        await round_of(shop, simulator)
        reply = await phone.follow()
        return (
            [shown.via for shown in phone.screen if TITLE in shown.text],
            reply,
            await state_of(shop, kind="refunded"),
        )

    shown, reply, state = once(story, tmp_path, clock)

    assert shown == ["once"]
    assert TITLE not in reply.text
    assert state == ("once", SendingState.ARRIVED)


def test_without_a_template_no_page_offers_it(tmp_path, clock):
    async def story(shop, simulator):
        phone, now = simulator.phone(), shop.clock.now()
        shop.store.write_now(lambda tx: tx.entitlements.grant(Entitlement(phone.openid, COURSE, "gift", "", now)))
        page = await phone.open(f"{simulator.webview_url}/learn/{COURSE}")
        return "/remind" in page.text, (await phone.open(f"{simulator.webview_url}/remind")).status

    assert play(story, tmp_path, clock=clock) == (False, 404)


def test_a_letter_is_short_and_without_markup():
    told = letter('付款成功，《课》已开通！\n<a href="https://a.cn/x">点这里</a>，' + "好" * 300)

    assert (told.title, told.url) == ("付款成功", "https://a.cn/x")
    assert len(told.text) == 200
    assert "<a" not in told.text
    assert len(letter("一" * 40).title) == 15
