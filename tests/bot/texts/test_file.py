"""The file of texts: what is good is taken as it stands, and every mistake is named with its line and reason."""

import dataclasses
import re
import textwrap
from pathlib import Path

import pytest

from bot.config import ChatSettings
from bot.errors import TextsWrong
from bot.texts import NAMES, load_file, read
from bot.texts.book import Said
from bot.texts.file import LARGEST_FILE
from bot.texts.names import FIELD_BYTES
from handlers.chat import replies_refunds, wording

ROOT = Path(__file__).parents[3]
CHAT = ChatSettings(human_contact="kf@example.cn")


def book(text, chat=CHAT):
    return read(text.encode(), "texts.toml", chat)


def problems(text, chat=CHAT):
    with pytest.raises(TextsWrong) as caught:
        read(text if isinstance(text, bytes) else text.encode(), "texts.toml", chat)
    return caught.value.problems


def rule(*lines, answer='answer = "好"'):
    return "\n".join(["[[rule]]", *lines, answer])


def matched(text, message):
    hit = book(text).match(Said.of(message))
    return (hit.rule.number, hit.kind, hit.keyword) if hit else None


def test_an_empty_file_changes_nothing():
    empty = book("# 只有注释\n")

    assert (empty.words, empty.rules, empty.hours) == ({}, (), None)


def test_texts_are_filled_in_with_what_is_known_and_keep_what_is_said_later():
    read_ = book(
        '[texts]\nwelcome = """\n我是{account}，{{不是}}占位符\n{starters}\n{privacy}"""\n'
        'help = "找{tap:人工}或{tap:热门课程|看看热门}，{contact}，{hours}"\n'
        '[office_hours]\nopen = "每天 9:00-18:00"\n'
    )

    assert read_.words["welcome"].render({"starters": "S", "privacy": "P"}) == "我是知课，{不是}占位符\nS\nP"
    assert read_.words["help"].render({}) == (
        '找<a href="weixin://bizmsgmenu?msgmenucontent=%E4%BA%BA%E5%B7%A5&msgmenuid=%E4%BA%BA%E5%B7%A5">人工</a>或'
        '<a href="weixin://bizmsgmenu?msgmenucontent=%E7%83%AD%E9%97%A8%E8%AF%BE%E7%A8%8B'
        '&msgmenuid=%E7%83%AD%E9%97%A8%E8%AF%BE%E7%A8%8B">看看热门</a>，kf@example.cn，每天 9:00-18:00'
    )


def test_a_file_of_a_windows_editor_is_read():
    assert (
        read('\ufeff[texts]\r\nthanks = "不谢"\r\n'.encode(), "texts.toml", CHAT).words["thanks"].render({})
        == "不谢"
    )


@pytest.mark.parametrize(
    ("lines", "message", "wanted"),
    [
        ('exact = "双11"', "双１１！", (1, "exact", "双11")),
        ('exact = ["甲", "ABC"]', " abc。", (1, "exact", "ABC")),
        ('exact = "双11"', "双11 几折", None),
        ('contains = "发票抬頭"', "我的发票抬头写错了", (1, "contains", "发票抬頭")),
        ('contains = "PPT"', "ｐｐｔ模板", (1, "contains", "PPT")),
        ("regex = '^发票.*(抬头|税号)'", "发票要写税号吗", (1, "regex", "^发票.*(抬头|税号)")),
        ("regex = '^发票.*(抬头|税号)'", "我要发票，税号", None),
        ("regex = 'vip\\d+'", "我是VIP8会员", (1, "regex", "vip\\d+")),
        ('contains = "退款"\nexact = "发票"', "发票", (1, "exact", "发票")),
    ],
)
def test_a_keyword_is_compared_as_its_kind_says(lines, message, wanted):
    assert matched(rule(lines), message) == wanted


def test_the_first_rule_of_the_file_answers():
    text = rule('contains = "退"') + "\n" + rule('exact = "退款"')

    assert matched(text, "退款") == (1, "contains", "退")


def test_a_command_is_only_for_rules_that_ask_for_it():
    text = rule('regex = "."') + "\n" + rule('exact = "人工"', "commands = true")

    assert book(text).match(Said.of("人工"), command=True).rule.number == 2
    assert book(text).match(Said.of("人工")).rule.number == 1


LONG = "很" * 640

WRONG = [
    # the file as a whole
    ("[texts]\nthanks = “不谢”\n", 2, "英文引号"),
    ('[texts]\nthanks = "不谢\n', 2, "不能直接写的字符"),
    ('[texts]\nthanks = "不谢" "再见"\n', 2, "多写了东西"),
    ('[texts]\nthanks "不谢"\n', 2, "少了等号"),
    ("[texts]\nthanks = '''不谢\n\n", 2, "引号没有关上"),
    ('[[rule]]\nregex = "\\d"\nanswer = "x"\n', 2, "反斜杠要写两个"),
    ('[texts]\nthanks = "1"\nthanks = "2"\n', 3, "写了两遍"),
    ('[texts]\nthanks = "1"\n[texts]\n', 3, "写了两遍"),
    ('[rule]\nexact = "a"\n', 1, "两层方括号"),
    ('\n[text]\nthanks = "1"\n', 2, "是不是 texts？"),
    ('welcome = "直接写在外面 隐私"\n', 1, "要写在 [texts] 下面"),
    (rule('exact = "a"', 'welcome = "隐私"'), 3, "要写在 [texts] 下面"),
    ('texts = "x"\n', 1, "应是一节"),
    ("[texts]\nthanks = '好\n".encode("gbk"), 2, "UTF-8"),
    # texts
    ('[texts]\n\nwelcom = "x"\n', 3, "是不是 welcome？"),
    ("[texts]\nthanks = 3\n", 2, "应是一段文字"),
    ('[texts]\nthanks = " "\n', 2, "是空的"),
    ('[texts]\nthanks = "a\\u0007b"\n', 2, "U+0007"),
    ('[texts]\nthanks = "{acount}"\n', 2, "是不是 {account}？"),
    ('[texts]\nthanks = "{words}"\n', 2, "不认识的占位符 {words}"),
    ('[texts]\nthanks = "{account"\n', 2, "单独的「{」"),
    ('[texts]\nthanks = "account}"\n', 2, "单独的「}」"),
    ('[texts]\nthanks = "{tap:}"\n', 2, "{tap:…}"),
    ('[texts]\nthanks = "{hours}"\n', 2, "还没有值"),
    ('[texts]\nwelcome = "你好，{starters}"\n', 2, "里要有 {privacy}"),
    ('[texts]\nhuman_closed = "现在不在"\n[office_hours]\nopen = "每天 9:00-18:00"\n', 2, "里要有 {hours}"),
    (f'[texts]\nthanks = "{LONG}"\n', 2, "约 1920 字节，最多 1900 字节"),
    (f'[texts]\nwelcome = "{"你" * 400}{{starters}}{{privacy}}"\n', 2, "太长"),
    (f'[texts]\nfallback = "{"没" * 110}"\n', 2, "最多 300 字节"),
    # links
    ("[texts]\nthanks = '<b>谢</b>'\n", 2, "只有 <a href> 能用"),
    ("[texts]\nthanks = '<a href=\"https://a.cn\">谢'\n", 2, "链接少了 </a>"),
    ("[texts]\nthanks = '谢</a>'\n", 2, "多了一个 </a>"),
    ("[texts]\nthanks = '<a href=\"https://a.cn\"></a>'\n", 2, "链接里没有字"),
    ('[texts]\nthanks = \'<a href="https://a.cn">甲<a href="https://b.cn">乙</a></a>\'\n', 2, "里面又有链接"),
    ("[texts]\nthanks = '<a>谢</a>'\n", 2, "缺少 href"),
    ("[texts]\nthanks = '<a href=https://a.cn>谢</a>'\n", 2, "英文引号"),
    ('[texts]\nthanks = \'<a href="https://a.cn" target="x">谢</a>\'\n', 2, "target 微信不认"),
    ("[texts]\nthanks = '<a href=\"www.a.cn\">谢</a>'\n", 2, "https:// 或 http:// 开头"),
    ("[texts]\nthanks = '<a href=\"javascript:alert(1)\">谢</a>'\n", 2, "https:// 或 http:// 开头"),
    ("[texts]\nthanks = '<a href=\"https://a.cn/a b\">谢</a>'\n", 2, "空格"),
    (f"[texts]\nthanks = '<a href=\"https://a.cn/{'a' * 1024}\">谢</a>'\n", 2, "最多 1024 字节"),
    ("[texts]\nthanks = '<a href=\"https://a.cn\"谢'\n", 2, "缺少 >"),
    ("[texts]\nthanks = '<a href=\"weixin://dl/scan\">谢</a>'\n", 2, "{tap:要发送的话}"),
    (
        '[texts]\nthanks = \'<a href="https://a.cn" data-miniprogram-appid="wx1">谢</a>\'\n',
        2,
        "data-miniprogram-path",
    ),
    # rules
    ('[[rule]]\nexact = "a"\n', 1, "没有写：对上以后回什么"),
    ('[[rule]]\nanswer = "好"\n', 1, "没有关键词"),
    ('[[rule]]\nexakt = "a"\nanswer = "好"\n', 2, "是不是 exact？"),
    (rule("exact = 3"), 2, "应是一段文字或文字的列表"),
    (rule("exact = []"), 2, "应是一段文字或文字的列表"),
    (rule('contains = ["退款", " "]'), 2, "空的关键词"),
    (rule('exact = "？！"'), 2, "空的关键词"),
    (rule(f'contains = "{"很" * 101}"'), 2, "最多 100 个"),
    (rule('exact = "a"', 'commands = "yes"'), 3, "应是 true 或 false"),
    (rule('exact = "a"', "name = 3"), 3, "应是一行文字"),
    (rule('exact = "a"', answer=f'answer = "{LONG}"'), 3, "太长"),
    (rule('exact = "a"', answer='answer = "<i>好</i>"'), 3, "会原样显示"),
    (rule("regex = '(退款'"), 2, "少了右括号"),
    (rule("regex = '[退款'"), 2, "方括号 [ 没有关上"),
    (rule("regex = '*退款'"), 2, "第 1 个字符附近"),
    (rule("regex = '.*'"), 2, "连空消息也对得上"),
    (rule("regex = '(a+)+$'"), 2, "太慢"),
    (rule("regex = '(退+款?)+！$'"), 2, "太慢"),
    (rule(f"regex = '{'a' * 201}'"), 2, "最多 200 个"),
    ("".join(f'[[rule]]\nexact = "{n}"\nanswer = "好"\n' for n in range(501)), 1501, "最多 500 条"),
    # office hours
    ('[office_hours]\nclosed = ["2026-10-01"]\n', 1, "open 应是"),
    ('[office_hours]\nopen = "平时 9:00-18:00"\n', 2, "看不懂"),
    ('[office_hours]\nopen = "周一至周五"\n', 2, "看不懂"),
    ('[office_hours]\nopen = "每天 9:00-25:00"\n', 2, "没有「9:00-25:00」"),
    ('[office_hours]\nopen = "每天 22:00-02:00"\n', 2, "晚于开始时间"),
    ('[office_hours]\nopen = ["每天 9:00-12:00", "周一 11:00-13:00"]\n', 2, "重叠"),
    ('[office_hours]\nopen = ["2026-10-10 9:00-12:00"]\n', 2, "至少要有一条每周的时间"),
    ('[office_hours]\nopen = "每天 9:00-18:00"\nclosed = "国庆"\n', 3, "看不懂休息日"),
    ('[office_hours]\nopen = "每天 9:00-18:00"\nclosed = "2026-02-30"\n', 3, "这一天"),
    ('[office_hours]\nopen = "每天 9:00-18:00"\nclosed = [true]\n', 3, "closed 应是"),
    ('[office_hours]\nopen = "每天 9:00-18:00"\nholiday = "x"\n', 3, "不认识的名字 holiday"),
]


@pytest.mark.parametrize(("text", "line", "why"), WRONG, ids=[each[2] for each in WRONG])
def test_a_mistake_is_named_with_its_line_and_reason(text, line, why):
    found = problems(text)

    assert len(found) == 1, found
    assert found[0][0] == line, found
    assert why in found[0][1]


def test_every_mistake_is_named_at_once_in_the_order_of_the_file():
    text = '[texts]\nthanks = "{x}"\nfine = ""\n\n' + rule("regex = '('") + "\n" + rule("exact = 1")

    assert [line for line, _ in problems(text)] == [2, 3, 6, 9]


def test_the_line_is_right_after_texts_of_several_lines_and_lists():
    text = (
        '[texts]\nthanks = """\n[[rule]]\nfine = \\"\\"\\"\n"""  # """\nhelp = \'\'\'\nx\n\'\'\'\n'
        "[[rule]]\nexact = [\n  \"a\",  # ]\n  'b]',\n]\nanswer = '好'\n[[rule]]\nexact = 'c'\nanswer = '{no}'\n"
    )

    assert [line for line, _ in problems(text)] == [17]


def test_a_contact_that_is_not_set_cannot_be_named():
    assert "human_contact" in problems('[texts]\nthanks = "{contact}"\n', ChatSettings())[0][1]


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path):
    with pytest.raises(TextsWrong, match="找不到"):
        load_file(str(tmp_path / "no.toml"), CHAT)
    (tmp_path / "big.toml").write_bytes(b"#" * (LARGEST_FILE + 1))
    with pytest.raises(TextsWrong, match="文件太大"):
        load_file(str(tmp_path / "big.toml"), CHAT)
    with pytest.raises(TextsWrong, match="读不了"):
        load_file(str(tmp_path), CHAT)


def test_every_name_has_a_default_that_obeys_its_own_limits():
    assert set(wording.DEFAULTS) == set(NAMES)
    for name, told in NAMES.items():
        assert len(wording.DEFAULTS[name](CHAT).encode()) <= told.limit, name
        assert set(told.fields) <= set(FIELD_BYTES), name
        for field in told.fields:
            sample = wording.SAMPLES.get(field, replies_refunds.refund_rule(wording.TERMS))
            assert len(sample.encode()) <= FIELD_BYTES[field], field


def test_the_shipped_file_changes_nothing_until_its_examples_are_uncommented():
    text = (ROOT / "data/texts.toml").read_text("utf-8")
    examples = book(re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE))

    assert book(text).counts() == book("").counts()
    assert set(examples.words) == {"welcome", "help", "fallback"}
    assert [rule.name for rule in examples.rules] == ["退款", "开票资料"]
    assert examples.hours is not None


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_example_of_the_readme_is_a_good_file(name):
    example = re.search(
        r"(?:^    .+\n|^\n)*^    \[texts\]\n(?:^    .+\n|^\n)*", (ROOT / name).read_text(), re.MULTILINE
    )

    assert book(textwrap.dedent(example[0])).counts().startswith("改了 1 段文字，1 条规则，人工时间 周一至周五")


def test_a_book_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        book("").rules = ()
