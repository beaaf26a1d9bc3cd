"""What holds for every command: Chinese help, wrong usage is 2, a wrong setting is 1, listings are arrays."""

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from handlers.cli import main

ROOT = Path(__file__).parents[2]
HAN = re.compile("[\u4e00-\u9fff]")
MARKS = re.compile("['\"]|[」\u4e00-\u9fff][.,]")  # marks that do not belong into a Chinese sentence
ACTIONS = {"menu diff", "tags list", "tags sync", "broadcast preview", "doctor"}  # these ask WeChat first


def leaves(command, path=()):
    """Return every command that is no group, with the words that call it."""
    if not isinstance(command, click.Group):
        return [(path, command)]
    return [leaf for name, child in command.commands.items() for leaf in leaves(child, (*path, name))]


COMMANDS = {" ".join(path): command for path, command in leaves(main)}
LISTINGS = [name for name, each in COMMANDS.items() if "--json" in {o for p in each.params for o in p.opts}]
NEEDED = {
    "anomalies resolve": ["--note", "好"],
    "broadcast preview": ["--all"],
    "broadcast send": ["--all", "--text", "好"],
    "bundles set": ["--courses", "A"],
    "codes create": ["--course", "A", "--count", "1", "--days", "1", "--name", "甲", "--out", "codes.csv"],
    "coupons add": ["--amount", "1"],
    "courses import": [str(ROOT / "data/courses.csv")],
    "courses add": ["--title", "甲", "--price", "1"],
    "groups add": ["--course", "A", "--size", "2", "--price", "1", "--until", "2099-12-31"],
    "invoices issue": ["--number", "12345678"],
    "invoices reverse": ["--number", "12345678"],
    "members set": ["--months", "1"],
    "orders refund": ["--reason", "好"],
    "prices add": ["--course", "A", "--price", "1", "--until", "2099-12-31"],
    "qr create": ["--scene", "甲"],
    "refunds reject": ["--reason", "好"],
    "rewards reject": ["--reason", "好"],
}


def arguments(name):
    """Return something for each argument that a command must have."""
    needed = [each for each in COMMANDS[name].params if isinstance(each, click.Argument) and each.required]
    return ["SPRING1" if name == "coupons add" else "1"] * len(needed)


@pytest.fixture
def run(tmp_path):
    settings = tmp_path / "config.toml"

    def call(name, *words, config=""):
        settings.write_text(f'[store]\nurl = "sqlite:///{tmp_path}/zhike.db"\n{config}', "utf-8")
        result = CliRunner().invoke(main, ["--config", str(settings), *name.split(), *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return call


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_is_chinese_down_to_each_option(run, name):
    shown = run(name, "--help")

    assert shown.exit_code == 0
    assert "用法：" in shown.output
    assert HAN.search(COMMANDS[name].help)
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option):
            assert HAN.search(option.help or ""), f"{name} {option.opts}"


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_there_is_not_is_wrong_usage(run, name):
    result = run(name, "--no-such-option")

    assert result.exit_code == 2
    assert HAN.search(result.output)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, each in COMMANDS.items()
        if any(p.required and isinstance(p, click.Argument) for p in each.params)
    ],
)
def test_what_is_missing_is_wrong_usage(run, name):
    result = run(name)

    assert result.exit_code == 2
    assert re.search(r"缺少参数「[^」]+」。", result.output)
    assert not MARKS.search(result.output)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "recsys rank"])
def test_a_wrong_setting_is_named_and_nothing_is_done(run, name, tmp_path):
    result = run(name, *arguments(name), *NEEDED.get(name, []), config="[reach]\nquiet_hours = 3\n")

    assert result.exit_code == 1, result.output
    assert "quiet_hours" in result.output
    assert not (tmp_path / "zhike.db").exists()


@pytest.mark.parametrize("name", [name for name in LISTINGS if name not in ACTIONS])
def test_a_listing_of_an_empty_shop_is_an_array_or_a_sentence(run, name):
    result = run(name, *arguments(name), "--json")

    if result.exit_code == 0:
        assert isinstance(json.loads(result.stdout), list)
    else:
        assert result.exit_code in {1, 2}
        assert HAN.search(result.output)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("rules test", "出错了：缺少参数「这句话」。"),
        ("orders refund 1", "出错了：缺少选项「--reason」。"),
        ("orders lst", "出错了：没有「lst」这个命令。是不是「list」？"),
        ("refunds list --state x", "出错了：「--state」的值不对：「x」应是其中之一：「requested」「declined」"),
        ("coupons add A --percent x", "出错了：「--percent」的值不对：「x」应是整数。"),
    ],
)
def test_wrong_usage_is_said_with_chinese_marks(run, words, told):
    result = run(words)

    assert result.exit_code == 2
    assert told in result.output
