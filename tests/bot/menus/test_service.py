"""Pushing menus: followers always have one, what was live can be had again, and nothing stays half done."""

import asyncio

import pytest

from bot.errors import AccountError, MenuRefused, NotAllowed, NotFound
from bot.menus.model import Button, Conditional, MenuSet, Rule

HOT = Button("热门", "click", (("key", "hot"),))
NEW = Button("新课", "click", (("key", "new"),))
SITE = Button("官网", "view", (("url", "https://a.example/"),))
MORE = Button("更多", sub=(HOT, SITE))
PLAIN = MenuSet((MORE, HOT))
IOS = Conditional((SITE, HOT), Rule(platform="1"))
STUDENTS = Conditional((NEW,), Rule(tag="学员"))
RICH = MenuSet((MORE,), (STUDENTS, IOS))


def on_ios(*hosts):
    sites = tuple(Button(host, "view", (("url", f"https://{host}/"),)) for host in hosts)
    return MenuSet((HOT,), (Conditional(sites, Rule(platform="1")),))


THREE_DOMAINS, OTHER_DOMAINS = on_ios("a.cn", "b.cn", "c.cn"), on_ios("d.cn", "e.cn")


def names(phone):
    return [each["name"] for each in phone.menu or []]


def test_what_was_pushed_is_what_the_phone_shows_and_what_is_read_back(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        done = await world.menus.push(PLAIN, witnesses=[phone.openid])
        return done, await world.menus.live(), names(phone)

    done, live, shown = play(story)

    assert (live.menus, live.source, live.switched_on) == (PLAIN, "api", True)
    assert shown == ["更多", "热门"]
    assert (done.changed, [each.title for each in done.witnesses]) == (True, ["默认菜单"])


def test_chinese_goes_out_raw_and_not_escaped(play):
    async def story(world):
        await world.menus.push(PLAIN)
        return next(each.body for each in world.sim.calls if each.path.endswith("/menu/create"))

    assert "热门".encode() in play(story)


def test_pushing_the_same_again_sends_nothing(play):
    async def story(world):
        world.sim.tag("学员")
        await world.menus.push(RICH)
        world.sim.calls.clear()
        again = await world.menus.push(RICH)
        return again, world.calls(), await world.menus.history()

    again, calls, history = play(story)

    assert not again.changed
    assert set(calls) == {"get", "get_current_selfmenu_info"}
    assert [each.source for each in history] == ["push", "found"]


def test_of_conditional_menus_the_first_that_matches_is_shown(play):
    async def story(world):
        student, other, android = (world.sim.phone(name, following=True) for name in ("甲", "乙", "丙"))
        world.sim.tag("学员", student)
        android.platform = "2"
        people = [each.openid for each in (student, other, android)]
        done = await world.menus.push(RICH, witnesses=people)
        live = await world.menus.live()
        return [names(each) for each in (student, other, android)], done, live

    shown, done, live = play(story)

    assert shown == [["新课"], ["官网", "热门"], ["更多"]]
    titles = ["个性化菜单（标签「学员」）", "个性化菜单（iOS）", "默认菜单"]
    assert [each.title for each in done.witnesses] == titles
    assert [each.rule.tag_id for each in live.menus.conditional] == ["100", ""]


def test_a_follower_has_a_menu_after_every_single_call(play):
    async def story(world):
        phone, student = world.sim.phone("甲", following=True), world.sim.phone("乙", following=True)
        world.sim.tag("学员", student)
        await world.menus.push(RICH)
        seen = []
        ring = world.sim._stage.ring
        world.sim._stage.ring = lambda: (ring(), seen.append((names(phone), names(student))))
        changed = MenuSet((HOT,), (Conditional((NEW, HOT), STUDENTS.rule), IOS))
        await world.menus.push(changed)
        return list(seen)

    seen = play(story)

    assert len(seen) == 5
    assert {tuple(first) for first, _ in seen} == {("官网", "热门")}
    assert {tuple(second) for _, second in seen} <= {("新课",), ("新课", "热门"), ("官网", "热门")}
    assert seen[-1][1] == ["新课", "热门"]


def test_a_tag_that_the_account_has_not_is_named_with_those_it_has(play):
    async def story(world):
        with pytest.raises(NotFound, match=r"没有标签「学员」.*星标组"):
            await world.menus.push(RICH)
        return world.calls(), await world.menus.history()

    assert play(story) == (["get"], [])


def test_more_domains_than_both_rounds_may_have_together_are_no_obstacle(play):
    async def story(world):
        await world.menus.push(THREE_DOMAINS)
        await world.menus.push(OTHER_DOMAINS)
        return (await world.menus.live()).menus

    assert play(story) == OTHER_DOMAINS


# ---- taking back ----


def test_rollback_brings_back_what_was_live_and_a_second_one_undoes_it(play):
    async def story(world):
        await world.menus.push(PLAIN)
        await world.menus.push(MenuSet((HOT,)))
        await world.menus.rollback()
        first = (await world.menus.live()).menus
        await world.menus.rollback()
        return first, (await world.menus.live()).menus, await world.menus.history()

    first, second, history = play(story)

    assert (first, second) == (PLAIN, MenuSet((HOT,)))
    assert [each.source for each in history] == ["rollback", "rollback", "push", "push", "found"]


def test_a_menu_changed_behind_our_back_is_saved_before_it_is_replaced(play):
    async def story(world):
        await world.menus.push(PLAIN)
        world.sim._stage.menus.create({"button": [NEW.wire()]}, world.clock.now().timestamp())
        await world.menus.push(MenuSet((HOT,)))
        await world.menus.rollback()
        return (await world.menus.live()).menus

    assert play(story) == MenuSet((NEW,))


def test_any_version_can_be_had_again_and_one_that_is_none_is_named(play):
    async def story(world):
        await world.menus.push(PLAIN)
        await world.menus.push(MenuSet((HOT,)))
        await world.menus.push(MenuSet((NEW,)))
        await world.menus.rollback(2)
        with pytest.raises(NotFound, match="没有第 99 版"):
            await world.menus.rollback(99)
        return (await world.menus.live()).menus

    assert play(story) == PLAIN


def test_the_first_push_can_be_taken_back_to_no_menu_at_all(play):
    async def story(world):
        with pytest.raises(NotFound, match="没有更早的菜单"):
            await world.menus.rollback()
        await world.menus.push(PLAIN)
        await world.menus.rollback()
        return await world.menus.live()

    live = play(story)

    assert (live.menus, live.source) == (MenuSet(), "none")


def test_deleting_takes_conditional_menus_along_and_rollback_brings_them_back(play):
    async def story(world):
        world.sim.tag("学员")
        await world.menus.push(RICH)
        full = (await world.menus.live()).menus
        await world.menus.delete()
        empty = (await world.menus.live()).menus
        await world.menus.rollback()
        return full, empty, (await world.menus.live()).menus

    full, empty, back = play(story)

    assert empty == MenuSet()
    assert back == full


# ---- the web console ----

CONSOLE = [
    {"name": "课程", "sub_button": {"list": [{"type": "view", "name": "全部", "url": "https://a.example/"}]}},
    {"type": "text", "name": "地址", "value": "上海"},
]


def test_a_menu_made_in_the_console_is_seen_saved_and_replaced(play):
    async def story(world):
        world.sim.make_menu_in_console(CONSOLE)
        before = await world.menus.live()
        await world.menus.push(PLAIN)
        with pytest.raises(NotAllowed, match=r"网页后台做的.*text"):
            await world.menus.rollback()
        return before, await world.menus.live(), await world.menus.history()

    before, after, history = play(story)

    assert before.source == "console"
    assert [each.action for each in before.menus.default] == ["", "后台的文字 上海"]
    assert (after.source, after.menus) == ("api", PLAIN)
    assert [each.source for each in history] == ["push", "found"]


def test_a_console_menu_that_the_api_can_make_is_brought_back(play):
    async def story(world):
        world.sim.make_menu_in_console(CONSOLE[:1])
        was = (await world.menus.live()).menus
        await world.menus.push(PLAIN)
        await world.menus.rollback()
        return was, (await world.menus.live()).menus

    was, now = play(story)

    assert was == now


def test_menus_switched_off_in_the_console_are_said_to_be(play):
    async def story(world):
        world.sim.make_menu_in_console(CONSOLE, switched_on=False)
        return (await world.menus.live()).switched_on

    assert play(story) is False


# ---- moods of the platform ----

OLD = MenuSet((HOT,), (Conditional((NEW,), Rule(platform="2")),))
NEXT = MenuSet((MORE,), (Conditional((SITE,), Rule(platform="1")), Conditional((NEW, HOT), Rule(platform="2"))))
CALLS = ["menu/get", "selfmenu", "menu/create", "addconditional", "delconditional"]


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("fault", ["api_busy", "api_errors", "api_garbage", "api_lost_before", "api_lost_after"])
def test_one_failure_of_any_call_is_survived_and_nothing_is_there_twice(play, path, fault):
    async def story(world):
        await world.menus.push(OLD)
        world.sim.faults.api_path = path
        setattr(world.sim.faults, fault, 1)
        await world.menus.push(NEXT)
        return (await world.menus.live()).menus, getattr(world.sim.faults, fault)

    assert play(story) == (NEXT, 0)


@pytest.mark.parametrize("path", ["menu/create", "addconditional", "delconditional"])
def test_a_call_whose_answer_comes_too_late_has_done_its_work_and_nothing_is_there_twice(play, path):
    async def story(world):
        await world.menus.push(OLD)
        world.menus._account._account._http._timeouts["request_timeout"] = 0.2
        world.sim.faults.api_path, world.sim.faults.api_delay = path, 0.4
        await world.menus.push(NEXT)
        return (await world.menus.live()).menus

    assert play(story) == NEXT


@pytest.mark.parametrize("path", ["menu/create", "addconditional", "delconditional"])
def test_a_call_that_is_refused_leaves_followers_what_they_had(play, path):
    async def story(world):
        await world.menus.push(OLD)
        world.sim.faults.api_path, world.sim.faults.api_quota = path, 1
        with pytest.raises(MenuRefused) as refused:
            await world.menus.push(NEXT)
        return str(refused.value), (await world.menus.live()).menus, (await world.menus.history())[0].source

    told, live, latest = play(story)

    assert "45009" in told
    assert "零点恢复" in told
    assert "菜单没有变" in told if path == "menu/create" else "恢复成推送前" in told
    assert (live, latest) == (OLD, "push")


def test_when_not_even_undoing_works_it_is_said_and_rollback_mends_it(play):
    async def story(world):
        await world.menus.push(THREE_DOMAINS)
        world.sim.faults.api_path, world.sim.faults.api_quota = "addconditional", 50
        with pytest.raises(MenuRefused, match="menu rollback"):
            await world.menus.push(OTHER_DOMAINS)
        world.sim.faults.clear()
        await world.menus.rollback()
        return (await world.menus.live()).menus

    assert play(story) == THREE_DOMAINS


def test_a_refused_menu_is_told_with_number_reason_and_cure(play):
    async def story(world):
        with pytest.raises(MenuRefused) as refused:
            await world.menus.push(MenuSet((Button("太长太长太长太长", "click", (("key", "x"),)),)))
        return str(refused.value), await world.menus.live()

    told, live = play(story)

    assert "40018" in told
    assert "最多 16 字节" in told
    assert "线上的菜单没有变" in told
    assert live.source == "none"


def test_a_dead_token_is_replaced_in_the_middle_of_a_push(play):
    async def story(world):
        await world.menus.push(OLD)
        world.sim.faults.api_path = "addconditional"
        world.sim.faults.bad_token = 1
        await world.menus.push(NEXT)
        return (await world.menus.live()).menus, world.sim._stage.faults.bad_token

    assert play(story) == (NEXT, 0)


def test_of_two_pushes_at_once_one_goes_on_and_the_other_is_told(play):
    async def story(world):
        both = (world.menus.push(OLD), world.menus.push(PLAIN))
        done = await asyncio.gather(*both, return_exceptions=True)
        again = await world.menus.push(PLAIN)
        return done, again

    done, again = play(story)

    refused = [each for each in done if isinstance(each, NotAllowed)]
    assert len(refused) == 1
    assert "另一个" in str(refused[0])
    assert again.version


def test_a_witness_that_follows_no_more_is_said_to_be_unknown(play):
    async def story(world):
        stranger = world.sim.phone("路人")
        return (await world.menus.push(PLAIN, witnesses=[stranger.openid])).witnesses

    [witness] = play(story)

    assert witness.title == ""
    assert "65302" in witness.trouble


def test_a_day_of_too_many_pushes_is_told_as_such(play):
    async def story(world):
        world.sim._stage.menus._used["create"] = (int(world.clock.now().timestamp() // 86400), 1000)
        with pytest.raises(MenuRefused, match="次数用完"):
            await world.menus.push(PLAIN)
        world.clock.move(days=1)
        return await world.menus.push(PLAIN)

    assert play(story).changed


def test_when_wechat_cannot_be_asked_at_all_nothing_is_begun(play):
    async def story(world):
        world.sim.faults.api_errors = 50
        with pytest.raises(AccountError):
            await world.menus.push(PLAIN)
        return await world.menus.history(), world.calls("create")

    assert play(story) == ([], [])
