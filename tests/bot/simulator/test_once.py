"""一次性订阅消息 of the simulated account: consent on WeChat's page, and one message for it, within limits."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.bot.simulator.test_notes import post

PATH = "/cgi-bin/message/template/subscribe"


def address(world, template, **changes):
    asked = {
        "action": "get_confirm",
        "appid": world.sim.settings.app_id,
        "scene": "1",
        "template_id": template,
        "redirect_url": f"{world.sim.webview_url}/back",
        "reserved": "abc",
    }
    return f"{world.sim.url}/mp/subscribemsg?{urlencode(asked | changes)}"


def message(phone, template, **changes):
    said = {"touser": phone.openid, "template_id": template, "scene": "1", "title": "退款"}
    return said | {"data": {"content": {"value": "已退回"}}} | changes


def test_one_consent_is_one_message(play):
    async def story(world):
        phone, template = world.sim.phone(), world.sim.add_template("once", "提醒", {})
        page = await phone.open(address(world, template))
        before = await post(world, PATH, message(phone, template))
        back = await phone.open(address(world, template, answer="confirm"))
        await phone.open(address(world, template, answer="confirm"))
        told = [(await post(world, PATH, message(phone, template)))["errcode"] for _ in range(2)]
        return page.text, before["errcode"], parse_qs(urlsplit(back.url).query), told, phone

    page, before, back, told, phone = play(story)

    assert "同意" in page
    assert before == 43101
    assert (back["openid"], back["action"], back["reserved"]) == ([phone.openid], ["confirm"], ["abc"])
    assert told == [0, 43101]  # agreeing twice does not add up
    assert [(shown.via, shown.text) for shown in phone.screen] == [("once", "退款\n已退回")]


def test_a_no_leads_back_without_an_openid(play):
    async def story(world):
        phone, template = world.sim.phone(), world.sim.add_template("once", "提醒", {})
        back = await phone.open(address(world, template, answer="cancel"))
        return parse_qs(urlsplit(back.url).query), (await post(world, PATH, message(phone, template)))["errcode"]

    back, errcode = play(story)

    assert ("openid" in back, back["action"], errcode) == (False, ["cancel"], 43101)


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "get"},
        {"appid": "wx0"},
        {"scene": "10001"},
        {"scene": "x"},
        {"template_id": "nope"},
        {"redirect_url": "https://evil.example/"},
        {"reserved": "a b"},
    ],
    ids=str,
)
def test_the_page_refuses_a_wrong_address(play, wrong):
    async def story(world):
        template = world.sim.add_template("once", "提醒", {})
        return (await world.sim.phone().open(address(world, template, **wrong))).status

    assert play(story) == 400


@pytest.mark.parametrize(
    ("wrong", "errcode"),
    [
        ({"title": "一" * 16}, 47003),
        ({"title": ""}, 47003),
        ({"data": {"content": {"value": "一" * 201}}}, 47003),
        ({"data": {}}, 47003),
        ({"scene": "2"}, 43101),
        ({"template_id": "nope"}, 40037),
        ({"touser": "nobody"}, 40003),
    ],
    ids=str,
)
def test_the_call_refuses_what_is_too_long_or_not_agreed_to(play, wrong, errcode):
    async def story(world):
        phone, template = world.sim.phone(), world.sim.add_template("once", "提醒", {})
        await phone.open(address(world, template, answer="confirm"))
        return (await post(world, PATH, message(phone, template, **wrong)))["errcode"], phone.screen

    assert play(story) == (errcode, [])
