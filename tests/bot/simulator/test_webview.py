"""The in-WeChat browser: forwards byte for byte, lends the bridge, and never mixes two followers."""

import json
from urllib.parse import quote

import pytest

from bot.simulator.webview import widened_policy, with_bridge
from tests.bot.simulator import paying

PAGE = "<!doctype html><html><head><title>课</title></head><body>好</body></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}


def test_a_page_is_seen_by_wechat_s_browser_with_the_bridge_first(play):
    async def story(world):
        world.shop.pages["/c/1"] = (200, HTML, PAGE)

        page = await world.sim.phone().open(world.sim.webview_url + "/c/1?a=%2F&b=1+2&c")

        assert '<head><script src="/__wx/bridge.js"></script><title>' in page.text
        request = world.shop.requests[0]
        assert "MicroMessenger" in request.headers["User-Agent"]
        assert request.uri == "/c/1?a=%2F&b=1+2&c"
        assert request.headers["Host"] == world.sim.webview_url.removeprefix("http://")

    play(story)


def test_only_pages_get_the_bridge(play):
    async def story(world):
        world.shop.pages["/a.json"] = (200, {"Content-Type": "application/json"}, '{"head":"<head>"}')

        page = await world.sim.phone().open(world.sim.webview_url + "/a.json")

        assert page.text == '{"head":"<head>"}'

    play(story)


def test_a_form_arrives_as_it_was_sent(play):
    async def story(world):
        world.shop.pages["/pay"] = (200, {"Content-Type": "application/json"}, "{}")

        await world.sim.phone().open(world.sim.webview_url + "/pay", method="POST", body="a=%E8%AF%BE&b=+")

        [request] = world.shop.requests
        assert request.method == "POST"
        assert request.body == b"a=%E8%AF%BE&b=+"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"

    play(story)


def test_redirects_are_passed_on_and_followed_by_the_phone(play):
    async def story(world):
        world.shop.pages["/go"] = (302, {"Location": "/c/1"}, "")
        world.shop.pages["/c/1"] = (200, HTML, PAGE)
        phone = world.sim.phone()

        raw = await world.fetch(
            world.sim.webview_url + "/go", headers={"Cookie": f"wx_simulated_follower={phone.openid}"}
        )
        page = await phone.open(world.sim.webview_url + "/go")

        assert (raw.code, raw.headers["Location"]) == (302, "/c/1")
        assert page.url == world.sim.webview_url + "/c/1"

    play(story)


def test_oauth_walks_from_the_shop_to_the_page_and_back(play):
    async def story(world):
        sim = world.sim
        back = quote(sim.webview_url + "/back", safe="")
        target = f"{sim.url}/connect/oauth2/authorize?appid={sim.settings.app_id}&redirect_uri={back}"
        target += "&response_type=code&scope=snsapi_base&state=s1#wechat_redirect"
        world.shop.pages["/c/1"] = (302, {"Location": target}, "")
        world.shop.pages["/back"] = (200, HTML, PAGE)

        page = await sim.phone().open(sim.webview_url + "/c/1")

        assert page.status == 200
        assert world.shop.requests[-1].query.startswith("code=")
        assert world.shop.requests[-1].query.endswith("&state=s1")

    play(story)


def test_the_shop_s_cookies_stay_with_their_follower(play):
    async def story(world):
        cookie = {"Set-Cookie": "session=lin; Path=/; HttpOnly; Secure"}
        world.shop.pages["/c/1"] = (200, HTML | cookie, PAGE)
        world.shop.pages["/c/2"] = (200, HTML, PAGE)
        lin, zhou = world.sim.phone("小林"), world.sim.phone("小周")

        page = await lin.open(world.sim.webview_url + "/c/1")
        await lin.open(world.sim.webview_url + "/c/2")
        await zhou.open(world.sim.webview_url + "/c/2")

        cookies = [request.headers.get("Cookie") for request in world.shop.requests]
        assert "Set-Cookie" not in page.headers
        assert cookies == [None, "session=lin", None]

    play(story)


@pytest.mark.parametrize("end", ["Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_cookie_can_be_taken_back_and_keeps_to_its_path(play, end):
    async def story(world):
        phone, base = world.sim.phone(), world.sim.webview_url
        world.shop.pages["/a"] = (200, HTML | {"Set-Cookie": "s=1; Path=/learn"}, PAGE)
        world.shop.pages["/b"] = (200, HTML | {"Set-Cookie": f"s=; Path=/learn; {end}"}, PAGE)
        for path in ("/a", "/learn/1", "/learner", "/b", "/learn/1"):
            await phone.open(base + path)

        cookies = [request.headers.get("Cookie") for request in world.shop.requests]
        assert cookies == [None, "s=1", None, None, None]

    play(story)


def test_an_ordinary_browser_passes_untouched(play):
    async def story(world):
        world.shop.pages["/c/1"] = (200, HTML | {"Set-Cookie": "s=1", "X-Frame-Options": "DENY"}, PAGE)

        response = await world.fetch(world.sim.webview_url + "/c/1", headers={"User-Agent": "Desktop"})

        assert response.body.decode() == PAGE
        assert response.headers["Set-Cookie"] == "s=1"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert world.shop.requests[0].headers["User-Agent"] == "Desktop"

    play(story)


def test_open_makes_the_browser_that_follower(play):
    async def story(world):
        phone = world.sim.phone()

        response = await world.fetch(phone.link_to(world.shop.url + "/c/1?a=1"))
        stranger = await world.fetch(world.sim.webview_url + "/__wx/open?as=oNobody&to=http%3A%2F%2Fa.cn")
        scheme = await world.fetch(world.sim.webview_url + f"/__wx/open?as={phone.openid}&to=javascript%3Aalert(1)")

        assert (response.code, response.headers["Location"]) == (302, world.sim.webview_url + "/c/1?a=1")
        assert phone.openid in response.headers["Set-Cookie"]
        assert (stranger.code, scheme.code) == (404, 400)

    play(story)


def test_a_shop_that_is_away_is_a_bad_gateway(play):
    async def story(world):
        world.sim.attach("http://127.0.0.1:1")

        page = await world.sim.phone().open(world.sim.webview_url + "/c/1")

        assert page.status == 502

    play(story)


def test_the_phone_is_not_led_out(play):
    async def story(world):
        world.shop.pages["/c/1"] = (302, {"Location": "http://127.0.0.1:1/trap"}, "")

        with pytest.raises(ValueError, match="led out"):
            await world.sim.phone().open(world.sim.webview_url + "/c/1")

    play(story)


def test_the_bridge_asks_and_pays_as_the_follower_of_the_cookie(play):
    async def story(world):
        sim = world.sim
        lin, zhou = sim.phone("小林"), sim.phone("小周")
        params = json.dumps(paying.bridge(world, await paying.prepay(world)))

        async def ask(phone, step):
            headers = {"Content-Type": "application/json"}
            page = await phone.open(
                f"{sim.webview_url}/__wx/pay/{step}", method="POST", body=params, headers=headers
            )
            return json.loads(page.body)

        stranger = await ask(zhou, "check")
        sheet = await ask(lin, "check")
        paid = await ask(lin, "confirm")
        again = await ask(lin, "confirm")

        assert "下单账号与支付账号不一致" in stranger["error"]
        assert sheet["sheet"]["total"] == 9900
        assert paid == {"paid": True}
        assert "已支付" in again["error"]
        assert sim.pay.trade("ZK20261124A1").payer == lin.openid

    play(story)


def test_nobody_pays_without_being_somebody_nor_by_a_foreign_form(play):
    async def story(world):
        url = world.sim.webview_url + "/__wx/pay/check"
        cookie = {"Cookie": f"wx_simulated_follower={world.sim.phone().openid}"}

        nobody = await world.fetch(url, method="POST", body="{}", headers={"Content-Type": "application/json"})
        form = await world.fetch(url, method="POST", body="a=1", headers=cookie)

        assert (nobody.code, form.code) == (403, 415)

    play(story)


def test_the_bridge_itself_is_served(play):
    async def story(world):
        response = await world.fetch(world.sim.webview_url + "/__wx/bridge.js")

        assert response.headers["Content-Type"].startswith("text/javascript")
        assert b"getBrandWCPayRequest" in response.body

    play(story)


def test_a_strict_policy_lets_the_bridge_in_and_nothing_else(play):
    async def story(world):
        policy = "default-src 'none'; script-src 'nonce-abc='; style-src 'self'; frame-ancestors 'none'"
        world.shop.pages["/c/1"] = (
            200,
            HTML | {"Content-Security-Policy": policy, "X-Frame-Options": "DENY"},
            PAGE,
        )

        page = await world.sim.phone().open(world.sim.webview_url + "/c/1")

        assert page.headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'nonce-abc=' 'self'; style-src 'self'; "
            f"frame-ancestors {world.sim.url}; connect-src 'self'"
        )
        assert "X-Frame-Options" not in page.headers
        assert '<script src="/__wx/bridge.js" nonce="abc=">' in page.text

    play(story)


def test_a_policy_that_suffices_stays_as_it_is():
    policy = "default-src 'self'; img-src https:"

    assert widened_policy(policy, "http://127.0.0.1:1") == policy


@pytest.mark.parametrize(
    ("page", "start"),
    [
        (b"<HEAD lang=zh><p>", b"<HEAD lang=zh><script"),
        (b"<header>x</header>", b"<script"),
        (b"plain", b"<script"),
    ],
)
def test_the_bridge_finds_the_head(page, start):
    assert with_bridge(page).startswith(start)
