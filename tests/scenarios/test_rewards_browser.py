"""Taking a reward in a real browser: the sheet is refused, then confirmed, and the page says only what is true."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.browser import chromium, need_chromium
from tests.inviting import REWARD, earn, invite, link_of, received

pytestmark = pytest.mark.browser

ALBUM = os.environ.get("ZHIKE_SCREENSHOTS", "")  # the folder for pictures to look at; else they stay with the test


def take(url, invitation, folder):
    """Play Anna on her page; returns what the page said after each step."""
    said = []
    with chromium(pixels=2.0 if ALBUM else 1.0) as hand:
        hand.pictures = Path(ALBUM or folder)
        hand.driver.get(url)
        hand.picture("rewards")
        hand.tap("#take", "领取")
        said.append(hand.find("#wx-transfer-amount").text)
        said.append(hand.find("#status").text)
        hand.picture("rewards-sheet")
        hand.tap("#wx-transfer-cancel")
        said.append(hand.find("#status", having="还没有确认").text)
        hand.tap("#take", "继续领取")
        hand.tap("#wx-transfer-confirm")
        said.append(hand.find("#status", having="已到账").text)
        said.append(
            hand.find("#take").get_attribute("disabled") + hand.find("#ready").text + hand.find("#paid").text
        )
        hand.picture("rewards-received")
        hand.driver.refresh()
        said.append(hand.find(".sums").text)
        hand.picture("rewards-after")
        hand.driver.get(invitation)
        said.append(hand.find("h1").text)
        natural = "return document.querySelector('.code img').naturalWidth"
        hand.until(lambda: hand.run(natural), "no picture of the code")
        hand.picture("invitation")
    return said


def test_a_reward_is_cancelled_then_confirmed_on_the_page(tmp_path):
    need_chromium()

    async def story(shop, simulator, clock):
        anna, ben = simulator.phone("安娜"), simulator.phone("小本二号")
        await earn(shop, simulator, clock, anna, "小本")
        url = anna.link_to(f"{simulator.webview_url}/rewards")
        said = await asyncio.to_thread(take, url, ben.link_to(await link_of(anna)), tmp_path)
        return said, received(simulator), len(simulator.transfers.bills), anna.openid

    said, got, bills, anna = invite(story, tmp_path)

    assert said[:2] == ["¥5.00", "请在微信里确认收款 ¥5"]
    assert "24 小时内可以继续领取" in said[2]
    assert said[3].startswith("已到账")
    assert said[4] == "true¥0¥5"
    assert "已到账\n¥5" in said[5]
    assert "邀请你" in said[6]
    assert (got, bills) == ({anna: REWARD}, 1)
