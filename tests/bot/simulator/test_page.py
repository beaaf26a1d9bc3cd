"""The phone page's own interface: what it shows and what its buttons do."""

import asyncio
import json

import pytest

from tests.bot.simulator import paying

MENU = {"button": [{"type": "click", "name": "热门", "key": "hot"}]}


async def look(world, what, **query):
    told = "&".join(f"{name}={value}" for name, value in query.items())
    return json.loads((await world.fetch(f"{world.sim.url}/phone/api/{what}?{told}")).body)


async def post(world, what, content_type="application/json", **body):
    return await world.fetch(
        f"{world.sim.url}/phone/api/{what}",
        method="POST",
        body=json.dumps(body),
        headers={"Content-Type": content_type},
    )


async def act(world, phone, do, **body):
    return json.loads((await post(world, "act", openid=phone.openid, do=do, **body)).body)


@pytest.mark.parametrize("path", ["/", "/static/phone.css", "/static/phone.js"])
def test_the_page_needs_nothing_from_elsewhere(play, path):
    async def story(world):
        response = await world.fetch(world.sim.url + path)

        assert response.code == 200
        assert "charset=utf-8" in response.headers["Content-Type"]
        assert b"https://" not in response.body
        assert b"//cdn" not in response.body

    play(story)


def test_the_state_tells_the_account_the_menu_and_who_is_there(play):
    async def story(world):
        phone = world.sim.phone("小周", following=True)

        told = await look(world, "screen", openid=phone.openid, after=0)

        assert told["state"]["account"] == "知课"
        assert told["state"]["menu"] == MENU
        assert told["state"]["subscribed"] is True
        assert told["state"]["followers"] == [{"openid": phone.openid, "name": "小周"}]

    play(story, menu=MENU)


def test_every_button_does_its_act(play):
    async def story(world):
        phone = world.sim.phone()
        for do, more in [
            ("follow", {"scene": "spring"}),
            ("say", {"text": "你好", "bizmsgmenuid": "m1"}),
            ("click", {"key": "hot"}),
            ("view", {"url": "http://a.cn/"}),
            ("scan", {"scene": "autumn"}),
            ("voice", {"recognition": "听课"}),
            ("image", {}),
            ("video", {}),
            ("location", {}),
            ("link", {}),
            ("agent_takes", {}),
            ("agent_says", {"text": "你好，我是客服"}),
            ("agent_closes", {}),
            ("allow", {"template_id": "t1"}),
            ("decline", {"template_id": "t1"}),
            ("unfollow", {}),
        ]:
            assert await act(world, phone, do, **more) == {}

        kinds = [each.fields.get("Event") or each.fields["MsgType"] for each in world.shop.deliveries]
        assert kinds == [
            *("subscribe", "text", "CLICK", "VIEW", "SCAN"),
            *("voice", "image", "video", "location", "link", "kf_create_session", "kf_close_session"),
            *("subscribe_msg_popup_event", "subscribe_msg_popup_event", "unsubscribe"),
        ]
        assert [shown.text for shown in phone.screen if shown.via == "customer_service"] == ["你好，我是客服"]

    play(story)


def test_the_screen_arrives_while_the_page_waits(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        world.shop.text("在的")
        first = await look(world, "screen", openid=phone.openid, after=0)
        waiting = asyncio.create_task(look(world, "screen", openid=phone.openid, after=0, known=first["known"]))
        await asyncio.sleep(0)

        await act(world, phone, "say", text="在吗")

        told = await waiting
        rest = await look(world, "screen", openid=phone.openid, after=len(told["items"]), known="")
        assert [each["text"] for each in told["items"] + rest["items"]] == ["在吗", "在的"]

    play(story)


def test_a_bad_reply_is_told_to_the_developer(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        world.shop.reply = lambda _: b"oops"

        told = await act(world, phone, "say", text="你好")

        assert "not well-formed" in told["error"]

    play(story)


def test_a_new_follower_gets_a_phone_and_reset_empties_all(play):
    async def story(world):
        openid = json.loads((await post(world, "followers", name="")).body)["openid"]
        phone = world.sim.phone("访客1")
        await phone.follow()

        await post(world, "reset")

        assert phone.openid == openid
        assert not phone.subscribed
        told = await look(world, "screen", openid=openid, after=9)
        assert (told["start"], told["items"]) == (0, [])

    play(story)


def test_a_reset_lets_the_shop_forget_everybody_too(play):
    async def story(world):
        forgotten = []
        world.sim.attach(world.shop.url, forget=forgotten.extend)
        phones = [world.sim.phone(name) for name in ("小林", "小周")]

        await post(world, "reset")

        assert forgotten == [phone.openid for phone in phones]

    play(story)


def test_a_scanned_code_is_shown_and_then_paid(play):
    async def story(world):
        phone = world.sim.phone()
        reply = await paying.call(world, "POST", "/v3/pay/transactions/native", paying.native(world))
        code = json.loads(reply.body)["code_url"]

        shown = json.loads((await post(world, "scan-pay", openid=phone.openid, code_url=code)).body)
        unpaid = world.sim.pay.trade("ZK20261124N1").payer
        paid = json.loads((await post(world, "scan-pay", openid=phone.openid, code_url=code, confirm=True)).body)
        wrong = json.loads((await post(world, "scan-pay", openid=phone.openid, code_url="weixin://x")).body)

        assert shown["sheet"]["description"] == "Python 入门"
        assert unpaid == ""
        assert paid == {"paid": True}
        assert "失效" in wrong["error"]

    play(story)


def test_strangers_odd_acts_and_foreign_forms_are_refused(play):
    async def story(world):
        phone = world.sim.phone(following=True)

        stranger = await post(world, "act", openid="oNobody", do="say", text="x")
        odd = await post(world, "act", openid=phone.openid, do="dance")
        form = await post(
            world, "act", "application/x-www-form-urlencoded", openid=phone.openid, do="say", text="x"
        )

        assert (stranger.code, odd.code, form.code) == (404, 400, 415)
        assert world.shop.deliveries == []

    play(story)


def test_the_page_tells_who_serves_and_which_notices_are_allowed(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        template = world.sim.add_template("subscribe", "退款提醒", {"thing1": "课程"})
        world.sim.add_template("template", "付款成功", {"thing1": "课程"})
        nobody = await act(world, phone, "agent_says", text="在吗")
        await act(world, phone, "agent_takes")
        await act(world, phone, "allow", template_id=template)
        state = (await look(world, "screen", openid=phone.openid, after=0))["state"]
        await act(world, phone, "decline", template_id=template)
        return nobody, state["served"], state["notices"], phone._follower.consents, template

    nobody, served, notices, consents, template = play(story)

    assert "没有客服" in nobody["error"]
    assert (served, notices) == (True, [{"id": template, "title": "退款提醒", "allowed": 1}])
    assert consents == {template: 0}
