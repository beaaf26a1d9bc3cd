"""Giving, redeeming and buying together in a real browser, each with the pages of two people."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.offers import codes, groups
from bot.store.gifts import Batch
from bot.store.groups import Deal
from tests.browser import chromium, need_chromium
from tests.scenarios.world import COURSE, TITLE, play

pytestmark = pytest.mark.browser

ALBUM = os.environ.get("ZHIKE_SCREENSHOTS", "")  # the folder for pictures to look at; else they stay with the test


def pay(hand):
    for step in ("#buy", "#wx-pay-confirm", "#wx-pay-finish"):
        hand.tap(step)


def sideways(hand):
    return hand.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")


def show(folder, act):
    """Let ``act(hand)`` work in a browser of its own; returns what it returns."""
    with chromium(pixels=2.0 if ALBUM else 1.0) as hand:
        hand.pictures = Path(ALBUM or folder)
        hand.pictures.mkdir(parents=True, exist_ok=True)
        return act(hand)


def tell(story, tmp_path):
    need_chromium()

    async def told(shop, simulator):
        anna, ben = simulator.phone("安娜", following=True), simulator.phone("小本", following=True)
        return await story(shop, simulator, anna, ben)

    return play(told, tmp_path)


async def owned(shop, phone):
    return await shop.store.read(lambda tx: tx.entitlements.owned(phone.openid))


def test_a_gift_is_paid_greeted_and_claimed(tmp_path):
    async def story(shop, simulator, anna, ben):
        def give(hand):
            hand.driver.get(anna.link_to(f"{simulator.webview_url}/c/{COURSE}"))
            hand.tap("#give")
            hand.find("h1", having=TITLE)
            hand.picture("gift-buy")
            pay(hand)
            hand.find("#words").send_keys("一起学，年底见成果")
            hand.tap("button.done")
            hand.find("[role=status]", having="祝福写好了")
            hand.picture("gift-mine")
            return hand.run("return location.pathname"), sideways(hand)

        path, wide = await asyncio.to_thread(show, tmp_path, give)

        def claim(hand):
            hand.driver.get(ben.link_to(f"{simulator.webview_url}{path}"))
            hand.find("blockquote", "一起学，年底见成果")
            hand.picture("gift-theirs")
            hand.tap("#claim", "领取")
            hand.find("#lessons")
            hand.driver.get(f"{simulator.webview_url}{path}")
            hand.picture("gift-claimed")
            return hand.find("#learn").text

        return wide, await asyncio.to_thread(show, tmp_path, claim), await owned(shop, ben), await owned(shop, anna)

    assert tell(story, tmp_path) == (0, "开始学习", [COURSE], [])


def test_a_giver_keeps_a_gift_with_the_second_press_only(tmp_path):
    async def story(shop, simulator, anna, _ben):
        def keep(hand):
            hand.driver.get(anna.link_to(f"{simulator.webview_url}/c/{COURSE}/gift"))
            pay(hand)
            hand.tap("#claim", "自己留着")
            hand.find("[role=status]", having="确定自己留着？")
            hand.picture("gift-keep")
            return hand.find("#claim").text

        def agree(hand):
            path = next(iter(gifts)).token
            hand.driver.get(anna.link_to(f"{simulator.webview_url}/gift/{path}"))
            hand.tap("#claim", "自己留着")
            hand.tap("#claim", "确定自己留着")
            hand.find("#lessons")

        button = await asyncio.to_thread(show, tmp_path, keep)
        gifts, before = await shop.store.read(lambda tx: tx.gifts.given_by(anna.openid)), await owned(shop, anna)
        await asyncio.to_thread(show, tmp_path, agree)
        return button, before, await owned(shop, anna)

    assert tell(story, tmp_path) == ("确定自己留着", [], [COURSE])


def test_two_people_fill_a_group(tmp_path):
    async def story(shop, simulator, anna, ben):
        now = shop.clock.now()
        deal = Deal(0, COURSE, 2, 5900, 24, now + timedelta(days=9), 0, now)
        await shop.store.write(lambda tx: groups.offer(tx, deal))

        def begin(hand):
            hand.driver.get(anna.link_to(f"{simulator.webview_url}/c/{COURSE}"))
            hand.tap("#together", having="2 人拼团价 ¥59")
            hand.picture("group-open")
            pay(hand)
            hand.find("#seats", having="还差 1 人")
            hand.picture("group-waiting")
            return hand.run("return location.pathname"), sideways(hand)

        path, wide = await asyncio.to_thread(show, tmp_path, begin)
        before = await owned(shop, anna)

        def join(hand):
            hand.driver.get(ben.link_to(f"{simulator.webview_url}{path}"))
            hand.find("#seats", having="还差 1 人")
            hand.picture("group-join")
            pay(hand)
            hand.find("#seats", having="拼团成功")
            hand.picture("group-full")
            hand.tap("#learn", "开始学习")
            hand.find("#lessons")

        await asyncio.to_thread(show, tmp_path, join)
        return wide, before, await owned(shop, anna), await owned(shop, ben)

    assert tell(story, tmp_path) == (0, [], [COURSE], [COURSE])


def test_a_code_is_mistyped_then_redeemed_on_its_page(tmp_path):
    async def story(shop, simulator, anna, _ben):
        now = shop.clock.now()
        batch = Batch(0, "讲座", COURSE, 1, now, now + timedelta(days=9))
        _number, [code] = await shop.store.write(lambda tx: codes.create(tx, batch))

        def redeem(hand):
            hand.driver.get(anna.link_to(f"{simulator.webview_url}/redeem"))
            hand.find("#code").send_keys("ABCD")
            hand.tap("button", "兑换")
            hand.find("[role=status]", having="少抄或抄错")
            hand.picture("redeem-slip")
            hand.find("#code").clear()
            hand.find("#code").send_keys(codes.shown(code).lower())
            hand.tap("button", "兑换")
            hand.find("#lessons")
            return urlsplit(hand.driver.current_url).path, sideways(hand)

        return await asyncio.to_thread(show, tmp_path, redeem), await owned(shop, anna)

    assert tell(story, tmp_path) == ((f"/learn/{COURSE}", 0), [COURSE])
