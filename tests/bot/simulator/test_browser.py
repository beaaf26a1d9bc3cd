"""A real browser on the phone page: follow, chat, tap a link, pay in the web view, change the follower."""

import asyncio
import json

import pytest

from tests.bot.simulator import paying
from tests.browser import chromium, need_chromium

pytestmark = pytest.mark.browser

MENU = {"button": [{"name": "学习", "sub_button": [{"type": "click", "name": "继续学习", "key": "go"}]}]}
POLICY = "default-src 'none'; script-src 'nonce-a1'; frame-ancestors 'none'"
PAGE = """<!doctype html><html><head><title>课程页</title></head><body><button id="buy">立即购买</button>
<p id="out"></p><script nonce="a1">document.getElementById("buy").onclick = () => WeixinJSBridge.invoke(
"getBrandWCPayRequest", PARAMS, (r) => { document.getElementById("out").textContent = r.err_msg; })
</script></body></html>"""


def use_the_phone(url, webview):
    seen = []
    with chromium() as hand:
        hand.driver.get(url)
        hand.tap("#follow")
        hand.find(".bubble.account.text")
        hand.tap("#menu-toggle")
        hand.write("想学 Python")
        hand.find(".bubble.self", "想学 Python")
        hand.tap(".bubble.account a", "热门")
        hand.find(".bubble.self", "热门课程")
        hand.tap("#menu-toggle")
        hand.tap("[data-menu='学习']")
        hand.tap("[data-key='go']")

        hand.tap(".bubble.account a", "买")
        hand.driver.switch_to.frame(hand.find("#webview iframe"))
        for button in ("#wx-pay-cancel", "#wx-pay-confirm", "#wx-pay-error-ok"):
            hand.tap("#buy")
            seen.append(hand.find("#wx-pay").text)
            hand.tap(button)
            if button == "#wx-pay-confirm":
                hand.tap("#wx-pay-finish")
            word = {"#wx-pay-cancel": "cancel", "#wx-pay-confirm": "ok", "#wx-pay-error-ok": "fail"}[button]
            hand.find("#out", f"get_brand_wcpay_request:{word}")
        hand.driver.switch_to.default_content()
        hand.find("#webview-title", "课程页")
        hand.tap("#webview-close")

        hand.tap("#new-follower")
        hand.find("#follow")
        assert not hand.driver.find_elements("css selector", ".bubble")
        assert hand.driver.current_url.startswith(url)
        assert webview not in hand.driver.current_url
    return seen


def test_a_person_follows_chats_and_pays(play):
    need_chromium()

    async def story(world):
        sim, shop = world.sim, world.shop
        menu_link = "weixin://bizmsgmenu?msgmenucontent=%E7%83%AD%E9%97%A8%E8%AF%BE%E7%A8%8B&msgmenuid=m1"
        shop.text(f'<a href="{menu_link}">热门</a> <a href="{sim.webview_url}/c/1">买</a>')
        params = paying.bridge(world, await paying.prepay(world))
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
        shop.pages["/c/1"] = (
            200,
            headers | {"X-Frame-Options": "DENY"},
            PAGE.replace("PARAMS", json.dumps(params)),
        )

        seen = await asyncio.to_thread(use_the_phone, sim.url, sim.webview_url)

        assert all(part in seen[0] for part in ("知课", "¥99.00", "Python 入门"))
        assert "已支付" in seen[2]
        assert sim.pay.trade("ZK20261124A1").payer == sim.phone("小林").openid
        told = [each.fields.get("Event") or each.fields["Content"] for each in shop.deliveries]
        assert told == ["subscribe", "想学 Python", "热门课程", "CLICK"]
        assert shop.deliveries[2].fields["bizmsgmenuid"] == "m1"

    play(story, menu=MENU)


def test_the_phone_shows_the_menu_of_its_follower_and_cuts_long_names(play):
    need_chromium()
    click = {"type": "click", "key": "go"}
    default = {"button": [click | {"name": "大家都看到"}]}

    def look(url, change):
        with chromium() as hand:
            hand.driver.get(url)
            hand.tap("#follow")
            hand.find("#menu button", "大家都看…")
            change()
            hand.find("#menu button", "安卓的人…")
            hand.run("document.querySelector('#platform').value = '1'; platform.dispatchEvent(new Event('change'))")
            hand.find("#menu button", "大家都看…")

    async def story(world):
        menus, now = world.sim._stage.menus, world.clock()
        menus.create(default, now)
        world.shop.text("你好")
        loop = asyncio.get_running_loop()

        async def to_android():
            rule = {"client_platform_type": "2"}
            menus.add_conditional({"button": [click | {"name": "安卓的人看"}], "matchrule": rule}, now)
            world.sim.phone("小林").platform = "2"

        def change():
            asyncio.run_coroutine_threadsafe(to_android(), loop).result(10)

        await asyncio.to_thread(look, world.sim.url, change)

    play(story)


def test_whoever_does_not_follow_yet_scans_a_poster_on_the_card(play):
    need_chromium()

    def scan(url, code):
        with chromium() as hand:
            hand.driver.get(url)
            hand.find("#card-scene").send_keys(code)
            hand.tap("#card-scan")
            hand.find(".bubble.account", "你好")
            assert not hand.driver.find_element("id", "card-form").is_displayed()

    async def story(world):
        world.shop.text("你好")
        asked = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "地铁"}}}
        code = world.sim._stage.qrcodes.create(asked, world.clock())

        await asyncio.to_thread(scan, world.sim.url, code["url"])

        (told,) = [each.fields for each in world.shop.deliveries]
        assert told["Event"] == "subscribe"
        assert told["EventKey"] == "qrscene_地铁"

    play(story)
