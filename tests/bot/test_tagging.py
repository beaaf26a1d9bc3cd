"""Tags by rule: who carries which, the account brought level, and what is never touched."""

import pytest

from bot.account.tags import TagCalls
from bot.config import TagsSettings, from_mapping
from bot.doors import account
from bot.errors import AccountError, AccountUnknown, ConfigError, NotAllowed
from bot.tagging import Tagging
from tests.reaching import asked, crowd, give, likes, switch_off
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import play

BATCH = "/cgi-bin/tags/members/batchtagging"
UNBATCH = "/cgi-bin/tags/members/batchuntagging"


def tagging(shop, *rules, minutes=60):
    calls = TagCalls(account(shop.config, shop.store, shop.clock))
    return Tagging(shop.store, calls, shop.clock, shop.suggestions, TagsSettings(tuple(rules), minutes))


async def level(service, *, adopt=False):
    return await service.apply(await service.plan(), adopt=adopt)


async def carriers(service, name):
    number = next(tag.tag_id for tag in await service.calls.all() if tag.name == name)
    return await service.calls.members(number)


def test_tags_are_given_by_purchase_interest_and_channel(tmp_path):
    async def story(shop, simulator):
        one, two, three, four = crowd(shop, simulator, 4)
        five = crowd(shop, simulator, 1, channel="shop1", start=4)[0]
        give(shop, "EDU001", one)
        likes(shop, ["python"], two)
        service = tagging(
            shop, "买过=bought:EDU001", "买过=bought:编程", "想学=interest:Python", "门店=channel:shop1"
        )
        await level(service)
        own = {phone.openid: await service.calls.of(phone.openid) for phone in (one, two, three, four, five)}
        names = {tag.tag_id: tag.name for tag in await service.calls.all()}
        return [[names[number] for number in numbers] for numbers in own.values()]

    assert play(story, tmp_path) == [["买过"], ["想学"], [], [], ["门店"]]


def test_no_call_names_more_than_fifty_people_and_the_second_round_makes_none(tmp_path):
    async def story(shop, simulator):
        give(shop, "EDU001", *crowd(shop, simulator, 120))
        service = tagging(shop, "买过=bought:EDU001")
        first = await level(service)
        sizes = [len(body["openid_list"]) for body in asked(simulator, BATCH)]
        second = await level(service)
        return first.added, sizes, second.added, len(asked(simulator, BATCH))

    assert play(story, tmp_path) == (120, [50, 50, 20], 0, 3)


def test_who_no_longer_matches_loses_the_tag_and_who_switched_personalisation_off_too(tmp_path):
    async def story(shop, simulator):
        one, two, three = crowd(shop, simulator, 3)
        give(shop, "EDU001", one, two, three)
        service = tagging(shop, "买过=bought:EDU001")
        await level(service)
        shop.store.write_now(lambda tx: tx.entitlements.revoke(one.openid, "EDU001", ""))
        switch_off(shop, two)
        done = await level(service)
        return done.removed, await carriers(service, "买过") == {three.openid}

    assert play(story, tmp_path) == (2, True)


def test_a_tag_that_was_there_with_people_in_it_is_left_alone_until_somebody_agrees(tmp_path):
    async def story(shop, simulator):
        vip, buyer = crowd(shop, simulator, 2)
        give(shop, "EDU001", buyer)
        service = tagging(shop, "老客=bought:EDU001")
        number = (await service.calls.create("老客")).tag_id
        await service.calls.tag(number, [vip.openid])
        await service.level_if_due()
        untouched = await carriers(service, "老客") == {vip.openid}
        await level(service, adopt=True)
        return (
            untouched,
            await carriers(service, "老客") == {buyer.openid},
            asked(simulator, "/cgi-bin/tags/create"),
        )

    untouched, taken, created = play(story, tmp_path)

    assert (untouched, taken, len(created)) == (True, True, 1)


def test_tags_that_no_rule_names_are_never_touched(tmp_path):
    async def story(shop, simulator):
        friend, buyer = crowd(shop, simulator, 2)
        give(shop, "EDU001", buyer)
        service = tagging(shop, "买过=bought:EDU001")
        number = (await service.calls.create("手工")).tag_id
        await service.calls.tag(number, [friend.openid])
        await level(service, adopt=True)
        return await service.calls.members(number) == {friend.openid}, asked(simulator, UNBATCH)

    assert play(story, tmp_path) == (True, [])


def test_a_tag_renamed_in_the_console_gets_its_name_back_and_is_not_made_twice(tmp_path):
    async def story(shop, simulator):
        give(shop, "EDU001", *crowd(shop, simulator, 1))
        service = tagging(shop, "买过=bought:EDU001")
        await level(service)
        tag = next(tag for tag in await service.calls.all() if tag.name == "买过")
        await service.calls.rename(tag.tag_id, "乱改")
        await level(service)
        return [each.name for each in await service.calls.all()], tag.name

    assert play(story, tmp_path) == (["星标组", "买过"], "买过")


def test_one_whom_wechat_will_not_tag_keeps_nobody_else_from_it(tmp_path):
    async def story(shop, simulator):
        phones = crowd(shop, simulator, 60)
        give(shop, "EDU001", *phones)
        simulator._stage.people.get(phones[7].openid).subscribed = False  # the unfollow has not reached the shop
        service = tagging(shop, "买过=bought:EDU001")
        done = await level(service)
        return done.added, done.skipped, len(await carriers(service, "买过"))

    assert play(story, tmp_path) == (59, {40003: 1}, 59)


def test_nobody_gets_more_than_twenty_tags(tmp_path):
    async def story(shop, simulator):
        (phone,) = crowd(shop, simulator, 1)
        give(shop, "EDU001", phone)
        service = tagging(shop, *(f"标签{number}=bought:EDU001" for number in range(25)))
        plan = await service.plan()
        done = await service.apply(plan, adopt=False)
        return plan.over, done.added, done.skipped, len(await service.calls.of(phone.openid))

    assert play(story, tmp_path) == (1, 20, {}, 20)


def test_the_hundred_and_first_tag_is_refused_before_anything_is_done(tmp_path):
    async def story(shop, _simulator):
        service = tagging(shop, "买过=bought:EDU001")
        for number in range(100):
            await service.calls.create(f"旧{number}")
        with pytest.raises(NotAllowed, match="100 个"):
            await service.plan()
        with pytest.raises(AccountError) as refused:
            await service.calls.create("再一个")
        return refused.value.errcode

    assert play(story, tmp_path) == 45056


def test_a_rule_that_means_nothing_leaves_its_tag_as_it_is(tmp_path):
    async def story(shop, simulator):
        (phone,) = crowd(shop, simulator, 1)
        give(shop, "EDU001", phone)
        await level(tagging(shop, "买过=bought:EDU001"))
        wrong = tagging(shop, "买过=bought:EDU001", "买过=bought:EDU00I")
        problems = (await wrong.plan()).problems
        await level(wrong)
        return problems, await carriers(wrong, "买过") == {phone.openid}

    problems, kept = play(story, tmp_path)

    assert "没有课程、分类或标签叫「EDU00I」" in problems[0]
    assert kept


def test_a_lost_answer_is_made_good_by_the_next_round(tmp_path):
    async def story(shop, simulator):
        give(shop, "EDU001", *crowd(shop, simulator, 70))
        service = tagging(shop, "买过=bought:EDU001")
        await service.calls.all()  # the token is there
        plan = await service.plan()
        simulator.faults.api_lost_after = 1
        with pytest.raises(AccountUnknown):
            await service.apply(plan, adopt=False)
        await level(service)
        return len(await carriers(service, "买过")), [tag.name for tag in await service.calls.all()]

    assert play(story, tmp_path) == (70, ["星标组", "买过"])


def test_the_job_comes_round_by_the_settings_and_only_in_one_worker(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        give(shop, "EDU001", *crowd(shop, simulator, 1))
        one, two = (tagging(shop, "买过=bought:EDU001") for _ in range(2))
        off, none = tagging(shop, "买过=bought:EDU001", minutes=0), tagging(shop)
        rounds = [await one.level_if_due(), await two.level_if_due(), await one.level_if_due()]
        clock.forward(minutes=61)
        return [*rounds, await one.level_if_due(), await off.level_if_due(), await none.level_if_due()]

    assert play(story, tmp_path, clock=clock) == [1, None, None, 0, None, None]


def test_a_job_that_failed_waits_five_minutes(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        give(shop, "EDU001", *crowd(shop, simulator, 1))
        service = tagging(shop, "买过=bought:EDU001")
        simulator.faults.api_errors = 9
        with pytest.raises(AccountUnknown):
            await service.level_if_due()
        simulator.faults.api_errors = 0
        at_once = await service.level_if_due()
        clock.forward(minutes=6)
        return at_once, await service.level_if_due()

    assert play(story, tmp_path, clock=clock) == (None, 1)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("买过", "应形如"),
        ("=bought:EDU001", "应形如"),
        ("买过=sold:EDU001", "应形如"),
        ("买过=bought: ", "应形如"),
        ("一二三四五六七八九十一=bought:EDU001", "最多 30 字节"),
    ],
)
def test_a_malformed_rule_stops_the_start(tmp_path, rule, told):
    with pytest.raises(ConfigError, match=told):
        from_mapping({"tags": {"rules": [rule]}}, environ={}, base=tmp_path)
