"""人工: handed over with a summary, silence while a person serves, and messages left outside the office hours."""

from datetime import timedelta

import pytest

from handlers.chat import summary
from tests.scenarios.conftest import NOON
from tests.scenarios.world import play

ANNA = "oAnna0000000000000000000000a"
BEN = "oBen00000000000000000000000b"
HOURS = '[office_hours]\nopen = "工作日 09:00-18:00"\n'
EVENING = NOON + timedelta(hours=7)  # 19:00 in Beijing
AGENT = "kf2001@gh_test"


async def kf(world, openid, name, **fields):
    world.clock.forward(seconds=1)
    fields = fields or {"KfAccount": AGENT}
    return await world.deliver(world.message(openid, "event", Event=name, **fields))


async def kept(world, openid):
    """Return what a conversation could have taught: profile, thread and events."""

    def work(tx):
        known = tx.followers.known(openid)
        return known.profile, known.context, [each.kind for each in tx.events.of(openid)]

    return await world.shop.store.read(work)


async def left(world, openid):
    return await world.shop.store.read(lambda tx: [(each.kind, each.text) for each in tx.left_messages.of(openid)])


def test_while_the_follower_waits_messages_are_passed_on_and_teach_nothing(live):
    async def story(world):
        await world.say(ANNA, "我想学 Python")
        await world.say(ANNA, "人工")
        before = await kept(world, ANNA)
        told = [await world.say(ANNA, each) for each in ("我想学摄影", "1", "换一批")]
        told.append(await world.deliver(world.message(ANNA, "image", PicUrl="https://p/1", MediaId="m")))
        told.append(
            await world.deliver(world.message(ANNA, "voice", Recognition="热门", MediaId="m", Format="amr"))
        )
        return told, before, await kept(world, ANNA)

    told, before, after = live(story)

    assert told == ["<transfer>"] * 5
    assert before == after


def test_once_a_person_has_taken_the_session_the_bot_says_nothing_until_it_is_closed(live):
    async def story(world):
        await world.say(ANNA, "人工")
        events = [await kf(world, ANNA, "kf_create_session")]
        before = await kept(world, ANNA)
        silent = [await world.say(ANNA, each) for each in ("我想学摄影", "人工", "热门课程")]
        silent.append(await world.event(ANNA, "CLICK", "popular"))
        events.append(await kf(world, ANNA, "kf_switch_session", FromKfAccount=AGENT, ToKfAccount="kf2@gh_test"))
        silent.append(await world.say(ANNA, "摄影"))
        after = await kept(world, ANNA)
        service = await world.shop.store.read(lambda tx: tx.services.of(ANNA, world.clock.now()))
        events.append(await kf(world, ANNA, "kf_close_session"))
        return silent, events, before, after, service.account, await world.say(ANNA, "我想学摄影")

    silent, events, before, after, account, answer = live(story)

    assert silent == [""] * 5
    assert events == [""] * 3
    assert before == after
    assert account == "kf2@gh_test"
    assert "摄影" in answer


def test_the_bot_comes_back_by_itself_when_nothing_is_heard_of_the_session(live):
    async def story(world):
        await world.say(ANNA, "人工")
        world.clock.forward(minutes=9)
        waiting = await world.say(ANNA, "摄影")
        world.clock.forward(minutes=1)
        return waiting, await world.say(ANNA, "摄影")

    waiting, answer = live(story, human_minutes=10)

    assert waiting == "<transfer>"
    assert "摄影" in answer


@pytest.mark.parametrize("taken", [False, True])
def test_the_follower_can_end_it(live, taken):
    async def story(world):
        await world.say(ANNA, "人工")
        if taken:
            await kf(world, ANNA, "kf_create_session")
        return await world.say(ANNA, "结束人工"), await world.say(ANNA, "摄影"), await world.say(BEN, "结束人工")

    ended, answer, nothing_to_end = live(story)

    assert "接下来由我回答" in ended
    assert "摄影" in answer
    assert "接下来由我回答" in nothing_to_end


def test_one_follower_being_served_silences_no_other(live):
    async def story(world):
        await world.say(ANNA, "人工")
        await kf(world, ANNA, "kf_create_session")
        return await world.say(BEN, "摄影")

    assert "摄影" in live(story)


def test_events_of_strangers_and_twice_over_are_taken_in_silence(live):
    async def story(world):
        told = [await kf(world, BEN, "kf_close_session"), await kf(world, BEN, "kf_create_session")]
        told += [await kf(world, BEN, "kf_create_session"), await kf(world, BEN, "kf_close_session")]
        return told, await world.say(BEN, "摄影")

    told, answer = live(story)

    assert told == [""] * 4
    assert "摄影" in answer


def test_leaving_ends_the_service(live):
    async def story(world):
        await world.say(ANNA, "人工")
        await world.event(ANNA, "unsubscribe")
        world.clock.forward(seconds=5)
        await world.event(ANNA, "subscribe")
        return await world.say(ANNA, "摄影")

    assert "摄影" in live(story)


def test_people_are_told_whom_they_talk_to_and_the_follower_that_they_are(live):
    async def story(world):
        await world.say(ANNA, "我想学 Python")
        await world.say(ANNA, "1")
        await world.say(ANNA, "人工")
        await world.shop.jobs.run_due()
        known = await world.shop.store.read(lambda tx: summary.of(tx, ANNA, world.clock.now()))
        return known, world.phone.received[-1][1]

    known, told = live(story)

    assert "python" in [each.lower() for each in known.interests]
    assert known.course
    assert known.course in known.seen
    assert f"看过《{known.course}》" in told
    assert "结束人工" in told


def test_interests_are_not_shown_of_who_switched_them_off(live):
    async def story(world):
        await world.say(ANNA, "我想学 Python")
        await world.say(ANNA, "关闭个性化")
        return await world.shop.store.read(lambda tx: summary.of(tx, ANNA, world.clock.now()))

    assert live(story).interests == ()


@pytest.fixture
def after_hours(live, tmp_path):
    """Return a runner of stories outside the office hours."""
    (tmp_path / "texts.toml").write_text(HOURS, "utf-8")

    def start(story, **chat):
        async def evening(world):
            world.clock.at = EVENING
            return await story(world)

        return live(evening, texts_file=str(tmp_path / "texts.toml"), **chat)

    return start


def test_outside_the_hours_the_next_message_is_kept_and_only_that(after_hours):
    async def story(world):
        await world.say(ANNA, "人工")
        before = (await kept(world, ANNA))[0]
        told = await world.say(ANNA, "我要退摄影课，电话 13800000000")
        after = (await kept(world, ANNA))[0]
        return told, before == after, await world.say(ANNA, "摄影"), await left(world, ANNA)

    told, nothing_learnt, answer, messages = after_hours(story)

    assert told.startswith("留言记下了，明天 09:00 起会有人回复你")
    assert nothing_learnt
    assert "摄影" in answer
    assert messages == [("text", "我要退摄影课，电话 13800000000")]


@pytest.mark.parametrize("words", ["退款", "13800000000", "发票", "报名不了"])
def test_what_would_get_a_stock_answer_may_be_left(after_hours, words):
    async def story(world):
        await world.say(ANNA, "人工")
        await world.say(ANNA, words)
        return await left(world, ANNA)

    assert after_hours(story) == [("text", words)]


def test_commands_greetings_and_taps_are_no_messages_and_leave_the_door_open(after_hours):
    async def story(world):
        await world.say(ANNA, "人工")
        for each in ("热门课程", "1", "你好", "人工"):
            await world.say(ANNA, each)
        await world.say(ANNA, "摄影", bizmsgmenuid="s:1:1")
        none = await left(world, ANNA)
        await world.deliver(world.message(ANNA, "image", PicUrl="https://p/1", MediaId="m"))
        return none, await left(world, ANNA)

    assert after_hours(story) == ([], [("image", "https://p/1")])


def test_a_message_comes_too_late_after_the_context_or_an_end(after_hours):
    async def story(world):
        await world.say(ANNA, "人工")
        world.clock.forward(minutes=31)
        await world.say(ANNA, "摄影")
        await world.say(BEN, "人工")
        await world.say(BEN, "结束人工")
        await world.say(BEN, "摄影")
        return await left(world, ANNA), await left(world, BEN)

    assert after_hours(story) == ([], [])


def test_forgetting_a_person_forgets_their_messages(after_hours):
    async def story(world):
        await world.say(ANNA, "人工")
        await world.say(ANNA, "请回电话")
        copy = await world.say(ANNA, "导出我的数据")
        await world.shop.store.write(lambda tx: tx.followers.forget(ANNA))
        return copy, await left(world, ANNA)

    assert after_hours(story)[1] == []


def test_on_the_phone_an_agent_takes_answers_and_closes(tmp_path):
    async def story(_shop, simulator):
        phone = simulator.phone("小安")
        await phone.follow()
        await phone.say("人工")
        await phone.agent_takes()
        served = await phone.say("我想学摄影")
        await phone.agent_closes()
        with pytest.raises(LookupError):
            await phone.agent_closes()
        return served, await phone.say("我想学摄影")

    served, answer = play(story, tmp_path)

    assert served is None
    assert "摄影" in answer.text
