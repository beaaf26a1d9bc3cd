"""``codes`` and ``gifts`` at the desk: the file is the only copy, and nothing is kept that was not written."""

import csv
import json
from datetime import datetime

import pytest
from click.testing import CliRunner

from bot.offers import codes
from bot.ports import BEIJING
from handlers.cli import main

COURSES = "course_id,title,price\nEDU001,Python入门,99.00\nEDU002,免费课,0\n"


@pytest.fixture
def run(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('[store]\nurl = "sqlite:///zhike.db"\n', "utf-8")
    (tmp_path / "courses.csv").write_text(COURSES, "utf-8")

    def run(*words):
        return CliRunner().invoke(main, ["--config", str(config), *words])

    assert run("courses", "import", str(tmp_path / "courses.csv")).exit_code == 0
    return run


def beijing_day(instant):
    return f"{datetime.fromisoformat(instant).astimezone(BEIJING):%Y-%m-%d}"


def create(run, out, *changed):
    wish = ("--course", "EDU001", "--count", "3", "--days", "30", "--name", "讲座", "--out", str(out))
    return run("codes", "create", *wish, *changed)


def test_a_batch_is_written_once_for_its_owner_only_and_the_store_keeps_no_code(run, tmp_path):
    out = tmp_path / "codes.csv"

    assert create(run, out).exit_code == 0
    again = create(run, out)

    rows = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    kept = (tmp_path / "zhike.db").read_bytes()
    assert out.stat().st_mode & 0o077 == 0
    assert len({row["code"] for row in rows}) == 3
    assert all(codes.whole(codes.read(row["code"])) for row in rows)
    assert not any(codes.read(row["code"]).encode() in kept for row in rows)
    assert (again.exit_code, "没有覆盖" in again.output) == (1, True)
    [batch] = json.loads(run("codes", "list", "--json").output)
    assert (batch["count"], batch["used"]) == (3, 0)
    assert {row["expires_at"] for row in rows} == {beijing_day(batch["expires_at"])}
    assert json.loads(run("codes", "show", "1", "--json").output) == []
    assert "停用了" in run("codes", "stop", "1").output


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (("--course", "NONE"), "没有课程"),
        (("--course", "EDU002"), "免费"),
        (("--count", "0"), "1 到 10000"),
        (("--name", " "), "名称"),
    ],
    ids=lambda each: "_".join(each) if isinstance(each, tuple) else "",
)
def test_a_wrong_batch_is_named_and_leaves_neither_file_nor_rows(run, tmp_path, changed, named):
    out = tmp_path / "codes.csv"

    refused = create(run, out, *changed)

    assert (refused.exit_code, out.exists(), json.loads(run("codes", "list", "--json").output)) == (1, False, [])
    assert named in refused.output


def test_what_does_not_exist_is_named(run):
    assert [run(*words).exit_code for words in (("codes", "show", "9"), ("codes", "stop", "9"))] == [1, 1]
    assert "gifts list" in run("gifts", "show", "NONE").output
    assert json.loads(run("gifts", "list", "--json").output) == []
