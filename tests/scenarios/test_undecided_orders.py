"""Nobody earns by an order that may still come to nothing: a waiting refund, an open gift, a group that forms."""

import json
from datetime import timedelta

import pytest

from bot.config import RefundSettings
from bot.offers import groups
from bot.refunds import Refunds
from bot.store.groups import Deal
from tests.inviting import buy, come, invite, link_of, rewards
from tests.scenarios.world import COURSE, Till

DAYS = 31  # after the refund window, and after the wait of a gift


async def a_friend(simulator):
    """Return the phone of a friend whom somebody brought."""
    return await come(simulator, await link_of(simulator.phone("小安")), "小北")


async def buy_at(simulator, phone, path):
    """Buy with the button of another page than the course's; returns the number of the order."""
    await phone.open(f"{simulator.webview_url}{path}")
    url = f"{simulator.webview_url}{path}"
    placed = json.loads((await phone.open(url, method="POST", body="", headers={"X-Zhike": "1"})).text)
    assert placed["state"] == "pay", placed
    till = Till(placed["order_no"], placed["bridge"]["package"].removeprefix("prepay_id="))
    await simulator.pay.confirm(till.prepay_id, phone.openid)
    return till.order_no


async def after(shop, clock, days):
    """Let days pass, and the jobs run until nothing more happens."""
    clock.forward(days=days)
    for _ in range(3):
        clock.forward(minutes=2)
        await shop.jobs.run_due()
    return await rewards(shop)


@pytest.mark.parametrize("agreed", [False, True])
def test_a_refund_that_waits_for_an_admin_holds_the_reward_back(tmp_path, agreed):
    async def story(shop, simulator, clock):
        friend = await a_friend(simulator)
        number = await buy(simulator, friend)
        by_hand = Refunds(shop.store, shop.orders, shop.gateway, clock, RefundSettings(auto_limit=0))
        shown = await shop.store.read(lambda tx: by_hand.preview(tx, friend.openid, number, clock.now()))
        asked = await by_hand.request(friend.openid, number, shown.amount_fen, "chat")
        waiting = await after(shop, clock, 8)
        await (by_hand.approve(asked.out_refund_no) if agreed else by_hand.reject(asked.out_refund_no, "学完了"))
        return waiting, await after(shop, clock, 1)

    waiting, decided = invite(story, tmp_path)

    assert waiting == []
    assert [state for state, _fen in decided] in ([[], ["VOID"]] if agreed else [["READY"]])


@pytest.mark.parametrize("claimed", [False, True])
def test_a_gift_earns_once_somebody_has_claimed_it(tmp_path, claimed):
    async def story(shop, simulator, clock):
        friend = await a_friend(simulator)
        number = await buy_at(simulator, friend, f"/c/{COURSE}/gift")
        gift = await shop.store.read(lambda tx: tx.gifts.of_order(number))
        open_still = await after(shop, clock, 8)
        if claimed:
            now = clock.now()
            await shop.store.write(lambda tx: shop.gifts.claim(tx, gift.token, "oCleo000000000000000000000c", now))
        return open_still, await after(shop, clock, DAYS)

    open_still, decided = invite(story, tmp_path)

    assert open_still == []
    assert "READY" in dict(decided) if claimed else "READY" not in dict(decided)


def test_a_seat_in_a_group_that_forms_earns_nothing_and_none_when_it_fails(tmp_path):
    async def story(shop, simulator, clock):
        now = clock.now()
        deal = Deal(0, COURSE, 2, 5900, 24 * 20, now + timedelta(days=30), 0, now)
        await shop.store.write(lambda tx: groups.offer(tx, deal))
        await buy_at(simulator, await a_friend(simulator), f"/c/{COURSE}/group")
        return await after(shop, clock, 8), await after(shop, clock, 20)

    forming, failed = invite(story, tmp_path)

    assert forming == []
    assert "READY" not in dict(failed)
