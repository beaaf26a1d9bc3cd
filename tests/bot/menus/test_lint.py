"""Every limit of the platform is named in Chinese, at its place, before anything is sent."""

import copy
import tomllib
from pathlib import Path

import pytest

from bot.menus import lint
from handlers.chat import routes

ROOT = Path(__file__).parents[3]
HANDLERS = {"hot": "热门", "new": "新课", "help": "帮助"}
CLICK = {"type": "click", "name": "热门", "key": "hot"}
VIEW = {"type": "view", "name": "官网", "url": "https://a.example/"}
MINI = {
    "type": "miniprogram",
    "name": "小店",
    "url": "https://a.example/",
    "appid": "wx0123456789abcdef",
    "pagepath": "pages/index",
}
GROUP = {"name": "更多", "sub_button": [VIEW]}
FOR_TAG = {"button": [CLICK], "tag": "学员"}


def menu(*buttons, conditional=None, **more):
    return {"button": list(buttons), **({"conditional": conditional} if conditional is not None else {}), **more}


def group(*entries):
    return menu({"name": "更多", "sub_button": list(entries)})


def without(button, *names):
    return {name: value for name, value in button.items() if name not in names}


def conditional(*others, default=CLICK):
    return menu(default, conditional=list(others))


def domains(*hosts):
    return [
        {"button": [VIEW | {"url": f"https://{host}/x"}], "tag_id": str(number)}
        for number, host in enumerate(hosts, 100)
    ]


BROKEN = [
    ({}, "no_menu", "没有写菜单"),
    ({"buttons": [CLICK]}, "unknown_field", "是不是 button"),
    ({"button": []}, "no_button", "没有按钮"),
    ({"button": CLICK}, "no_button", "没有按钮"),
    (menu(*[CLICK | {"name": f"菜单{n}"} for n in range(4)]), "too_many_buttons", "有 4 个一级菜单，最多 3 个"),
    (menu("热门"), "not_a_button", "应是一个按钮"),
    (menu(CLICK | {"keys": "x"}), "unknown_field", "是不是 key"),
    (menu(without(CLICK, "name")), "no_name", "没有名字"),
    (menu(CLICK | {"name": "  "}), "no_name", "没有名字"),
    (menu(CLICK | {"name": 7}), "no_name", "没有名字"),
    (menu(CLICK | {"name": "热\n门"}), "name_control", "换行"),
    (menu(CLICK | {"name": "热门好课推荐"}), "name_too_long", "18 字节，最多 16 字节"),
    (menu(CLICK | {"name": "a" * 17}), "name_too_long", "17 字节"),
    (group(CLICK | {"name": "课" * 21}), "name_too_long", "63 字节，最多 60 字节"),
    (menu(without(CLICK, "type")), "no_type", "没有写点了做什么"),
    (menu(CLICK | {"type": "clik"}), "unknown_type", "是不是 click"),
    (menu(CLICK | {"type": 5}), "unknown_type", "没有 5 这种按钮"),
    (menu(VIEW | {"type": "view_limited"}), "type_renamed", "article_view_limited"),
    (menu({"name": "你好", "type": "text", "value": "你好"}), "type_console", "只能在网页后台做"),
    (menu({"name": "图文", "type": "news"}), "type_console", "只能在网页后台做"),
    (menu(GROUP | {"type": "click"}), "type_with_sub", "不能再有 type"),
    (menu({"name": "更多", "sub_button": []}), "sub_empty", "子菜单是空的"),
    (menu({"name": "更多", "sub_button": VIEW}), "sub_not_list", "一串子菜单"),
    (group(*[VIEW | {"name": f"第{n}项"} for n in range(6)]), "too_many_sub", "有 6 个子菜单，最多 5 个"),
    (group(GROUP), "too_deep", "最多两级"),
    (group("x"), "not_a_button", "应是一个按钮"),
    (group(without(VIEW, "type")), "no_type", "没有写点了做什么"),
    (menu(without(CLICK, "key")), "no_key", "要写 key"),
    (menu(CLICK | {"key": ""}), "no_key", "要写 key"),
    (menu(CLICK | {"key": 12}), "no_key", "要写 key"),
    (menu(CLICK | {"key": "k" * 129}), "key_too_long", "129 字节，最多 128 字节"),
    (menu(CLICK | {"key": "课" * 43}), "key_too_long", "129 字节"),
    (menu(CLICK | {"key": "hott"}), "unknown_key", "这个 key，是不是 hot？可用的有：hot"),
    (menu(without(VIEW, "url")), "no_url", "要写 url"),
    (menu(VIEW | {"url": "https://a.example/" + "x" * 1007}), "url_too_long", "1025 字节，最多 1024 字节"),
    (menu(VIEW | {"url": "a.example/learn"}), "bad_url", "https:// 或 http:// 开头"),
    (menu(VIEW | {"url": "ftp://a.example"}), "bad_url", "https:// 或 http:// 开头"),
    (menu(VIEW | {"url": "https://"}), "bad_url", "后面是域名"),
    (menu(VIEW | {"url": "https://[a.example"}), "bad_url", "后面是域名"),
    (menu(VIEW | {"url": "https://a.example/a b"}), "url_spaces", "空格"),
    (menu(without(MINI, "appid")), "no_appid", "要写 appid"),
    (menu(MINI | {"appid": "wx1"}), "bad_appid", "18 位"),
    (menu(without(MINI, "pagepath")), "no_pagepath", "要写 pagepath"),
    (menu(without(MINI, "url")), "no_url", "要写 url"),
    (menu({"name": "图", "type": "media_id"}), "no_media_id", "要写 media_id"),
    (menu({"name": "文", "type": "article_id"}), "no_article_id", "要写 article_id"),
    (menu({"name": "文", "type": "article_view_limited"}), "no_article_id", "要写 article_id"),
    (menu({"name": "扫", "type": "scancode_push"}), "no_key", "要写 key"),
    ({"conditional": [FOR_TAG]}, "no_default", "必须先有默认菜单"),
    (menu(CLICK, conditional=FOR_TAG), "conditional_not_list", "[[menu.conditional]]"),
    (conditional("x"), "conditional_not_table", "[[menu.conditional]]"),
    (conditional({"tag": "学员"}), "no_button", "没有按钮"),
    (conditional({"button": [CLICK | {"key": "no"}], "tag": "a"}), "unknown_key", "没有 no 这个 key"),
    (conditional({"button": [CLICK]}), "no_rule", "没有写给谁看"),
    (conditional(FOR_TAG | {"matchrule": "x"}), "bad_matchrule", "应是一张表"),
    (conditional(FOR_TAG | {"sex": "1"}), "refused_rule", "不再按性别（sex）区分菜单"),
    (conditional(FOR_TAG | {"country": "中国"}), "refused_rule", "国家（country）"),
    (conditional(FOR_TAG | {"province": "广东"}), "refused_rule", "省份（province）"),
    (conditional(FOR_TAG | {"city": "广州"}), "refused_rule", "城市（city）"),
    (conditional({"button": [CLICK], "matchrule": {"language": "zh_CN"}}), "refused_rule", "语言（language）"),
    (conditional({"button": [CLICK], "group_id": "2"}), "old_rule", "写成 tag_id"),
    (conditional(FOR_TAG | {"platfrom": "ios"}), "unknown_rule", "是不是 platform"),
    (conditional(FOR_TAG | {"tag_id": "100"}), "two_tags", "只写一个"),
    (conditional({"button": [CLICK], "tag": 100}), "bad_tag", "写在引号里"),
    (conditional({"button": [CLICK], "tag_id": "学员"}), "bad_tag_id", "按名字写就用 tag"),
    (conditional({"button": [CLICK], "platform": "windows"}), "bad_platform", "ios、android 或 other"),
    (conditional(FOR_TAG | {"platform": "ios", "client_platform_type": "1"}), "two_platforms", "只写一个"),
    (conditional(FOR_TAG, FOR_TAG), "same_rule", "永远轮不到它"),
    (
        menu(CLICK, conditional=domains("a.cn", "b.cn", "c.cn", "d.cn")),
        "too_many_domains",
        "a.cn、b.cn、c.cn、d.cn",
    ),
]
DOUBTFUL = [
    (menu(CLICK | {"name": "热门课程啊"}), "name_cut", "「热门课程…」"),
    (group(CLICK | {"name": "这是一个很长的名字"}), "name_cut", "「这是一个很长的名…」"),
    (menu(CLICK | {"name": " 热门"}), "name_spaces", "前后有空格"),
    (menu(CLICK, CLICK), "same_name", "两个都叫「热门」"),
    (menu(CLICK | {"url": "https://a.example/"}), "useless_field", "用不到 url"),
    (menu(VIEW | {"url": "https://a.example/课程"}), "url_not_ascii", "汉字"),
    (menu({"name": "扫", "type": "scancode_waitmsg", "key": "scan"}), "unanswered_type", "不会回应"),
]


@pytest.mark.parametrize(("broken", "code", "told"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_menu_is_named_in_chinese(broken, code, told):
    found = [each for each in lint.check(broken, HANDLERS) if each.serious]

    assert code in {each.code for each in found}, found
    assert any(told in each.text for each in found if each.code == code), found
    assert all(each.where for each in found)


@pytest.mark.parametrize(("odd", "code", "told"), DOUBTFUL, ids=range(len(DOUBTFUL)))
def test_what_followers_would_not_get_on_with_is_a_warning_only(odd, code, told):
    found = lint.check(odd, HANDLERS)

    assert [(each.code, each.serious) for each in found] == [(code, False)]
    assert told in found[0].text


def test_the_place_is_named_as_a_person_would_find_it():
    broken = menu(CLICK, {"name": "更多", "sub_button": [VIEW, CLICK | {"key": "no"}]})
    elsewhere = conditional({"button": [CLICK | {"key": "no"}], "tag": "学员"})

    assert [each.where for each in lint.check(broken, HANDLERS)] == ["菜单 2「更多」的第 2 项「热门」"]
    assert [each.where for each in lint.check(elsewhere, HANDLERS)] == ["个性化菜单 1：菜单 1「热门」"]


def test_every_fault_is_named_at_once():
    broken = menu(CLICK | {"key": "no"}, VIEW | {"url": "x"}, without(CLICK, "name"), "x")

    codes = {each.code for each in lint.check(broken, HANDLERS)}

    assert codes == {"too_many_buttons", "unknown_key", "bad_url", "no_name", "not_a_button"}


def test_limits_are_met_exactly():
    full = {"name": "课" * 5 + "a", "sub_button": [VIEW | {"name": f"{n}" + "课" * 19} for n in range(5)]}
    good = menu(
        full,
        CLICK,
        VIEW | {"url": "https://a.example/" + "x" * 1006},
        conditional=domains("a.cn", "b.cn", "c.cn", "a.cn"),
    )

    assert [each for each in lint.check(good, HANDLERS) if each.serious] == []


def test_every_type_of_button_can_be_right():
    kinds = [
        MINI,
        {"name": "图", "type": "media_id", "media_id": "m1"},
        {"name": "文", "type": "article_id", "article_id": "a1"},
        {"name": "文章", "type": "article_view_limited", "article_id": "a1"},
        VIEW,
    ]

    assert lint.check(group(*kinds), HANDLERS) == []


def test_a_handler_that_nothing_leads_to_is_named_and_one_with_a_word_is_not():
    found = lint.check(menu(CLICK), {"hot": "", "new": "新课", "secret": ""})

    assert [(each.code, each.serious) for each in found] == [("unreached", False)]
    assert "secret" in found[0].text


def test_the_keys_that_may_be_used_are_those_that_the_chat_answers():
    ways = routes.ways()

    assert set(ways) == set(routes.MENU_KEYS)
    assert ways["my_orders"] == "我的订单"
    assert all(routes.WORDS[word] is routes.MENU_KEYS[key] for key, word in ways.items() if word)


def test_the_shipped_menu_is_without_fault():
    shipped = tomllib.loads((ROOT / "config.toml").read_text("utf-8"))["menu"]

    assert lint.check(shipped, routes.ways()) == []


@pytest.mark.parametrize("scrap", [None, 7, "x", [], {}, [None], {"name": None}, {"sub_button": None}, True])
def test_no_shape_of_settings_breaks_the_check(scrap):
    for place in ("button", "conditional", "elsewhere"):
        lint.check({place: scrap}, HANDLERS)
        lint.check({"button": [CLICK], place: scrap}, HANDLERS)
        lint.check({"button": [scrap, {"name": "x", "sub_button": [scrap]}]}, HANDLERS)
        lint.check(
            {"button": [CLICK], "conditional": [{"button": scrap, "tag": scrap, "matchrule": scrap}]}, HANDLERS
        )
    for name in ("name", "type", "key", "sub_button"):
        lint.check(menu(copy.deepcopy(CLICK) | {name: scrap}), HANDLERS)
