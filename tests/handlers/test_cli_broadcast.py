"""``broadcast`` at the desk: counts first, nothing without a yes, and a sentence for whatever is wrong."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest

from bot.ports import BEIJING
from tests.reaching import Desk, asked, crowd, give, letters, likes, switch_off
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import play

SEND = "/cgi-bin/message/mass/send"
LETTER = ("--text", "新课上线")


def at_the_desk(story, tmp_path, *, count=3, clock=None, **changes):
    """Tell ``story(desk, phones, shop, simulator)`` with some followers."""

    async def told(shop, simulator):
        phones = crowd(shop, simulator, count)
        return await story(Desk(shop, tmp_path, **changes), phones, shop, simulator)

    return play(told, tmp_path, clock=clock)


async def came_out(shop, number):
    async with asyncio.timeout(10):
        while not all(part.result for part in await shop.broadcasts.parts(number)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def numbers(shop):
    return [each.broadcast_id for each in await shop.store.read(lambda tx: tx.broadcasts.all())]


def test_an_operator_previews_sends_and_sees_the_result(tmp_path):
    async def story(desk, phones, shop, _simulator):
        likes(shop, ["python"], *phones)
        give(shop, "EDU001", phones[0])
        who = ("--interest", "Python", "--course", "EDU001", *LETTER)
        seen = await desk.run("broadcast", "preview", *who, "--to", phones[0].openid)
        sent = await desk.run("broadcast", "send", *who, typed="y\n")
        (number,) = await numbers(shop)
        await came_out(shop, number)
        listed = await desk.run("broadcast", "status")
        shown = await desk.run("broadcast", "status", number)
        rows = json.loads((await desk.run("broadcast", "status", number, "--json")).stdout)
        return seen, sent, listed, shown, rows, [letters(phone) for phone in phones]

    seen, sent, listed, shown, rows, screens = at_the_desk(story, tmp_path)

    assert (seen.exit_code, sent.exit_code, listed.exit_code) == (0, 0, 0)
    assert "选中 3 人，会发给 2 人" in seen.output
    assert "不发 1 人：已有这门课" in seen.output
    assert "要用 1 次群发，今天还剩 100 次" in seen.output
    assert "已交给微信，共 2 人" in sent.output
    assert "已发出" in listed.output
    assert "兴趣 Python" in shown.output
    assert [(row["state"], row["sent"]) for row in rows] == [("SENT", 2)]
    assert [len(screen) for screen in screens] == [1, 1, 1]  # the first is the preview
    assert "/c/EDU001?from=broadcast" in screens[1][0]


@pytest.mark.parametrize("typed", ["n\n", "\n", ""], ids=repr)
def test_without_a_yes_nothing_is_sent_or_written_down(tmp_path, typed):
    async def story(desk, _phones, shop, simulator):
        told = await desk.run("broadcast", "send", "--all", *LETTER, typed=typed)
        return told, await numbers(shop), asked(simulator, SEND)

    told, kept, calls = at_the_desk(story, tmp_path)

    assert (told.exit_code, kept, calls) == (1, [], [])
    assert "确定发给 3 人？" in told.output


def test_a_dry_run_changes_nothing(tmp_path):
    async def story(desk, _phones, shop, simulator):
        told = await desk.run("broadcast", "send", "--all", *LETTER, "--dry-run")
        return told, await numbers(shop), asked(simulator, SEND)

    told, kept, calls = at_the_desk(story, tmp_path)

    assert (told.exit_code, kept, calls) == (0, [], [])
    assert "什么也没有发" in told.output


def test_a_broken_off_broadcast_is_gone_on_with_by_its_number(tmp_path):
    clock = StoppedClock()

    async def story(desk, phones, shop, simulator):
        simulator.faults.mass_refused = 1
        broken = await desk.run("broadcast", "send", "--all", *LETTER, "--yes")
        (number,) = await numbers(shop)
        state = json.loads((await desk.run("broadcast", "status", "--json")).stdout)[0]["state"]
        resumed = await desk.run("broadcast", "send", "--resume", number, typed="y\n")
        await came_out(shop, number)
        again = await desk.run("broadcast", "send", "--resume", number, "--yes")
        return number, broken, state, resumed, again, [letters(phone) for phone in phones]

    number, broken, state, resumed, again, screens = at_the_desk(story, tmp_path, clock=clock)

    assert (broken.exit_code, state, resumed.exit_code, again.exit_code) == (1, "refused", 0, 0)
    assert "45028" in broken.output
    assert "今天的群发次数用完了" in broken.output
    assert f"--resume {number}" in broken.output
    assert "没有要继续的" in again.output
    assert screens == [["新课上线"]] * 3


def test_nothing_is_begun_when_the_days_calls_are_used_up(tmp_path):
    async def story(desk, _phones, shop, simulator):
        simulator.faults.mass_no_quota = True
        told = await desk.run("broadcast", "send", "--all", *LETTER, "--yes")
        return told, await numbers(shop), asked(simulator, SEND)

    told, kept, calls = at_the_desk(story, tmp_path)

    assert (told.exit_code, kept, calls) == (1, [], [])
    assert "今天只剩 0 次" in told.output


def test_our_own_limit_of_calls_holds_too(tmp_path):
    async def story(desk, phones, shop, simulator):
        give(shop, "EDU001", *phones[:2])
        first = await desk.run("broadcast", "send", "--bought", "EDU001", *LETTER, "--yes")
        second = await desk.run("broadcast", "send", "--not-bought", "EDU001", *LETTER, "--yes")
        return first, second, len(asked(simulator, SEND))

    first, second, calls = at_the_desk(story, tmp_path, count=4, broadcast_daily_calls=1)

    assert (first.exit_code, second.exit_code, calls) == (0, 1, 1)


def test_a_preview_as_json_counts_in_figures(tmp_path):
    async def story(desk, phones, shop, _simulator):
        likes(shop, ["python"], *phones)
        switch_off(shop, phones[0])
        return await desk.run("broadcast", "preview", "--interest", "Python", "--json")

    (row,) = json.loads(at_the_desk(story, tmp_path).stdout)

    assert (row["chosen"], row["people"], row["left_out"]) == (3, 2, {"personalisation_off": 1})
    assert (row["calls"], row["calls_left"]) == (1, 100)


def test_by_tag_the_carriers_of_this_moment_are_meant(tmp_path):
    async def story(desk, phones, shop, _simulator):
        tag = await shop.tagging.calls.create("老客")
        await shop.tagging.calls.tag(tag.tag_id, [phone.openid for phone in phones[:2]])
        sent = await desk.run("broadcast", "send", "--tag", "老客", *LETTER, "--yes")
        await came_out(shop, (await numbers(shop))[0])
        return sent.exit_code, [letters(phone) for phone in phones]

    assert at_the_desk(story, tmp_path) == (0, [["新课上线"], ["新课上线"], []])


WRONG = (
    (("preview",), 2, "选择收件人"),
    (("preview", "--all", "--interest", "Python"), 2, "选择收件人"),
    (("preview", "--all", "--to", "o1"), 2, "--text"),
    (("preview", "--interest", "的"), 1, "看不出"),
    (("preview", "--bought", "NOPE"), 1, "没有课程、分类或标签"),
    (("preview", "--tag", "没有这个"), 1, "tags list"),
    (("preview", "--all", "--course", "NOPE"), 1, "没有在售的课程"),
    (("preview", "--all", "--to", "nobody", "--text", "好"), 1, "40003"),
    (("preview", "--seen-within", "0"), 2, "--seen-within"),
    (("send", "--all"), 2, "--text"),
    (("send", "--all", "--text", "  "), 1, "是空的"),
    (("send", "--all", "--text", "字" * 700), 1, "最多 2000 字节"),
    (("send", "--all", "--text", "好", "--file", "config.toml"), 2, ""),
    (("send", "--channel", "没人", "--text", "好", "--yes"), 1, "至少要有 2 位"),
    (("send", "--resume", "NOPE", "--yes"), 1, "没有群发 NOPE"),
    (("send", "--resume", "NOPE", "--all"), 2, "只写群发的编号"),
    (("status", "NOPE"), 1, "没有群发 NOPE"),
    (("status", "--sync"), 2, "编号"),
)


def test_bad_input_is_a_sentence_and_nothing_is_done(tmp_path):
    async def story(desk, _phones, shop, simulator):
        results = [await desk.run("broadcast", *words) for words, _code, _told in WRONG]
        return results, await numbers(shop), asked(simulator, SEND)

    results, kept, calls = at_the_desk(story, tmp_path)

    for result, (words, code, told) in zip(results, WRONG, strict=True):
        assert result.exit_code == code, (words, result.output)
        assert told in result.output, words
    assert (kept, calls) == ([], [])


def test_a_file_that_is_no_text_is_a_sentence(tmp_path):
    letter = tmp_path / "letter.bin"
    letter.write_bytes(b"\xff\xfe\x00")

    async def story(desk, _phones, _shop, _simulator):
        return await desk.run("broadcast", "send", "--all", "--file", str(letter), "--yes")

    result = at_the_desk(story, tmp_path)

    assert result.exit_code == 1
    assert "UTF-8" in result.output


# ---- tags ----


def test_tags_are_checked_tried_and_brought_level(tmp_path):
    async def story(desk, phones, shop, simulator):
        give(shop, "EDU001", *phones[:2])
        checked = await desk.run("tags", "check")
        tried = await desk.run("tags", "sync", "--dry-run")
        as_json = json.loads((await desk.run("tags", "sync", "--dry-run", "--json")).stdout)
        before = asked(simulator, "/cgi-bin/tags/create")
        done = await desk.run("tags", "sync")
        listed = json.loads((await desk.run("tags", "list", "--json")).stdout)
        again = await desk.run("tags", "sync")
        return checked, tried, as_json, before, done, listed, again

    rules = ["买过编程=bought:编程", "门店=channel:shop1"]
    checked, tried, as_json, before, done, listed, again = at_the_desk(story, tmp_path, tags_rules=rules)

    assert [each.exit_code for each in (checked, tried, done, again)] == [0] * 4
    assert "规则没有问题" in checked.output
    assert "「买过编程」（新建） 符合 2 人：打上 2，取消 0" in tried.output
    assert [(row["name"], row["add"]) for row in as_json] == [("买过编程", 2), ("门店", 0)]
    assert before == []
    assert "打上 2，取消 0" in done.output
    assert {row["name"]: row["people"] for row in listed if row["rule"]} == {"买过编程": 2, "门店": 0}
    assert "已经一致" in again.output


def test_people_lose_a_hand_set_tag_only_after_a_yes(tmp_path):
    async def story(desk, phones, shop, _simulator):
        tag = await shop.tagging.calls.create("老客")
        await shop.tagging.calls.tag(tag.tag_id, [phones[2].openid])
        refused = await desk.run("tags", "sync", typed="n\n")
        kept = await shop.tagging.calls.members(tag.tag_id)
        agreed = await desk.run("tags", "sync", typed="y\n")
        return refused, kept == {phones[2].openid}, agreed, await shop.tagging.calls.members(tag.tag_id)

    refused, kept, agreed, after = at_the_desk(story, tmp_path, tags_rules=["老客=bought:EDU001"])

    assert (refused.exit_code, kept, agreed.exit_code, after) == (1, True, 0, set())
    assert "「老客」（1 人）" in refused.output


def test_tags_without_a_rule_are_deleted_only_when_asked_to(tmp_path):
    async def story(desk, _phones, shop, _simulator):
        await shop.tagging.calls.create("手工")
        await desk.run("tags", "sync")
        Desk(shop, tmp_path, tags_rules=["新=bought:EDU001"])
        plain = await desk.run("tags", "sync")
        pruned = await desk.run("tags", "sync", "--prune", "--yes")
        return plain, pruned, [tag.name for tag in await shop.tagging.calls.all()]

    plain, pruned, names = at_the_desk(story, tmp_path, tags_rules=["旧=bought:EDU001"])

    assert "「旧」没有规则了" in plain.output
    assert "删除了 1 个标签" in pruned.output
    assert names == ["星标组", "手工", "新"]


def test_a_rule_that_means_nothing_is_named_and_the_others_work(tmp_path):
    async def story(desk, phones, shop, _simulator):
        give(shop, "EDU001", phones[0])
        return await desk.run("tags", "check"), await desk.run("tags", "sync")

    rules = ["买过=bought:EDU001", "错的=bought:没有这个"]
    checked, synced = at_the_desk(story, tmp_path, tags_rules=rules)

    assert (checked.exit_code, synced.exit_code) == (1, 1)
    assert "标签「错的」：没有课程、分类或标签叫「没有这个」" in checked.output
    assert "打上 1，取消 0" in synced.output


def test_without_rules_the_operator_is_told_where_to_write_them(tmp_path):
    async def story(desk, _phones, _shop, _simulator):
        return await desk.run("tags", "check"), await desk.run("tags", "sync")

    checked, synced = at_the_desk(story, tmp_path)

    assert (checked.exit_code, synced.exit_code) == (0, 1)
    assert "[tags] rules" in checked.output
    assert "[tags] rules" in synced.output


def test_the_preview_of_a_broadcast_to_one_says_that_it_cannot_be_sent(tmp_path):
    async def story(desk, phones, shop, _simulator):
        likes(shop, ["python"], phones[0])
        return await desk.run("broadcast", "preview", "--interest", "Python", *LETTER)

    told = at_the_desk(story, tmp_path)

    assert told.exit_code == 0
    assert "会发给 1 人" in told.output
    assert "至少要有 2 位" in told.output


# ---- at night, and who was told something today ----


def around_now():
    """Return quiet hours that the machine's clock is in."""
    now = datetime.now(BEIJING)
    return f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=2):%H:%M}", f"{now + timedelta(hours=2):%H:%M}"


def test_in_the_quiet_hours_it_is_refused_before_anything_is_asked_or_written_down(tmp_path):
    quiet, ends = around_now()

    async def story(desk, phones, shop, _simulator):
        seen = await desk.run("broadcast", "preview", "--all", *LETTER)
        row = json.loads((await desk.run("broadcast", "preview", "--all", "--json")).stdout)[0]
        tried = await desk.run("broadcast", "send", "--all", *LETTER, "--dry-run")
        refused = await desk.run("broadcast", "send", "--all", *LETTER, typed="y\n")
        before = await numbers(shop)
        sent = await desk.run("broadcast", "send", "--all", *LETTER, "--now", "--yes")
        await came_out(shop, (await numbers(shop))[0])
        return seen, row, tried, refused, before, sent.exit_code, [letters(phone) for phone in phones]

    seen, row, tried, refused, before, code, screens = at_the_desk(story, tmp_path, reach_quiet_hours=quiet)

    for told in (seen, tried, refused):
        assert ends in told.output
        assert "--now" in told.output
    assert (seen.exit_code, tried.exit_code, refused.exit_code, before) == (0, 0, 1, [])
    assert "确定发给" not in refused.output
    assert row["quiet_until"].endswith("Z")
    assert (code, screens) == (0, [["新课上线"]] * 3)


def test_the_preview_counts_whom_something_was_told_today(tmp_path):
    async def story(desk, phones, shop, _simulator):
        now = shop.clock.now()
        shop.store.write_now(lambda tx: tx.nudges.note([phones[0].openid], "a:note", now))
        words = await desk.run("broadcast", "preview", "--all", *LETTER)
        row = json.loads((await desk.run("broadcast", "preview", "--all", "--json")).stdout)[0]
        return words.output, row["people"], row["left_out"], row["quiet_until"]

    words, people, left_out, quiet_until = at_the_desk(story, tmp_path)

    assert "不发 1 人：24 小时内已收过群发或主动消息" in words
    assert (people, left_out, quiet_until) == (2, {"told_today": 1}, None)
