"""``texts`` and ``rules`` at the command line: what is wrong, what is probably not meant, and who answers what."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.texts import NAMES
from handlers.cli import main

ROOT = Path(__file__).parents[2]
FILE = """
[texts]
help = "找{tap:人工}，看<a href='https://a.cn/x'>这里</a>"

[office_hours]
open = "工作日 09:00-18:00"

[[rule]]
name = "退钱"
contains = ["退款怎么办", "怎么退钱"]
answer = "回复「{tap:人工}」"

[[rule]]
regex = '退款|订单'
answer = "看规则"
"""


@pytest.fixture
def run(tmp_path):
    config = tmp_path / "config.toml"
    words = "\n".join(
        f'{name}_file = "{ROOT}/data/{name}.txt"' for name in ("stop_words", "user_words", "synonyms")
    )
    config.write_text(
        f'[store]\nurl = "sqlite:///{tmp_path}/zhike.db"\n[chat]\ntexts_file = "texts.toml"\n[recsys]\n{words}\n'
    )
    (tmp_path / "texts.toml").write_text(FILE, "utf-8")

    def call(*words, file=None):
        if file is not None:
            (tmp_path / "texts.toml").write_text(file, "utf-8")
        result = CliRunner().invoke(main, ["--config", str(config), *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


def rule(lines):
    return f'[[rule]]\n{lines}\nanswer = "好"\n'


def remarks(run, file):
    result = run("texts", "check", "--json", file=file)
    assert result.exit_code == 0
    return [each["detail"] for each in json.loads(result.output)]


def test_a_good_file_is_said_to_be_good(run):
    result = run("texts", "check", file=rule('exact = "双11"'))

    assert result.exit_code == 0
    assert result.output == "没有错误：改了 0 段文字，1 条规则，人工时间没有限制\n"


def test_every_mistake_is_named_with_its_line_and_the_exit_code_is_one(run):
    wrong = '[texts]\nwelcom = "x"\n' + rule("regex = '('")
    result, as_json = run("texts", "check", file=wrong), run("texts", "check", "--json")

    assert (result.exit_code, as_json.exit_code) == (1, 1)
    assert "✗ 第 2 行：[texts] 里不认识的名字 welcom，是不是 welcome？" in result.output
    assert "✗ 第 4 行：规则 1 regex 正则「(」写错了：少了右括号" in result.output
    assert [(each["level"], each["line"]) for each in json.loads(as_json.output)] == [("error", 2), ("error", 4)]


def test_another_file_can_be_checked_before_it_is_used(run, tmp_path):
    draft = tmp_path / "draft.toml"
    draft.write_text(rule('exact = ""'), "utf-8")

    assert run("texts", "check", str(draft)).exit_code == 1
    assert run("texts", "check").exit_code == 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("regex = '.+'", "也对得上自带的命令 「1」「2」「3」"),
        ("regex = '\\d'\ncommands = true", "会盖住自带的命令 「1」「2」「3」"),
        ('contains = "人工"', "真要盖住就在这条规则里写 commands = true"),
        ('exact = "人工"\ncommands = true', "会盖住自带的命令 「人工」"),
        ('contains = "退"', "会回答 「退订」"),
        ('exact = "TD"', "会回答 「td」"),
        ('contains = "退"', "会代替自带的回答 「退款」"),
        ('contains = "退"', "一个字就回答"),
        ("regex = '.+'", "到不了找课了"),
    ],
)
def test_what_a_rule_takes_from_the_bot_is_said(run, lines, said):
    assert any(said in each for each in remarks(run, rule(lines)))


def test_a_narrow_rule_is_not_remarked_upon(run):
    assert remarks(run, rule('contains = ["双十一", "满减怎么算"]') + rule("regex = '^发票.*税号'")) == []


def test_a_rule_that_is_never_reached_is_named(run):
    assert remarks(run, rule('contains = "双十一"') + rule('exact = "双十一几折"')) == [
        "规则 2「双十一几折」 轮不到 「双十一几折」：上面的规则 1 先答"
    ]


def test_preview_shows_every_text_with_its_source_and_links_as_on_the_phone(run):
    every, one = run("texts", "preview", "--json"), run("texts", "preview", "help")
    rows = {row["name"]: row for row in json.loads(every.output)}

    assert list(rows) == list(NAMES)
    assert [name for name, row in rows.items() if row["own"]] == ["help"]
    assert "人工客服的时间是工作日 09:00-18:00" in rows["human_closed"]["text"]
    assert "找〔人工〕，看〔这里〕‹https://a.cn/x›" in one.output
    assert "文件里的" in one.output


def test_rules_are_listed_in_their_order(run):
    listed, rows = run("rules", "list"), json.loads(run("rules", "list", "--json").output)

    assert [(row["rule"], row["rule_name"], row["line"]) for row in rows] == [(1, "退钱", 8), (2, "退款|订单", 13)]
    assert rows[0]["keywords"] == ["包含 退款怎么办", "包含 怎么退钱"]
    assert "回复「〔人工〕」" in listed.output
    assert "还没有规则" in run("rules", "list", file="").output


@pytest.mark.parametrize(
    ("message", "by", "title", "why"),
    [
        ("退款怎么办", "rule", "规则 1「退钱」", "包含「退款怎么办」，在第 8 行"),
        ("请问退款吗", "rule", "规则 2「退款|订单」", "正则「退款|订单」，在第 13 行"),
        ("我的订单", "command", "命令「我的订单」", "这是自带的命令"),
        ("麻烦转人工一下", "command", "命令「转人工」", "听成自带的命令「转人工」"),
        ("第二个", "command", "命令「第二个」", "这是自带的命令"),
        ("我想学摄影", "search", "找课", "听出的词有：摄影"),
        ("Python零基础入门课", "title", "课程《Python零基础入门课》", "和课名一样"),
    ],
)
def test_who_answers_a_message_is_told_with_the_reason(run, message, by, title, why):
    assert run("courses", "import", str(ROOT / "data/courses.csv")).exit_code == 0
    found = json.loads(run("rules", "test", message, "--json").output)[0]

    assert (found["by"], found["title"]) == (by, title)
    assert why in found["why"]


def test_the_rules_that_fit_too_are_told_with_why_they_do_not_answer(run):
    late, kept, small = (run("rules", "test", words).output for words in ("退款怎么办", "我的订单", "退款"))

    assert "规则 2「退款|订单」也对得上（正则「退款|订单」），但排在后面" in late
    assert "回复「〔人工〕」" in late
    assert (
        "规则 2「退款|订单」也对得上（正则「退款|订单」），但自带的命令先答；真要盖住就写 commands = true" in kept
    )
    assert "自带的命令「退款」让给了它" in small


@pytest.mark.parametrize(
    "words", [("rules", "list"), ("rules", "test", "你好"), ("texts", "preview")], ids=" ".join
)
def test_commands_name_a_wrong_file_and_do_nothing(run, words):
    result = run(*words, file="[texts]\nthanks = 3\n")

    assert result.exit_code == 1
    assert "第 2 行：thanks 应是一段文字" in result.output
    assert "服务器照旧说上一次没有错的那些" in result.output


def test_wrong_use_is_told_in_chinese(run, tmp_path):
    (tmp_path / "texts.toml").unlink()

    assert "没有 hello 这段话；有 welcome" in run("texts", "preview", "hello").output
    assert "找不到这个文件" in run("texts", "check").output
    assert run("texts", "check").exit_code == 1
    assert run("rules", "test").exit_code == 2
