"""The pages: who looks is decided by WeChat, what is paid is decided by our own records."""

import json
import re
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.models import OrderState
from bot.ports import OAuthIdentity

ANNA = "oAnna0000000000000000000000a"
BEN = "oBen00000000000000000000000b"
COURSE = "EDU001"
FEN = 9900
WECHAT = "Mozilla/5.0 MicroMessenger/8.0"


class Browser:
    """One browser with a cookie jar; follows nothing by itself."""

    def __init__(self, world, agent=WECHAT):
        self.world, self.agent, self.cookies = world, agent, {}

    async def open(self, path, *, method="GET", same_site=True):
        headers = {"User-Agent": self.agent, "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if same_site:
            headers["X-Zhike"] = "1"
        response = await self.world.http.fetch(
            self.world.url + path,
            method=method,
            headers=headers,
            body=b"" if method == "POST" else None,
            follow_redirects=False,
            raise_error=False,
        )
        for line in response.headers.get_list("Set-Cookie"):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return response

    async def log_in(self, path, openid, *, virtual=False):
        """Open a page as somebody: there and back through WeChat; returns the answer to the way back."""
        away = await self.open(path)
        assert away.code == 302, away.body
        state = parse_qs(urlsplit(away.headers["Location"]).query)["state"][0]
        self.world.authority.codes["c1"] = OAuthIdentity(openid, virtual)
        return await self.open(f"/oauth/callback?code=c1&state={state}"), state


def text(response):
    return response.body.decode()


async def pay(world, openid, fen=FEN):
    order = (await world.shop.store.read(lambda tx: tx.orders.of(openid)))[0]
    attempt = (await world.shop.store.read(lambda tx: tx.attempts.of(order.order_no)))[-1]
    await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, fen, openid), "notice")


def test_from_the_link_to_the_lesson(live):
    async def story(world):
        browser = Browser(world)
        back, _ = await browser.log_in(f"/c/{COURSE}?from=list", ANNA)
        page = await browser.open(back.headers["Location"])
        placed = json.loads(text(await browser.open(f"/c/{COURSE}/order?from=list", method="POST")))
        waiting = json.loads(text(await browser.open(f"/order/{placed['order_no']}/state")))
        await pay(world, ANNA)
        done = json.loads(text(await browser.open(f"/order/{placed['order_no']}/state")))
        lessons = await browser.open(done["learn"])
        finished = await browser.open(f"/learn/{COURSE}/1/done", method="POST")
        return back, page, placed, waiting, done, lessons, finished

    back, page, placed, waiting, done, lessons, finished = live(story)

    assert (back.code, back.headers["Location"]) == (302, f"/c/{COURSE}?from=list")
    assert "微信支付" in text(page)
    assert page.headers["Cache-Control"] == "no-store"
    assert placed["state"] == "pay"
    assert placed["bridge"]["package"].startswith("prepay_id=")
    assert (waiting["state"], done["state"]) == (OrderState.PENDING, OrderState.PAID)
    assert "学完了" in text(lessons)
    assert json.loads(text(finished)) == {"state": "done"}


def test_a_state_works_once_and_in_its_own_browser_only(live):
    async def story(world):
        browser, stranger = Browser(world), Browser(world)
        _, state = await browser.log_in(f"/c/{COURSE}", ANNA)
        world.authority.codes["c2"] = OAuthIdentity(BEN, virtual=False)
        again = await browser.open(f"/oauth/callback?code=c2&state={state}")
        other = Browser(world)
        state = parse_qs(urlsplit((await other.open(f"/c/{COURSE}")).headers["Location"]).query)["state"][0]
        stolen = await stranger.open(f"/oauth/callback?code=c2&state={state}")
        return again, stolen, "c2" in world.authority.codes

    again, stolen, kept = live(story)

    assert kept, "a code must not be spent on a state that is not ours"
    for refused in (again, stolen):
        assert refused.code == 400
        assert "已经失效" in text(refused)


@pytest.mark.parametrize("path", [f"/c/{COURSE}", f"/learn/{COURSE}", "/oauth/callback", "/c/NOPE"])
def test_no_other_site_may_frame_a_page_or_bring_scripts_into_it(live, path):
    async def story(world):
        return await Browser(world, agent="Firefox").open(path)

    policy = live(story).headers["Content-Security-Policy"].split("; ")

    assert {"frame-ancestors 'none'", "default-src 'self'", "base-uri 'none'", "form-action 'self'"} <= set(policy)
    assert "unsafe" not in " ".join(policy)


def test_a_preview_identity_can_buy_nothing(live):
    async def story(world):
        browser = Browser(world)
        back, _ = await browser.log_in(f"/c/{COURSE}", ANNA, virtual=True)
        order = await browser.open(f"/c/{COURSE}/order", method="POST")
        return back, json.loads(text(order)), await world.shop.store.read(lambda tx: tx.orders.all())

    back, order, orders = live(story)

    assert back.code == 403
    assert "完整服务" in text(back)
    assert order["state"] == "refused"
    assert orders == []


def test_lessons_open_for_their_owner_only(live):
    async def story(world):
        browser = Browser(world)
        back, _ = await browser.log_in(f"/learn/{COURSE}", BEN)
        page = await browser.open(back.headers["Location"])
        done = await browser.open(f"/learn/{COURSE}/1/done", method="POST")
        outside = await Browser(world, agent="Firefox").open(f"/learn/{COURSE}")
        return page, done.code, outside

    page, done, outside = live(story)

    assert (page.code, page.headers["Location"]) == (302, f"/c/{COURSE}?from=learn")
    assert done == 403
    assert "请在微信里打开" in text(outside)


def test_an_openid_in_the_address_or_a_forged_cookie_is_nobody(live):
    async def story(world):
        browser = Browser(world)
        browser.cookies["zk"] = json.dumps({"sid": "x", "openid": ANNA})
        return (await browser.open(f"/learn/{COURSE}?openid={ANNA}")).headers["Location"]

    assert live(story).startswith("https://open.weixin.qq.com/")


def test_another_site_cannot_press_the_button(live):
    async def story(world):
        browser = Browser(world)
        await browser.log_in(f"/c/{COURSE}", ANNA)
        return (await browser.open(f"/c/{COURSE}/order", method="POST", same_site=False)).code

    assert live(story) == 403


def test_an_order_shows_its_state_to_nobody_else(live):
    async def story(world):
        browser = Browser(world)
        await browser.log_in(f"/c/{COURSE}", ANNA)
        placed = json.loads(text(await browser.open(f"/c/{COURSE}/order", method="POST")))
        other = Browser(world)
        await other.log_in(f"/c/{COURSE}", BEN)
        return (await other.open(f"/order/{placed['order_no']}/state")).code

    assert live(story) == 404


def test_outside_wechat_a_code_is_shown_and_its_payer_owns_the_course(live):
    async def story(world):
        browser = Browser(world, agent="Firefox")
        page = await browser.open(f"/c/{COURSE}")
        placed = json.loads(text(await browser.open(f"/c/{COURSE}/order", method="POST")))
        attempt = (await world.shop.store.read(lambda tx: tx.attempts.of(placed["order_no"])))[0]
        await world.shop.orders.book_paid(world.cashier.paid(attempt.out_trade_no, FEN, BEN), "notice")
        state = json.loads(text(await browser.open(f"/order/{placed['order_no']}/state")))
        return page, placed, state, await world.shop.store.read(lambda tx: tx.entitlements.owned(BEN))

    page, placed, state, owned = live(story)

    assert "微信扫码支付" in text(page)
    assert placed["qr"].startswith("<svg")
    assert (state["state"], owned) == (OrderState.PAID, [COURSE])


def test_the_waiting_page_finds_a_payment_that_no_notice_told(live):
    async def story(world):
        browser = Browser(world)
        await browser.log_in(f"/c/{COURSE}", ANNA)
        placed = json.loads(text(await browser.open(f"/c/{COURSE}/order", method="POST")))
        attempt = (await world.shop.store.read(lambda tx: tx.attempts.of(placed["order_no"])))[0]
        world.cashier.paid(attempt.out_trade_no, FEN, ANNA)
        world.clock.forward(seconds=4)
        return json.loads(text(await browser.open(f"/order/{placed['order_no']}/state")))["state"]

    assert live(story) == OrderState.PAID


@pytest.mark.parametrize("path", ["/c/NOPE", "/c/../../etc/passwd", "/c/%00", "/nothing", "/c/EDU027"])
def test_what_is_not_there_is_a_plain_404(live, path):
    async def story(world):
        return await Browser(world, agent="Firefox").open(path)

    response = live(story)

    assert response.code == 404
    assert "Traceback" not in text(response)
    assert not re.search("tornado", str(response.headers), re.IGNORECASE)


def test_two_windows_that_open_at_once_both_get_in(live):
    async def story(world):
        browser = Browser(world)
        away = [await browser.open(f"/c/{course}") for course in (COURSE, "EDU002")]
        states = [parse_qs(urlsplit(each.headers["Location"]).query)["state"][0] for each in away]
        world.authority.codes |= {
            "c1": OAuthIdentity(ANNA, virtual=False),
            "c2": OAuthIdentity(ANNA, virtual=False),
        }
        return [
            await browser.open(f"/oauth/callback?code={code}&state={state}")
            for code, state in zip(("c1", "c2"), states, strict=True)
        ]

    first, second = live(story)

    assert (first.code, first.headers["Location"]) == (302, f"/c/{COURSE}")
    assert (second.code, second.headers["Location"]) == (302, "/c/EDU002")


@pytest.mark.parametrize("agent", [WECHAT, "Firefox"])
def test_without_a_merchant_the_page_says_so_and_no_order_is_stored(live, agent):
    async def story(world):
        browser = Browser(world, agent)
        if agent == WECHAT:
            await browser.log_in(f"/c/{COURSE}", ANNA)
        page = await browser.open(f"/c/{COURSE}")
        placed = json.loads(text(await browser.open(f"/c/{COURSE}/order", method="POST")))
        return page, placed, await world.shop.store.read(lambda tx: tx.orders.all())

    page, placed, orders = live(story, sells=False)

    assert "暂未开通支付" in text(page)
    assert "回复「人工」" in text(page)
    assert 'id="buy"' not in text(page)
    assert placed["state"] == "refused"
    assert orders == []


def test_without_a_merchant_free_courses_are_still_taken(live):
    async def story(world):
        free = next(course for course in world.shop.suggestions.shelf.courses.values() if course.free).course_id
        browser = Browser(world)
        await browser.log_in(f"/c/{free}", ANNA)
        return text(await browser.open(f"/c/{free}")), text(await browser.open(f"/c/{free}/order", method="POST"))

    page, placed = live(story, sells=False)

    assert "免费领取" in page
    assert json.loads(placed)["state"] == "owned"
