"""message/mass/* and tags/*: what the real ones refuse, and whom they reach."""

import asyncio

import pytest

from tests.bot.simulator.test_weixin import call, token_of

TEXT = {"msgtype": "text", "text": {"content": "新课上线"}}


async def ask(world, path, **body):
    token = (await token_of(world))["access_token"]
    if not body and path.endswith("/get") and path.startswith("tags"):
        return await call(world, "GET", f"/cgi-bin/{path}", access_token=token)
    return await call(world, "POST", f"/cgi-bin/{path}", body, access_token=token)


def three(world):
    return [world.sim.phone(name, following=True) for name in ("甲", "乙", "丙")]


async def event(world):
    async with asyncio.timeout(5):
        while not world.shop.deliveries:  # noqa: ASYNC110  the tiny shop rings no bell
            await asyncio.sleep(0.01)
    return world.shop.deliveries[-1].fields


def test_a_list_gets_the_text_and_the_end_is_told_by_an_event(play):
    async def story(world):
        one, two, three_ = three(world)
        three_._follower.subscribed = False

        told = await ask(world, "message/mass/send", touser=[p.openid for p in (one, two, three_)], **TEXT)
        fields = await event(world)
        status = await ask(world, "message/mass/get", msg_id=str(told["msg_id"]))

        assert told["errmsg"] == "send job submission success"
        assert [[shown.text for shown in p.screen] for p in (one, two, three_)] == [["新课上线"], ["新课上线"], []]
        assert (fields["Event"], fields["Status"]) == ("MASSSENDJOBFINISH", "send success")
        assert (fields["TotalCount"], fields["FilterCount"], fields["SentCount"]) == ("2", "2", "2")
        assert fields["MsgID"] == str(told["msg_id"])
        assert status == {"msg_id": told["msg_id"], "msg_status": "SEND_SUCCESS"}

    play(story)


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"touser": "o1"}, 40130),
        ({"touser": ["o1"]}, 40130),
        ({"touser": ["o1"] * 10_001}, 40032),
        ({"touser": ["nobody", "knows"]}, 40003),
        ({"msgtype": "news"}, 40008),
        ({"text": {"content": ""}}, 44004),
        ({"text": {"content": "字" * 700}}, 45002),
        ({"clientmsgid": "x" * 33}, 45067),
    ],
    ids=str,
)
def test_what_is_malformed_is_refused_and_reaches_nobody(play, change, errcode):
    async def story(world):
        phones = three(world)
        message = {"touser": [p.openid for p in phones], **TEXT, **change}

        assert (await ask(world, "message/mass/send", **message))["errcode"] == errcode
        assert not any(p.screen for p in phones)

    play(story)


def test_a_client_id_is_taken_once_a_day_and_its_message_is_named(play):
    async def story(world):
        message = {"touser": [p.openid for p in three(world)], **TEXT, "clientmsgid": "B1-1"}
        first = await ask(world, "message/mass/send", **message)
        too_soon = await ask(world, "message/mass/send", **message)
        world.clock.forward(61)
        again = await ask(world, "message/mass/send", **message)
        world.clock.forward(86_400)
        next_day = await ask(world, "message/mass/send", **message)

        assert too_soon["errcode"] == 45066
        assert (again["errcode"], again["msg_id"]) == (45065, first["msg_id"])
        assert next_day["errcode"] == 0

    play(story)


def test_the_days_calls_run_out_and_the_quota_says_so(play):
    async def story(world):
        openids = [p.openid for p in three(world)]
        codes = [
            (await ask(world, "message/mass/send", touser=openids, **TEXT, clientmsgid=f"B{n}"))["errcode"]
            for n in range(3)
        ]
        left = await ask(world, "openapi/quota/get", cgi_path="/cgi-bin/message/mass/send")

        assert codes == [0, 0, 45028]
        assert left["quota"] == {"daily_limit": 2, "used": 2, "remain": 0}

    play(story, mass_calls_a_day=2)


def test_the_fifth_of_a_month_is_filtered(play):
    async def story(world):
        one, two, _three = three(world)
        for number in range(5):
            world.shop.deliveries.clear()
            await ask(world, "message/mass/send", touser=[one.openid, two.openid], **TEXT, clientmsgid=str(number))
            fields = await event(world)

        assert (fields["TotalCount"], fields["FilterCount"]) == ("2", "0")
        assert len(one.screen) == 4

    play(story)


def test_a_preview_reaches_one_and_counts_for_nothing(play):
    async def story(world):
        one = three(world)[0]
        stranger = world.sim.phone("路人")

        assert (await ask(world, "message/mass/preview", touser=one.openid, **TEXT))["errcode"] == 0
        assert (await ask(world, "message/mass/preview", touser="nobody", **TEXT))["errcode"] == 40003
        assert (await ask(world, "message/mass/preview", touser=stranger.openid, **TEXT))["errcode"] == 43004
        left = await ask(world, "openapi/quota/get", cgi_path="/cgi-bin/message/mass/send")

        assert [shown.via for shown in one.screen] == ["mass"]
        assert left["quota"]["used"] == 0

    play(story)


def test_by_tag_it_reaches_those_who_carry_it(play):
    async def story(world):
        one, two, three_ = three(world)
        tag = (await ask(world, "tags/create", tag={"name": "老客"}))["tag"]
        await ask(world, "tags/members/batchtagging", tagid=tag["id"], openid_list=[one.openid, two.openid])
        await two.unfollow()
        world.shop.deliveries.clear()

        told = await ask(world, "message/mass/sendall", filter={"is_to_all": False, "tag_id": tag["id"]}, **TEXT)
        await event(world)

        assert told["errcode"] == 0
        assert [len(p.screen) for p in (one, two, three_)] == [1, 0, 0]
        for chosen, errcode in (({}, 40035), ({"is_to_all": False, "tag_id": 9}, 45159)):
            refused = await ask(world, "message/mass/sendall", filter=chosen, **TEXT)
            assert refused["errcode"] == errcode

    play(story)


@pytest.mark.parametrize(
    ("path", "body", "errcode"),
    [
        ("tags/create", {"tag": {"name": ""}}, 45157),
        ("tags/create", {"tag": {"name": "星标组"}}, 45157),
        ("tags/create", {"tag": {"name": "一二三四五六七八九十一"}}, 45158),
        ("tags/update", {"tag": {"id": 2, "name": "新"}}, 45058),
        ("tags/update", {"tag": {"id": 999, "name": "新"}}, 45159),
        ("tags/delete", {"tag": {"id": 2}}, 45058),
        ("user/tag/get", {"tagid": 999}, 45159),
        ("tags/members/batchtagging", {"tagid": 100, "openid_list": []}, 40032),
        ("tags/members/batchtagging", {"tagid": 100, "openid_list": ["o"] * 51}, 40032),
        ("tags/members/batchtagging", {"tagid": 100, "openid_list": ["o"]}, 49003),
        ("tags/members/batchuntagging", {"tagid": 999, "openid_list": ["o"]}, 45159),
        ("tags/getidlist", {"openid": "nobody"}, 40003),
    ],
    ids=str,
)
def test_what_the_tags_refuse(play, path, body, errcode):
    async def story(world):
        await ask(world, "tags/create", tag={"name": "第一个"})
        assert (await ask(world, path, **body))["errcode"] == errcode

    play(story)


def test_tags_are_made_renamed_carried_and_deleted(play):
    async def story(world):
        one, two, _three = three(world)
        tag = (await ask(world, "tags/create", tag={"name": "老客"}))["tag"]
        await ask(world, "tags/update", tag={"id": tag["id"], "name": "贵客"})
        await ask(world, "tags/members/batchtagging", tagid=tag["id"], openid_list=[one.openid, two.openid])
        listed = (await ask(world, "tags/get"))["tags"]
        carriers = await ask(world, "user/tag/get", tagid=tag["id"])
        rest = await ask(world, "user/tag/get", tagid=tag["id"], next_openid=carriers["next_openid"])
        await ask(world, "tags/members/batchuntagging", tagid=tag["id"], openid_list=[two.openid])
        own = [(await ask(world, "tags/getidlist", openid=p.openid))["tagid_list"] for p in (one, two)]
        await ask(world, "tags/delete", tag={"id": tag["id"]})

        assert {"id": tag["id"], "name": "贵客", "count": 2} in listed
        assert carriers["data"]["openid"] == sorted([one.openid, two.openid])
        assert rest == {"count": 0}
        assert own == [[tag["id"]], []]
        assert [each["name"] for each in (await ask(world, "tags/get"))["tags"]] == ["星标组"]

    play(story)


def test_the_twenty_first_tag_of_a_follower_is_refused_for_the_whole_list(play):
    async def story(world):
        one, two, _three = three(world)
        for number in range(21):
            tag = (await ask(world, "tags/create", tag={"name": f"标签{number}"}))["tag"]
            openids = [one.openid] if number < 20 else [two.openid, one.openid]
            told = await ask(world, "tags/members/batchtagging", tagid=tag["id"], openid_list=openids)

        assert told["errcode"] == 45059
        assert (await ask(world, "tags/getidlist", openid=two.openid))["tagid_list"] == []

    play(story)
