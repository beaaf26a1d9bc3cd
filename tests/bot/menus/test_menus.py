"""Drawing a menu, comparing two, and writing one into the settings."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import NotAllowed
from bot.menus import compare, write
from bot.menus.draw import drawing, shortened, width
from bot.menus.model import Button, Conditional, MenuSet, Rule, from_wire, of_config

HOT = Button("热门", "click", (("key", "hot"),))
SITE = Button("官网", "view", (("url", "https://a.example/"),))
MORE = Button("更多", sub=(HOT, Button("一个非常非常长的名字", "click", (("key", "new"),))))
FOR_TAG = Conditional((SITE,), Rule(tag_id="100", platform="1"))
TAGS = {"100": "学员"}


def test_the_drawing_shows_entries_above_their_button_and_cuts_long_names():
    assert drawing((MORE, HOT)).splitlines() == [
        " ┌─────────────────┐",
        " │      热门       │",
        " ├─────────────────┤",
        " │一个非常非常长的…│",
        " └─────────────────┘",
        "┌───────────────────┬───────────────────┐",
        "│      ≡ 更多       │       热门        │",
        "└───────────────────┴───────────────────┘",
    ]


def test_every_line_of_the_bar_is_equally_wide():
    bar = drawing((Button("abc", "click"), Button("课程🎉", "click"), Button("一二三四五", "click"))).splitlines()

    assert len({width(line) for line in bar}) == 1


def test_no_menu_is_said_to_be_none():
    assert drawing(()) == "（没有菜单）"


def test_latin_letters_take_half_the_room():
    assert (shortened("Python课", 4), shortened("Python课程", 4)) == ("Python课", "Python课…")


def test_what_differs_is_shown_with_signs_and_what_stays_around_it():
    live = MenuSet((MORE, HOT))
    wanted = MenuSet((MORE, SITE), (FOR_TAG,))

    found = [(each.menu, each.sign, each.line) for each in compare.changes(live, wanted, TAGS)]

    assert ("默认菜单", "-", "热门  点击 hot") in found
    assert ("默认菜单", "+", "官网  打开 https://a.example/") in found
    assert ("默认菜单", " ", "更多") in found
    assert ("个性化菜单（标签「学员」，iOS）", "+", "官网  打开 https://a.example/") in found


def test_equal_menus_have_no_difference_and_another_order_is_one():
    other = Conditional((HOT,), Rule(platform="2"))
    first, second = MenuSet((HOT,), (FOR_TAG, other)), MenuSet((HOT,), (other, FOR_TAG))

    assert compare.changes(first, first, TAGS) == []
    assert {each.menu for each in compare.changes(first, second, TAGS)} == {"个性化菜单的先后"}


texts = st.text(min_size=1, max_size=12)
leaf = st.one_of(
    st.builds(lambda name, key: Button(name, "click", (("key", key),)), texts, texts),
    st.builds(lambda name, url: Button(name, "view", (("url", url),)), texts, texts),
)
tops = st.lists(
    st.one_of(leaf, st.builds(lambda name, sub: Button(name, sub=tuple(sub)), texts, st.lists(leaf, min_size=1))),
    min_size=1,
    max_size=3,
).map(tuple)
sets = st.builds(
    MenuSet,
    tops,
    st.lists(st.builds(Conditional, tops, st.builds(Rule, st.just("100"), st.sampled_from(["", "1", "2"])))).map(
        tuple
    ),
)


@given(sets)
def test_what_is_written_as_settings_reads_as_the_same_menus(menus):
    read = of_config(tomllib.loads(write.toml(menus, {}))["menu"])

    assert read == menus
    assert from_wire(menus.wire()) == menus


def test_a_tag_is_written_by_its_name():
    written = write.toml(MenuSet((HOT,), (FOR_TAG,)), TAGS)

    assert 'tag = "学员"' in written
    assert 'platform = "ios"  # iOS' in written


SETTINGS = """# 设置
[server]
port = 8000  # 端口

# 菜单
[[menu.button]]
type = "click"
name = "旧的"
key = "old"
[[menu.button.sub_button]]
name = "x"

[chat]
account_name = "知课"
"""


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        SETTINGS.replace("[[menu.button.sub_button]]\n", "[[menu.button.sub_button]]\n# 一句话\n"),
        SETTINGS.partition("# 菜单")[0],
        SETTINGS.partition("# 菜单")[0].rstrip(),
        '[menu]\nbutton = [{ name = "x", type = "click", key = "y" }]\n[server]\nport = 1\n',
        "",
    ],
)
def test_the_menu_is_replaced_in_the_file_and_everything_else_stays(settings):
    tables = write.toml(MenuSet((MORE,), (FOR_TAG,)), TAGS)

    written = write.put_in(settings, tables)

    before = tomllib.loads(settings)
    before.pop("menu", None)
    assert tomllib.loads(written) == {**before, **tomllib.loads(tables)}
    assert [line for line in settings.splitlines() if "#" in line] == [
        line for line in written.splitlines() if "#" in line and "iOS" not in line
    ]
    assert write.put_in(written, tables) == written


def test_a_file_that_cannot_be_changed_safely_is_left_to_the_operator():
    for odd in ("menu.button = []\n[server]\nport = 1\n", 'x = """\n[menu]\n"""\n'):
        with pytest.raises(NotAllowed, match="贴进去"):
            write.put_in(odd, write.toml(MenuSet((HOT,)), {}))
