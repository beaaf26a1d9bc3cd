"""What knocks at /wechat: the genuine is answered once, everything else is refused and changes nothing."""

import asyncio
import logging
import random
from datetime import timedelta
from urllib.parse import urlencode

import orjson
import pytest
from tornado.simple_httpclient import HTTPStreamClosedError

from bot.errors import PayUnknown, StoreError
from handlers.chat import inbox
from handlers.chat.inbox import message_key
from handlers.chat.robot import read_fields
from tests.wire import Account

ANNA = "oAnna0000000000000000000000a"


async def nothing_happened(world):
    return await world.shop.store.read(lambda tx: tx.followers.all()) == []


@pytest.mark.parametrize("mode", ["safe", "compatible", "plain"])
def test_a_genuine_message_is_answered_in_every_mode(live, mode):
    async def story(world):
        return await world.say(ANNA, "我想学 Python 数据分析")

    assert "Python" in live(story, mode=mode)


def test_the_echo_is_returned_as_often_as_it_is_asked_and_only_to_wechat(live):
    async def story(world):
        query = world.account.query(world.clock.now().timestamp()) | {"echostr": "<b>4711</b>"}
        codes = []
        for _ in range(2):
            response = await world.http.fetch(f"{world.url}/wechat?{urlencode(query)}", raise_error=False)
            codes.append((response.code, response.body, response.headers["Content-Type"].split(";")[0]))
        query["signature"] = "0" * 40
        refused = await world.http.fetch(f"{world.url}/wechat?{urlencode(query)}", raise_error=False)
        return codes, refused.code, refused.body

    codes, *refused = live(story)

    assert codes == [(200, b"<b>4711</b>", "text/plain")] * 2
    assert refused == [403, b""]


def test_the_same_message_three_times_runs_once_and_answers_alike(live):
    async def story(world):
        xml = world.message(ANNA, Content="瑜伽 减脂 Excel")
        replies = [await world.deliver(xml) for _ in range(3)]
        events = await world.shop.store.read(lambda tx: tx.events.of(ANNA))
        return replies, [event.kind for event in events].count("mention")

    replies, mentions = live(story)

    assert len(set(replies)) == 1
    assert mentions == 1


def test_twenty_deliveries_at_once_run_once(live):
    async def story(world):
        xml = world.message(ANNA, Content="Excel 函数")
        replies = await asyncio.gather(*(world.deliver(xml) for _ in range(20)))
        events = await world.shop.store.read(lambda tx: tx.events.of(ANNA))
        return set(replies), [event.kind for event in events].count("mention")

    replies, mentions = live(story)

    assert len(replies) == 1
    assert mentions == 1


def test_the_stored_reply_outlives_a_restart(live):
    async def first(world):
        first.xml = world.message(ANNA, Content="Excel 函数")
        return await world.deliver(first.xml)

    async def second(world):
        return await world.deliver(first.xml)

    assert live(first) == live(second)


async def until_delivered(world, xml, times):
    """Return when so many deliveries of the message have come in."""
    key = message_key(read_fields(xml))
    async with asyncio.timeout(10):
        while True:
            seen = await world.shop.store.read(lambda tx: tx.messages.find(key, ""))
            if seen and seen[0].deliveries == times:
                return
            await asyncio.sleep(0.01)  # leave the processor to the deliveries


def test_a_slow_answer_is_joined_by_its_repeats(live):
    async def story(world):
        gate = asyncio.Event()

        async def slow(_order_no):
            await gate.wait()
            raise PayUnknown("slow")

        await world.shop.orders.place(ANNA, "EDU001")
        world.shop.orders.sync_order = slow
        xml = world.message(ANNA, Content="我付了")
        deliveries = [asyncio.create_task(world.deliver(xml)) for _ in range(3)]
        await until_delivered(world, xml, 3)
        waiting = not any(delivery.done() for delivery in deliveries)
        gate.set()
        return waiting, await asyncio.gather(*deliveries)

    waiting, replies = live(story)

    assert waiting
    assert len(set(replies)) == 1
    assert "小状况" in replies[0]


def test_twenty_deliveries_at_once_of_a_slow_message_run_once(live):
    async def story(world):
        gate = asyncio.Event()
        begun = asyncio.Event()
        runs = []

        async def slow(order_no):
            runs.append(order_no)
            begun.set()
            await gate.wait()
            raise PayUnknown("slow")

        await world.shop.orders.place(ANNA, "EDU001")
        world.shop.orders.sync_order = slow
        xml = world.message(ANNA, Content="我付了")
        deliveries = [asyncio.create_task(world.deliver(xml)) for _ in range(20)]
        await until_delivered(world, xml, 20)
        await asyncio.wait_for(begun.wait(), 10)
        gate.set()
        replies = await asyncio.gather(*deliveries)
        return len(runs), len(set(replies))

    assert live(story, reply_deadline_seconds=4.8) == (1, 1)


def test_past_the_deadline_the_third_delivery_gets_success_and_the_reply_follows(live):
    async def story(world):
        gate = asyncio.Event()

        async def slow(_order_no):
            await gate.wait()
            return await world.shop.store.read(lambda tx: tx.orders.of(ANNA)[0])

        await world.shop.orders.place(ANNA, "EDU001")
        world.shop.orders.sync_order = slow
        xml = world.message(ANNA, Content="我付了")
        early = await asyncio.gather(*(world.post(*world.envelope(xml)) for _ in range(2)), return_exceptions=True)
        last = await world.deliver(xml)
        gate.set()
        async with asyncio.timeout(10):
            while not await world.shop.outbox.send_due():  # noqa: ASYNC110  the reply is on its way to the store
                await asyncio.sleep(0)
        return [type(dropped) for dropped in early], last, world.phone.received

    dropped, last, received = live(story, reply_deadline_seconds=0.05)

    assert dropped == [HTTPStreamClosedError] * 2
    assert last == ""
    assert [(openid, "没有查到" in text) for openid, text in received] == [(ANNA, True)]


def never_answered(world):
    """Start slow work that never ends, as seen by three deliveries that give up."""

    async def stuck(_order_no):
        await asyncio.Event().wait()

    async def play():
        await world.shop.orders.place(ANNA, "EDU001")
        world.shop.orders.sync_order = stuck
        xml = world.message(ANNA, Content="我付了")
        await asyncio.gather(*(world.post(*world.envelope(xml)) for _ in range(2)), return_exceptions=True)
        return await world.deliver(xml)

    return play()


def test_whoever_waits_for_a_worker_that_died_is_asked_to_write_again_once(live):
    async def died(world):
        return await never_answered(world)

    async def after(world):
        await world.shop.jobs.run_due()
        early = list(world.phone.received)
        world.clock.forward(seconds=61)
        for _ in range(3):
            await world.shop.jobs.run_due()
        return early, world.phone.received

    assert live(died, reply_deadline_seconds=0.05) == ""
    early, received = live(after)
    assert early == []
    assert [(openid, "再发一次" in text) for openid, text in received] == [(ANNA, True)]


def test_slow_work_that_shows_life_is_not_taken_for_dead(live, monkeypatch):
    monkeypatch.setattr(inbox, "BEAT_SECONDS", 0.01)

    async def story(world):
        await never_answered(world)
        world.clock.forward(seconds=61)
        minute_ago = world.clock.now() - timedelta(seconds=60)
        async with asyncio.timeout(10):
            while await world.shop.store.read(lambda tx: silent(tx, minute_ago)):  # noqa: ASYNC110  a beat ends it
                await asyncio.sleep(0)
        await world.shop.jobs.run_due()
        return world.phone.received

    def silent(tx, minute_ago):
        return tx.messages.silent_since(minute_ago)

    assert live(story, reply_deadline_seconds=0.05) == []


def forged(world, xml):
    query, body = world.envelope(xml)
    return query.replace("signature=", "signature=0", 1), body


def stale(world, xml):
    return world.account.sealed(xml, world.clock.now().timestamp() - 301)


def from_the_future(world, xml):
    return world.account.sealed(xml, world.clock.now().timestamp() + 301)


def plain_in_safe_mode(world, xml):
    return world.account.open(None, xml, world.clock.now().timestamp())


def wrong_app(world, xml):
    return world.account.sealed(xml, world.clock.now().timestamp(), app_id="wx9999999999999999")


def wrong_account(world, _xml):
    other = Account(original_id="gh_somebodyelse")
    now = world.clock.now().timestamp()
    return world.account.sealed(other.message(ANNA, now, Content="Excel"), now)


def oversized(world, xml):
    query, body = world.envelope(xml)
    return query, body + b" " * 300_000


def tampered(world, xml):
    query, body = world.envelope(xml)
    middle = len(body) // 2
    return query, body[:middle] + (b"A" if body[middle : middle + 1] != b"A" else b"B") + body[middle + 1 :]


@pytest.mark.parametrize(
    "attack",
    [forged, stale, from_the_future, plain_in_safe_mode, wrong_app, wrong_account, oversized, tampered],
)
def test_what_is_not_genuine_gets_an_empty_403_and_runs_nothing(live, attack):
    async def story(world):
        response = await world.post(*attack(world, world.message(ANNA, Content="Excel")))
        return response.code, response.body, await nothing_happened(world)

    assert live(story) == (403, b"", True)


def test_a_captured_signature_does_not_carry_another_message(live):
    async def story(world):
        query, body = world.envelope(world.message(ANNA, Content="Excel"))
        first = await world.post(query, body)
        second = await world.post(query, world.message(ANNA, Content="不感兴趣").encode())
        return first.code, second.code, second.body

    assert live(story, mode="plain") == (200, 403, b"")


@pytest.mark.parametrize("kind", ["EVENT", "Event", "event"])
def test_an_event_without_a_name_is_no_5xx(live, kind):
    async def story(world):
        xml = world.message(ANNA, kind)
        return (await world.post(*world.envelope(xml))).code

    assert live(story) == 200


def test_an_event_after_an_unfollow_does_not_make_somebody_a_follower_again(live):
    async def story(world):
        await world.say(ANNA, "Excel")
        await world.event(ANNA, "unsubscribe")
        await world.event(ANNA, "TEMPLATESENDJOBFINISH")
        return (await world.shop.store.read(lambda tx: tx.followers.get(ANNA))).subscribed

    assert live(story) is False


BILLION_LAUGHS = '<!DOCTYPE xml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><xml><Content>&b;</Content></xml>'
EXTERNAL = '<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><Content>&x;</Content></xml>'


@pytest.mark.parametrize(
    "xml",
    ["", "not xml", "<xml>", "<xml></xml>", BILLION_LAUGHS, EXTERNAL, '{"json": 1}', "<a>" * 50 + "</a>" * 50],
)
def test_a_signed_body_that_is_no_message_gets_plain_success_or_a_refusal_and_runs_nothing(live, xml):
    async def story(world):
        response = await world.post(*world.account.open(None, xml, world.clock.now().timestamp()))
        return response.code, response.body, await nothing_happened(world)

    code, body, nothing = live(story, mode="plain")

    assert (code, body) in {(200, b"success"), (403, b"")}
    assert nothing


def test_a_message_leaves_what_it_taught_and_one_that_breaks_leaves_nothing(live, monkeypatch):
    def left(tx):
        return tx.interests.get(ANNA), [event.kind for event in tx.events.of(ANNA)]

    dumps = orjson.dumps

    def all_but_talks(value):
        assert "lists" not in value
        return dumps(value)

    async def story(world):
        await world.say(ANNA, "你好")
        await world.say(ANNA, "Excel")
        first = await world.shop.store.read(left)
        with monkeypatch.context() as broken:
            broken.setattr(orjson, "dumps", all_but_talks)
            sorry = await world.say(ANNA, "Python")
        return first, sorry, await world.shop.store.read(left)

    first, sorry, second = live(story)

    assert "excel" in first[0]
    assert first[1] == ["mention", "impression"]
    assert "Python" not in sorry
    assert second == first


def test_markup_in_a_message_cannot_leave_its_place_in_the_reply(live):
    async def story(world):
        xml = world.message(ANNA, "voice", MediaId="m", Recognition="Excel ]]]]><![CDATA[></Content><MsgType>x\x0b")
        return await world.deliver(xml)

    assert "我听到：Excel ]]></Content><MsgType>x\n" in live(story)


def test_what_goes_wrong_is_logged_without_the_name_of_anybody(live, caplog):
    async def story(world):
        async def broken(*_arguments, **_options):
            raise StoreError("disk full")

        world.shop.store.write = broken
        reply = await world.say(ANNA, "Excel")
        url = f"{world.url}/oauth/callback?code=c0de&state=st4te"
        return reply, (await world.http.fetch(url, raise_error=False, headers={"Cookie": "zk_state_st4te=1"})).code

    with caplog.at_level(logging.DEBUG):
        reply, code = live(story)

    assert "小状况" in reply
    assert code == 500
    logged = "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
    assert "web.broke path=/oauth/callback" in logged
    assert not [secret for secret in (ANNA, "c0de", "st4te", "signature=") if secret in logged]


def test_a_thousand_broken_messages_bring_no_5xx_and_no_traceback(live, caplog):
    dice = random.Random(20261124)

    def broken(world):
        query, body = world.envelope(world.message(ANNA, Content="我想学 Excel"))
        if dice.random() < 0.5:
            return query, dice.randbytes(dice.randrange(400))
        body = bytearray(body)
        for _ in range(dice.randrange(1, 6)):
            body[dice.randrange(len(body))] = dice.randrange(256)
        return query, bytes(body)

    async def story(world):
        codes = set()
        for _ in range(20):
            batch = await asyncio.gather(*(world.post(*broken(world)) for _ in range(100)))
            codes |= {response.code for response in batch}
        return codes

    with caplog.at_level(logging.WARNING):
        codes = live(story, mode="plain")

    assert codes <= {200, 403}
    assert not [record for record in caplog.records if record.exc_info]
