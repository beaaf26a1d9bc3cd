"""The command line: listings in JSON, errors as sentences, never a traceback."""

import json
import re
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot import catalog
from bot.models import Entitlement, Order, OrderState
from bot.store import SqliteStore
from handlers.cli import main
from handlers.cli.demo import _folder

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[store]\nurl = "sqlite:///{tmp_path}/zhike.db"\n'
        f'[recsys]\nstop_words_file = "{ROOT}/data/stop_words.txt"\n'
        f'user_words_file = "{ROOT}/data/user_words.txt"\n'
        f'synonyms_file = "{ROOT}/data/synonyms.txt"\n'
    )

    def call(*words, typed=""):
        result = CliRunner().invoke(main, ["--config", str(config), *words], input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.fixture
def stocked(run):
    done = run("courses", "import", str(ROOT / "data/courses.csv"), "--lessons", str(ROOT / "data/lessons.csv"))
    assert done.exit_code == 0, done.output
    return run


def test_courses_list_as_json_keeps_its_names(stocked):
    rows = json.loads(stocked("courses", "list", "--json").output)

    assert {"course_id", "title", "price_fen", "status"} <= set(rows[0])
    assert {row["course_id"]: row["price_fen"] for row in rows}["EDU001"] == 9900


def test_one_bad_row_imports_nothing(stocked, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("course_id,title,price\nN1,好的,1\nN2,坏的,x\n")

    result = stocked("courses", "import", str(bad))

    assert result.exit_code == 1
    assert "第 3 行" in result.output
    assert stocked("courses", "show", "N1").exit_code == 1


def test_a_course_is_added_edited_published_and_retired(stocked):
    assert stocked("courses", "add", "N1", "--title", "新课", "--price", "9.90").exit_code == 0
    assert stocked("courses", "add", "N1", "--title", "新课", "--price", "9.90").exit_code == 1
    assert stocked("courses", "edit", "N1", "--price", "19.90", "--tags", "瑜伽|减脂").exit_code == 0
    assert "《新课》已上架" in stocked("courses", "publish", "N1").output
    assert "《新课》已下架" in stocked("courses", "retire", "N1").output
    assert "《新课》本来就是已下架" in stocked("courses", "retire", "N1").output

    shown = json.loads(stocked("courses", "show", "N1", "--json").output)[0]
    assert (shown["price_fen"], shown["tags"], shown["status"]) == (1990, ["瑜伽", "减脂"], "retired")


@pytest.mark.parametrize(
    "words",
    [
        ("courses", "show", "NOPE"),
        ("courses", "edit", "NOPE", "--price", "1"),
        ("courses", "publish", "NOPE"),
        ("followers", "show", "NOPE"),
        ("followers", "export", "NOPE"),
        ("followers", "forget", "NOPE", "--yes"),
        ("orders", "show", "NOPE"),
        ("recsys", "recommend", "NOPE"),
        ("recsys", "explain", "NOPE", "EDU001"),
        ("serve", "--port", "0"),
    ],
    ids=" ".join,
)
def test_what_does_not_exist_is_a_sentence_and_exit_code_1(stocked, words):
    result = stocked(*words)

    assert result.exit_code == 1
    assert result.output.strip()
    assert "Traceback" not in result.output


def test_wrong_usage_is_exit_code_2(run):
    assert run("courses", "import").exit_code == 2
    assert run("nonsense").exit_code == 2


@pytest.mark.parametrize(
    "noun", ["courses", "followers", "orders", "recsys", "qr", "channels", "tags", "broadcast"]
)
def test_every_command_has_help_in_chinese(run, noun):
    for name, command in main.commands[noun].commands.items():
        assert not (command.help or "").isascii(), f"{noun} {name}"
    assert run(noun, "--help").exit_code == 0


@pytest.mark.parametrize("noun", ["followers", "orders", "qr"])
def test_empty_listings_are_empty_arrays(run, noun):
    assert json.loads(run(noun, "list", "--json").output) == []


def test_before_the_first_broadcast_and_the_first_rule_the_listings_are_empty(run):
    assert json.loads(run("broadcast", "status", "--json").output) == []
    assert json.loads(run("tags", "check", "--json").output) == []


def test_training_counts_the_events(stocked):
    assert "统计了 0 个事件" in stocked("recsys", "train").output


def test_an_export_holds_what_is_kept_of_a_person_and_after_forgetting_there_is_nothing(stocked, tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    store.write_now(live)
    store.close()

    told = json.loads(stocked("followers", "export", "o1").output)
    forgotten = stocked("followers", "forget", "o1", "--yes")
    order = json.loads(stocked("orders", "list", "--json").output)[0]

    assert (told["follower"]["channel"], told["follower"]["followed_at"]) == ("海报", "2026-11-24T04:00:00Z")
    assert [event["detail"] for event in told["events"]] == ["瑜伽"]
    assert told["hidden_courses"] == ["EDU002"]
    assert [(each["course_id"], each["finished"]) for each in told["courses"]] == [("EDU001", [1])]
    assert [(each["amount_fen"], each["paid_at"]) for each in told["orders"]] == [(9900, "2026-11-24T04:00:00Z")]
    assert forgotten.exit_code == 0
    assert stocked("followers", "export", "o1").exit_code == 1
    assert (order["amount_fen"], order["openid"][:5]) == (9900, "anon-")


def live(tx):
    """Leave traces of one person everywhere."""
    tx.followers.follow("o1", NOON, "海报")
    tx.events.add("o1", "mention", NOON, detail="瑜伽")
    tx.dislikes.add("o1", "EDU002", NOON)
    tx.orders.add(Order("ZK1", "o1", "EDU001", "Python", 9900, OrderState.PAID, NOON, NOON, paid_at=NOON))
    tx.entitlements.grant(Entitlement("o1", "EDU001", "order", "ZK1", NOON))
    tx.lessons.finish("o1", "EDU001", 1, NOON)


def pending(tx):
    """Leave a person with an order that waits for its money."""
    tx.followers.follow("o2", NOON, "")
    tx.orders.add(Order("ZK2", "o2", "EDU001", "Python", 9900, OrderState.PENDING, NOON, NOON))


@contextmanager
def shop_of(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    try:
        yield store
    finally:
        store.close()


def test_tables_for_people_have_chinese_heads_and_words_and_json_keeps_the_stored_ones(stocked, tmp_path):
    with shop_of(tmp_path) as store:
        store.write_now(live)
        store.write_now(pending)

    courses, orders = stocked("courses", "list").output, stocked("orders", "list").output
    shown, one = stocked("orders", "show", "ZK1").output, stocked("courses", "show", "EDU001").output

    assert re.match(r"课程编号 +课程 +价格（元） +状态 +类型\n", courses)
    assert "99.00     已上架" in courses
    assert "已下架" in courses
    assert orders.startswith("订单号")
    assert "待付款" in orders
    assert re.search(r"金额（元） +99\.00", shown)
    assert re.search(r"老师 +沈知远", one)
    for told in (courses, orders, shown, one):
        assert not re.search(r"published|PAID|PENDING|_fen|course_id|order_no", told)
    assert {row["state"] for row in json.loads(stocked("orders", "list", "--json").output)} == {"PAID", "PENDING"}


def test_an_edit_that_changes_nothing_says_so(stocked):
    assert "没有变化" in stocked("courses", "edit", "EDU001", "--price", "99").output
    assert "已修改" in stocked("courses", "edit", "EDU001", "--price", "98").output


def test_an_import_says_what_came_back_on_sale_and_what_has_no_lessons(stocked, tmp_path):
    stocked("courses", "retire", "EDU001")
    file = tmp_path / "c.csv"
    file.write_text("course_id,title,price,status\nEDU001,Python零基础入门课,99,published\nN1,新课,9,\n")

    told = stocked("courses", "import", str(file)).output

    assert "课程：新增 1，更新 1，未变 0，重新上架 1 门" in told
    assert "1 门课还没有课时：N1" in told


def test_lessons_are_imported_alone(stocked, tmp_path):
    stocked("courses", "add", "N1", "--title", "新课", "--price", "9", "--status", "published")
    file = tmp_path / "l.csv"
    file.write_text("course_id,position,title\nN1,1,第一课\n")

    told = stocked("courses", "import", "--lessons", str(file)).output

    assert "课时：1 门课新增" in told
    assert "没有课时" not in told
    assert json.loads(stocked("courses", "show", "N1", "--json").output)[0]["lessons"] == ["1. 第一课"]


def test_the_columns_are_in_the_help_of_the_import(run):
    told = run("courses", "import", "--help").output

    for column in {*catalog.COURSE_COLUMNS, *catalog.LESSON_COLUMNS}:
        assert column in told


def test_a_wrong_option_of_add_speaks_of_no_rows(stocked):
    told = stocked("courses", "add", "N1", "--title", "新课", "--price", "免费")

    assert (told.exit_code, told.output) == (1, "价格 '免费' 不是金额，应形如 99.00\n")


@pytest.mark.parametrize(
    "words",
    [
        ("courses", "show"),
        ("courses", "nonsense"),
        ("courses", "list", "--statsu", "draft"),
        ("courses", "list", "--status", "sold"),
        ("courses", "import", "nothing.csv"),
        ("serve", "--port", "x"),
        ("serve", "--port", "70000"),
        ("orders", "refund", "ZK1"),
        ("orders", "show", "ZK1", "ZK2"),
        ("recsys", "explain"),
        ("demo", "--port"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_in_chinese(run, words):
    result = run(*words)

    assert result.exit_code == 2
    assert not re.search(r"Error|Usage|Try|Invalid|Missing|No such|does not|Did you|option '", result.output)
    assert re.search(r"出错了：.*[\u4e00-\u9fff]", result.output)


def test_a_person_is_forgotten_only_after_a_yes_and_an_open_order_is_told_before_asking(stocked, tmp_path):
    with shop_of(tmp_path) as store:
        store.write_now(live)
        store.write_now(pending)

    refused, owing = stocked("followers", "forget", "o1", typed="n\n"), stocked("followers", "forget", "o2")
    there = stocked("followers", "show", "o1").exit_code
    done = stocked("followers", "forget", "o1", typed="y\n")

    assert (refused.exit_code, owing.exit_code, there, done.exit_code) == (1, 1, 0, 0)
    assert "什么也没有做" in refused.output
    assert owing.output == "还有待付款的订单；等它付清或过期后再删除\n"


def test_a_refund_of_no_amount_is_refused_before_anything_else(run):
    for amount in ("0", "1e1", "-5", "x"):
        told = run("orders", "refund", "ZK1", "--amount", amount, "--reason", "不想学了")
        assert told.exit_code == 1
        assert told.output.startswith("退款金额")


def test_somebody_who_never_wrote_can_be_recommended_to(stocked):
    rows = json.loads(stocked("recsys", "recommend", "--words", "心理学", "--json").output)
    parts = json.loads(stocked("recsys", "explain", rows[0]["course_id"], "--words", "心理学", "--json").output)

    assert rows[0]["basis"] == "query"
    assert "心理学" in {part["term"] for part in parts}


def test_a_busy_port_is_named_with_what_to_do(run, serving):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        serve, demo = serving("serve", "--port", str(port)), run("demo", "--port", str(port - 1))

    for told in (serve, demo):
        assert told.exit_code == 1
        assert f"端口 {port} 已被别的程序占用" in told.output
        assert "--port 9000" in told.output


def test_serving_without_a_merchant_is_said_aloud(serving):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = serving("serve", "--port", str(taken.getsockname()[1]))

    assert "还没有配置 [pay]" in told.stderr


def test_the_note_about_loopback_hosts_is_given_once_and_apart_from_the_answer(serving):
    told = serving("orders", "sync", "NOPE")

    assert told.stdout == ""
    assert told.stderr.count("模拟接口") == 1
    assert "INFO" not in told.stderr


@pytest.fixture
def serving(run, tmp_path):
    """Return a runner with settings that are complete enough to serve, towards a WeChat on loopback."""
    base = "http://127.0.0.1:9"
    with (tmp_path / "config.toml").open("a") as config:
        config.write(
            f'[wechat]\napp_id = "wx{"0" * 16}"\napp_secret = "s"\noriginal_id = "gh_1"\ntoken = "token"\n'
            f'mode = "plain"\napi_base = "{base}"\noauth_base = "{base}"\n[pay]\napi_base = "{base}"\n'
        )
    return run


def test_what_a_killed_demo_left_is_removed_and_a_running_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed = tmp_path / "zhike-demo-killed"
    killed.mkdir()
    (killed / "in-use").touch()
    (killed / "apiclient_key.pem").touch()

    with _folder() as first, _folder() as second:
        there = [folder.name for folder in tmp_path.iterdir() if folder.is_dir()]

    assert sorted(there) == sorted([first.name, second.name])
    assert not any(folder.name.startswith("zhike-demo-") for folder in tmp_path.iterdir())
