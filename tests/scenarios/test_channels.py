"""A channel from the command line to the report: the code, its picture, who came by it, and what they bought."""

import asyncio
import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from bot.ports import SystemClock
from handlers.cli import main
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import COURSE, FEN, TITLE, go_to_the_till, play

WECHAT = ("app_id", "app_secret", "original_id", "token", "encoding_aes_key", "mode", "api_base", "oauth_base")


async def run(shop, folder, *words):
    """Run a command beside the server, in ``folder``; returns its exit code and what it printed."""
    lines = [f'[store]\nurl = "{shop.config.store.url}"\n[wechat]']
    lines += [f"{name} = {json.dumps(getattr(shop.config.wechat, name))}" for name in WECHAT]
    config = folder / "config.toml"
    config.write_text("\n".join(lines), "utf-8")
    result = await asyncio.to_thread(CliRunner().invoke, main, ["--config", str(config), *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


async def made(shop, folder, scene, *words):
    """Make a code and return its scene's row of the listing."""
    code, output = await run(
        shop, folder, "qr", "create", "--scene", scene, *words, "--out", f"{folder}/{scene}.png"
    )
    assert code == 0, output
    rows = json.loads((await run(shop, folder, "qr", "list", "--json"))[1])
    return next(row for row in rows if row["scene"] == scene)


def test_who_follows_or_scans_by_the_code_is_shown_its_course_and_later_events_carry_the_channel(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        clock.at = SystemClock().now()
        row = await made(shop, tmp_path, "地铁海报", "--course", COURSE, "--permanent")
        phone, old = simulator.phone("小林"), simulator.phone("小王")
        await old.follow()
        await old.say("帮助")
        hello, scanned = await phone.scan_code(row["url"]), await old.scan_code(row["url"])
        clock.forward(minutes=1)
        await old.say("我想学 Excel")
        await old.click("my_courses")
        till = await go_to_the_till_again(simulator, old)
        await simulator.pay.confirm(till.prepay_id, old.openid)
        events = await shop.store.read(lambda tx: tx.events.of(old.openid))
        report = json.loads((await run(shop, tmp_path, "channels", "report", "--json"))[1])
        export = json.loads((await run(shop, tmp_path, "followers", "export", old.openid))[1])
        return row, hello.text, scanned.text, events, report, export, (tmp_path / "地铁海报.png").read_bytes()

    row, hello, scanned, events, report, export, picture = play(story, tmp_path, clock=clock)

    assert (row["course_id"], row["expires_at"]) == (COURSE, None)
    assert f"《{TITLE}》" in hello
    assert f"《{TITLE}》" in scanned
    kinds = [(each.kind, each.channel) for each in events]
    assert kinds[0] == ("follow", "")
    assert {channel for _, channel in kinds[kinds.index(("scan", "地铁海报")) :]} == {"地铁海报"}
    assert "buy" in dict(kinds)
    expected = {"scene": "地铁海报", "course_id": COURSE, "scans": 1, "follows": 1, "followers": 1, "active": 1}
    assert report == [expected | {"orders": 1, "amount_fen": FEN}]
    assert export["came_by"] == "地铁海报"
    assert picture.startswith(b"\x89PNG")


async def go_to_the_till_again(simulator, phone):
    """Order the course; following anew in the same second would be taken for a repeat."""
    follow = phone.follow

    async def stay():
        return None

    phone.follow = stay
    try:
        return await go_to_the_till(simulator, phone)
    finally:
        phone.follow = follow


def test_a_code_without_a_course_only_greets_and_one_ends(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        clock.at = SystemClock().now()
        row = await made(shop, tmp_path, "讲座", "--days", "7")
        hello = await simulator.phone().scan_code(row["url"])
        clock.at += timedelta(days=7, minutes=1)
        with pytest.raises(LookupError):
            await simulator.phone("小王").scan_code(row["url"])
        return row, hello.text

    row, hello = play(story, tmp_path, clock=clock)

    assert row["expires_at"] > row["created_at"]
    assert "《" not in hello


def test_a_course_that_is_changed_is_said_aloud_and_old_codes_lead_to_it(tmp_path):
    async def story(shop, simulator):
        row = await made(shop, tmp_path, "海报", "--course", COURSE)
        out = str(tmp_path / "again.svg")
        output = (await run(shop, tmp_path, "qr", "create", "--scene", "海报", "--course", "EDU002", "--out", out))[
            1
        ]
        hello = await simulator.phone().scan_code(row["url"])
        (now,) = json.loads((await run(shop, tmp_path, "qr", "list", "--json"))[1])
        return now, output, hello.text, (tmp_path / "again.svg").read_text()

    now, output, hello, drawing = play(story, tmp_path)

    assert f"原来介绍课程 {COURSE}" in output
    assert f"码里的网址：{now['url']}" in output
    assert f"《{TITLE}》" not in hello
    assert "<svg" in drawing


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["create", "--scene", "海报", "--course", "NOPE"], 1, "没有课程 NOPE"),
        (["create", "--scene", ""], 1, "渠道名不能是空的"),
        (["create", "--scene", "a\nb"], 1, "不能换行"),
        (["create", "--scene", "一" * 22], 1, "渠道名太长"),
        (["create", "--scene", "qrscene_1"], 1, "微信自己用的"),
        (["create", "--scene", "海报", "--days", "0"], 1, "1 到 30"),
        (["create", "--scene", "海报", "--days", "31"], 1, "--permanent"),
        (["create", "--scene", "海报", "--out", "x.gif"], 1, ".png 或 .svg"),
        (["create", "--scene", "海报", "--out", "/no/such/x.png"], 1, "没有文件夹"),
        (["create", "--scene", "海报", "--days", "3", "--permanent"], 2, "只能写一个"),
        (["create", "--scene", "海报", "--days", "三"], 2, "三"),
        (["create"], 2, "--scene"),
        (["save", "NOPE"], 1, "没有渠道 NOPE"),
    ],
    ids=str,
)
def test_what_cannot_be_made_is_a_sentence_and_nothing_is_asked_of_wechat(tmp_path, words, code, said):
    async def story(shop, simulator):
        return *await run(shop, tmp_path, "qr", *words), simulator.calls, list(tmp_path.glob("*.png"))

    got, output, calls, pictures = play(story, tmp_path)

    assert (got, calls, pictures) == (code, [], [])
    assert said in output
    assert "Traceback" not in output


def test_a_picture_is_never_overwritten(tmp_path):
    (tmp_path / "x.png").write_text("mine")

    async def story(shop, simulator):
        words = ("qr", "create", "--scene", "海报", "--out", str(tmp_path / "x.png"))
        return *await run(shop, tmp_path, *words), simulator.calls

    code, output, calls = play(story, tmp_path)

    assert (code, calls) == (1, [])
    assert "已经存在" in output
    assert (tmp_path / "x.png").read_text() == "mine"


@pytest.mark.parametrize("fault", ["api_errors", "api_lost_before"])
def test_a_lost_answer_leaves_nothing_half_done(tmp_path, fault):
    async def story(shop, simulator):
        await run(shop, tmp_path, "qr", "create", "--scene", "甲", "--out", str(tmp_path / "a.png"))  # a token
        setattr(simulator.faults, fault, 1)
        failed = await run(shop, tmp_path, "qr", "create", "--scene", "乙", "--out", str(tmp_path / "b.png"))
        listed = json.loads((await run(shop, tmp_path, "qr", "list", "--json"))[1])
        again = await run(shop, tmp_path, "qr", "save", "甲", "--out", str(tmp_path / "c.svg"))
        return failed, [row["scene"] for row in listed], again[0], (tmp_path / "b.png").exists()

    (code, output), scenes, again, exists = play(story, tmp_path)

    assert code == 1
    assert "没有得到微信的明确回答" in output
    assert output.count("过一会儿再试") == 1
    assert (scenes, again, exists) == (["甲"], 0, False)


def test_a_report_of_nothing_and_of_a_shorter_time(tmp_path):
    async def story(shop, simulator):
        nothing = await run(shop, tmp_path, "channels", "report")
        empty = await run(shop, tmp_path, "channels", "report", "--json")
        await simulator.phone().follow("老海报")
        table = await run(shop, tmp_path, "channels", "report", "--days", "1")
        return nothing, empty, table

    nothing, empty, table = play(story, tmp_path)

    assert nothing == (0, "还没有人从二维码来过\n")
    assert json.loads(empty[1]) == []
    assert "老海报" in table[1]
    assert "扫码关注" in table[1]


def test_a_word_for_a_follower_is_taken_once_a_day_and_not_for_strangers(tmp_path):
    async def story(shop, simulator):
        phone = simulator.phone()
        await phone.follow()
        words = ("followers", "tell", phone.openid, "周末有直播，来看看")
        taken = [await run(shop, tmp_path, *words) for _ in range(2)]
        stranger = await run(shop, tmp_path, "followers", "tell", "o-nobody", "你好")
        empty = await run(shop, tmp_path, "followers", "tell", phone.openid, " ")
        long = await run(shop, tmp_path, "followers", "tell", phone.openid, "长" * 601)
        await phone.unfollow()
        left = await run(shop, tmp_path, "followers", "tell", phone.openid, "别走")
        return [code for code, _ in (*taken, stranger, empty, long, left)], left[1]

    codes, left = play(story, tmp_path)

    assert codes == [0, 1, 1, 1, 1, 1]
    assert "没有关注" in left
