"""``menu``: what an operator sees, in Chinese, with exit codes; against the simulator in a thread of its own."""

import asyncio
import json
import threading
import tomllib

import pytest
from click.testing import CliRunner

from bot.simulator import Simulator, SimulatorKeys, SimulatorSettings
from bot.store import SqliteStore
from handlers.cli import main
from tests.standin import NOON

MENU = """
[[menu.button]]
name = "找课程"
[[menu.button.sub_button]]
type = "click"
name = "为我推荐"
key = "recommend"
[[menu.button]]
type = "click"
name = "帮助"
key = "help"
"""
FOR_STUDENTS = """
[[menu.conditional]]
tag = "学员"
[[menu.conditional.button]]
type = "click"
name = "我的课程"
key = "my_courses"
"""


class Stage:
    """The simulator on a loop in another thread, as the commands run loops of their own."""

    def __init__(self, keys):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.sim = self.on_stage(lambda: Simulator(SimulatorSettings(), keys=keys))
        asyncio.run_coroutine_threadsafe(self.sim.start(), self.loop).result(10)

    def on_stage(self, work):
        """Do something there and wait for it."""

        async def act():
            return work()

        return asyncio.run_coroutine_threadsafe(act(), self.loop).result(10)

    def close(self):
        asyncio.run_coroutine_threadsafe(self.sim.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture(scope="session")
def keys():
    return SimulatorKeys.generate()


@pytest.fixture
def stage(keys):
    stage = Stage(keys)
    yield stage
    stage.close()


@pytest.fixture
def desk(stage, tmp_path):
    return Desk(stage, tmp_path)


class Desk:
    """An operator: a config.toml and the commands."""

    def __init__(self, stage, folder):
        self.stage, self.sim, self.folder = stage, stage.sim, folder
        self.config = folder / "config.toml"
        settings = stage.sim.settings
        self.head = (
            f'# 我的设置\n[wechat]\napp_id = "{settings.app_id}"\napp_secret = "{settings.app_secret}"\n'
            f'api_base = "{stage.sim.url}"\n\n[store]\nurl = "sqlite:///{folder}/zhike.db"  # 数据库\n'
        )
        self.write(MENU)

    def write(self, menu):
        self.config.write_text(self.head + menu, "utf-8")

    def __call__(self, *words, typed=""):
        result = CliRunner().invoke(main, ["--config", str(self.config), "menu", *words], input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    def shown(self, phone):
        return self.stage.on_stage(lambda: [each["name"] for each in phone.menu or []])

    def phone(self, name="小林"):
        return self.stage.on_stage(lambda: self.sim.phone(name, following=True))


def test_check_draws_the_menu_and_says_that_it_is_right(desk):
    result = desk("check")

    assert result.exit_code == 0
    assert "≡ 找课程" in result.output
    assert "my_orders（回复「我的订单」）" in result.output
    assert "菜单没有问题" in result.output
    assert desk.sim.calls == []


def test_check_names_every_fault_and_ends_with_one(desk):
    desk.write(MENU.replace('key = "help"', 'key = "hepl"') + FOR_STUDENTS.replace('tag = "学员"', 'sex = "1"'))

    result = desk("check")
    rows = json.loads(desk("check", "--json").stdout)

    assert result.exit_code == 1
    assert "✗ 菜单 2「帮助」：没有 hepl 这个 key，是不是 help？" in result.output
    assert {row["code"] for row in rows} == {"unknown_key", "refused_rule"}
    assert desk("check", "--json").exit_code == 1
    assert all(row.keys() == {"level", "where", "code", "text"} for row in rows)


def test_a_menu_with_faults_is_not_pushed(desk):
    desk.write(MENU.replace("帮助", "这个名字实在太长了"))

    result = desk("push", "--yes")

    assert result.exit_code == 1
    assert "最多 16 字节" in result.output
    assert desk.sim.calls == []


def test_push_asks_shows_what_changes_and_says_who_sees_it(desk):
    phone = desk.phone()
    with_follower = SqliteStore(str(desk.folder / "zhike.db"))
    with_follower.write_now(lambda tx: tx.followers.follow(phone.openid, NOON, ""))
    with_follower.close()

    no = desk("push", typed="n\n")
    before = desk.shown(phone)
    yes = desk("push", typed="y\n")

    assert (no.exit_code, before) == (1, [])
    assert "什么也没有做" in no.output
    assert yes.exit_code == 0
    assert "+     为我推荐  点击 recommend" in yes.output
    assert f"{phone.openid} 看到：默认菜单" in yes.output
    assert "读回核对（第 2 版）" in yes.output
    assert desk.shown(phone) == ["找课程", "帮助"]
    assert "没有改动" in desk("push").output


def test_a_good_menu_goes_round_push_pull_diff_and_nothing_differs(desk):
    desk.stage.on_stage(lambda: desk.sim.tag("学员"))
    desk.write(MENU + FOR_STUDENTS)
    assert desk("push", "--yes").exit_code == 0

    pulled = desk("pull").stdout
    desk.write(pulled)

    assert 'tag = "学员"' in pulled
    assert "线上的菜单和 config.toml 一样" in desk("diff").output
    assert json.loads(desk("diff", "--json").stdout) == []


def test_diff_shows_what_a_push_would_change(desk):
    desk("push", "--yes")
    desk.write(MENU.replace("为我推荐", "猜你喜欢"))

    told = desk("diff").output
    rows = json.loads(desk("diff", "--json").stdout)

    assert "  -     为我推荐  点击 recommend" in told
    assert "  +     猜你喜欢  点击 recommend" in told
    assert {"menu": "默认菜单", "sign": "+", "line": "    猜你喜欢  点击 recommend"} in rows


def test_rollback_history_and_delete(desk):
    phone = desk.phone()
    desk("push", "--yes")
    desk.write(MENU.replace("帮助", "客服"))
    desk("push", "--yes")

    assert desk("rollback", "--yes").exit_code == 0
    assert desk.shown(phone) == ["找课程", "帮助"]
    assert desk("delete", "--yes").exit_code == 0
    assert desk.shown(phone) == []
    assert desk("rollback", "3", typed="y\n").exit_code == 0
    assert desk.shown(phone) == ["找课程", "客服"]

    rows = json.loads(desk("history", "--json").stdout)
    assert [row["source"] for row in rows] == ["rollback", "delete", "rollback", "push", "push", "found"]
    assert rows[-2]["buttons"] == ["找课程", "帮助"]
    assert rows[0]["at"].endswith("Z")
    assert "推送前的线上菜单" in desk("history").output


def test_going_back_to_no_menu_is_asked_as_a_deletion_and_said_as_one(desk):
    phone = desk.phone()
    desk("push", "--yes")

    refused = desk("rollback", typed="n\n")
    still = desk.shown(phone)
    done = desk("rollback", "--try", phone.openid, typed="y\n")

    for told in (refused.output, done.output):
        assert "这一版没有菜单" in told
        assert "删掉公众号的全部菜单，包括个性化菜单？" in told
    assert refused.exit_code == 1
    assert still == ["找课程", "帮助"]
    assert (done.exit_code, desk.shown(phone)) == (0, [])
    assert "已删除，关注者看不到菜单了" in done.output


def test_going_back_to_no_menu_warns_even_where_nothing_is_asked(desk):
    desk("push", "--yes")

    done = desk("rollback", "1", "--yes")
    again = desk("rollback", "1", "--yes")
    other = desk("rollback", "--yes")

    assert "这一版没有菜单" in done.output
    assert "确认" not in done.output
    assert (again.exit_code, "这一版没有菜单" in again.output, "没有改动" in again.output) == (0, False, True)
    assert "这一版没有菜单" not in other.output


def test_pull_writes_into_the_settings_and_keeps_the_rest(desk):
    desk.stage.on_stage(
        lambda: desk.sim.make_menu_in_console(
            [
                {
                    "name": "课程",
                    "sub_button": {"list": [{"type": "view", "name": "全部", "url": "https://a.example/"}]},
                }
            ]
        )
    )

    result = desk("pull", "--write")

    written = desk.config.read_text("utf-8")
    assert result.exit_code == 0
    assert tomllib.loads(written)["menu"]["button"][0]["sub_button"][0]["name"] == "全部"
    assert written.startswith(desk.head.rstrip("\n"))
    assert desk.config.with_name("config.toml.bak").read_text("utf-8") == desk.head + MENU
    assert "在网页后台做的" in desk("show").output
    assert "推送会替换它" in desk("diff").output


def test_what_the_api_cannot_make_is_pulled_and_named(desk):
    desk.stage.on_stage(lambda: desk.sim.make_menu_in_console([{"type": "text", "name": "地址", "value": "上海"}]))

    result = desk("pull")

    assert result.exit_code == 0
    assert 'type = "text"' in result.stdout
    assert "只能在网页后台做" in result.stderr


def test_show_draws_each_menu_that_is_live(desk):
    desk.stage.on_stage(lambda: desk.sim.tag("学员"))
    desk.write(MENU + FOR_STUDENTS)
    desk("push", "--yes")

    told = desk("show").output

    assert "个性化菜单（标签「学员」）" in told
    assert "线上的菜单：接口做的" in told
    assert [each["menu"] for each in json.loads(desk("show", "--json").stdout)] == [
        "默认菜单",
        "个性化菜单（标签「学员」）",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rollback", "--yes"], "没有更早的菜单"),
        (["rollback", "7", "--yes"], "没有第 7 版"),
        (["pull"], "线上没有菜单"),
        (["push", "--yes", "--try", "nobody"], "没有这个关注者"),
    ],
    ids=range(4),
)
def test_what_cannot_be_is_told_with_exit_code_one(desk, words, told):
    result = desk(*words)

    assert result.exit_code == 1
    assert told in result.output


@pytest.mark.parametrize("words", [["rollback", "x"], ["rollback", "0"], ["push", "--maybe"], ["nothing"]])
def test_wrong_usage_is_exit_code_two(desk, words):
    assert desk(*words).exit_code == 2


def test_a_tag_that_is_none_is_named(desk):
    desk.write(MENU + FOR_STUDENTS)

    result = desk("push", "--yes")

    assert result.exit_code == 1
    assert "公众号没有标签「学员」；现有的标签：星标组" in result.output


def test_a_wrong_secret_is_told_with_its_cure(desk):
    desk.head = desk.head.replace(desk.sim.settings.app_secret, "0" * 32)
    desk.write(MENU)

    for command in (["push", "--yes"], ["show"], ["diff"], ["pull"], ["delete", "--yes"]):
        result = desk(*command)
        assert result.exit_code == 1
        assert "40125" in result.output
        assert "重置 AppSecret" in result.output


@pytest.mark.parametrize("command", [["push", "--yes"], ["show"], ["diff"], ["pull"], ["delete", "--yes"]])
def test_without_an_account_the_missing_keys_are_named(desk, command):
    desk.head = f'[store]\nurl = "sqlite:///{desk.folder}/zhike.db"\n'
    desk.write(MENU)

    result = desk(*command)

    assert result.exit_code == 1
    assert "app_id" in result.output


def test_every_command_explains_itself_in_chinese(desk):
    for command in ("check", "show", "diff", "push", "pull", "rollback", "delete", "history"):
        result = desk(command, "--help")
        assert result.exit_code == 0
        assert "菜单" in result.output
