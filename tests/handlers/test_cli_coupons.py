"""``coupons`` and ``prices`` at the desk: taken whole or refused with everything that is wrong."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.models import Line, Order, OrderState
from bot.ports import BEIJING
from bot.store import SqliteStore
from handlers.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(f'[store]\nurl = "sqlite:///{tmp_path}/zhike.db"\n[tags]\nrules = ["老学员=bought:编程"]\n')

    def call(*words):
        result = CliRunner().invoke(main, ["--config", str(config), *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    done = call("courses", "import", str(ROOT / "data/courses.csv"))
    assert done.exit_code == 0, done.output
    return call


def listed(run, noun="coupons"):
    return json.loads(run(noun, "list", "--json").output)


def day(days):
    return (datetime.now(UTC).astimezone(BEIJING) + timedelta(days=days)).strftime("%Y-%m-%d")


def iso(text, pattern="%Y-%m-%d"):
    return datetime.strptime(text, pattern).replace(tzinfo=BEIJING).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_coupon_is_kept_as_it_was_written(run):
    words = ("--amount", "20", "--floor", "9.9", "--category", "在线教育", "--for", "老学员", "--each", "2")
    more = (
        "--total",
        "100",
        "--from",
        f"{day(1)} 20:00",
        "--until",
        day(7),
        "--title",
        "学员券",
        "--hidden",
        "--back",
    )
    done = run("coupons", "add", "spring", *words, *more)
    [row] = listed(run)
    created = row.pop("created_at")

    assert done.exit_code == 0, done.output
    assert created.endswith("Z")
    assert row == {
        "code": "SPRING",
        "title": "学员券",
        "amount_fen": 2000,
        "percent": 0,
        "floor_fen": 990,
        "course_id": "",
        "category": "在线教育",
        "audience": "老学员",
        "each_limit": 2,
        "total_limit": 100,
        "usable_from": iso(f"{day(1)} 20:00", "%Y-%m-%d %H:%M"),
        "usable_until": iso(day(8)),
        "listed": False,
        "back": True,
        "used": 0,
        "held": 0,
        "validity": "early",
    }


def test_an_edit_changes_what_it_names_and_one_way_to_take_off_replaces_the_other(run):
    run("coupons", "add", "SPRING", "--amount", "20", "--until", day(3))
    run("coupons", "edit", "spring", "--percent", "15", "--until", "", "--total", "5")
    [row] = listed(run)
    same = run("coupons", "edit", "SPRING", "--total", "5")

    assert (row["amount_fen"], row["percent"], row["usable_until"], row["total_limit"]) == (0, 15, None, 5)
    assert "没有变化" in same.output


def test_everything_that_is_wrong_is_named_at_once_and_nothing_is_kept(run):
    words = ("--amount", "3", "--percent", "5", "--course", "NOPE", "--category", "没有", "--for", "路人")
    result = run("coupons", "add", "PYTHON", *words, "--until", "2020-01-01", "--title", "长" * 21)

    assert result.exit_code == 1
    for part in ("找课", "二选一", "没有课程 NOPE", "只能写一个", "「没有」", "现有 老学员", "已经过去", "太长"):
        assert part in result.output, part
    assert listed(run) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("AB", "--amount", "1"), "3 到 16 个"),
        (("优惠", "--amount", "1"), "命令"),
        (("HELP", "--amount", "1"), "命令"),
        (("EDU001", "--amount", "1"), "找课"),
        (("SPRING", "--amount", "一百"), "不是金额"),
        (("SPRING",), "二选一"),
        (("SPRING", "--amount", "1", "--until", "明天"), "不是时间"),
        (("SPRING", "--amount", "1", "--from", "2030-01-02", "--until", "2030-01-01"), "要晚于 --from"),
    ],
    ids=str,
)
def test_a_coupon_that_makes_no_sense_is_refused_with_a_reason(run, words, said):
    result = run("coupons", "add", *words)

    assert result.exit_code == 1
    assert said in result.output
    assert listed(run) == []


def test_a_code_is_there_once_and_an_unknown_one_is_named(run):
    run("coupons", "add", "SPRING", "--amount", "1")
    again = run("coupons", "add", "spring", "--amount", "2")
    unknown = [run("coupons", verb, "NOPE") for verb in ("show", "edit", "stop")]

    assert "已经有了" in again.output
    assert listed(run)[0]["amount_fen"] == 100
    for result in unknown:
        assert (result.exit_code, "没有优惠码 NOPE；用 coupons list" in result.output) == (1, True)


def test_a_stopped_coupon_is_listed_as_such(run):
    run("coupons", "add", "SPRING", "--percent", "10")
    first, second = run("coupons", "stop", "spring"), run("coupons", "stop", "SPRING")

    assert listed(run)[0]["validity"] == "stopped"
    assert "已停用" in first.output
    assert "本来就停用了" in second.output
    assert "减 10%" in run("coupons", "list").output
    assert "已停用" in run("coupons", "show", "SPRING").output


def test_wrong_usage_is_two(run):
    assert run("coupons", "add").exit_code == 2
    assert run("coupons", "add", "SPRING", "--percent", "101").exit_code == 2
    assert run("prices", "add", "--course", "EDU001").exit_code == 2
    assert run("prices", "stop", "x").exit_code == 2


def test_a_limited_price_runs_until_the_end_of_its_last_day(run):
    done = run("prices", "add", "--course", "EDU001", "--price", "49.50", "--until", day(2))
    [row] = listed(run, "prices")
    stopped = run("prices", "stop", "1")

    assert done.exit_code == 0, done.output
    assert (row["price_id"], row["course_id"], row["price_fen"]) == (1, "EDU001", 4950)
    assert (row["ends_at"], row["validity"]) == (iso(day(3)), "on")
    assert "已停止" in stopped.output
    assert listed(run, "prices")[0]["validity"] == "stopped"
    assert "已停用" in run("prices", "list").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("NOPE", "49", day(2)), "没有课程 NOPE"),
        (("EDU001", "99", day(2)), "低于"),
        (("EDU001", "0", day(2)), "大于 0"),
        (("EDU001", "x", day(2)), "不是金额"),
        (("EDU001", "49", "2020-01-01"), "晚于"),
        (("EDU001", "49", ""), "什么时候止"),
    ],
    ids=str,
)
def test_a_limited_price_that_is_none_is_refused(run, words, said):
    result = run("prices", "add", "--course", words[0], "--price", words[1], "--until", words[2])

    assert result.exit_code == 1
    assert said in result.output
    assert listed(run, "prices") == []


def test_two_prices_of_one_course_never_run_at_once(run):
    add = ("prices", "add", "--course", "EDU001", "--price", "49")
    run(*add, "--until", day(2))
    over, after = run(*add, "--from", day(2), "--until", day(4)), run(*add, "--from", day(3), "--until", day(4))

    assert "已有限时价 1" in over.output
    assert after.exit_code == 0, after.output


def test_orders_show_explains_the_price(run, tmp_path):
    now = datetime.now(UTC)
    lines = (Line("list", 9900), Line("limited", -5000, "1"), Line("coupon", -1000, "SPRING"))
    order = Order("ZK1", "oAnna", "EDU001", "课", 3900, OrderState.PENDING, now, now, lines=lines)
    store = SqliteStore(str(tmp_path / "zhike.db"))
    store.write_now(lambda tx: tx.orders.add(order))
    store.close()

    [row] = json.loads(run("orders", "show", "ZK1", "--json").output)

    assert row["lines"][2] == {"kind": "coupon", "amount_fen": -1000, "ref": "SPRING"}
    assert "原价 ¥99、限时优惠 −¥50、优惠码 SPRING −¥10" in run("orders", "show", "ZK1").output


def test_lists_show_the_last_day_as_it_was_typed_and_scripts_get_the_moment(run):
    run("coupons", "add", "SPRING", "--amount", "20", "--until", day(3))
    run("coupons", "add", "NOON", "--amount", "20", "--until", f"{day(3)} 12:30")
    run("coupons", "add", "EVER", "--amount", "20")
    run("prices", "add", "--course", "EDU001", "--price", "49.50", "--until", day(5))
    run("groups", "add", "--course", "EDU001", "--size", "3", "--price", "59", "--until", day(7))

    coupons, shown = run("coupons", "list").output, run("coupons", "show", "SPRING").output
    prices, groups = run("prices", "list").output, run("groups", "list").output
    moments = {row["code"]: row["usable_until"] for row in listed(run)}

    assert [re.search(rf"^{code} .*", coupons, re.MULTILINE)[0].split()[-2:] for code in ("SPRING", "EVER")] == [
        [day(3), "可用"],
        ["-", "可用"],
    ]
    assert f"{day(3)} 12:30" in coupons
    assert day(4) not in coupons + shown
    assert (day(5) in prices, day(6) in prices) == (True, False)
    assert (day(7) in groups, day(8) in groups) == (True, False)
    assert moments == {
        "SPRING": iso(day(4)),
        "NOON": iso(f"{day(3)} 12:30", "%Y-%m-%d %H:%M"),
        "EVER": None,
    }
    assert listed(run, "prices")[0]["ends_at"] == iso(day(6))
    assert listed(run, "groups")[0]["until"] == iso(day(8))


def test_what_the_list_shows_typed_again_changes_nothing(run):
    run("coupons", "add", "SPRING", "--amount", "20", "--until", day(3))
    typed = re.search(r"\d{4}-\d\d-\d\d(?= +可用)", run("coupons", "list").output)[0]

    assert "没有变化" in run("coupons", "edit", "SPRING", "--until", typed).output
