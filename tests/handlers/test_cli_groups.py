"""``groups`` at the desk: a deal is checked before it is kept, and listed with what came of it."""

import json

import pytest
from click.testing import CliRunner

from handlers.cli import main

COURSES = "course_id,title,price\nEDU001,Python入门,99.00\nEDU002,免费课,0\n"
ADD = ("groups", "add", "--course", "EDU001", "--size", "3", "--price", "59", "--until", "2099-12-31")


@pytest.fixture
def run(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('[store]\nurl = "sqlite:///zhike.db"\n', "utf-8")
    (tmp_path / "courses.csv").write_text(COURSES, "utf-8")

    def run(*words):
        return CliRunner().invoke(main, ["--config", str(config), *words])

    assert run("courses", "import", str(tmp_path / "courses.csv")).exit_code == 0
    return run


def test_a_deal_is_kept_listed_and_stopped(run):
    assert run(*ADD).exit_code == 0
    [row] = json.loads(run("groups", "list", "--json").output)
    assert (row["course_id"], row["size"], row["price_fen"], row["until"]) == (
        "EDU001",
        3,
        5900,
        "2099-12-31T16:00:00Z",
    )
    assert json.loads(run("groups", "show", "1", "--json").output) == []
    assert "不再开新团" in run("groups", "stop", "1").output
    assert "之前就停了" in run("groups", "stop", "1").output
    assert json.loads(run("groups", "list", "--json").output)[0]["stopped_at"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (("--price", "99"), "低于课程的价格"),
        (("--price", "0"), "大于 0"),
        (("--price", "五十"), "不是金额"),
        (("--size", "1"), "成团人数"),
        (("--hours", "0"), "小时之间"),
        (("--until", "2020-01-01"), "已经过去"),
        (("--groups", "-1"), "不能是负数"),
        (("--course", "NONE"), "没有课程 NONE"),
        (("--course", "EDU002"), "拼团价"),
    ],
    ids=lambda each: "_".join(each) if isinstance(each, tuple) else "",
)
def test_a_wrong_deal_is_named_and_nothing_is_kept(run, changed, named):
    refused = run(*ADD, *changed)

    assert (refused.exit_code, json.loads(run("groups", "list", "--json").output)) == (1, [])
    assert named in refused.output


def test_a_course_has_one_deal_at_a_time_and_an_unknown_one_is_named(run):
    run(*ADD)

    again = run(*ADD)

    assert (again.exit_code, "groups stop 1" in again.output) == (1, True)
    assert (run("groups", "show", "9").exit_code, run("groups", "stop", "9").exit_code) == (1, 1)
    assert run("groups", "add", "--course", "EDU001").exit_code == 2
