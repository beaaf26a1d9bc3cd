"""What becomes of a row that WeChat will not take: left for the next chat, or tried again."""

import asyncio
from datetime import timedelta

import pytest

from bot.errors import AccountError
from bot.outbox import MAX_TRIES, Outbox
from bot.reach.forms import Forms
from bot.reach.hours import QuietHours
from bot.reach.service import Reach
from bot.store import SqliteStore
from tests.scenarios.conftest import NOON, StoppedClock

ANNA = "oAnna0000000000000000000000a"


class Refusing:
    """A messenger whose host says no with one number, and counts how often it was asked."""

    def __init__(self, errcode):
        self.errcode = errcode
        self.asked = 0

    async def send_text(self, _openid, _content):
        self.asked += 1
        if self.errcode:
            raise AccountError(self.errcode, "no")


class NoTemplates:
    """The notices of an account without templates: there are none to send."""


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    yield store
    store.close()


def a_row(store):
    """Leave one thing to be told to a follower who has just written."""

    def work(tx):
        tx.followers.seen(ANNA, NOON)
        tx.followers.keep_context(ANNA, "", NOON)
        tx.outbox.put("paid", "ZK1", ANNA, {}, NOON, due=NOON)

    store.write_now(work)


def rounds(store, messenger, clock, times):
    """Let the outbox come round, an hour apart; returns what waits for the next chat then."""
    reach = Reach(
        messenger, NoTemplates(), forms=Forms(), quiet=QuietHours(), public_url="", message_quota=5, touch_quota=3
    )
    outbox = Outbox(store, reach, clock, tell=lambda _row: "好")

    async def go():
        for _ in range(times):
            await outbox.send_due()
            clock.forward(hours=1)

    asyncio.run(go())
    return [row.key for row in store.write_now(lambda tx: tx.outbox.waiting(ANNA))]


@pytest.mark.parametrize("errcode", [45015, 45047, 43004, 48001, 48002, 70000])
def test_a_follower_out_of_reach_is_not_tried_again_but_told_at_the_next_chat(store, errcode):
    a_row(store)
    messenger = Refusing(errcode)

    waiting = rounds(store, messenger, StoppedClock(), 3)

    assert (waiting, messenger.asked) == (["ZK1"], 1)


def test_a_closed_window_closes_for_everything_that_is_still_to_be_told(store):
    a_row(store)
    store.write_now(lambda tx: tx.outbox.put("refunded", "R1", ANNA, {}, NOON, due=NOON))
    messenger = Refusing(45047)

    waiting = rounds(store, messenger, StoppedClock(), 2)

    assert (waiting, messenger.asked) == (["ZK1", "R1"], 1)


@pytest.mark.parametrize("errcode", [45008, 45002, 40003])
def test_what_says_nothing_about_the_window_does_not_shut_it(store, errcode):
    a_row(store)
    clock, messenger = StoppedClock(), Refusing(errcode)

    early = rounds(store, messenger, clock, 1)
    messenger.errcode = 0
    late = rounds(store, messenger, clock, 2)

    # It was surely not sent, so a chat may come first; without one it is tried again.
    assert (early, late, messenger.asked) == (["ZK1"], [], 2)


def test_a_row_that_is_refused_again_and_again_waits_for_the_next_chat_in_the_end(store):
    a_row(store)
    messenger = Refusing(45002)

    waiting = rounds(store, messenger, StoppedClock(), MAX_TRIES + 3)

    assert (waiting, messenger.asked) == (["ZK1"], MAX_TRIES)


def test_who_left_is_sent_nothing_and_only_news_of_money_is_kept(store):
    a_row(store)

    def leave(tx):
        for kind in ("paid_twice", "refunded", "reply", "human", "unanswered"):
            tx.outbox.put(kind, kind, ANNA, {"content": "…"}, NOON, due=NOON + timedelta(hours=1))
        tx.followers.unfollow(ANNA, NOON)
        tx.outbox.drop_for(ANNA, NOON)

    store.write_now(leave)
    messenger = Refusing(0)

    waiting = rounds(store, messenger, StoppedClock(), 3)

    assert (waiting, messenger.asked) == (["ZK1", "paid_twice", "refunded"], 0)
