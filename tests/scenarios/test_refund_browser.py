"""Money back as a follower sees it: asked for in the chat, and on the page, in a real Chromium."""

import re

import pytest

from tests.scenarios.test_browser import (
    LATEST,
    answer,
    browser,  # noqa: F401  these three are fixtures
    close,
    demo,  # noqa: F401
    follow,
    hand,  # noqa: F401
    open_course,
    pay,
    say,
    sideways,
)

pytestmark = pytest.mark.browser


def bought(hand):  # noqa: F811
    """Follow, buy a course, and come back to the chat; returns its title."""
    follow(hand)
    title = open_course(hand)
    pay(hand)
    close(hand)
    hand.find(LATEST, having="付款成功")
    return title


def test_a_refund_is_asked_for_in_the_chat_with_a_tap(hand):  # noqa: F811
    title = bought(hand)
    preview = say(hand, "退款", having="可以退")
    hand.picture("refund-1-preview")
    taken = answer(hand, lambda: hand.tap(f"{LATEST} a", having="确认退款"), having="原路退回")
    hand.picture("refund-2-taken")
    say(hand, "我的课程", having="你还没有课程")

    assert f"《{title}》可以退 ¥" in preview
    assert "可以全额退" in preview
    assert title in taken
    assert sideways(hand) == 0


def test_a_refund_is_asked_for_on_the_page(hand):  # noqa: F811
    title = bought(hand)
    say(hand, "我的订单", having="你的订单")
    hand.tap(f"{LATEST} a", "点这里看全部订单和退款")
    with hand.page():
        hand.find("h2", title)
        hand.picture("refund-3-orders")
        assert sideways(hand) == 0
        hand.tap("a.ask", "申请退款")
        button = hand.find("#confirm", having="确认退款 ¥").text
        hand.picture("refund-4-page")
        assert sideways(hand) == 0
        hand.tap("#confirm")
        hand.find("#told", having="退款")
        done = hand.find("#told", having="已原路退回").text
        hand.picture("refund-5-done")
        gone = hand.run("return document.getElementById('preview').hidden")
        hand.tap("a", having="我的订单")
        hand.find(".refund", having="退款已到账")
        hand.picture("refund-6-orders-after")
    close(hand)

    assert re.search(r"¥\d", button)
    assert title in done
    assert gone
