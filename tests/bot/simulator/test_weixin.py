"""api.weixin.qq.com: tokens, customer-service messages, menus, users."""

import asyncio
import json

import pytest
from tornado.httpclient import HTTPClientError


async def call(world, method, path, body=None, **query):
    query = "&".join(f"{name}={value}" for name, value in query.items())
    raw = body if isinstance(body, bytes | None) else json.dumps(body, ensure_ascii=False).encode()
    response = await world.fetch(f"{world.sim.url}{path}?{query}", method=method, body=raw)
    assert response.code == 200, response.code
    return json.loads(response.body)


async def token_of(world, **more):
    settings = world.sim.settings
    body = {"grant_type": "client_credential", "appid": settings.app_id, "secret": settings.app_secret}
    return await call(world, "POST", "/cgi-bin/stable_token", body | more)


async def send(world, openid, content="你好", *, token=None, **message):
    token = token or (await token_of(world))["access_token"]
    message = message or {"msgtype": "text", "text": {"content": content}}
    told = await call(
        world, "POST", "/cgi-bin/message/custom/send", {"touser": openid} | message, access_token=token
    )
    return told["errcode"]


# ---- tokens ----


def test_the_stable_token_stays_and_tells_what_is_left(play):
    async def story(world):
        first = await token_of(world)
        world.clock.forward(600)
        second = await token_of(world)

        assert first["access_token"] == second["access_token"]
        assert (first["expires_in"], second["expires_in"]) == (7200, 6600)
        assert len(first["access_token"]) < 512

    play(story)


def test_the_stable_token_is_renewed_five_minutes_early_and_the_old_one_lives_on(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.say("你好")
        old = (await token_of(world))["access_token"]
        world.clock.forward(6901)

        new = (await token_of(world))["access_token"]

        assert new != old
        assert await send(world, phone.openid, token=old) == 0
        world.clock.forward(300)
        assert await send(world, phone.openid, token=old) == 42001

    play(story)


def test_forcing_kills_the_old_token_and_cannot_be_repeated_at_once(play):
    async def story(world):
        old = (await token_of(world))["access_token"]

        new = (await token_of(world, force_refresh=True))["access_token"]

        assert new != old
        assert await send(world, world.sim.phone().openid, token=old) == 40001
        assert (await token_of(world, force_refresh=True))["errcode"] == 45011

    play(story)


def test_the_plain_token_kills_its_former_and_leaves_the_stable_one(play):
    async def story(world):
        settings = world.sim.settings
        query = {"grant_type": "client_credential", "appid": settings.app_id, "secret": settings.app_secret}
        phone = world.sim.phone(following=True)
        await phone.say("你好")
        stable = (await token_of(world))["access_token"]
        first = (await call(world, "GET", "/cgi-bin/token", **query))["access_token"]
        second = (await call(world, "GET", "/cgi-bin/token", **query))["access_token"]

        codes = [await send(world, phone.openid, token=each) for each in (first, second, stable)]

        assert codes == [40001, 0, 0]

    play(story)


@pytest.mark.parametrize(
    ("change", "errcode"),
    [({"appid": "wx1"}, 40013), ({"secret": "x"}, 40125), ({"grant_type": "x"}, 40002), ({"appid": ""}, 41002)],
)
def test_a_wrong_credential_gets_its_own_errcode_and_a_rid(play, change, errcode):
    async def story(world):
        told = await token_of(world, **change)

        assert told["errcode"] == errcode
        assert "rid: " in told["errmsg"]

    play(story)


def test_unknown_paths_and_methods_are_errors_with_status_200(play):
    async def story(world):
        assert (await call(world, "GET", "/cgi-bin/stable_token"))["errcode"] == 43002
        assert (await call(world, "GET", "/cgi-bin/nothing"))["errcode"] == 40066
        assert (await call(world, "GET", "/cgi-bin/getcallbackip"))["errcode"] == 41001

    play(story)


# ---- customer-service messages ----


def test_a_message_reaches_the_screen(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.say("你好")
        waiting = asyncio.create_task(phone.next_message())
        await asyncio.sleep(0)

        errcode = await send(world, phone.openid, '付好了，<a href="http://a.cn/learn/1">去上课</a>')

        received = await waiting
        assert errcode == 0
        assert received.via == "customer_service"
        assert received.links == (("去上课", "http://a.cn/learn/1"),)

    play(story)


def test_five_after_a_message_three_after_a_click_and_none_after_leaving(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        cold = await send(world, phone.openid)
        await phone.say("你好")
        written = [await send(world, phone.openid) for _ in range(6)]
        await phone.click("hot")
        clicked = [await send(world, phone.openid) for _ in range(4)]
        await phone.unfollow()
        gone = await send(world, phone.openid)

        assert cold == gone == 45015
        assert written == [0] * 5 + [45047]
        assert clicked == [0] * 3 + [45047]

    play(story)


@pytest.mark.parametrize(
    ("act", "codes"),
    [
        (lambda phone: phone.follow(), [0, 0, 0, 45047]),
        (lambda phone: phone.scan("a"), [0, 0, 0, 45047]),
        (lambda phone: phone.say("热门", "m1"), [0, 0, 0, 45047]),
        (lambda phone: phone.voice("你好"), [0, 0, 0, 0]),
        (lambda phone: phone.view("http://a.cn/"), [45015] * 4),
        (lambda phone: phone.event("LOCATION", Latitude=1, Longitude=2, Precision=3), [45015] * 4),
    ],
)
def test_what_opens_a_window(play, act, codes):
    async def story(world):
        phone = world.sim.phone(following=True)
        await act(phone)

        assert [await send(world, phone.openid) for _ in range(4)] == codes

    play(story)


def test_the_window_of_a_click_lasts_one_minute(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.click("hot")
        token = (await token_of(world))["access_token"]
        world.clock.forward(59)
        in_time = await send(world, phone.openid, token=token)
        world.clock.forward(1)
        late = await send(world, phone.openid, token=token)

        assert (in_time, late) == (0, 45015)

    play(story)


def test_escaped_chinese_is_refused_and_an_escaped_control_is_not(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.say("你好")
        token = (await token_of(world))["access_token"]

        async def raw(text):
            body = f'{{"touser":"{phone.openid}","msgtype":"text","text":{{"content":"{text}"}}}}'.encode()
            return (await call(world, "POST", "/cgi-bin/message/custom/send", body, access_token=token))["errcode"]

        assert await raw("\\u4f60\\u597d") == 40033
        assert await raw("a\\u0026b") == 0
        assert await raw("a\\\\u4f60") == 0

    play(story)


MESSAGES = [
    ({"msgtype": "text", "text": {"content": ""}}, 44004),
    ({"msgtype": "text", "text": {"content": "字" * 683}}, 45002),
    ({"msgtype": "text", "text": {"content": "<a href=x>坏"}}, 40035),
    ({"msgtype": "hologram", "hologram": {}}, 40008),
    ({"msgtype": "image", "image": {"media_id": "m"}}, 0),
    ({"msgtype": "image", "image": {}}, 40007),
    ({"msgtype": "video", "video": {"media_id": "m", "thumb_media_id": "t"}}, 0),
    ({"msgtype": "news", "news": {"articles": [{"title": "课", "url": "http://a.cn"}]}}, 0),
    ({"msgtype": "news", "news": {"articles": [{"title": "课", "url": "http://a.cn"}] * 2}}, 45008),
    ({"msgtype": "msgmenu", "msgmenu": {"head_content": "选", "list": [{"id": "1", "content": "好"}]}}, 0),
    ({"msgtype": "miniprogrampage", "miniprogrampage": {"appid": "a", "pagepath": "p"}}, 40007),
]


@pytest.mark.parametrize(("message", "errcode"), MESSAGES)
def test_every_kind_of_message_has_its_rules(play, message, errcode):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.say("你好")

        assert await send(world, phone.openid, **message) == errcode
        assert (len(phone.screen) == 2) == (errcode == 0)

    play(story)


def test_a_refused_message_costs_no_quota(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.say("你好")

        await send(world, phone.openid, msgtype="text", text={"content": ""})

        assert [await send(world, phone.openid) for _ in range(5)] == [0] * 5

    play(story)


def test_a_menu_in_a_message_can_be_tapped(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.say("你好")
        await send(world, phone.openid, msgtype="msgmenu", msgmenu={"list": [{"id": "7", "content": "满意"}]})

        await phone.tap("满意")

        assert world.shop.deliveries[-1].fields["bizmsgmenuid"] == "7"

    play(story)


def test_typing_needs_fresh_traffic_and_only_once(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        token = (await token_of(world))["access_token"]

        async def typing(command="Typing"):
            body = {"touser": phone.openid, "command": command}
            told = await call(world, "POST", "/cgi-bin/message/custom/typing", body, access_token=token)
            return told["errcode"]

        cold = await typing()
        await phone.say("你好")
        told = [await typing(each) for each in ("Typing", "Typing", "CancelTyping", "Jump")]
        world.clock.forward(31)

        assert cold == await typing() == 45080
        assert told == [0, 45081, 0, 45072]

    play(story)


# ---- users and menus ----


def test_user_info_tells_no_name(play):
    async def story(world):
        phone = world.sim.phone()
        token = (await token_of(world))["access_token"]
        before = await call(world, "GET", "/cgi-bin/user/info", access_token=token, openid=phone.openid)
        await phone.follow("spring")
        after = await call(world, "GET", "/cgi-bin/user/info", access_token=token, openid=phone.openid)
        nobody = await call(world, "GET", "/cgi-bin/user/info", access_token=token, openid="oNobody")

        assert before == {"subscribe": 0, "openid": phone.openid}
        assert (after["subscribe"], after["qr_scene_str"]) == (1, "spring")
        assert "nickname" not in after
        assert nobody["errcode"] == 40003

    play(story)


def test_a_menu_is_made_read_and_deleted(play):
    async def story(world):
        token = (await token_of(world))["access_token"]
        sub = [{"type": "view", "name": "全部课程", "url": "http://a.cn/"}]
        menu = {"button": [{"type": "click", "name": "热门", "key": "hot"}, {"name": "更多", "sub_button": sub}]}

        made = await call(world, "POST", "/cgi-bin/menu/create", menu, access_token=token)
        read = await call(world, "GET", "/cgi-bin/menu/get", access_token=token)
        seen = await call(world, "GET", "/cgi-bin/get_current_selfmenu_info", access_token=token)
        await call(world, "GET", "/cgi-bin/menu/delete", access_token=token)
        gone = await call(world, "GET", "/cgi-bin/menu/get", access_token=token)

        assert made["errcode"] == 0
        assert read["menu"]["button"][1]["sub_button"] == [{**each, "sub_button": []} for each in sub]
        assert seen["selfmenu_info"]["button"][1]["sub_button"]["list"] == sub
        assert gone["errcode"] == 46003

    play(story)


BUTTON = {"type": "click", "name": "热门", "key": "hot"}
MENUS = [
    ({"button": []}, 40016),
    ({"button": [BUTTON] * 4}, 40016),
    ({"button": [BUTTON | {"name": "六个字的名字"}]}, 40018),
    ({"button": [BUTTON | {"type": "dance"}]}, 40017),
    ({"button": [BUTTON | {"key": "k" * 129}]}, 40019),
    ({"button": [{"type": "view", "name": "看", "url": "ftp://a.cn"}]}, 40055),
    ({"button": [{"name": "多", "sub_button": [BUTTON] * 6}]}, 40023),
    ({"button": [{"name": "多", "sub_button": [{"name": "深", "sub_button": [BUTTON]}]}]}, 40022),
    ({"button": [BUTTON | {"sub_button": [BUTTON]}]}, 40017),
]


@pytest.mark.parametrize(("menu", "errcode"), MENUS)
def test_a_menu_that_breaks_a_rule_is_refused(play, menu, errcode):
    async def story(world):
        token = (await token_of(world))["access_token"]

        assert (await call(world, "POST", "/cgi-bin/menu/create", menu, access_token=token))["errcode"] == errcode

    play(story)


def test_callback_address_helpers(play):
    async def story(world):
        token = (await token_of(world))["access_token"]
        body = {"action": "all", "check_operator": "DEFAULT"}

        checked = await call(world, "POST", "/cgi-bin/callback/check", body, access_token=token)
        ips = await call(world, "GET", "/cgi-bin/getcallbackip", access_token=token)

        assert set(checked) == {"dns", "ping"}
        assert ips == {"ip_list": ["127.0.0.1"]}

    play(story)


@pytest.mark.parametrize(
    ("path", "body", "errcode"),
    [
        ("callback/check", {"action": "x", "check_operator": "DEFAULT"}, 40202),
        ("callback/check", {"action": "all"}, 40203),
        ("openapi/quota/get", {}, 76003),
        ("openapi/quota/get", {"cgi_path": "cgi-bin/menu/get"}, 76003),
        ("openapi/quota/get", {"cgi_path": "/cgi-bin/nothing"}, 76021),
        ("openapi/quota/get", {"cgi_path": "/sns/oauth2/access_token"}, 76022),
    ],
)
def test_questions_about_the_own_account_are_refused_when_malformed(play, path, body, errcode):
    async def story(world):
        token = (await token_of(world))["access_token"]

        assert (await call(world, "POST", f"/cgi-bin/{path}", body, access_token=token))["errcode"] == errcode

    play(story)


def test_the_quota_of_a_call_counts_what_was_called(play):
    async def story(world):
        token = (await token_of(world))["access_token"]
        phone = world.sim.phone(following=True)
        await send(world, phone.openid, token=token)
        body = {"cgi_path": "/cgi-bin/message/custom/send"}

        told = await call(world, "POST", "/cgi-bin/openapi/quota/get", body, access_token=token)

        assert told["quota"] == {"daily_limit": 500_000, "used": 1, "remain": 499_999}

    play(story)


# ---- moods ----


def test_busy_bad_token_and_server_error_each_pass(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.say("你好")
        token = (await token_of(world))["access_token"]

        world.sim.faults.send_busy = 1
        busy = [await send(world, phone.openid, token=token) for _ in range(2)]
        world.sim.faults.bad_token = 1
        dead = [await send(world, phone.openid, token=token) for _ in range(2)]
        fresh = await send(world, phone.openid)
        world.sim.faults.api_errors = 1
        error = await world.fetch(f"{world.sim.url}/cgi-bin/getcallbackip?access_token=x")

        assert busy == [-1, 0]
        assert dead == [40001, 40001]
        assert fresh == 0
        assert error.code == 502

    play(story)


@pytest.mark.parametrize(("fault", "arrived"), [("api_lost_before", 0), ("api_lost_after", 1)])
def test_an_answer_is_lost_before_or_after_the_effect(play, fault, arrived):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.say("你好")
        token = (await token_of(world))["access_token"]
        setattr(world.sim.faults, fault, 1)

        with pytest.raises(HTTPClientError):
            await send(world, phone.openid, token=token)

        assert len(phone.screen) == 1 + arrived
        assert world.sim.calls[-1].path == "/cgi-bin/message/custom/send"
        assert world.sim.calls[-1].status == 0

    play(story)


def test_an_answer_may_be_slow_although_the_message_has_arrived(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.say("你好")
        token = (await token_of(world))["access_token"]
        world.sim.faults.api_delay = 0.2

        sending = asyncio.create_task(send(world, phone.openid, token=token))
        await phone.next_message()

        assert not sending.done()
        assert await sending == 0

    play(story)


def test_reset_forgets_what_happened_and_keeps_who_is_who(play):
    async def story(world):
        sim = world.sim
        phone = sim.phone(following=True)
        await phone.say("你好")
        await token_of(world)
        sim.faults.no_notice = True

        sim.reset()

        assert sim.calls == []
        assert phone.screen == []
        assert not phone.subscribed
        assert not sim.faults.no_notice
        assert sim.phone(phone.name).openid == phone.openid

    play(story)
