"""The conversation, by the front door."""

import re
from dataclasses import replace

import pytest

from bot import catalog

ANNA = "oAnna0000000000000000000000a"
BEN = "oBen00000000000000000000000b"
LINK = re.compile(r'<a href="([^"]+)">([^<]+)</a>')


def titles(reply):
    return [label.split(". ", 1)[1] for href, label in LINK.findall(reply) if "s%3A" in href and ". " in label]


def prices(reply):
    """Return the prices of a list in yuan, free courses left out."""
    return [float(price) for price in re.findall(r"¥([\d.]+)", reply)]


def test_a_new_follower_is_greeted_with_three_starters_and_the_privacy_line(live):
    async def story(world):
        return await world.event(ANNA, "subscribe"), await world.say(ANNA, "1")

    welcome, first = live(story)

    assert len([href for href, _ in LINK.findall(welcome) if href.startswith("weixin://bizmsgmenu?")]) == 3
    assert "隐私" in welcome
    assert len(titles(first)) == 5


def test_following_again_and_following_from_a_receipt_are_greeted_as_such(live):
    async def story(world):
        await world.event(ANNA, "subscribe")
        await world.event(ANNA, "unsubscribe")
        world.clock.forward(seconds=5)
        again = await world.event(ANNA, "subscribe")
        receipt = await world.event(BEN, "subscribe", "last_trade_no_4200001234")
        follower = await world.shop.store.read(lambda tx: tx.followers.get(BEN))
        return again, receipt, follower.channel

    again, receipt, channel = live(story)

    assert "欢迎回来" in again
    assert "谢谢你的支持" in receipt
    assert channel == ""


def test_a_qr_code_that_names_a_course_opens_it(live):
    async def story(world):
        return await world.event(ANNA, "subscribe", "qrscene_EDU001"), await world.event(BEN, "SCAN", "EDU001")

    for reply in live(story):
        assert "https://shop.example.cn/c/EDU001?from=qr" in reply


def test_an_interest_gets_courses_with_price_and_reason_and_a_number_opens_one(live):
    async def story(world):
        found = await world.say(ANNA, "我想学 Python 数据分析")
        return found, await world.say(ANNA, "1")

    found, opened = live(story)

    assert 1 <= len(titles(found)) <= 5
    assert "因为你提到「" in found
    assert f"《{titles(found)[0]}》" in opened
    assert "https://shop.example.cn/c/" in opened or "领取" in opened


@pytest.mark.parametrize("number", ["2。", "２", "②", " 2 "])
def test_a_number_is_understood_however_it_is_written(live, number):
    async def story(world):
        return await world.say(ANNA, "Excel"), await world.say(ANNA, number), await world.say(ANNA, "不感兴趣②")

    listed, opened, disliked = live(story)

    assert opened.startswith(f"《{titles(listed)[1]}》")
    assert f"《{titles(listed)[1]}》" in disliked


def test_a_tap_on_a_list_of_a_former_talk_opens_nothing_of_the_new_one(live):
    async def story(world):
        await world.say(ANNA, "Excel")
        world.clock.forward(minutes=31)
        second = await world.say(ANNA, "摄影")
        return second, await world.say(ANNA, "1", bizmsgmenuid="s:1:1"), await world.say(ANNA, "1")

    second, tapped, typed = live(story)

    assert "编号不在最近的列表里" in tapped
    assert typed.startswith(f"《{titles(second)[0]}》")


def test_a_title_opens_its_course(live):
    async def story(world):
        return await world.say(ANNA, "Python零基础入门课")

    assert live(story).startswith("《Python零基础入门课》")


def test_another_page_shows_other_courses(live):
    async def story(world):
        return await world.say(ANNA, "热门"), await world.say(ANNA, "换一批")

    first, second = live(story)

    assert len(titles(first)) == len(titles(second)) == 5
    assert not set(titles(first)) & set(titles(second))


def test_cheaper_is_cheaper_and_free_is_free(live):
    async def story(world):
        listed, cheaper = await world.say(ANNA, "热门"), await world.say(ANNA, "便宜点")
        await world.say(ANNA, "Excel")
        return listed, cheaper, await world.say(ANNA, "免费")

    listed, cheaper, free = live(story)

    assert titles(cheaper)
    assert max(prices(cheaper), default=0) < min(prices(listed))
    assert "没有免费课" in free
    assert len(titles(free)) == 5
    assert "¥" not in free


def test_what_is_disliked_is_not_shown_again_until_it_is_undone(live):
    async def story(world):
        before = titles(await world.say(ANNA, "Excel"))
        await world.say(ANNA, "不感兴趣 1")
        after = titles(await world.say(ANNA, "Excel"))
        await world.say(ANNA, "撤销")
        return before, after, titles(await world.say(ANNA, "Excel"))

    before, after, undone = live(story)

    assert before[0] not in after
    assert before[0] in undone


def test_the_reasons_of_a_list_are_told_on_demand(live):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        return await world.say(ANNA, "为什么")

    assert "你提到「Excel」" in live(story)


def test_a_free_course_is_granted_at_once_and_never_again(live):
    async def story(world):
        await world.say(ANNA, "免费")
        await world.say(ANNA, "1")
        granted, again = await world.say(ANNA, "领取"), await world.say(ANNA, "领取")
        return granted, again, await world.say(ANNA, "我的课程")

    granted, again, mine = live(story)

    assert "已经是你的了" in granted
    assert again.startswith("你已经有《")
    assert mine.count("/learn/") == 1


def test_the_thread_survives_a_restart_and_ends_after_half_an_hour(live):
    async def ask(world):
        return await world.say(ANNA, "Excel")

    async def number(world):
        return await world.say(ANNA, "2")

    async def much_later(world):
        world.clock.forward(minutes=31)
        return await world.say(ANNA, "2")

    listed = titles(live(ask))

    assert f"《{listed[1]}》" in live(number)
    assert f"《{listed[1]}》" not in live(much_later)


def test_interests_are_shown_switched_off_and_forgotten(live):
    async def story(world):
        await world.say(ANNA, "Excel 函数")
        shown = await world.say(ANNA, "我的兴趣")
        await world.say(ANNA, "关闭个性化")
        await world.say(ANNA, "摄影")
        off = await world.say(ANNA, "隐私")
        await world.say(ANNA, "忘记我的兴趣")
        return shown, off, await world.say(ANNA, "我的兴趣")

    shown, off, gone = live(story)

    assert "Excel、" in shown
    assert "已关闭" in off
    assert "摄影" not in off
    assert "还没有记住" in gone


def test_unknown_words_never_dead_end(live):
    async def story(world):
        return await world.say(ANNA, "量子纠缠")

    reply = live(story)

    assert titles(reply)
    assert "人工" in reply


def test_media_voice_menu_and_unknown_events_are_all_answered_or_noted(live):
    async def story(world):
        replies = [
            await world.deliver(world.message(ANNA, "image", PicUrl="http://x", MediaId="m")),
            await world.deliver(world.message(ANNA, "location", Location_X="23.1", Location_Y="113.3", Scale="20")),
            await world.deliver(world.message(ANNA, "voice", MediaId="m", Format="amr")),
            await world.deliver(world.message(ANNA, "voice", MediaId="m", Recognition="我想学瑜伽 Excel")),
            await world.event(ANNA, "CLICK", "popular"),
            await world.event(ANNA, "CLICK", "no_such_key"),
        ]
        silent = [
            await world.event(ANNA, "VIEW", "https://a.cn"),
            await world.event(ANNA, "pic_sysphoto", "k"),
            await world.event(ANNA, "subscribe_msg_popup_event"),
        ]
        return replies, silent

    replies, silent = live(story)

    assert all(replies)
    assert "我听到：我想学瑜伽 Excel" in replies[3]
    assert silent == ["", "", ""]


def test_a_course_that_is_imported_while_the_server_runs_is_found_at_once(live):
    async def story(world):
        before = await world.say(ANNA, "热气球驾驶")
        new = replace(
            world.shop.suggestions.shelf.courses["EDU001"],
            course_id="NEW1",
            title="热气球驾驶体验",
            tags=("热气球",),
        )
        await world.shop.store.write(lambda tx: catalog.store_courses(tx, [new], world.clock.now()))
        await world.shop.jobs.run_due()
        return before, await world.say(ANNA, "热气球驾驶")

    before, after = live(story)

    assert "热气球驾驶体验" not in before
    assert "热气球驾驶体验" in after
