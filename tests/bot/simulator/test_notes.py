"""Template messages, 订阅通知 and QR codes of the simulated account: strict about limits, and told by event."""

import json

import pytest

from tests.bot.simulator.test_weixin import call, token_of

FIELDS = {"thing1": "课程", "amount2": "金额", "time3": "时间"}
GOOD = {"thing1": "Excel 入门", "amount2": "¥99.00", "time3": "2026-11-24 12:00"}


async def post(world, path, body):
    token = (await token_of(world))["access_token"]
    return await call(world, "POST", path, body, access_token=token)


async def send(world, openid, template, sort="template", values=GOOD, **more):
    path = {"template": "/cgi-bin/message/template/send", "subscribe": "/cgi-bin/message/subscribe/bizsend"}[sort]
    data = {name: {"value": value} for name, value in values.items()}
    return await post(world, path, {"touser": openid, "template_id": template, "data": data} | more)


async def create(world, **body):
    return await post(world, "/cgi-bin/qrcode/create", body)


def test_a_template_message_is_shown_and_its_end_is_told_by_event(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        template = world.sim.add_template("template", "付款成功", FIELDS)
        answer = await send(world, phone.openid, template, url="https://example.com/x")
        await world.sim.settle()
        return answer, phone.screen[-1], world.shop.deliveries[-1].fields

    answer, shown, event = play(story)

    assert (answer["errcode"], shown.via) == (0, "template")
    assert shown.text == "付款成功\n课程：Excel 入门\n金额：¥99.00\n时间：2026-11-24 12:00"
    assert (event["Event"], event["MsgID"]) == ("TEMPLATESENDJOBFINISH", str(answer["msgid"]))
    assert event["Status"] == "success"


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"thing1": "一" * 21}, 47003),
        ({"thing1": "两\n行"}, 47003),
        ({"thing1": "好 🎉"}, 47003),
        ({"thing1": ""}, 47003),
        ({"amount2": "九十九元"}, 47003),
        ({"time3": "明天"}, 47003),
        ({"thing9": "多出来的"}, 47003),
    ],
)
def test_a_field_of_the_wrong_type_is_refused(play, change, errcode):
    async def story(world):
        phone = world.sim.phone(following=True)
        template = world.sim.add_template("template", "付款成功", FIELDS)
        answer = await send(world, phone.openid, template, values=GOOD | change)
        return answer["errcode"], phone.screen

    assert play(story) == (errcode, [])


def test_a_missing_field_an_unknown_template_a_bad_address_and_a_stranger_are_refused(play):
    async def story(world):
        phone, stranger = world.sim.phone(following=True), world.sim.phone("小王")
        template = world.sim.add_template("template", "付款成功", FIELDS)
        other = world.sim.add_template("subscribe", "提醒", FIELDS)
        answers = [
            await send(world, phone.openid, template, values={"thing1": "好"}),
            await send(world, phone.openid, "no-such"),
            await send(world, phone.openid, other),
            await send(world, phone.openid, template, url="shop"),
            await send(world, stranger.openid, template),
            await send(world, "o-nobody", template),
        ]
        return [answer["errcode"] for answer in answers]

    assert play(story) == [47003, 40037, 40037, 40048, 43004, 40003]


def test_the_same_client_msg_id_is_sent_once_in_ten_minutes(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        template = world.sim.add_template("template", "付款成功", FIELDS)
        first = await send(world, phone.openid, template, client_msg_id="a")
        again = await send(world, phone.openid, template, client_msg_id="a")
        world.clock.forward(600)
        later = await send(world, phone.openid, template, client_msg_id="a")
        return first["msgid"] == again["msgid"], later["msgid"] == first["msgid"], len(phone.screen)

    assert play(story) == (True, False, 2)


def test_one_consent_is_one_notice_and_the_answers_are_events(play):
    async def story(world):
        phone = world.sim.phone()
        template = world.sim.add_template("subscribe", "提醒", FIELDS)
        codes = [(await send(world, phone.openid, template, "subscribe"))["errcode"]]
        await phone.allow(template)
        popup = world.shop.deliveries[-1]
        codes += [(await send(world, phone.openid, template, "subscribe"))["errcode"] for _ in range(2)]
        await world.sim.settle()
        sent = world.shop.deliveries[-1]
        await phone.allow(template)
        await phone.switch_off(template)
        codes.append((await send(world, phone.openid, template, "subscribe"))["errcode"])
        return codes, popup.fields["Event"], sent.fields["Event"], world.shop.deliveries[-1].fields["Event"]

    assert play(story) == (
        [43101, 0, 43101, 43101],
        "subscribe_msg_popup_event",
        "subscribe_msg_sent_event",
        "subscribe_msg_change_event",
    )


def test_several_answers_of_one_dialogue_come_as_a_repeated_list(play):
    async def story(world):
        await world.sim.phone().allow("T1", "T2")
        return world.shop.deliveries[-1].body.decode()

    body = play(story, mode="plain")

    assert body.count("<List>") == 2
    assert body.index("T1") < body.index("T2")


# ---- QR codes ----

STR = {"action_name": "QR_STR_SCENE", "expire_seconds": 60, "action_info": {"scene": {"scene_str": "海报"}}}


def test_a_scanned_code_follows_for_a_stranger_and_is_a_scan_for_a_follower(play):
    async def story(world):
        phone = world.sim.phone()
        code = await create(world, **STR)
        await phone.scan_code(code["url"])
        await phone.scan_code(code["ticket"])
        return code, [(each.fields["Event"], each.fields["EventKey"]) for each in world.shop.deliveries]

    code, events = play(story)

    assert code["expire_seconds"] == 60
    assert events == [("subscribe", "qrscene_海报"), ("SCAN", "海报")]


def test_a_code_ends_and_a_permanent_one_does_not(play):
    async def story(world):
        phone = world.sim.phone()
        short = await create(world, **STR)
        lasting = await create(world, action_name="QR_LIMIT_STR_SCENE", action_info=STR["action_info"])
        again = await create(world, action_name="QR_LIMIT_STR_SCENE", action_info=STR["action_info"])
        world.clock.forward(60)
        with pytest.raises(LookupError):
            await phone.scan_code(short["ticket"])
        await phone.scan_code(lasting["ticket"])
        pictures = [
            await world.fetch(f"{world.sim.url}/cgi-bin/showqrcode?ticket={each['ticket']}")
            for each in (short, lasting)
        ]
        return again == lasting, "expire_seconds" in lasting, [each.code for each in pictures], pictures[1].body[:4]

    assert play(story) == (True, False, [404, 200], b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"action_name": "QR"}, 40099),
        ({"expire_seconds": 0}, 40052),
        ({"expire_seconds": 2_592_001}, 40052),
        ({"expire_seconds": "60"}, 40052),
        ({"action_info": {}}, 40053),
        ({"action_info": {"scene": {"scene_str": ""}}}, 40053),
        ({"action_info": {"scene": {"scene_str": "a" * 65}}}, 40053),
        ({"action_info": {"scene": {"scene_id": 1}}}, 40053),
        ({"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 0}}}, 40053),
        ({"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 100_001}}}, 40053),
    ],
    ids=json.dumps,
)
def test_a_code_beyond_the_limits_is_refused(play, change, errcode):
    async def story(world):
        return (await create(world, **(STR | change)))["errcode"]

    assert play(story) == errcode
