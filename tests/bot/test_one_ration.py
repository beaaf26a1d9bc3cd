"""One unasked message a day, whether a note or a broadcast, from any process; and no broadcast at night."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from sqlite_utils import Database

from bot.audience import Wanted
from bot.errors import AccountError, AccountUnknown, NotAllowed
from bot.mailing import PartState
from bot.shop import open_shop
from bot.store import SqliteStore
from bot.store.migrations import migrations
from handlers.chat.told import teller
from tests.reaching import asked, crowd, letters
from tests.scenarios.conftest import NOON, StoppedClock
from tests.scenarios.world import play, tokenizer

SEND = "/cgi-bin/message/mass/send"
ALL = Wanted()
NIGHT = NOON + timedelta(hours=10)  # 22:00 in Beijing


@pytest.fixture
def clock():
    return StoppedClock()


async def written(shop, text="新课上线"):
    chosen = await shop.broadcasts.choose(ALL)
    return (await shop.broadcasts.write_down(chosen, text, words="测试")).broadcast_id


async def writing(shop, simulator, count):
    """Return phones of people who wrote a moment ago, so that a message reaches them."""
    phones = crowd(shop, simulator, count)
    for phone in phones:
        await phone.say("你好")
    return phones


def note(shop, phone, text="有位老师想请你看一节课"):
    """Leave an operator's word."""
    now = shop.clock.now()
    shop.store.write_now(lambda tx: tx.outbox.put("note", text, phone.openid, {"content": text}, now, due=now))


def unasked(phone):
    """Return what a phone was told that nobody asked for."""
    return [shown.text for shown in phone.screen if shown.via in {"mass", "customer_service"}]


async def settle(shop, simulator):
    await shop.outbox.send_due()
    await simulator.settle()


def test_who_got_a_note_today_is_left_out_of_a_broadcast_and_counted(tmp_path, clock):
    async def story(shop, simulator):
        told, *others = await writing(shop, simulator, 3)
        note(shop, told)
        await settle(shop, simulator)
        today = await shop.broadcasts.choose(ALL)
        clock.forward(hours=24)
        tomorrow = await shop.broadcasts.choose(ALL)
        wanted = {phone.openid for phone in others}
        return set(today.openids) == wanted, dict(today.left_out), len(tomorrow.openids)

    assert play(story, tmp_path, clock=clock) == (True, {"told_today": 1}, 3)


def test_a_note_waits_for_a_day_after_a_broadcast(tmp_path, clock):
    async def story(shop, simulator):
        one, two = await writing(shop, simulator, 2)
        await shop.broadcasts.send(await written(shop))
        note(shop, one)
        await settle(shop, simulator)
        same_day = unasked(one)
        clock.forward(hours=24)
        await settle(shop, simulator)
        return same_day, unasked(one), unasked(two)

    letter, word = "新课上线", "有位老师想请你看一节课"
    assert play(story, tmp_path, clock=clock) == ([letter], [letter, word], [letter])


def test_who_got_a_note_after_the_broadcast_was_written_down_is_taken_off(tmp_path, clock):
    async def story(shop, simulator):
        told, *others = await writing(shop, simulator, 3)
        number = await written(shop)
        note(shop, told)
        await settle(shop, simulator)
        await shop.broadcasts.send(number)
        await simulator.settle()
        return letters(told), [letters(phone) for phone in others]

    assert play(story, tmp_path, clock=clock) == ([], [["新课上线"]] * 2)


def test_a_broadcast_that_wechat_refused_was_told_to_nobody(tmp_path, clock):
    async def story(shop, simulator):
        one, _two = await writing(shop, simulator, 2)
        number = await written(shop)
        simulator.faults.mass_refused = 1
        with pytest.raises(AccountError):
            await shop.broadcasts.send(number)
        note(shop, one)
        await settle(shop, simulator)
        return unasked(one)

    assert play(story, tmp_path, clock=clock) == ["有位老师想请你看一节课"]


def test_a_note_that_wechat_refused_was_not_told(tmp_path, clock):
    async def story(shop, simulator):
        one, _two = await writing(shop, simulator, 2)
        simulator.faults.message_errcode = 45015
        note(shop, one)
        await settle(shop, simulator)
        return len((await shop.broadcasts.choose(ALL)).openids)

    assert play(story, tmp_path, clock=clock) == 2


def test_a_note_whose_answer_was_lost_counts_even_when_its_repeat_is_refused(tmp_path, clock):
    async def story(shop, simulator):
        one, _two = await writing(shop, simulator, 2)
        simulator.faults.api_path, simulator.faults.api_lost_after = "custom/send", 1
        note(shop, one)
        await settle(shop, simulator)
        clock.forward(minutes=2)
        simulator.faults.message_errcode = 45015
        await settle(shop, simulator)
        return unasked(one), dict((await shop.broadcasts.choose(ALL)).left_out)

    assert play(story, tmp_path, clock=clock) == (["有位老师想请你看一节课"], {"told_today": 1})


def test_a_repeat_that_is_refused_tells_nothing_of_the_call_before_it_and_is_never_sent_anew(tmp_path, clock):
    async def story(shop, simulator):
        phones = crowd(shop, simulator, 2)
        number = await written(shop)
        await shop.tagging.calls.all()  # the token is there
        simulator.faults.api_lost_after = 1
        with pytest.raises(AccountUnknown):
            await shop.broadcasts.send(number)
        clock.forward(seconds=1)  # WeChat refuses: the day's calls are used up, by this very one
        with pytest.raises(AccountError):
            await shop.broadcasts.send(number)
        (unclear,) = await shop.broadcasts.parts(number)
        clock.forward(hours=25)
        await shop.broadcasts.send(number)
        (part,) = await shop.broadcasts.parts(number)
        return unclear.state, part.state, [letters(phone) for phone in phones], len(asked(simulator, SEND))

    states = (PartState.CALLING, PartState.LOST)
    assert play(story, tmp_path, clock=clock) == (*states, [["新课上线"]] * 2, 2)


def test_notes_and_a_broadcast_at_the_same_moment_reach_nobody_twice(tmp_path, clock):
    async def story(shop, simulator):
        phones = await writing(shop, simulator, 30)
        number = await written(shop)
        for phone in phones:
            note(shop, phone, f"想请{phone.name}看一节课")
        words = teller(shop.config.server.public_url)
        others = [open_shop(shop.config, tell=words, clock=clock, tokenizer=tokenizer()) for _ in range(2)]
        try:
            await asyncio.gather(
                *(each.outbox.send_due() for each in (shop, *others)), others[0].broadcasts.send(number)
            )
            await simulator.settle()
        finally:
            for other in others:
                other.close()
        return [len(unasked(phone)) for phone in phones]

    assert play(story, tmp_path, clock=clock) == [1] * 30


def test_broadcasts_of_before_the_common_ledger_count_in_it(tmp_path):
    path = tmp_path / "zhike.db"
    with closing(sqlite3.connect(path)) as connection:
        db = Database(connection)
        migrations.apply(db, stop_before="m022_one_ration")
        db.execute("insert into broadcasts values ('B1', '新课', '', '', 0, 0)")
        db.execute("insert into broadcast_parts values ('B1', 1, 0, 'B1-1', 'SENT', 2, 900, 1, 0)")
        db.execute("insert into broadcast_parts values ('B1', 2, 0, 'B1-2', 'REFUSED', 2, 900, 0, 1)")
        people = [("B1", "a", 1), ("B1", "b", 1), ("B1", "c", 2)]
        connection.executemany("insert into broadcast_people values (?, ?, ?)", people)
        db.execute("insert into nudges values ('a', 'note', 950), ('c', 'note', 100)")
        connection.commit()
    with closing(SqliteStore(path)) as store:
        epoch = NOON - timedelta(seconds=NOON.timestamp())
        told = [store.write_now(lambda tx, at=at: tx.nudges.since(epoch + at)) for at in SINCE]

    assert told == [{"a", "b"}, {"a"}]


SINCE = (timedelta(seconds=899), timedelta(seconds=949))


# ---- at night ----


def test_no_broadcast_goes_out_in_the_quiet_hours(tmp_path, clock):
    clock.at = NIGHT

    async def story(shop, simulator):
        phones = crowd(shop, simulator, 2)
        number = await written(shop)
        with pytest.raises(NotAllowed, match="08:30"):
            await shop.broadcasts.send(number)
        at_night = asked(simulator, SEND)
        clock.forward(hours=10, minutes=30)
        await shop.broadcasts.send(number)
        await simulator.settle()
        return at_night, [letters(phone) for phone in phones]

    assert play(story, tmp_path, clock=clock) == ([], [["新课上线"]] * 2)


def test_at_night_it_goes_out_when_somebody_says_so(tmp_path, clock):
    clock.at = NIGHT

    async def story(shop, simulator):
        phones = crowd(shop, simulator, 2)
        await shop.broadcasts.send(await written(shop), at_night=True)
        await simulator.settle()
        return [letters(phone) for phone in phones]

    assert play(story, tmp_path, clock=clock) == [["新课上线"]] * 2
