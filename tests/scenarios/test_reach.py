"""How followers are told: by the way that arrives, within every ledger, never twice, not at night."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from bot.reach.forms import Form, Forms
from bot.shop import open_shop
from bot.store.reach import SendingState
from handlers.chat.told import teller
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import COURSE, TITLE, play, tokenizer

FIELDS = {"thing1": "课程", "amount2": "金额", "character_string3": "订单"}
SAID = {"thing1": "{title}", "amount2": "{amount}", "character_string3": "{order_no}"}
SEND = "/cgi-bin/message/custom/send"
TEMPLATE = "/cgi-bin/message/template/send"
SUBSCRIBE = "/cgi-bin/message/subscribe/bizsend"


def both(simulator):
    """Give the account a template of either sort for paid orders."""
    template = simulator.add_template("template", "付款成功通知", FIELDS)
    subscribe = simulator.add_template("subscribe", "课程开通提醒", FIELDS)
    url = "{public_url}/learn/{course_id}"
    return Forms({"paid": Form(template, SAID, url)}, {"paid": Form(subscribe, SAID, url)})


def only_template(simulator):
    return Forms(both(simulator).template, {})


def only_subscribe(simulator):
    return Forms({}, both(simulator).subscribe)


def one_each(simulator):
    """Receipts go by template, refunds by consent alone."""
    forms = both(simulator)
    paid = forms.subscribe["paid"]
    return Forms(forms.template, {"refunded": Form(paid.template_id, paid.fields)})


@pytest.fixture
def clock():
    return StoppedClock()


async def bought(shop, phone, number="ZK1", title=TITLE, kind="paid"):
    """Leave the news of a paid order for a follower."""
    now = shop.clock.now()
    payload = {"order_no": number, "course_id": COURSE, "title": title, "amount_fen": 9900}
    await shop.store.write(lambda tx: tx.outbox.put(kind, number, phone.openid, payload, now, due=now))


async def noted(shop, phone, text):
    now = shop.clock.now()
    await shop.store.write(lambda tx: tx.outbox.put("note", text, phone.openid, {"content": text}, now, due=now))


async def followed(simulator, name="小林"):
    phone = simulator.phone(name)
    await phone.follow()
    return phone


async def round_of(shop, simulator):
    """Let the outbox run once, and what the simulator answers by event arrive."""
    await shop.outbox.send_due()
    await simulator.settle()


async def state_of(shop, number="ZK1", kind="paid"):
    sending = await shop.store.read(lambda tx: tx.sendings.get(kind, number))
    return sending and (sending.way, sending.state)


def ways(phone):
    """Return by which ways the course was named on the screen."""
    return [shown.via for shown in phone.screen if TITLE in shown.text and shown.via != "self"]


def count(simulator, path):
    return sum(call.path == path for call in simulator.calls)


# ---- which way ----


def test_within_a_window_a_message_is_sent_and_nothing_else(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.say("你好")
        await bought(shop, phone)
        await round_of(shop, simulator)
        await round_of(shop, simulator)
        return ways(phone), count(simulator, TEMPLATE), await state_of(shop)

    sent = ("message", SendingState.SENT)
    assert play(story, tmp_path, clock=clock, templates=both) == (["customer_service"], 0, sent)


def test_after_the_window_a_template_message_is_sent_and_its_arrival_noted(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.say("你好")
        clock.forward(hours=48)
        await bought(shop, phone)
        await round_of(shop, simulator)
        card = phone.screen[-1]
        answer = await phone.say("帮助")
        return card, answer.text, count(simulator, SEND), await state_of(shop)

    card, answer, messages, state = play(story, tmp_path, clock=clock, templates=both)

    assert card.via == "template"
    assert card.text.splitlines() == ["付款成功通知", f"课程：{TITLE}", "金额：¥99.00", "订单：ZK1"]
    assert card.links[0][1].endswith(f"/learn/{COURSE}")
    assert (TITLE in answer, messages) == (False, 0)
    assert state == ("template", SendingState.ARRIVED)


def test_without_a_template_a_consent_is_used_once(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.allow(shop.config.forms.subscribe["paid"].template_id)
        clock.forward(hours=49)
        await bought(shop, phone, "ZK1")
        await bought(shop, phone, "ZK2", "第二门课")
        await round_of(shop, simulator)
        pushed = ways(phone)
        answer = await phone.say("帮助")
        return pushed, answer.text, count(simulator, SUBSCRIBE), await state_of(shop)

    pushed, answer, calls, state = play(story, tmp_path, clock=clock, templates=only_subscribe)

    assert (pushed, calls, state) == (["subscribe"], 1, ("subscribe", SendingState.ARRIVED))
    assert "第二门课" in answer
    assert TITLE not in answer


@pytest.mark.parametrize("how", ["decline", "switch_off"])
def test_who_refuses_notices_gets_none(tmp_path, clock, how):
    async def story(shop, simulator):
        phone = await followed(simulator)
        template = shop.config.forms.subscribe["paid"].template_id
        await phone.allow(template)
        await phone.allow(template)
        await getattr(phone, how)(template)
        clock.forward(hours=49)
        await bought(shop, phone)
        await round_of(shop, simulator)
        return count(simulator, SUBSCRIBE), TITLE in (await phone.say("帮助")).text

    assert play(story, tmp_path, clock=clock, templates=only_subscribe) == (0, True)


def test_with_no_way_open_it_is_told_at_the_next_chat_and_only_once(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        clock.forward(hours=49)
        await bought(shop, phone)
        await round_of(shop, simulator)
        first, second = await phone.say("帮助"), await phone.say("帮助")
        await round_of(shop, simulator)
        return TITLE in first.text, TITLE in second.text, simulator.calls

    assert play(story, tmp_path, clock=clock) == (True, False, [])


def test_who_paid_without_following_is_reached_by_consent_alone(tmp_path, clock):
    async def story(shop, simulator):
        phone = simulator.phone()
        await phone.allow(shop.config.forms.subscribe["paid"].template_id)
        await bought(shop, phone)
        await round_of(shop, simulator)
        return ways(phone), count(simulator, TEMPLATE)

    assert play(story, tmp_path, clock=clock, templates=both) == (["subscribe"], 0)


def test_nothing_is_pushed_to_who_left(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.allow(shop.config.forms.subscribe["paid"].template_id)
        await phone.unfollow()
        await bought(shop, phone)
        await noted(shop, phone, "回来看看")
        await round_of(shop, simulator)
        pushed = [call.path for call in simulator.calls]
        clock.forward(minutes=1)
        back = await phone.follow()
        return pushed, TITLE in back.text

    assert play(story, tmp_path, clock=clock, templates=both) == ([], True)


def test_a_title_that_no_field_takes_goes_another_way(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        clock.forward(hours=49)
        await bought(shop, phone, title="🎉")
        await round_of(shop, simulator)
        return count(simulator, TEMPLATE), "🎉" in (await phone.say("帮助")).text

    assert play(story, tmp_path, clock=clock, templates=only_template) == (0, True)


# ---- what refusals and losses teach ----


@pytest.mark.parametrize("errcode", [45015, 45047, 43004, 48001, 48002, 70000])
def test_a_refused_message_takes_the_next_way_at_once(tmp_path, clock, errcode):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.say("你好")
        simulator.faults.message_errcode = errcode
        await bought(shop, phone)
        await round_of(shop, simulator)
        told = ways(phone)
        answer = await phone.say("帮助")
        return told, TITLE in answer.text, count(simulator, SEND)

    told, again, messages = play(story, tmp_path, clock=clock, templates=only_template)

    assert messages == 1
    assert (told, again) == (([], True) if errcode == 43004 else (["template"], False))


@pytest.mark.parametrize("errcode", [45015, 45047])
def test_a_window_that_wechat_calls_shut_is_not_tried_again_until_they_write(tmp_path, clock, errcode):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.say("你好")
        simulator.faults.message_errcode = errcode
        for number in ("ZK1", "ZK2"):
            await bought(shop, phone, number)
            await round_of(shop, simulator)
        shut = count(simulator, SEND)
        simulator.faults.message_errcode = 0
        await phone.say("帮助")
        await bought(shop, phone, "ZK3")
        await round_of(shop, simulator)
        return shut, count(simulator, SEND)

    assert play(story, tmp_path, clock=clock) == (1, 2)


def test_a_missing_right_shuts_the_way_for_everybody_and_for_an_hour(tmp_path, clock):
    async def story(shop, simulator):
        phones = [await followed(simulator, name) for name in ("小林", "小王")]
        simulator.faults.message_errcode = 48001
        for at, phone in enumerate(phones):
            await phone.say("你好")
            await bought(shop, phone, f"ZK{at}")
            await round_of(shop, simulator)
        shut = count(simulator, SEND)
        clock.forward(minutes=61)
        simulator.faults.message_errcode = 0
        await bought(shop, phones[0], "ZK9")
        await round_of(shop, simulator)
        return shut, count(simulator, SEND)

    assert play(story, tmp_path, clock=clock) == (1, 2)


@pytest.mark.parametrize("errcode", [40037, 47003, 43116, 40249])
def test_a_template_that_wechat_refuses_is_left_alone_and_the_consent_is_used(tmp_path, clock, errcode):
    async def story(shop, simulator):
        phone = await followed(simulator)
        clock.forward(hours=49)
        simulator.faults.template_errcode = errcode
        await bought(shop, phone)
        await bought(shop, phone, "ZK2")
        await round_of(shop, simulator)
        tried = count(simulator, TEMPLATE)
        told = (await phone.say("帮助")).text.count(TITLE)
        return tried, told

    assert play(story, tmp_path, clock=clock, templates=only_template) == (1, 2)


def test_a_consent_that_wechat_does_not_know_is_forgotten(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        template = shop.config.forms.subscribe["paid"].template_id
        await phone.allow(template)
        await phone.allow(template)
        clock.forward(hours=49)
        simulator.faults.template_errcode = 43101
        await bought(shop, phone)
        await round_of(shop, simulator)
        left = await shop.store.read(lambda tx: tx.consents.of(phone.openid))
        return [each.remaining for each in left], TITLE in (await phone.say("帮助")).text

    assert play(story, tmp_path, clock=clock, templates=only_subscribe) == ([0], True)


@pytest.mark.parametrize("status", ["failed:user block", "failed: system failed"])
@pytest.mark.parametrize("first", [False, True])
def test_a_template_message_that_did_not_arrive_is_told_at_the_next_chat(tmp_path, clock, status, first):
    async def story(shop, simulator):
        phone = await followed(simulator)
        clock.forward(hours=49)
        simulator.faults.template_result = status
        simulator.faults.result_first = first
        await bought(shop, phone)
        await round_of(shop, simulator)
        state = await state_of(shop)
        answers = [await phone.say("帮助"), await phone.say("帮助")]
        return ways(phone), state, [TITLE in each.text for each in answers]

    told, state, again = play(story, tmp_path, clock=clock, templates=only_template)

    assert told == ["reply"]
    assert state == ("template", SendingState.FAILED)
    assert again == [True, False]


def test_a_notice_that_did_not_arrive_is_told_at_the_next_chat(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.allow(shop.config.forms.subscribe["paid"].template_id)
        clock.forward(hours=49)
        simulator.faults.subscribe_result = 43101
        await bought(shop, phone)
        await round_of(shop, simulator)
        return await state_of(shop), TITLE in (await phone.say("帮助")).text

    found = play(story, tmp_path, clock=clock, templates=only_subscribe)

    assert found == (("subscribe", SendingState.FAILED), True)


@pytest.mark.parametrize("fault", ["api_lost_after", "api_lost_before", "api_errors", "template_busy"])
def test_a_template_message_whose_answer_is_lost_is_repeated_and_seen_once(tmp_path, clock, fault):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.say("你好")
        await bought(shop, phone, "ZK0", "别的课")
        await round_of(shop, simulator)  # a token is at hand
        clock.forward(hours=1)
        await shop.store.write(lambda tx: tx.quota.shut(phone.openid))
        setattr(simulator.faults, fault, 1)
        await bought(shop, phone)
        await round_of(shop, simulator)
        await phone.say("帮助")  # a window is open now, and must not lead to a second telling
        clock.forward(minutes=1)
        await round_of(shop, simulator)
        return ways(phone), await state_of(shop)

    arrived = ("template", SendingState.ARRIVED)
    assert play(story, tmp_path, clock=clock, templates=only_template) == (["template"], arrived)


def test_a_notice_whose_answer_is_lost_is_settled_by_its_event(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        template = shop.config.forms.subscribe["paid"].template_id
        await phone.allow(template)
        await phone.allow(template)
        await phone.say("你好")
        await bought(shop, phone, "ZK0", "别的课")
        await round_of(shop, simulator)
        await shop.store.write(lambda tx: tx.quota.shut(phone.openid))
        simulator.faults.api_lost_after = 1
        await bought(shop, phone)
        await round_of(shop, simulator)
        clock.forward(minutes=5)
        await round_of(shop, simulator)
        return ways(phone), await state_of(shop)

    arrived = ("subscribe", SendingState.ARRIVED)
    assert play(story, tmp_path, clock=clock, templates=only_subscribe) == (["subscribe"], arrived)


# ---- not at night, not every hour ----


def test_a_word_of_the_operator_waits_for_the_morning_and_a_receipt_does_not(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        clock.forward(hours=11)  # 23:00 in Beijing
        await phone.say("你好")
        await noted(shop, phone, "周末有直播")
        await bought(shop, phone)
        await round_of(shop, simulator)
        night = [shown.text for shown in phone.screen if shown.via == "customer_service"]
        clock.forward(hours=9, minutes=31)
        await round_of(shop, simulator)
        return night, [shown.text for shown in phone.screen if shown.via == "customer_service"][1:]

    night, morning = play(story, tmp_path, clock=clock)

    assert [TITLE in text for text in night] == [True]
    assert morning == ["周末有直播"]


def test_who_writes_at_night_hears_what_waits_for_the_morning_and_not_again(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        clock.forward(hours=11)
        await noted(shop, phone, "周末有直播")
        await round_of(shop, simulator)
        answer = await phone.say("帮助")
        clock.forward(hours=10)
        await round_of(shop, simulator)
        return "周末有直播" in answer.text, count(simulator, SEND)

    assert play(story, tmp_path, clock=clock) == (True, 0)


def test_nobody_is_told_more_than_one_unasked_thing_a_day(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.say("你好")
        for text in ("第一句", "第二句", "第三句"):
            await noted(shop, phone, text)
        heard = []
        for _ in range(3):
            await round_of(shop, simulator)
            await round_of(shop, simulator)
            heard.append([shown.text for shown in phone.screen if shown.via == "customer_service"])
            clock.forward(hours=23, minutes=59)
            await round_of(shop, simulator)
            clock.forward(minutes=2)
        return [len(each) for each in heard], len(set(heard[-1]))

    assert play(story, tmp_path, clock=clock) == (
        [1, 2, 2],
        2,
    )  # the third waits for the next chat: 48 hours are over


def test_an_unasked_word_never_goes_by_template(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.allow(shop.config.forms.subscribe["paid"].template_id)
        clock.forward(hours=49)
        await noted(shop, phone, "周末有直播")
        await round_of(shop, simulator)
        return [call.path for call in simulator.calls]

    assert play(story, tmp_path, clock=clock, templates=both) == []


# ---- events ----


def test_every_event_is_handled_or_counted_by_its_name(tmp_path, clock):
    names = ["view_miniprogram", "poi_check_notify", "user_info_modified", "card_pass_check"]

    async def story(shop, simulator):
        phone = await followed(simulator)
        for name in names:
            await phone.event(name, EventKey="")
        await phone.event("名字很怪", EventKey="")
        await phone.event("user_authorization_revoke", OpenID=phone.openid)
        await phone.allow("T1")
        url = simulator._stage.shop_url + "/metrics"
        page = await simulator._stage.client.fetch(url)
        lines = [line for line in page.body.decode().splitlines() if line.startswith("zhike_events_total{")]
        follower = await shop.store.read(lambda tx: tx.followers.get(phone.openid))
        return shop.counters.events, lines, follower.personalised

    events, lines, personalised = play(story, tmp_path, clock=clock)

    for name in names:
        assert events[name.lower(), "counted"] == 1
        assert any(f'event="{name.lower()}",outcome="counted"' in line for line in lines)
    assert events["subscribe_msg_popup_event", "handled"] == events["subscribe", "handled"] == 1
    assert events["other", "counted"] == 1
    assert personalised is False


def test_a_closed_wechat_account_is_pushed_nothing_more(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.say("你好")
        await phone.event("user_authorization_cancellation", OpenID=phone.openid)
        await bought(shop, phone)
        await round_of(shop, simulator)
        return simulator.calls

    assert play(story, tmp_path, clock=clock, templates=both) == []


def test_a_result_for_nobody_of_ours_changes_nothing(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.event("TEMPLATESENDJOBFINISH", MsgID=5, Status="failed:user block")
        await phone.push("subscribe_msg_sent_event", {"SubscribeMsgSentEvent": {"List": {"ErrorCode": "1"}}})
        return await shop.store.read(lambda tx: tx.outbox.waiting(phone.openid))

    assert play(story, tmp_path, clock=clock, templates=both) == []


# ---- many workers, a long week ----


def test_two_workers_share_one_ledger(tmp_path, clock):
    async def story(shop, simulator):
        phone = await followed(simulator)
        await phone.say("你好")
        for number in range(12):
            await bought(shop, phone, f"ZK{number}", f"{TITLE}{number}")
        words = teller(shop.config.server.public_url)
        other = open_shop(shop.config, tell=words, clock=clock, tokenizer=tokenizer())
        try:
            await asyncio.gather(shop.outbox.send_due(), other.outbox.send_due())
        finally:
            other.close()
        told = [shown.text for shown in phone.screen if shown.via == "customer_service"]
        return len(told), len(set(told)), count(simulator, SEND)

    # three of the follow's minute and five of the message's two days, and not one call too many
    assert play(story, tmp_path, clock=clock) == (8, 8, 8)


def test_a_week_of_two_hundred_followers(tmp_path, clock):
    """Nobody hears anything twice, whoever bought is told, and WeChat never has to say that the ledger is wrong."""
    chance = random.Random(4)

    async def story(shop, simulator):
        refused = Counter()
        send = shop.outbox._reach.refused
        shop.outbox._reach.refused = lambda tx, row, way, error, now: (
            refused.update([error.errcode]),
            send(tx, row, way, error, now),
        )[1]
        template = shop.config.forms.subscribe["refunded"].template_id
        phones = [await followed(simulator, f"第{at}位") for at in range(200)]
        told, numbers = {}, iter(range(10**6))
        for _ in range(7 * 4):
            clock.forward(hours=6)
            for phone in chance.sample(phones, 40):
                match chance.choice(["say", "buy", "buy", "note", "allow", "leave", "click"]):
                    case "say":
                        await phone.say("帮助") if phone.subscribed else await phone.follow()
                    case "click" if phone.subscribed:
                        await phone.click("help")
                    case "allow":
                        await phone.allow(template)
                    case "leave" if phone.subscribed and chance.random() < 0.3:
                        await phone.unfollow()
                    case "buy":
                        number = f"课号{next(numbers)}号"
                        told[number] = phone
                        await bought(shop, phone, f"ZK{number[2:-1]}", number, chance.choice(["paid", "refunded"]))
                    case "note":
                        await noted(shop, phone, f"通知{next(numbers)}号")
            simulator.faults.template_result = chance.choice(["success", "success", "failed:user block"])
            simulator.faults.template_busy = chance.choice([0, 0, 2])
            for _ in range(3):
                await round_of(shop, simulator)
                clock.forward(minutes=3)
        simulator.faults.clear()
        for _ in range(10):
            clock.forward(minutes=11)
            await round_of(shop, simulator)
        for phone in phones:
            if not phone.subscribed:
                await phone.follow()
            answer = await phone.say("帮助")
            while "更多" in answer.text.rpartition("\n")[2]:
                answer = await phone.say("更多")
        return refused, told, phones

    refused, told, phones = play(story, tmp_path, clock=clock, templates=one_each)

    heard = {number: sum(number in shown.text for shown in phone.screen) for number, phone in told.items()}
    assert len(told) > 250
    assert {number: times for number, times in heard.items() if times != 1} == {}
    assert not refused, refused
    assert {"customer_service", "template", "subscribe", "reply"} <= {s.via for p in phones for s in p.screen}
    for phone in phones:
        unasked = sorted(s.at for s in phone.screen if s.via == "customer_service" and "通知" in s.text)
        assert all(later - earlier >= timedelta(hours=24).total_seconds() for earlier, later in pairwise(unasked))
