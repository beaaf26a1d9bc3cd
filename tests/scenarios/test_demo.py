"""What only the demo does: starting over, for the phone and for the shop."""

import tomllib
from dataclasses import replace

from bot.config import load
from handlers.cli.demo import HOUSE, forgetter, push_menu, with_rewards, write_settings
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
