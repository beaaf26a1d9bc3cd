"""The command line: listings in JSON, errors as sentences, never a traceback."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.models import Entitlement, Order, OrderState
from bot.store import SqliteStore
from handlers.cli import main

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

    def call(*words):
        result = CliRunner().invoke(main, ["--config", str(config), *words])
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
    assert "published" in stocked("courses", "publish", "N1").output
    assert "retired" in stocked("courses", "retire", "N1").output

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


@pytest.mark.parametrize("noun", ["courses", "followers", "orders", "recsys"])
def test_every_command_has_help_in_chinese(run, noun):
    for name, command in main.commands[noun].commands.items():
        assert not (command.help or "").isascii(), f"{noun} {name}"
    assert run(noun, "--help").exit_code == 0


@pytest.mark.parametrize("noun", ["followers", "orders"])
def test_empty_listings_are_empty_arrays(run, noun):
    assert json.loads(run(noun, "list", "--json").output) == []


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
