"""Menus as the platform keeps them: default and conditional, by API and by console, and which phone shows what."""

import pytest

from tests.bot.simulator.test_weixin import BUTTON, call, token_of

RULE = {"tag_id": "2"}


def site(host):
    return {"type": "view", "name": "看", "url": f"https://{host}/"}


class Api:
    """Calls with a token."""

    def __init__(self, world, token):
        self.world, self.token = world, token

    async def __call__(self, name, body=None):
        method = "GET" if body is None else "POST"
        return await call(self.world, method, f"/cgi-bin/{name}", body, access_token=self.token)

    async def add(self, rule, *buttons):
        return await self("menu/addconditional", {"button": list(buttons or [BUTTON]), "matchrule": rule})


@pytest.fixture
def tell(play):
    def start(story):
        async def with_api(world):
            return await story(world, Api(world, (await token_of(world))["access_token"]))

        return play(with_api)

    return start


def test_conditional_menus_need_a_default_and_are_told_newest_first(tell):
    async def story(_world, api):
        early = await api.add(RULE)
        await api("menu/create", {"button": [BUTTON]})
        first, second = await api.add(RULE), await api.add({"client_platform_type": "1"})
        told = await api("menu/get")

        assert early["errcode"] == 65303
        assert int(second["menuid"]) > int(first["menuid"]) > told["menu"]["menuid"]
        assert [each["matchrule"] for each in told["conditionalmenu"]] == [{"client_platform_type": "1"}, RULE]

    tell(story)


def test_the_newest_that_matches_is_shown_and_of_several_tags_the_last_counts(tell):
    async def story(world, api):
        phone = world.sim.phone(following=True)
        first, last = world.sim.tag("甲", phone), world.sim.tag("乙", phone)
        await api("menu/create", {"button": [BUTTON]})
        await api.add({"tag_id": str(first)}, BUTTON | {"name": "甲"})
        await api.add({"tag_id": str(last), "client_platform_type": "2"}, BUTTON | {"name": "安卓乙"})
        before = phone.menu[0]["name"]
        phone.platform = "2"
        after = phone.menu[0]["name"]
        tried = await api("menu/trymatch", {"user_id": phone.openid})

        assert (before, after) == (BUTTON["name"], "安卓乙")
        assert tried["button"][0]["name"] == "安卓乙"

    tell(story)


@pytest.mark.parametrize(
    ("menu", "errcode"),
    [
        ({"button": [BUTTON]}, 65304),
        ({"button": [BUTTON], "matchrule": {}}, 65304),
        ({"button": [BUTTON], "matchrule": {"tag_id": ""}}, 65304),
        ({"button": [], "matchrule": RULE}, 65307),
        ({"matchrule": RULE}, 65307),
        ({"button": [BUTTON], "matchrule": {"sex": "1"}}, 65320),
        ({"button": [BUTTON], "matchrule": RULE | {"city": "广州"}}, 65320),
        ({"button": [BUTTON], "matchrule": {"client_platform_type": "4"}}, 40035),
        ({"button": [BUTTON], "matchrule": {"tag_id": "999"}}, 45159),
        ({"button": [BUTTON | {"name": "长" * 6}], "matchrule": RULE}, 40018),
        ({"button": [site(each) for each in ("a.cn", "b.cn", "c.cn")] * 2, "matchrule": RULE}, 40016),
    ],
    ids=range(11),
)
def test_a_conditional_menu_that_breaks_a_rule_is_refused_and_not_kept(tell, menu, errcode):
    async def story(_world, api):
        await api("menu/create", {"button": [BUTTON]})

        assert (await api("menu/addconditional", menu))["errcode"] == errcode
        assert "conditionalmenu" not in await api("menu/get")

    tell(story)


def test_all_conditional_menus_together_lead_to_three_domains(tell):
    async def story(_world, api):
        await api("menu/create", {"button": [site("other.cn")]})
        for host in ("a.cn", "b.cn", "c.cn", "a.cn"):
            assert "menuid" in await api.add(RULE, site(host))

        assert (await api.add(RULE, site("d.cn")))["errcode"] == 65316

    tell(story)


def test_one_conditional_menu_is_deleted_and_deleting_all_takes_them_along(tell):
    async def story(world, api):
        phone = world.sim.phone(following=True)
        await api("menu/create", {"button": [BUTTON]})
        added = await api.add({"client_platform_type": "1"})
        gone = await api("menu/delconditional", {"menuid": added["menuid"]})
        again = await api("menu/delconditional", {"menuid": added["menuid"]})
        await api.add({"client_platform_type": "1"})
        await api("menu/delete")

        assert (gone["errcode"], again["errcode"]) == (0, 65301)
        assert phone.menu is None
        assert (await api("menu/get"))["errcode"] == 46003

    tell(story)


def test_who_does_not_follow_matches_nothing(tell):
    async def story(world, api):
        await api("menu/create", {"button": [BUTTON]})

        for nobody in (world.sim.phone("路人").openid, "o-nobody", ""):
            assert (await api("menu/trymatch", {"user_id": nobody}))["errcode"] == 65302

    tell(story)


def test_a_menu_made_in_the_console_replaces_the_one_by_api_and_only_its_own_call_tells_it(tell):
    async def story(world, api):
        phone = world.sim.phone(following=True)
        await api("menu/create", {"button": [BUTTON]})
        deep = {"name": "更多", "sub_button": {"list": [site("a.cn")]}}
        world.sim.make_menu_in_console([deep, {"type": "text", "name": "地址", "value": "上海"}])

        assert (await api("menu/get"))["errcode"] == 46003
        assert (await api("get_current_selfmenu_info"))["selfmenu_info"]["button"][0] == deep
        assert [each["name"] for each in phone.menu] == ["更多", "地址"]
        assert phone.menu[0]["sub_button"] == [site("a.cn")]

        await api("menu/create", {"button": [BUTTON]})
        assert [each["name"] for each in phone.menu] == [BUTTON["name"]]

    tell(story)


def test_a_menu_switched_off_is_not_shown(tell):
    async def story(world, api):
        phone = world.sim.phone(following=True)
        world.sim.make_menu_in_console([BUTTON], switched_on=False)

        assert (await api("get_current_selfmenu_info"))["is_menu_open"] == 0
        assert phone.menu is None

    tell(story)


def test_calls_of_a_day_are_counted_and_begin_anew_the_next(tell):
    async def story(world, api):
        menu = {"button": [BUTTON]}
        for _ in range(1000):
            world.sim._stage.menus.create(menu, world.clock())
        over = await api("menu/create", menu)
        world.clock.forward(86_400)
        fresh = Api(world, (await token_of(world))["access_token"])

        assert over["errcode"] == 45009
        assert (await fresh("menu/create", menu))["errcode"] == 0

    tell(story)


@pytest.mark.parametrize(("fault", "errcode"), [("api_busy", -1), ("api_quota", 45009)])
def test_a_mood_may_meet_one_path_alone_and_does_nothing(tell, fault, errcode):
    async def story(world, api):
        world.sim.faults.api_path = "menu/create"
        setattr(world.sim.faults, fault, 1)

        assert (await api("menu/get"))["errcode"] == 46003
        assert (await api("menu/create", {"button": [BUTTON]}))["errcode"] == errcode
        assert (await api("menu/get"))["errcode"] == 46003

    tell(story)


def test_the_menus_outlive_a_reset_as_they_belong_to_the_account(tell):
    async def story(world, api):
        await api("menu/create", {"button": [BUTTON]})
        world.sim.reset()

        assert [each["name"] for each in world.sim.phone(following=True).menu] == [BUTTON["name"]]

    tell(story)


def test_tags_are_told_and_a_follower_starts_without_any(tell):
    async def story(world, api):
        number = world.sim.tag("学员", world.sim.phone())
        tags = (await api("tags/get"))["tags"]

        assert {each["id"]: each["name"] for each in tags} == {2: "星标组", number: "学员"}
        assert world.sim.tag("学员") == number

    tell(story)


def test_the_js_sdk_ticket_stays_for_two_hours_and_needs_its_type(tell):
    async def story(world, api):
        path = "/cgi-bin/ticket/getticket"
        first = await call(world, "GET", path, access_token=api.token, type="jsapi")
        world.clock.forward(600)
        second = await call(world, "GET", path, access_token=api.token, type="jsapi")
        wrong = await call(world, "GET", path, access_token=api.token)

        assert (first["expires_in"], second["expires_in"]) == (7200, 6600)
        assert first["ticket"] == second["ticket"]
        assert wrong["errcode"] == 40097

    tell(story)
