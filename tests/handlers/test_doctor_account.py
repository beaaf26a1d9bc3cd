"""``doctor`` on what only WeChat can say, on the server's mode and on the menu: faults planted, faults named."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.checks import Limit, look_over
from bot.checks.menu import menu
from bot.checks.mode import agreed, running
from bot.checks.network import judged
from bot.checks.quota import asked
from bot.config import from_mapping, load
from bot.ports import SystemClock
from handlers.chat import routes
from tests.handlers.test_doctor import examined, run, written, wrong
from tests.scenarios.world import play

ROOT = Path(__file__).parents[2]


def planted(folder, **faults):
    """Examine a shop whose WeChat has these faults."""

    def plant(simulator):
        for name, value in faults.items():
            setattr(simulator.faults, name, value)

    return examined(folder, before=plant)


def test_a_healthy_account_says_where_it_looked_and_what_is_left(tmp_path):
    code, found = planted(tmp_path)

    assert code == 0
    assert "127.0.0.1" in found["network"]["detail"]
    assert "客服消息 500000/500000" in found["quota"]["detail"]
    assert "安全模式" in found["mode"]["detail"]
    assert "消息加解密方式是安全模式" in found["domains"]["detail"]


def test_a_missing_address_in_the_allow_list_is_named_and_nothing_else_is_blamed(tmp_path):
    code, found = planted(tmp_path, ip_refused="203.0.113.7")

    assert code == 1
    assert wrong(found) == {"token"}
    assert "40164" in found["token"]["detail"]
    assert "203.0.113.7 加进" in found["token"]["advice"]
    assert {found[name]["ok"] for name in ("network", "quota")} == {None}


@pytest.mark.parametrize(
    ("mood", "detail", "advice"),
    [
        ("unset", "40201", "填写并启用服务器配置"),
        ("unresolved", "解析不了", "A 记录"),
        ("half", "203.0.113.9 没有回应", "域名解析里删掉"),
    ],
)
def test_what_wechat_does_not_find_is_named_with_its_cure(tmp_path, mood, detail, advice):
    code, found = planted(tmp_path, callback_check=mood)

    assert code == 1
    assert wrong(found) == {"network"}
    assert detail in found["network"]["detail"]
    assert advice in found["network"]["advice"]


def test_a_firewall_that_drops_pings_is_told_and_is_no_fault(tmp_path):
    code, found = planted(tmp_path, callback_check="unreachable")

    assert code == 0
    assert found["network"]["ok"] is None
    assert "ping" in found["network"]["detail"]


@pytest.mark.parametrize("answer", [{}, {"dns": None}, {"dns": "x"}, {"dns": [1, {}]}, {"dns": {"ip": "1.1.1.1"}}])
def test_an_answer_of_another_shape_finds_no_server(answer):
    assert judged(answer).ok is False


@pytest.mark.parametrize(("used", "left"), [(499_000, "1000/500000"), (10**9, "0/500000")])
def test_calls_that_run_out_are_named(tmp_path, used, left):
    code, found = planted(tmp_path, calls_used=used)

    assert code == 1
    assert wrong(found) == {"quota"}
    assert f"客服消息 {left}" in found["quota"]["detail"]
    assert "clear_quota" in found["quota"]["advice"]


@pytest.mark.parametrize(("path", "check"), [("callback/check", "network"), ("quota/get", "quota")])
@pytest.mark.parametrize("fault", ["api_garbage", "api_errors", "api_busy", "api_quota", "api_lost_before"])
def test_a_call_that_fails_costs_only_its_own_check(tmp_path, path, check, fault):
    code, found = planted(tmp_path, api_path=path, **{fault: 9})

    assert code == 1
    assert wrong(found) == {check}
    assert found[check]["advice"]


def test_a_call_that_hangs_is_a_finding_of_its_own(tmp_path):
    async def story(shop, simulator):
        simulator.faults.api_path = "callback/check"
        simulator.faults.api_lost_before = 9
        simulator.faults.hang = 60.0
        return await look_over(shop.config, SystemClock(), Limit(request=2.0))

    found = {finding.check: finding for finding in play(story, tmp_path)}

    assert {name for name, finding in found.items() if finding.ok is False} == {"network"}
    assert found["quota"].ok is True


def test_only_calls_that_the_shop_makes_are_asked_about():
    bare = from_mapping({}, environ={}, base=ROOT)

    assert list(asked(bare)) == ["/cgi-bin/message/custom/send"]
    assert "/cgi-bin/menu/create" in asked(replace(bare, menu={"button": []}))


@pytest.mark.parametrize("served", ["safe", "compatible", "plain"])
@pytest.mark.parametrize("wanted", ["safe", "compatible", "plain"])
def test_a_server_in_another_mode_than_the_settings_is_named(tmp_path, served, wanted):
    code, found = examined(tmp_path, mode=served, wechat_mode=wanted)

    if served == wanted:
        assert (code, wrong(found)) == (0, set())
    else:
        assert code == 1
        assert "mode" in wrong(found)
        assert f"（{served}）" in found["mode"]["detail"]
        assert f"（{wanted}）" in found["mode"]["detail"]
        assert "重新启动" in found["mode"]["advice"]


def test_the_mode_is_not_guessed_where_the_signature_is_refused_or_somebody_else_answers(tmp_path):
    _code, found = examined(tmp_path, wechat_token="somebodyElse")

    assert found["mode"]["ok"] is None
    assert agreed("safe", running(405, 405)).ok is None
    assert agreed("safe", running(403, 200)).ok is None


def looked_at(table):
    config = from_mapping({"menu": table}, environ={}, base=ROOT)
    [finding] = asyncio.run(menu(config, routes.ways()))
    return finding


def test_the_shipped_menu_is_right():
    [finding] = asyncio.run(menu(load(ROOT / "config.toml", environ={}), routes.ways()))

    assert finding.ok is True


def test_a_menu_that_could_not_be_pushed_is_named_at_its_place():
    finding = looked_at({"button": [{"name": "推荐", "type": "click", "key": "NOBODY"}]})

    assert finding.ok is False
    assert "没有 NOBODY 这个 key" in finding.detail
    assert "菜单 1「推荐」" in finding.detail
    assert "menu check" in finding.advice


def test_many_faults_of_a_menu_are_counted_and_not_all_printed():
    finding = looked_at({"button": [{"name": ""} for _ in range(9)]})

    assert finding.ok is False
    assert "还有" in finding.detail


@pytest.mark.parametrize("table", [{"button": "x"}, {"button": [1]}, {"x": 1}, {"conditional": 4}, {"button": []}])
def test_a_menu_of_any_shape_is_a_finding(table):
    assert looked_at(table).ok is False


def test_the_command_names_a_faulty_menu(tmp_path):
    async def story(shop, _simulator):
        path = written(shop.config, tmp_path)
        path.write_text(path.read_text("utf-8") + '\n[[menu.button]]\nname = "点我"\n', "utf-8")
        return await run(path, "--json")

    code, output = play(story, tmp_path)

    assert code == 1
    assert wrong({row["check"]: row for row in json.loads(output)}) == {"menu"}
