"""The authorize page and the exchange of its codes."""

import json
from urllib.parse import parse_qs, quote, urlsplit

import pytest


def address(world, *, state="abc123", redirect=None, app_id=None, scope="snsapi_base", order=None):
    parts = {
        "appid": app_id or world.sim.settings.app_id,
        "redirect_uri": quote(redirect or f"{world.sim.webview_url}/oauth?from=1", safe=""),
        "response_type": "code",
        "scope": scope,
        "state": state,
    }
    names = order or list(parts)
    return f"{world.sim.url}/connect/oauth2/authorize?" + "&".join(f"{name}={parts[name]}" for name in names)


async def authorize(world, phone, **changes):
    headers = {"Cookie": f"wx_simulated_follower={phone.openid}"} if phone else {}
    return await world.fetch(address(world, **changes), headers=headers)


async def code_for(world, phone):
    response = await authorize(world, phone)
    return parse_qs(urlsplit(response.headers["Location"]).query)["code"][0]


async def exchange(world, code, **changes):
    settings = world.sim.settings
    query = {"appid": settings.app_id, "secret": settings.app_secret, "code": code} | changes
    query.setdefault("grant_type", "authorization_code")
    told = "&".join(f"{name}={value}" for name, value in query.items())
    return json.loads((await world.fetch(f"{world.sim.url}/sns/oauth2/access_token?{told}")).body)


def test_a_code_tells_who_the_follower_is(play):
    async def story(world):
        phone = world.sim.phone()
        response = await authorize(world, phone)
        location = urlsplit(response.headers["Location"])
        query = parse_qs(location.query)

        told = await exchange(world, query["code"][0])

        assert response.code == 302
        assert f"{location.scheme}://{location.netloc}{location.path}" == f"{world.sim.webview_url}/oauth"
        assert (query["state"], query["from"]) == (["abc123"], ["1"])
        assert (told["openid"], told["scope"]) == (phone.openid, "snsapi_base")
        assert "is_snapshotuser" not in told

    play(story)


def test_a_code_works_once(play):
    async def story(world):
        code = await code_for(world, world.sim.phone())
        await exchange(world, code)

        assert (await exchange(world, code))["errcode"] == 40163

    play(story)


def test_a_code_lives_five_minutes(play):
    async def story(world):
        code = await code_for(world, world.sim.phone())
        world.clock.forward(300)

        assert (await exchange(world, code))["errcode"] == 40029
        assert (await exchange(world, "made-up"))["errcode"] == 40029

    play(story)


@pytest.mark.parametrize(
    ("change", "errcode"), [({"secret": "x"}, 40125), ({"appid": "wx1"}, 40013), ({"grant_type": "x"}, 40002)]
)
def test_a_wrong_exchange_leaves_the_code_unused(play, change, errcode):
    async def story(world):
        phone = world.sim.phone()
        code = await code_for(world, phone)

        assert (await exchange(world, code, **change))["errcode"] == errcode
        assert (await exchange(world, code))["openid"] == phone.openid

    play(story)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "with-dash"},
        {"state": "a" * 129},
        {"app_id": "wx0"},
        {"scope": "snsapi_all"},
        {"redirect": "http://elsewhere.cn/oauth"},
        {"order": ["redirect_uri", "appid", "response_type", "scope", "state"]},
        {"order": ["appid", "redirect_uri", "scope", "response_type", "state"]},
        {"order": ["appid", "redirect_uri", "response_type", "scope"]},
    ],
)
def test_a_wrong_address_gives_no_code(play, change):
    async def story(world):
        response = await authorize(world, world.sim.phone(), **change)

        assert response.code == 400
        assert "Location" not in response.headers

    play(story)


def test_outside_wechat_there_is_no_code(play):
    async def story(world):
        response = await authorize(world, None)

        assert response.code == 400
        assert "请在微信客户端打开链接" in response.body.decode()

    play(story)


def test_a_snapshot_user_is_somebody_else(play):
    async def story(world):
        phone = world.sim.phone()
        world.sim.faults.snapshot_user = True

        told = await exchange(world, await code_for(world, phone))

        assert told["is_snapshotuser"] == 1
        assert told["openid"] != phone.openid

    play(story)
