"""What only the demo does: starting over, for the phone and for the shop, and files of its own to try edits in."""

import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from tornado.testing import bind_unused_port

from bot.config import load
from handlers.cli.demo import HOUSE, copy_texts, forgetter, push_menu, with_rewards, write_settings
from tests.scenarios.test_browser import running
from tests.scenarios.world import COURSE, go_to_the_till, play


def test_after_a_reset_the_shop_has_never_met_anybody(tmp_path):
    async def story(shop, simulator):
        simulator.attach(simulator._stage.shop_url, forget=forgetter(shop))
        phone, other = simulator.phone("小林"), simulator.phone("小周")
        till = await go_to_the_till(simulator, phone)
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        await go_to_the_till(simulator, other)  # and leaves an order unpaid

        simulator.reset()
        greeting = await phone.follow()
        courses, orders = await phone.say("我的课程"), await phone.say("我的订单")
        owned = await shop.store.read(lambda tx: tx.entitlements.owned(phone.openid))
        open_orders = await shop.store.read(lambda tx: tx.orders.of(other.openid))
        again = await go_to_the_till(simulator, phone)
        return greeting, courses, orders, owned, open_orders, again, till

    greeting, courses, orders, owned, open_orders, again, till = play(story, tmp_path)

    assert "欢迎回来" not in greeting.text
    assert COURSE not in courses.text
    assert "已付款" not in orders.text
    assert (owned, open_orders) == ([], [])
    assert again.order_no != till.order_no


def test_the_demo_pushes_the_menu_of_the_settings_and_its_buttons_answer_even_after_a_reset(tmp_path):
    menu = tomllib.loads((HOUSE / "config.toml").read_text("utf-8"))["menu"]
    entry = {"type": "click", "name": "我的课程", "key": "my_courses"}
    menu["conditional"] = [{"tag": "学员", "button": [entry]}]

    async def story(shop, simulator):
        await push_menu(replace(shop, config=replace(shop.config, menu=menu)), simulator)
        simulator.reset()
        phone, student = simulator.phone("小林", following=True), simulator.phone("小周", following=True)
        simulator.tag("学员", student)
        answer = await phone.click(phone.menu[0]["sub_button"][1]["key"])
        return [each["name"] for each in phone.menu], [each["name"] for each in student.menu], answer

    shown, to_students, answer = play(story, tmp_path)

    assert shown == ["找课程", "我的课程", "帮助"]
    assert to_students == ["我的课程"]
    assert "1." in answer.text


def test_a_menu_that_is_wrong_is_named_and_the_demo_goes_on(tmp_path, capsys):
    async def story(shop, simulator):
        wrong = {"button": [{"type": "click", "name": "热门", "key": "nothing"}]}
        await push_menu(replace(shop, config=replace(shop.config, menu=wrong)), simulator)
        return simulator.phone(following=True).menu

    assert play(story, tmp_path) is None
    assert "没有 nothing 这个 key" in capsys.readouterr().err


def test_the_settings_that_the_demo_writes_for_other_terminals_are_its_own(tmp_path):
    menu = tomllib.loads((HOUSE / "config.toml").read_text("utf-8"))["menu"]

    async def story(shop, _simulator):
        config = replace(shop.config, menu=menu)
        return config, load(write_settings(config, tmp_path), environ={})

    ours, written = play(story, tmp_path)

    assert written == ours


def test_the_demo_rewards_who_brings_friends_at_once_and_other_terminals_know(tmp_path):
    async def story(shop, _simulator):
        return load(write_settings(with_rewards(shop.config), tmp_path), environ={}).referral

    rewarded = play(story, tmp_path)

    assert (rewarded.enabled, rewarded.after_days) == (True, 0)


def test_an_edit_of_the_texts_in_the_demo_stays_in_its_own_folder(tmp_path):
    ours = HOUSE / "data" / "texts.toml"
    before = ours.read_bytes()
    with running(tmp_path) as (_demo, process):
        settings = re.search(r"--config (\S+) ", process.stdout.readline())[1]
        texts = Path(re.search(r"\S+/texts\.toml", process.stdout.readline())[0])
        written = load(Path(settings), environ={})
        copied = texts.read_bytes()
        texts.write_text('[texts]\nthanks = "试出来的一句"\n', "utf-8")
        told = subprocess.run(
            [sys.executable, "run.py", "--config", settings, "texts", "preview"],
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        )

    assert tmp_path in texts.parents
    assert written.chat.texts_file == str(texts)
    assert copied == before == ours.read_bytes()
    assert "试出来的一句" in told.stdout


@pytest.mark.parametrize("named", [True, False])
def test_the_settings_of_the_demo_name_the_port_that_it_listens_on(tmp_path, named):
    sock, port = bind_unused_port()  # the two after it are very likely free as well
    sock.close()
    port = port if named else 0
    with running(tmp_path, port) as (demo, process):
        settings = re.search(r"--config (\S+) ", process.stdout.readline())[1]
        written = load(Path(settings), environ={})

    assert demo.shop == f"http://127.0.0.1:{written.server.port}"
    assert written.server.port == port or not named


@pytest.mark.parametrize("setting", ["", "no-such-file.toml"])
def test_a_demo_without_texts_of_its_own_starts_with_none_to_edit(tmp_path, setting):
    path = Path(copy_texts(setting and str(tmp_path / setting), tmp_path))

    assert path == tmp_path / "texts.toml"
    assert tomllib.loads(path.read_text("utf-8")) == {}
