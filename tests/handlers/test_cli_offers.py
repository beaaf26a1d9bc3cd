"""``bundles`` and ``members`` at the desk: listings in JSON, bad input named, nothing half done."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot import access
from bot.store import SqliteStore
from handlers.cli import main

ROOT = Path(__file__).parents[2]
ANNA = "oAnna"


@pytest.fixture
def store(tmp_path):
    @contextmanager
    def opened():
        store = SqliteStore(str(tmp_path / "zhike.db"))
        try:
            yield store
        finally:
            store.close()

    return opened


@pytest.fixture
def run(tmp_path, store):
    config = tmp_path / "config.toml"
    config.write_text(f'[store]\nurl = "sqlite:///{tmp_path}/zhike.db"\n')

    def call(*words, typed=""):
        result = CliRunner().invoke(main, ["--config", str(config), *words], input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    for name in ("courses.csv", "offers.csv"):
        assert call("courses", "import", str(ROOT / "data" / name)).exit_code == 0
    with store() as opened:
        opened.write_now(lambda tx: tx.followers.seen(ANNA, datetime.now(UTC)))
    return call


def rows(result):
    return json.loads(result.output)


def test_bundles_are_listed_with_what_they_hold_and_what_that_costs_apart(run):
    found = {row["course_id"]: row for row in rows(run("bundles", "list", "--json"))}

    assert set(found) == {"BOX001", "BOX002", "BOX003"}
    assert found["BOX002"]["price_fen"] == 45900
    assert found["BOX002"]["apart_fen"] == 67600
    assert found["BOX002"]["within"] == ["EDU005", "EDU001", "EDU002", "EDU003"]
    assert rows(run("bundles", "show", "BOX002", "--json"))[0]["buyers"] == 0
    assert "《Python零基础入门课》" in run("bundles", "show", "BOX002").output


def test_setting_the_courses_of_a_bundle_says_what_changed(run):
    assert "加了 1，拿掉 2" in run("bundles", "set", "BOX002", "--courses", "EDU001，EDU002,EDU004").output
    assert "没有变化" in run("bundles", "set", "BOX002", "--courses", "EDU001,EDU002,EDU004").output
    assert rows(run("bundles", "show", "BOX002", "--json"))[0]["within"] == ["EDU001", "EDU002", "EDU004"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("bundles", "set", "EDU001", "--courses", "EDU002"), "没有专栏 EDU001"),
        (("bundles", "set", "BOX001", "--courses", "BOX002"), "只能放课程"),
        (("bundles", "set", "BOX001", "--courses", ","), "至少要有一门课"),
        (("bundles", "show", "NOPE"), "没有专栏 NOPE"),
        (("members", "show", "oNobody"), "没有关注者 oNobody"),
        (("members", "grant", "oNobody", "VIP001", "--yes"), "没有关注者 oNobody"),
        (("members", "grant", ANNA, "EDU001", "--yes"), "没有会员 EDU001"),
        (("members", "revoke", ANNA, "--yes"), "没有可收回的会员"),
        (("members", "revoke", ANNA, "ZK1", "--yes"), "没有订单号是 ZK1 的会员"),
        (("members", "set", "VIP001", "--months", "0"), "1 到 120"),
        (("members", "set", "VIP001", "--months", "1", "--opens", "天文"), "没有课程属于分类 天文"),
        (("courses", "add", "VIP9", "--title", "x", "--price", "0", "--kind", "membership"), "大于 0"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(run, words, why):
    before = run("bundles", "list", "--json").output, run("members", "plans", "--json").output

    result = run(*words)

    assert result.exit_code == 1
    assert why in result.output
    assert (run("bundles", "list", "--json").output, run("members", "plans", "--json").output) == before


def test_a_membership_is_given_after_a_yes_stacks_and_is_taken_back(run, store):
    assert "没有确认" in run("members", "grant", ANNA, "VIP001", typed="n\n").output
    assert rows(run("members", "list", "--json")) == []

    for _ in range(2):
        assert "已赠送《知课月度会员》" in run("members", "grant", ANNA, "VIP001", "--yes").output
    later, now = rows(run("members", "show", ANNA, "--json"))[::-1]
    orders = rows(run("orders", "list", "--json"))
    revoked = run("members", "revoke", ANNA, now["order_no"], "--yes")
    after = {row["order_no"]: row["standing"] for row in rows(run("members", "list", "--json"))}

    assert now["ends_at"] == later["starts_at"]
    assert (now["standing"], later["standing"]) == ("active", "later")
    assert [(row["state"], row["amount_fen"]) for row in orders] == [("PAID", 0)] * 2
    assert "已收回 1 笔" in revoked.output
    assert after == {now["order_no"]: "taken_back", later["order_no"]: "active"}
    run("members", "revoke", ANNA, "--yes")
    with store() as opened:
        assert not opened.write_now(lambda tx: access.cover(tx, ANNA, datetime.now(UTC))).active


def test_a_membership_opens_what_its_plan_said_when_it_was_given(run, store):
    run("members", "set", "VIP001", "--months", "1", "--opens", "职场技能")
    run("members", "grant", ANNA, "VIP001", "--yes")
    run("members", "set", "VIP001", "--months", "1", "--opens", "健康管理")

    with store() as opened:
        cover = opened.write_now(lambda tx: access.cover(tx, ANNA, datetime.now(UTC)))
        work, health = opened.write_now(lambda tx: (tx.courses.get("JOB002"), tx.courses.get("HEALTH001")))

    assert (cover.opens(work), cover.opens(health)) == (True, False)


def test_an_item_is_made_by_hand_and_says_what_is_missing(run):
    bundle = run("courses", "add", "BOX9", "--title", "新专栏", "--price", "9", "--kind", "bundle")
    plan = run("courses", "add", "VIP9", "--title", "季卡", "--price", "99", "--kind", "membership")

    assert "bundles set BOX9" in bundle.output
    assert "members set VIP9" in plan.output
    assert run("bundles", "set", "BOX9", "--courses", "EDU001").exit_code == 0
    assert "3 个月，能看全部课程" in run("members", "set", "VIP9", "--months", "3").output


def test_people_read_chinese(run):
    run("members", "grant", ANNA, "VIP002", "--yes")

    listed, plans = run("members", "list").output, run("members", "plans").output

    assert "有效" in listed
    assert "全部" in plans
    assert not any(word in listed + plans for word in ("active", "membership", "_at", "published"))
