"""``orders refund`` at the desk: nothing moves before a yes, and a refused refund can be repeated."""

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import asdict

import pytest
from click.testing import CliRunner

from bot.config import SECTIONS
from bot.models import OrderState, Purpose
from bot.offers.quoting import Wish
from handlers.cli import main
from tests.scenarios.world import COURSE, FEN, TITLE, go_to_the_till, pay_twice, play

WHY = ("--reason", "不想学了")


class Counter:
    """The desk of a shop that sells: the command line on its settings, and WeChat Pay's book."""

    def __init__(self, shop, simulator, folder):
        self.shop = shop
        self.simulator = simulator
        self.config = folder / "config.toml"
        sections = {name: table for name, table in asdict(shop.config).items() if name in SECTIONS}
        lines = [
            f"{key} = {json.dumps(value)}" if key else f"[{value}]"
            for name, table in sections.items()
            for key, value in [("", name), *table.items()]
        ]
        self.config.write_text("\n".join(lines), "utf-8")

    async def run(self, *words, typed=""):
        arguments = ["--config", str(self.config), *words]
        result = await asyncio.to_thread(CliRunner().invoke, main, arguments, input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    async def order(self, number):
        return await self.shop.store.read(lambda tx: tx.orders.get(number))

    def given_back(self, payment):
        return self.simulator.pay.trade(payment).refunded


def at_the_desk(story, tmp_path):
    """Tell ``story(counter, till)`` of an order that was paid once."""

    async def told(shop, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        return await story(Counter(shop, simulator, tmp_path), till)

    return play(told, tmp_path)


def at_the_desk_twice(story, tmp_path):
    """Tell ``story(counter, till)`` of an order paid twice, whose second payment WeChat would not give back."""

    async def told(shop, simulator):
        till = await pay_twice(shop, simulator)
        return await story(Counter(shop, simulator, tmp_path), till)

    return play(told, tmp_path)


@pytest.mark.parametrize("typed", ["n\n", "\n", "yy\n", "不\n", "1\n", ""], ids=repr)
def test_without_a_yes_nothing_is_refunded(tmp_path, typed):
    async def story(counter, till):
        told = await counter.run("orders", "refund", till.order_no, *WHY, typed=typed)
        refunds = await counter.shop.store.read(lambda tx: tx.refunds.of(till.order_no))
        return told, refunds, counter.given_back(till.out_trade_no), (await counter.order(till.order_no)).state

    told, *rest = at_the_desk(story, tmp_path)

    assert told.exit_code == 1
    assert rest == [[], 0, OrderState.PAID]
    assert "退款不能撤回" in told.output
    if typed:
        assert "什么也没有做" in told.output


@pytest.mark.parametrize("typed", ["y\n", "Y\n", " yes \n", "是\n"], ids=repr)
def test_a_yes_refunds_what_the_question_named(tmp_path, typed):
    async def story(counter, till):
        told = await counter.run("orders", "refund", till.order_no, "--amount", "12.34", *WHY, typed=typed)
        return told, counter.given_back(till.out_trade_no)

    told, back = at_the_desk(story, tmp_path)

    assert (told.exit_code, back) == (0, 1234)
    assert f"《{TITLE}》付了 99.00 元，确定退还 12.34 元？" in told.output
    assert "（12.34 元）现在是" in told.output


def test_with_yes_given_nothing_is_asked_and_all_that_is_left_goes_back(tmp_path):
    async def story(counter, till):
        told = await counter.run("orders", "refund", till.order_no, *WHY, "--yes")
        synced = await counter.run("orders", "sync", till.order_no)
        return told, synced, counter.given_back(till.out_trade_no)

    told, synced, back = at_the_desk(story, tmp_path)

    assert (told.exit_code, back) == (0, FEN)
    assert "确定" not in told.output
    assert "已退款" in synced.output


def test_an_order_that_nobody_paid_is_refused_before_anything_is_asked(tmp_path):
    async def story(counter, _till):
        unpaid = (await counter.shop.orders.place("", COURSE, session="browser")).order
        unknown = await counter.run("orders", "refund", "ZK000000NOPE", *WHY)
        return await counter.run("orders", "refund", unpaid.order_no, *WHY), unknown

    unpaid, unknown = at_the_desk(story, tmp_path)

    assert (unpaid.exit_code, unknown.exit_code) == (1, 1)
    assert "没有付过款，没有可退的钱" in unpaid.output
    assert "没有订单 ZK000000NOPE" in unknown.output
    assert "确定" not in unpaid.output + unknown.output


def test_a_refund_that_wechat_does_not_take_says_what_to_do(tmp_path):
    async def story(counter, till):
        counter.simulator.faults.refunds_refused = 1
        told = await counter.run("orders", "refund", till.order_no, *WHY, "--yes")
        return told, counter.given_back(till.out_trade_no), (await counter.order(till.order_no)).state

    told, back, state = at_the_desk(story, tmp_path)

    assert (back, state) == (0, OrderState.PAID)
    assert "现在是被拒绝" in told.output
    assert "过一分钟再用 orders refund" in told.output


def test_of_two_payments_the_operator_names_one_and_the_question_says_what_becomes_of_the_course(tmp_path):
    async def story(counter, till):
        number, second = till.order_no, f"{till.order_no}02"
        unnamed = await counter.run("orders", "refund", number, *WHY, "--yes")
        too_soon = await counter.run("orders", "refund", number, *WHY, "--payment", second, typed="y\n")
        make_older(counter.shop, number)
        named = await counter.run("orders", "refund", number, *WHY, "--payment", second, typed="y\n")
        return unnamed, too_soon, named, counter.given_back(till.out_trade_no), counter.given_back(second)

    unnamed, too_soon, named, first, second = at_the_desk_twice(story, tmp_path)

    assert (unnamed.exit_code, too_soon.exit_code, named.exit_code) == (1, 1, 0)
    assert "有 2 笔付款可退" in unnamed.output
    assert "请加 --payment" in unnamed.output
    assert too_soon.output.splitlines()[-1] == "两笔退款之间至少间隔 60 秒，请稍后再试"
    assert "确定" not in too_soon.output
    assert "重复付了 99.00 元" in named.output
    assert "不影响课程" in named.output
    assert (first, second) == (0, FEN)


def test_the_list_and_the_order_tell_a_gift_and_how_far_a_refund_has_got(tmp_path):
    async def story(counter, till):
        before = json.loads((await counter.run("orders", "show", till.order_no, "--json")).output)
        await counter.run("orders", "refund", till.order_no, *WHY, "--yes")
        placed = await counter.shop.orders.place("oBen00000000000000000000000b", COURSE, wish=Wish(Purpose.GIFT))
        listed = json.loads((await counter.run("orders", "list", "--json")).output)
        said = (await counter.run("orders", "list")).output
        shown = (await counter.run("orders", "show", till.order_no)).output
        told = {row["order_no"]: (row["gift"], row["refund_state"]) for row in listed}
        return before, told[till.order_no], told[placed.order.order_no], said, shown

    [before], refunded, gift, said, shown = at_the_desk(story, tmp_path)

    assert (before["gift"], before["refund_state"]) == (False, "")
    assert refunded[0] is False
    assert refunded[1] in {"PROCESSING", "SUCCESS"}
    assert gift == (True, "")
    assert ("礼物" in said, "退款进度" in said) == (True, True)
    assert re.search(r"退款进度 +(退款中|已到账)", shown)


def test_the_refund_of_a_second_payment_is_not_shown_as_one_of_the_order(tmp_path):
    async def story(counter, till):
        shown = json.loads((await counter.run("orders", "show", till.order_no, "--json")).output)
        return shown, json.loads((await counter.run("orders", "list", "--json")).output)

    [shown], listed = at_the_desk_twice(story, tmp_path)

    assert shown["refunds"]
    assert [each["refund_state"] for each in (shown, *listed)] == ["", ""]


def make_older(shop, order_no):
    """Let the refunds of an order be two minutes old."""
    with closing(sqlite3.connect(shop.config.store.path)) as connection, connection:
        connection.execute("update refunds set created_at = created_at - 120 where order_no = ?", [order_no])
