"""Agents' sessions of the simulated account: closing one is strict about who has it."""

import pytest

from tests.bot.simulator.test_notes import post

CLOSE = "/customservice/kfsession/close"
AGENT = "kf2001@gh_test"


def test_a_session_is_closed_once_and_told_by_event(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.agent_takes(AGENT)
        body = {"kf_account": AGENT, "openid": phone.openid}
        told = [(await post(world, CLOSE, body))["errcode"] for _ in range(2)]
        await world.sim.settle()
        return told, [each.fields["Event"] for each in world.shop.deliveries]

    assert play(story) == ([0, 65413], ["kf_create_session", "kf_close_session"])


@pytest.mark.parametrize(
    ("wrong", "errcode"),
    [({"kf_account": "kf9@gh_test"}, 65414), ({"kf_account": "kf2001"}, 65401), ({"openid": "nobody"}, 40003)],
    ids=str,
)
def test_only_the_agent_who_has_it_can_be_let_go(play, wrong, errcode):
    async def story(world):
        phone = world.sim.phone(following=True)
        await phone.agent_takes(AGENT)
        told = await post(world, CLOSE, {"kf_account": AGENT, "openid": phone.openid} | wrong)
        return told["errcode"], await phone.say("你好")

    assert play(story) == (errcode, None)
