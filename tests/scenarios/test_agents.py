"""Ending an agent's session from the follower's side: at WeChat too, once, and through every fault."""

import pytest

from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import play

CLOSE = "/customservice/kfsession/close"


@pytest.fixture
def clock():
    return StoppedClock()


async def served(simulator):
    """Return the phone of somebody whom an agent serves."""
    phone = simulator.phone("小安")
    await phone.follow()
    await phone.say("人工")
    await phone.agent_takes()
    return phone


async def round_of(shop, simulator):
    await shop.jobs.run_due()
    await simulator.settle()


def closings(simulator):
    return [call.status for call in simulator.calls if call.path == CLOSE]


def test_a_tap_ends_the_session_here_and_at_wechat(tmp_path, clock):
    async def story(shop, simulator):
        phone = await served(simulator)
        unheard = await phone.say("结束人工")
        ended = await phone.click("end_human")
        await round_of(shop, simulator)
        answer = await phone.say("我想学摄影")
        await round_of(shop, simulator)
        left = await shop.store.read(lambda tx: tx.services.ended(clock.now()))
        return unheard, ended.text, answer.text, closings(simulator), left

    unheard, ended, answer, calls, left = play(story, tmp_path, clock=clock)

    assert unheard is None  # WeChat delivers it to the agent alone
    assert "接下来由我回答" in ended
    assert "摄影" in answer
    assert (calls, left) == ([200], [])


@pytest.mark.parametrize("fault", ["api_lost_before", "api_lost_after", "api_errors", "api_garbage", "api_busy"])
def test_an_unclear_answer_is_asked_again_until_the_session_is_closed(tmp_path, clock, fault):
    async def story(shop, simulator):
        phone = await served(simulator)
        await phone.click("end_human")
        simulator.faults.api_path = CLOSE
        setattr(simulator.faults, fault, 1)
        await round_of(shop, simulator)
        await round_of(shop, simulator)
        early = len(closings(simulator))
        clock.forward(seconds=31)
        await round_of(shop, simulator)
        answer = await phone.say("我想学摄影")
        return early, len(closings(simulator)), answer.text

    early, calls, answer = play(story, tmp_path, clock=clock)

    assert early == 1
    assert calls <= 2
    assert "摄影" in answer


def test_a_session_that_is_over_already_is_not_asked_about_for_ever(tmp_path, clock):
    async def story(shop, simulator):
        phone = await served(simulator)
        clock.forward(minutes=29)
        await phone.click("end_human")
        clock.forward(minutes=2)
        await round_of(shop, simulator)
        await round_of(shop, simulator)
        return closings(simulator), await shop.store.read(lambda tx: tx.services.ended(clock.now()))

    assert play(story, tmp_path, clock=clock) == ([200], [])


def test_who_waits_for_somebody_has_no_session_to_close(tmp_path, clock):
    async def story(shop, simulator):
        phone = simulator.phone("小安")
        await phone.follow()
        await phone.say("人工")
        await phone.say("结束人工")
        await round_of(shop, simulator)
        return closings(simulator), (await phone.say("我想学摄影")).text

    calls, answer = play(story, tmp_path, clock=clock)

    assert calls == []
    assert "摄影" in answer


def test_a_new_session_is_not_closed_for_the_old_one(tmp_path, clock):
    async def story(shop, simulator):
        phone = await served(simulator)
        await phone.click("end_human")
        clock.forward(seconds=1)
        await phone.agent_takes("kf2002@gh_test")
        await round_of(shop, simulator)
        return closings(simulator), await phone.say("我想学摄影")

    assert play(story, tmp_path, clock=clock) == ([], None)
