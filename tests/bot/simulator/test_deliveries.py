"""How messages and events reach the callback address: signed, sealed, three times at most."""

import asyncio
import hashlib
import xml.etree.ElementTree as ET
from urllib.parse import parse_qs

import pytest

from bot.simulator import BROKEN, NotFollowing


def signed(token, *parts):
    return hashlib.sha1("".join(sorted([token, *parts])).encode()).hexdigest()


def test_a_safe_delivery_is_sealed_and_signed(play):
    async def story(world):
        phone = world.sim.phone(following=True)

        await phone.say("你好")

        [delivery] = world.shop.deliveries
        query, token = delivery.query, world.sim.settings.token
        encrypted = ET.fromstring(delivery.body).findtext("Encrypt")
        assert query["signature"] == signed(token, query["timestamp"], query["nonce"])
        assert query["msg_signature"] == signed(token, query["timestamp"], query["nonce"], encrypted)
        assert (query["encrypt_type"], query["openid"]) == ("aes", phone.openid)
        assert "你好" not in delivery.body.decode()
        assert delivery.fields["Content"] == "你好"

    play(story)


def test_a_compatible_delivery_holds_both_forms(play):
    async def story(world):
        await world.sim.phone(following=True).say("你好")

        [delivery] = world.shop.deliveries
        root = ET.fromstring(delivery.body)
        inside = ET.fromstring(world.shop.account.decrypt(root.findtext("Encrypt")))
        assert root.findtext("Content") == inside.findtext("Content") == "你好"
        assert "msg_signature" in delivery.query

    play(story, mode="compatible")


def test_a_plain_delivery_has_no_seal(play):
    async def story(world):
        await world.sim.phone(following=True).say("你好")

        [delivery] = world.shop.deliveries
        assert "<Content><![CDATA[你好]]></Content>" in delivery.body.decode()
        assert "msg_signature" not in delivery.query
        assert "encrypt_type" not in delivery.query

    play(story, mode="plain")


def test_an_openid_looks_real_and_belongs_to_the_name(play):
    async def story(world):
        sim = world.sim

        assert len(sim.phone("小林").openid) == 28
        assert sim.phone("小林").openid.startswith("o")
        assert sim.phone("小林") is sim.phone("小林")
        assert sim.phone("小林").openid != sim.phone("小周").openid

    play(story)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda phone: phone.follow(), {"Event": "subscribe", "EventKey": ""}),
        (lambda phone: phone.follow("spring"), {"Event": "subscribe", "EventKey": "qrscene_spring"}),
        (lambda phone: phone.follow(event_key="last_trade_no_4200"), {"EventKey": "last_trade_no_4200"}),
        (lambda phone: phone.scan("spring"), {"Event": "SCAN", "EventKey": "spring"}),
        (lambda phone: phone.click("hot"), {"Event": "CLICK", "EventKey": "hot"}),
        (lambda phone: phone.view("http://a.cn/"), {"Event": "VIEW", "EventKey": "http://a.cn/"}),
        (lambda phone: phone.voice("听课"), {"MsgType": "voice", "Recognition": "听课", "Format": "amr"}),
        (lambda phone: phone.image(), {"MsgType": "image", "MediaId": "media-image"}),
        (lambda phone: phone.video(), {"MsgType": "video", "ThumbMediaId": "media-thumb"}),
        (lambda phone: phone.location(1.5, 2.5), {"MsgType": "location", "Location_X": "1.5", "Scale": "15"}),
        (lambda phone: phone.link("http://a.cn/"), {"MsgType": "link", "Url": "http://a.cn/"}),
        (lambda phone: phone.say("一", "m1"), {"MsgType": "text", "bizmsgmenuid": "m1"}),
        (lambda phone: phone.event("WHAT_IS_THIS", Odd={"In": 1}), {"Event": "WHAT_IS_THIS"}),
    ],
)
def test_every_act_has_its_shape(play, act, expected):
    async def story(world):
        await act(world.sim.phone(following=True))

        [delivery] = world.shop.deliveries
        assert expected.items() <= delivery.fields.items()
        assert ("MsgId" in delivery.fields) == (delivery.fields["MsgType"] != "event")

    play(story)


def test_scanning_without_following_is_following_by_that_code(play):
    async def story(world):
        phone = world.sim.phone()

        await phone.scan("spring")

        assert world.shop.deliveries[0].fields["EventKey"] == "qrscene_spring"
        assert phone.subscribed

    play(story)


def test_who_does_not_follow_cannot_write(play):
    async def story(world):
        with pytest.raises(NotFollowing):
            await world.sim.phone().say("你好")

        assert world.shop.deliveries == []

    play(story)


def test_unfollowing_is_told_and_shows_nothing(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        world.shop.text("再见")

        await phone.unfollow()

        assert world.shop.deliveries[0].fields["Event"] == "unsubscribe"
        assert not phone.subscribed
        assert phone.screen == []

    play(story)


def test_a_late_shop_gets_the_same_message_three_times_and_then_the_follower_is_told(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        world.shop.hold = [True, True, True, True]

        received = await phone.say("在吗")

        deliveries = world.shop.deliveries
        assert len(deliveries) == 3
        assert len({each.fields["MsgId"] for each in deliveries}) == 1
        assert len({each.query["nonce"] for each in deliveries}) == 3
        assert (received.kind, received.text) == ("error", BROKEN)
        assert phone.screen[-1] is received

    play(story, delivery_timeout=0.2)


def test_the_second_delivery_may_still_be_answered(play):
    async def story(world):
        world.shop.hold = [True]
        world.shop.text("在的")

        received = await world.sim.phone(following=True).say("在吗")

        assert received.text == "在的"
        assert len(world.shop.deliveries) == 2

    play(story, delivery_timeout=0.3)


def test_a_server_error_is_delivered_again(play):
    async def story(world):
        world.shop.statuses = [500, 403]
        world.shop.text("在的")

        received = await world.sim.phone(following=True).say("在吗")

        assert received.text == "在的"
        assert len(world.shop.deliveries) == 3

    play(story)


def test_a_shop_that_is_away_shows_as_broken(play):
    async def story(world):
        world.sim.attach("http://127.0.0.1:1")

        received = await world.sim.phone(following=True).say("在吗")

        assert received.kind == "error"

    play(story)


@pytest.mark.parametrize("fault", ["repeat_messages", "doubled_messages"])
def test_it_repeats_itself_when_told_to(play, fault):
    async def story(world):
        phone = world.sim.phone(following=True)
        world.shop.text("好")
        setattr(world.sim.faults, fault, 1)

        await phone.say("一次")
        await phone.say("两次")

        ids = [each.fields["MsgId"] for each in world.shop.deliveries]
        assert len(ids) == 3
        assert ids[0] == ids[1] != ids[2]
        assert len(phone.screen) == 4

    play(story)


def test_the_same_click_twice_in_a_second_is_two_events(play):
    async def story(world):
        phone = world.sim.phone(following=True)

        await phone.click("hot")
        await phone.click("hot")

        assert len({each.fields["CreateTime"] for each in world.shop.deliveries}) == 2

    play(story)


def test_control_characters_and_brackets_travel_as_they_are(play):
    async def story(world):
        query, body = world.sim.envelope("<xml><Content><![CDATA[\x01]]></Content></xml>", mode="plain")
        await world.sim.phone(following=True).say("a]]>b")

        assert b"\x01" in body
        assert "openid" not in parse_qs(query)
        assert world.shop.deliveries[0].fields["Content"] == "a]]>b"

    play(story)


def test_an_envelope_takes_what_a_test_wants_to_spoil(play):
    async def story(world):
        query, _ = world.sim.envelope("<xml/>", timestamp="1", nonce="n", mode="safe")

        told = parse_qs(query)
        assert told["signature"] == [signed(world.sim.settings.token, "1", "n")]
        assert told["msg_signature"]

    play(story)


def test_saving_the_settings_checks_the_echo(play):
    async def story(world):
        good = await world.sim.verify_callback()
        world.sim.attach(world.shop.url + "/elsewhere")
        bad = await world.sim.verify_callback()

        assert (good, bad) == (True, False)

    play(story)


def test_two_followers_write_at_once_and_each_sees_their_own(play):
    async def story(world):
        sim, shop = world.sim, world.shop
        shop.raw(lambda fields: shop.xml(fields, MsgType="text", Content="答" + fields["Content"]))
        lin, zhou = sim.phone("小林", following=True), sim.phone("小周", following=True)

        told = await asyncio.gather(lin.say("一"), zhou.say("二"))

        assert [each.text for each in told] == ["答一", "答二"]
        assert [each.text for each in lin.screen] == ["一", "答一"]

    play(story)
