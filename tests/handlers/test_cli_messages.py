"""``messages`` and ``desk``: what was left for people, and who talks to one."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from bot.store import SqliteStore
from handlers.cli import main

ANNA = "oAnna0000000000000000000000a"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "config.toml").write_text(f'[store]\nurl = "sqlite:///{tmp_path}/zhike.db"\n')

    def call(*words):
        result = CliRunner().invoke(main, ["--config", str(tmp_path / "config.toml"), *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.fixture
def asked(run, tmp_path):
    """Two messages lie there, and their writer waits for a person."""
    store, now = SqliteStore(str(tmp_path / "zhike.db")), datetime.now(UTC)

    def work(tx):
        tx.followers.seen(ANNA, now)
        tx.left_messages.add(ANNA, "text", "请回电话\n\x1b[31m13800000000", now)
        tx.left_messages.add(ANNA, "image", "https://p/1", now)
        tx.services.start(ANNA, now, now + timedelta(minutes=30))

    store.write_now(work)
    store.close()
    return run


def test_messages_are_listed_until_they_are_done(asked):
    first = json.loads(asked("messages", "list", "--json").output)
    shown = asked("messages", "list").output
    done = asked("messages", "done", "1")
    rest = json.loads(asked("messages", "list", "--json").output)
    everything = json.loads(asked("messages", "list", "--all", "--json").output)
    again = asked("messages", "done", "1")

    assert [(each["message_id"], each["openid"], each["type"]) for each in first] == [
        (1, ANNA, "text"),
        (2, ANNA, "image"),
    ]
    assert len(shown.splitlines()) == 3
    assert "\x1b" not in shown
    assert done.output == "已处理 1 条\n"
    assert [each["message_id"] for each in rest] == [2]
    assert [each["done_at"] is None for each in everything] == [False, True]
    assert again.output == "这些留言先前已经处理过了\n"


def test_an_unknown_number_settles_nothing(asked):
    result = asked("messages", "done", "1", "9")

    assert result.exit_code == 1
    assert "没有留言 9" in result.output
    assert len(json.loads(asked("messages", "list", "--json").output)) == 2


@pytest.mark.parametrize("words", [(), ("x",), ("0",), ("-1",), ("9" * 30,)])
def test_a_number_that_is_none_is_wrong_usage(run, words):
    assert run("messages", "done", *words).exit_code == 2


def test_the_desk_and_the_follower_show_who_waits(asked):
    talks = json.loads(asked("desk", "list", "--json").output)
    shown = json.loads(asked("followers", "show", ANNA, "--json").output)[0]

    assert [(each["openid"], each["account"]) for each in talks] == [(ANNA, "")]
    assert shown["left_messages"] == ["请回电话\n\x1b[31m13800000000", "https://p/1"]
    assert shown["served_until"]


@pytest.mark.parametrize("noun", ["messages", "desk"])
def test_without_any_there_are_empty_arrays_and_a_word(run, noun):
    assert json.loads(run(noun, "list", "--json").output) == []
    assert "没有" in run(noun, "list").output
