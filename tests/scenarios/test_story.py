"""The whole business against the strict simulator, with nothing of ours replaced: real doors, keys and pages."""

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tornado.httpclient import AsyncHTTPClient

from bot.models import OrderState
from handlers.chat.routes import MENU_KEYS
from tests.scenarios.world import play


class InWeChat:
    """The browser inside the follower's WeChat: keeps cookies, follows redirects."""

    def __init__(self, phone, simulator):
        self.phone, self.simulator, self.cookies = phone, simulator, {}
        self.http = AsyncHTTPClient(force_instance=True)

    async def open(self, url, *, method="GET"):
        for _ in range(10):
            response = await self.http.fetch(
                url,
                method=method,
                body=b"" if method == "POST" else None,
                headers={"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), "X-Zhike": "1"},
                follow_redirects=False,
                raise_error=False,
            )
            for line in response.headers.get_list("Set-Cookie"):
                name, _, value = line.split(";")[0].partition("=")
                self.cookies[name] = value
            if response.code not in {301, 302, 303, 307}:
                return response
            url, method = response.headers["Location"], "GET"
            if url.startswith("/"):
                url = self.simulator.webview_url + url
        raise AssertionError("redirected in circles")

    async def enter(self, url):
        """Open a link of the chat."""
        start = f"{self.simulator.webview_url}/__wx/open?as={self.phone.openid}&to={url}"
        return await self.open(start)


@pytest.mark.parametrize("mode", ["safe", "plain"])
def test_from_the_first_message_to_the_opened_course(tmp_path, mode):
    async def story(shop, simulator):
        phone = simulator.phone("小林")
        welcome = await phone.follow()
        listed = await phone.say("我想学 Python 数据分析")
        card = await phone.say("1")
        link = next(href for _label, href in card.links if "/c/" in href)
        browser = InWeChat(phone, simulator)
        page = await browser.enter(link)
        course_id = urlsplit(link).path.rsplit("/", 1)[1]
        order_url = f"{simulator.webview_url}/c/{course_id}/order"
        placed = json.loads((await browser.open(order_url, method="POST")).body)
        prepay_id = placed["bridge"]["package"].removeprefix("prepay_id=")
        await simulator.pay.confirm(prepay_id, phone.openid)
        async with asyncio.timeout(10):
            while not await shop.store.read(lambda tx: tx.entitlements.owned(phone.openid)):  # noqa: ASYNC110
                await asyncio.sleep(0)
        await shop.jobs.run_due()
        told = phone.screen[-1]
        lesson = next(href for _label, href in told.links if "/learn/" in href)
        lessons = await browser.enter(lesson)
        order = (await shop.store.read(lambda tx: tx.orders.of(phone.openid)))[0]
        mine = await phone.say("我的课程")
        browser.http.close()
        return welcome, listed, page, placed, told, lessons, order, mine, course_id

    welcome, listed, page, placed, told, lessons, order, mine, course_id = play(story, tmp_path, mode=mode)

    assert "隐私" in welcome.text
    assert "因为你提到「" in listed.text
    assert "微信支付" in page.body.decode()
    assert placed["state"] == "pay"
    assert told.via == "customer_service"
    assert "付款成功" in told.text
    assert "学完了" in lessons.body.decode()
    assert order.state is OrderState.PAID
    assert f"/learn/{course_id}" in mine.text


def test_another_follower_cannot_open_what_the_first_one_bought(tmp_path):
    async def story(_shop, simulator):
        thief = simulator.phone("小周")
        await thief.follow()
        browser = InWeChat(thief, simulator)
        answer = await browser.enter(f"{simulator.webview_url}/learn/EDU001")
        browser.http.close()
        return answer.body.decode()

    body = play(story, tmp_path)

    assert "微信支付" in body
    assert "学完了" not in body


def test_state_and_code_leave_the_address(tmp_path):
    async def story(_shop, simulator):
        phone = simulator.phone("小林")
        await phone.follow()
        browser = InWeChat(phone, simulator)
        answer = await browser.enter(f"{simulator.webview_url}/c/EDU001?from=list")
        browser.http.close()
        return answer.effective_url

    query = parse_qs(urlsplit(play(story, tmp_path)).query)

    assert query == {"from": ["list"]}


def test_the_menu_of_the_settings_reaches_handlers_only():
    text = (Path(__file__).parents[2] / "config.toml").read_text("utf-8")

    assert set(re.findall(r'^key = "(\w+)"', text, re.MULTILINE)) <= set(MENU_KEYS)
