"""Broadcasts: who gets one, within which limits, and that nobody gets one twice, whatever breaks."""

import asyncio

import pytest

from bot import privacy
from bot.audience import Wanted
from bot.errors import AccountError, AccountUnknown, NotAllowed
from bot.mailing import MOST_READERS, PartState, split
from tests.reaching import asked, crowd, give, letters, likes, switch_off
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import play

SEND = "/cgi-bin/message/mass/send"
ALL = Wanted()


async def until(condition):
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110  what is waited for rings no bell here
            await asyncio.sleep(0.01)


async def written(shop, wanted=ALL, text="新课上线", **options):
    chosen = await shop.broadcasts.choose(wanted, **options)
    return await shop.broadcasts.write_down(chosen, text, words="测试", course_id=options.get("course_id", ""))


async def came_out(phones, text="新课上线"):
    async def all_have():
        return all(letters(phone) == [text] for phone in phones)

    await until(all_have)


def in_parts(shop, broadcast_id, *sizes):
    """Cut a broadcast that is written down into parts of these sizes, as many readers would."""

    def work(tx):
        openids = tx.broadcasts.readers(broadcast_id, 1)
        (whole,) = tx.broadcasts.parts(broadcast_id)
        rows = tx.broadcasts._rows
        rows.run("delete from broadcast_parts where broadcast_id = ?", broadcast_id)
        tx.broadcasts.drop(broadcast_id, openids)
        for at, size in enumerate(sizes, 1):
            part, openids = openids[:size], openids[size:]
            fields = {"part": at, "people": len(part), "client_msg_id": f"{broadcast_id}-{at}"}
            tx.broadcasts.add_part(type(whole)(**{"broadcast_id": broadcast_id, **fields}), part)

    shop.store.write_now(work)


def test_everybody_chosen_gets_it_once_and_the_result_comes_by_event(tmp_path):
    async def story(shop, simulator):
        phones = crowd(shop, simulator, 3)
        broadcast = await written(shop)
        await shop.broadcasts.send(broadcast.broadcast_id)
        await came_out(phones)

        async def told():
            return (await shop.broadcasts.parts(broadcast.broadcast_id))[0].result is not None

        await until(told)
        await shop.broadcasts.send(broadcast.broadcast_id)
        (part,) = await shop.broadcasts.parts(broadcast.broadcast_id)
        return part.state, part.result.good, part.result.sent, len(asked(simulator, SEND))

    assert play(story, tmp_path) == (PartState.SENT, True, 3, 1)


def test_owners_the_unsubscribed_and_those_without_personalisation_are_left_out(tmp_path):
    async def story(shop, simulator):
        owner, left, private, one, two = phones = crowd(shop, simulator, 5)
        give(shop, "EDU001", owner)
        likes(shop, ["python"], *phones)
        switch_off(shop, private)
        await left.unfollow()
        wanted = Wanted(interests=(("python",),))
        chosen = await shop.broadcasts.choose(wanted, course_id="EDU001")
        return set(chosen.openids) == {one.openid, two.openid}, chosen.chosen, dict(chosen.left_out)

    assert play(story, tmp_path) == (True, 4, {"owns_course": 1, "personalisation_off": 1})


def test_conditions_must_all_hold(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        one, two, three, four = crowd(shop, simulator, 4)
        likes(shop, ["python"], one, two, three)
        give(shop, "EDU001", one, two, four)
        clock.forward(days=10)
        await two.say("你好")
        wanted = Wanted(
            interests=(("python",),),
            bought=(frozenset({"EDU001"}),),
            unseen_since=shop.clock.now() - (clock.now() - clock.now().replace(day=1)) / 5,
        )
        return (await shop.broadcasts.choose(wanted)).openids == [one.openid]

    assert play(story, tmp_path, clock=clock)


def test_nobody_gets_two_a_day_or_more_than_four_a_month(tmp_path):
    clock = StoppedClock()
    clock.at = clock.at.replace(day=1)

    async def story(shop, simulator):
        crowd(shop, simulator, 2)
        counts = []
        for _ in range(6):
            chosen = await shop.broadcasts.choose(ALL)
            counts.append((len(chosen.openids), dict(chosen.left_out)))
            if chosen.openids:
                made = await shop.broadcasts.write_down(chosen, "新课", words="")
                await shop.broadcasts.send(made.broadcast_id)
                again = await shop.broadcasts.choose(ALL)
                assert again.left_out in ({"told_today": 2}, {"monthly_limit": 2})
            clock.forward(days=1)
        clock.at = clock.at.replace(month=12, day=2)
        return counts, len((await shop.broadcasts.choose(ALL)).openids)

    counts, next_month = play(story, tmp_path, clock=clock)

    assert counts == [(2, {})] * 4 + [(0, {"monthly_limit": 2})] * 2
    assert next_month == 2


@pytest.mark.parametrize("fault", ["api_lost_before", "api_lost_after", "api_errors"])
def test_after_an_unclear_answer_it_goes_on_and_nobody_gets_it_twice(tmp_path, fault):
    clock = StoppedClock()

    async def story(shop, simulator):
        phones = crowd(shop, simulator, 6)
        broadcast = await written(shop)
        in_parts(shop, broadcast.broadcast_id, 2, 2, 2)
        await shop.tagging.calls.all()  # the token is there
        setattr(simulator.faults, fault, 1)
        with pytest.raises(AccountUnknown):
            await shop.broadcasts.send(broadcast.broadcast_id)
        before = [part.state for part in await shop.broadcasts.parts(broadcast.broadcast_id)]
        clock.forward(seconds=61)
        await shop.broadcasts.send(broadcast.broadcast_id)
        await came_out(phones)
        return before, [part.state for part in await shop.broadcasts.parts(broadcast.broadcast_id)]

    before, after = play(story, tmp_path, clock=clock)

    assert before == [PartState.CALLING, PartState.NEW, PartState.NEW]
    assert after == [PartState.SENT] * 3


def test_a_repeat_within_the_minute_is_refused_and_still_counts_as_unclear(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        phones = crowd(shop, simulator, 2)
        number = (await written(shop)).broadcast_id
        await shop.tagging.calls.all()
        simulator.faults.api_lost_after = 1
        with pytest.raises(AccountUnknown):
            await shop.broadcasts.send(number)
        with pytest.raises(AccountError) as refused:
            await shop.broadcasts.send(number)
        (between,) = await shop.broadcasts.parts(number)
        clock.forward(seconds=61)
        await shop.broadcasts.send(number)
        await came_out(phones)
        return refused.value.errcode, between.state, (await shop.broadcasts.parts(number))[0].state

    assert play(story, tmp_path, clock=clock) == (45066, PartState.CALLING, PartState.SENT)


def test_what_is_unclear_for_a_day_is_never_sent_again(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        phones = crowd(shop, simulator, 4)
        number = (await written(shop)).broadcast_id
        in_parts(shop, number, 2, 2)
        await shop.tagging.calls.all()
        simulator.faults.api_lost_after = 1
        with pytest.raises(AccountUnknown):
            await shop.broadcasts.send(number)
        clock.forward(hours=30)
        await shop.broadcasts.send(number)
        await came_out(phones)
        return [part.state for part in await shop.broadcasts.parts(number)], len(asked(simulator, SEND))

    assert play(story, tmp_path, clock=clock) == ([PartState.LOST, PartState.SENT], 2)


def test_a_clear_refusal_sends_nothing_and_can_be_gone_on_with(tmp_path):
    async def story(shop, simulator):
        phones = crowd(shop, simulator, 2)
        number = (await written(shop)).broadcast_id
        simulator.faults.mass_refused = 1
        with pytest.raises(AccountError) as refused:
            await shop.broadcasts.send(number)
        (part,) = await shop.broadcasts.parts(number)
        nobody = [letters(phone) for phone in phones]
        await shop.broadcasts.send(number)
        await came_out(phones)
        return refused.value.errcode, part.state, part.errcode, nobody

    assert play(story, tmp_path) == (45028, PartState.REFUSED, 45028, [[], []])


def test_two_processes_do_not_send_at_once(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        crowd(shop, simulator, 2)
        number = (await written(shop)).broadcast_id
        now = clock.now()
        other = now.replace(year=now.year + 1)
        await shop.store.write(lambda tx: tx.leases.take("broadcast", "other", now, other))
        with pytest.raises(NotAllowed, match="另一个群发"):
            await shop.broadcasts.send(number)
        return asked(simulator, SEND)

    assert play(story, tmp_path, clock=clock) == []


def test_who_left_or_switched_off_between_writing_down_and_sending_is_taken_off(tmp_path):
    async def story(shop, simulator):
        left, private, one, two = phones = crowd(shop, simulator, 4)
        likes(shop, ["python"], *phones)
        number = (await written(shop, Wanted(interests=(("python",),)))).broadcast_id
        await left.unfollow()
        switch_off(shop, private)
        await shop.broadcasts.send(number)
        await came_out([one, two])
        return asked(simulator, SEND)[0]["touser"] == sorted([one.openid, two.openid]), letters(private)

    assert play(story, tmp_path) == (True, [])


def test_a_part_with_fewer_than_two_readers_left_is_not_sent(tmp_path):
    async def story(shop, simulator):
        left, _stays = crowd(shop, simulator, 2)
        number = (await written(shop)).broadcast_id
        await left.unfollow()
        await shop.broadcasts.send(number)
        return (await shop.broadcasts.parts(number))[0].state, asked(simulator, SEND)

    assert play(story, tmp_path) == (PartState.EMPTY, [])


def test_a_whole_tag_takes_one_call_by_tag_and_a_part_of_it_goes_by_list(tmp_path):
    async def story(shop, simulator):
        one, two, three = phones = crowd(shop, simulator, 3)
        calls = shop.tagging.calls
        number = (await calls.create("老客")).tag_id
        await calls.tag(number, [phone.openid for phone in phones])
        wanted = Wanted(tagged=(frozenset(await calls.members(number)),))
        whole = await shop.broadcasts.choose(wanted, tag_id=number)
        switch_off(shop, three)
        some = await shop.broadcasts.choose(wanted, tag_id=number)
        made = await shop.broadcasts.write_down(whole, "新课上线", words="")
        with pytest.raises(NotAllowed, match="关闭了个性化"):
            await shop.broadcasts.send(made.broadcast_id)
        shop.store.write_now(lambda tx: tx.followers.set_personalised(three.openid, on=True))
        await shop.broadcasts.send(made.broadcast_id)
        await came_out([one, two, three])
        return whole.tag_id == number, some.tag_id, len(asked(simulator, "/cgi-bin/message/mass/sendall"))

    assert play(story, tmp_path) == (True, 0, 1)


def test_a_result_that_never_comes_is_asked_for(tmp_path):
    async def story(shop, simulator):
        phones = crowd(shop, simulator, 2)
        simulator.faults.mass_event_lost = True
        number = (await written(shop)).broadcast_id
        await shop.broadcasts.send(number)
        await came_out(phones)
        await shop.broadcasts.ask(number)
        (part,) = await shop.broadcasts.parts(number)
        return part.result.good, part.result.sent

    assert play(story, tmp_path) == (True, 0)


def test_two_results_of_one_second_are_both_kept(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        crowd(shop, simulator, 4)
        number = (await written(shop)).broadcast_id
        in_parts(shop, number, 2, 2)
        await shop.broadcasts.send(number)

        async def both():
            return all(part.result for part in await shop.broadcasts.parts(number))

        await until(both)
        return await shop.store.read(lambda tx: len(tx.followers.all()))

    assert play(story, tmp_path, clock=clock) == 4  # and their sender did not become a follower


def test_a_broadcast_that_wechat_stopped_is_told_as_such(tmp_path):
    async def story(shop, simulator):
        phones = crowd(shop, simulator, 2)
        simulator.faults.mass_status = "err(10001)"
        number = (await written(shop)).broadcast_id
        await shop.broadcasts.send(number)

        async def told():
            return (await shop.broadcasts.parts(number))[0].result is not None

        await until(told)
        result = (await shop.broadcasts.parts(number))[0].result
        return result.good, result.status, [letters(phone) for phone in phones]

    assert play(story, tmp_path) == (False, "err(10001)", [[], []])


@pytest.mark.parametrize("people", [2, 3, MOST_READERS, MOST_READERS + 1, 3 * MOST_READERS + 1])
def test_no_list_is_too_long_or_too_short_to_be_sent(people):
    openids = [str(number) for number in range(people)]

    lists = split(openids)

    assert [each for part in lists for each in part] == openids
    assert all(2 <= len(part) <= MOST_READERS for part in lists)
    assert len(lists) == -(-people // MOST_READERS)
    assert split([]) == []


def test_fewer_than_two_readers_are_refused_and_nothing_is_written_down(tmp_path):
    async def story(shop, simulator):
        crowd(shop, simulator, 1)
        with pytest.raises(NotAllowed, match="至少要有 2 位"):
            await written(shop)
        return await shop.store.read(lambda tx: tx.broadcasts.all())

    assert play(story, tmp_path) == []


def test_a_person_who_asks_to_be_forgotten_is_on_no_list_any_more(tmp_path):
    async def story(shop, simulator):
        gone, _one, _two = crowd(shop, simulator, 3)
        number = (await written(shop)).broadcast_id
        copy = await shop.store.read(lambda tx: privacy.copy_of(tx, gone.openid, shop.clock.now()))
        assert [each["content"] for each in copy["broadcasts"]] == ["新课上线"]
        await shop.store.write(lambda tx: tx.followers.forget(gone.openid))
        await shop.broadcasts.send(number)
        return gone.openid in asked(simulator, SEND)[0]["touser"]

    assert not play(story, tmp_path)
