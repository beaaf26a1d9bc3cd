"""Templates: wrong ones are named when the settings are read, and no field gets what WeChat would refuse."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.config import from_mapping
from bot.errors import ConfigError
from bot.models import OutboxRow
from bot.reach.forms import Form, fill, read_forms, refusal, values_of

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
ID = "ngqIpbwh8bUfcSsECmogfXcV14J0tQlEpBO27izEYtY"


def news(**payload):
    told = {"title": "Excel 入门", "amount_fen": 9905, "order_no": "ZK1", "course_id": "EDU001"} | payload
    return OutboxRow(1, "paid", "ZK1", "o1", told, NOON)


def filled(name, pattern, **payload):
    return fill(Form(ID, {name: pattern}), values_of(news(**payload), "https://shop.example.cn")).data[name]


@pytest.mark.parametrize(
    ("name", "pattern", "value"),
    [
        ("thing1", "{title}", "Excel 入门"),
        ("amount2", "{amount}", "¥99.05"),
        ("time3", "{time}", "2026-11-24 12:00"),
        ("character_string4", "{order_no}", "ZK1"),
        ("phrase5", "已开通", "已开通"),
        ("thing6", "课程 {title}", "课程 Excel 入门"),
    ],
)
def test_a_field_gets_what_the_news_says(name, pattern, value):
    assert filled(name, pattern) == value


def test_a_long_title_is_cut_to_twenty_characters():
    value = filled("thing1", "{title}", title="从零开始学会用表格软件做一份让老板满意的年终报告")

    assert (len(value), value[-1]) == (20, "…")


def test_line_breaks_and_pictures_never_reach_a_field():
    assert filled("thing1", "{title}", title="零基础\n学 Excel 🎉☀️") == "零基础 学 Excel"


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("character_string1", {"order_no": "订单一"}),
        ("thing1", {"order_no": "🎉"}),
        ("phrase1", {"order_no": "已经开通了课程"}),
        ("number1", {"order_no": "一"}),
    ],
)
def test_a_value_that_does_not_fit_is_refused_before_it_is_sent(name, payload):
    with pytest.raises(ValueError, match=name):
        filled(name, "{order_no}", **payload)


def test_news_without_a_value_cannot_be_told_by_that_form():
    row = OutboxRow(1, "paid", "ZK1", "o1", {}, NOON)

    with pytest.raises(KeyError):
        fill(Form(ID, {"thing1": "{title}"}), values_of(row, ""))


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("thing1", "一" * 20, "一" * 21),
        ("character_string1", "A" * 32, "A" * 33),
        ("amount1", "100.5元", "一百元"),
        ("time1", "2026年11月24日 12:00~13:00", "明天"),
        ("date1", "2026-11-24", "12:00"),
        ("phone_number1", "+86-0766-66888866", "+86-0766-668888661"),
        ("car_number1", "粤A8Z888", "粤A8Z888挂挂挂"),
        ("letter1", "ABC", "A1"),
        ("name1", "张三", "张三的学生李四王五赵六"),
        ("const1", "已发货", ""),
    ],
)
def test_each_type_has_its_own_rule(name, good, bad):
    assert refusal(name, good) == ""
    assert name in refusal(name, bad)


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ({"bought": {"id": ID, "fields": {"thing1": "{title}"}}}, "没有这种通知"),
        ({"paid": "x"}, "应是一张表"),
        ({"paid": {"fields": {"thing1": "{title}"}}}, "id 应是模板 ID"),
        ({"paid": {"id": "模板", "fields": {"thing1": "{title}"}}}, "id 应是模板 ID"),
        ({"paid": {"id": ID}}, "fields 应写出"),
        ({"paid": {"id": ID, "fields": {"first": "{title}"}}}, "字段 first"),
        ({"paid": {"id": ID, "fields": {"thing1": 5}}}, "字段 thing1 应是一段文字"),
        ({"paid": {"id": ID, "fields": {"thing1": "{name}"}}}, "{name}"),
        ({"paid": {"id": ID, "fields": {"thing1": "{title!r}"}}}, "{title}"),
        ({"paid": {"id": ID, "fields": {"thing1": "{title"}}}, "花括号"),
        ({"paid": {"id": ID, "fields": {"thing1": "{0}"}}}, "{0}"),
        ({"paid": {"id": ID, "fields": {"amount2": "{title}"}}}, "amount2 应是金额"),
        ({"paid": {"id": ID, "fields": {"thing1": ""}}}, "thing1 应是20 个字以内"),
        ({"paid": {"id": ID, "fields": {"thing1": "一" * 21}}}, "字段 thing1 写死的字有 21 个，最多 20 个"),
        ({"paid": {"id": ID, "fields": {"thing1": "一" * 20 + "{title}"}}}, "写死的字有 20 个，填进来的没有地方"),
        ({"paid": {"id": ID, "fields": {"const1": "一" * 21}}}, "const1 应是模板里列出的值，20 个字以内"),
        ({"paid": {"id": ID, "fields": {"thing1": "{title}"}, "url": "shop.cn"}}, "url 应是网址"),
        ({"paid": {"id": ID, "fields": {"thing1": "{title}"}, "url": "{public_url}/{x}"}}, "url 里没有 {x}"),
        ({"refunded": {"id": ID, "fields": {"thing1": "{course_id}"}}}, "{course_id}"),
        ({"paid": {"id": ID, "fields": {"thing1": "{title}"}, "color": "red"}}, "color"),
        ("x", "应分成几张表"),
    ],
)
def test_a_wrong_form_stops_the_start_and_is_named(raw, named):
    with pytest.raises(ConfigError) as refused:
        from_mapping({"template": raw}, environ={}, base=Path())

    assert named in str(refused.value)
    assert "template" in str(refused.value)


@pytest.mark.parametrize(
    "pattern", ["一" * 20, "一" * 19 + "{title}", "  已开通 \n  {title}  ", "{title}" * 3, "{{}}" * 10]
)
def test_a_thing_whose_fixed_words_have_room_is_taken(pattern):
    assert read_forms("template", {"paid": {"id": ID, "fields": {"thing1": pattern}}})[1] == []


def test_a_good_form_is_read_whole():
    fields = {"thing1": "{title}", "amount2": "{amount}"}
    raw = {"paid": {"id": ID, "url": "{public_url}/learn/{course_id}", "fields": fields}}

    forms, problems = read_forms("subscribe", raw)

    assert problems == []
    assert forms == {"paid": Form(ID, fields, "{public_url}/learn/{course_id}")}
    assert fill(forms["paid"], values_of(news(), "https://x.cn")).url == "https://x.cn/learn/EDU001"


def test_the_example_in_the_shipped_settings_is_a_good_one():
    text = (Path(__file__).parents[3] / "config.toml").read_text("utf-8")
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    example = "\n".join(lines[lines.index("[template.paid]") : lines.index("[subscribe.paid]") + 3])
    raw = tomllib.loads(example.replace("在公众平台的模板页面复制", ID).replace("在公众平台的订阅通知页面复制", ID))

    assert read_forms("template", raw["template"])[1] == []
    assert read_forms("subscribe", raw["subscribe"])[1] == []
