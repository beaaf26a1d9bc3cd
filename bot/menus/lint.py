"""Finds what WeChat would refuse in a menu, and what followers would not get on with, before it is sent. Pure.

It reads [menu] as it stands in the settings, in whatever shape, so that every fault can be named at its place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bot.menus import limits
from bot.menus.draw import shortened, width
from bot.menus.model import rule_table

BUTTON_KEYS = ("name", "type", "sub_button", *limits.FIELD_NAMES)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where, a stable English ``code``, a sentence, and whether the menu must not be pushed with it."""

    where: str
    code: str
    text: str
    serious: bool = True


def check(menu: Mapping[str, Any], handlers: Mapping[str, str] | None = None) -> list[Problem]:
    """Return every fault of [menu]. ``handlers``: each click key that is answered, and a word for the same."""
    lint = _Lint({} if handlers is None else handlers, known=handlers is not None)
    if not menu:
        lint.say("[menu]", "no_menu", "没有写菜单；例子见 config.toml")
        return lint.problems
    lint.unknown("[menu]", menu, ("button", "conditional"))
    conditional = menu.get("conditional", [])
    if "button" in menu or not conditional:
        lint.buttons("", menu.get("button"))
    else:
        lint.say("[menu]", "no_default", "有个性化菜单，就必须先有默认菜单 [[menu.button]]")
    lint.conditionals(conditional)
    lint.unreached()
    return lint.problems


@dataclass(slots=True)
class _Lint:
    """Goes through a menu and collects what is wrong."""

    handlers: Mapping[str, str]
    known: bool
    problems: list[Problem] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    urls: list[str] = field(default_factory=list)

    def say(self, where: str, code: str, text: str, *, serious: bool = True) -> None:
        self.problems.append(Problem(where, code, text, serious))

    def unknown(self, where: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
        """Name the keys that nobody reads."""
        for key in table:
            if key not in known:
                self.say(where, "unknown_field", f"不认识的 {key}{_did_you_mean(key, known)}")

    # ---- one menu ----

    def buttons(self, place: str, given: Any) -> None:
        where = place or "[menu]"
        if not isinstance(given, list) or not given:
            self.say(where, "no_button", "没有按钮；至少写一个 button")
            return
        if len(given) > limits.MOST_BUTTONS:
            self.say(where, "too_many_buttons", f"有 {len(given)} 个一级菜单，最多 {limits.MOST_BUTTONS} 个")
        self._same_names(where, given)
        for number, button in enumerate(given, 1):
            self._top(_place(f"{place}菜单 {number}", button), button)

    def _top(self, where: str, button: Any) -> None:
        if not self._table(where, button):
            return
        self._name(where, button, limits.NAME_BYTES, limits.SHOWN)
        if "sub_button" not in button:
            self._action(where, button)
            return
        if "type" in button:
            self.say(where, "type_with_sub", "有子菜单就不能再有 type：点它只会展开子菜单")
        given = button["sub_button"]
        if not isinstance(given, list):
            self.say(where, "sub_not_list", "sub_button 应是一串子菜单，写成 [[menu.button.sub_button]]")
            return
        if not given:
            self.say(where, "sub_empty", "子菜单是空的；删掉 sub_button，写上 type")
        if len(given) > limits.MOST_SUB:
            self.say(where, "too_many_sub", f"有 {len(given)} 个子菜单，最多 {limits.MOST_SUB} 个")
        self._same_names(where, given)
        for number, each in enumerate(given, 1):
            self._entry(_place(f"{where}的第 {number} 项", each), each)

    def _entry(self, where: str, entry: Any) -> None:
        if not self._table(where, entry):
            return
        self._name(where, entry, limits.SUB_NAME_BYTES, limits.SUB_SHOWN)
        if "sub_button" in entry:
            self.say(where, "too_deep", "菜单最多两级，子菜单下不能再有子菜单")
        else:
            self._action(where, entry)

    def _table(self, where: str, button: Any) -> bool:
        if not isinstance(button, Mapping):
            self.say(where, "not_a_button", "应是一个按钮，写成 [[menu.button]] 一节")
            return False
        self.unknown(where, button, BUTTON_KEYS)
        return True

    def _same_names(self, where: str, given: list[Any]) -> None:
        names = [each.get("name") for each in given if isinstance(each, Mapping)]
        for name in dict.fromkeys(each for each in names if isinstance(each, str) and names.count(each) > 1):
            self.say(where, "same_name", f"有两个都叫「{name}」", serious=False)

    def _name(self, where: str, button: Mapping[str, Any], most: int, shown: int) -> None:
        name = button.get("name")
        if not isinstance(name, str) or not name.strip():
            self.say(where, "no_name", "没有名字；写上 name")
            return
        if CONTROL.search(name):
            self.say(where, "name_control", "名字里有换行或控制字符")
        elif name != name.strip():
            self.say(where, "name_spaces", "名字前后有空格", serious=False)
        if (size := len(name.encode())) > most:
            self.say(where, "name_too_long", f"名字有 {size} 字节，最多 {most} 字节（一个汉字 3 字节）")
        elif width(name) > 2 * shown:
            told = f"名字长了，手机上只显示成「{shortened(name, shown)}」；最多 {shown} 个汉字"
            self.say(where, "name_cut", told, serious=False)

    # ---- what a button does ----

    def _action(self, where: str, button: Mapping[str, Any]) -> None:
        kind = button.get("type")
        if kind and not isinstance(kind, str):
            self.say(where, "unknown_type", f"没有 {kind} 这种按钮；type 是写在引号里的文字")
        elif not kind:
            self.say(where, "no_type", "没有写点了做什么：写上 type（click、view、miniprogram 等），或者加子菜单")
        elif kind in limits.RENAMED:
            self.say(where, "type_renamed", f"{kind} 已经改名，写成 {limits.RENAMED[kind]}")
        elif kind in limits.CONSOLE_TYPES:
            told = f"「{limits.CONSOLE_TYPES[kind]}」按钮只能在网页后台做，接口做不出来：改成 click 或 view"
            self.say(where, "type_console", told)
        elif kind not in limits.FIELDS:
            self.say(where, "unknown_type", f"没有 {kind} 这种按钮{_did_you_mean(kind, limits.FIELDS)}")
        else:
            self._fields(where, kind, button)

    def _fields(self, where: str, kind: str, button: Mapping[str, Any]) -> None:
        wanted = limits.FIELDS[kind]
        for name in wanted:
            value = button.get(name)
            if not isinstance(value, str) or not value.strip():
                self.say(where, f"no_{name}", f"{kind} 按钮要写 {name}（一段文字）")
            elif name == "url":
                self._url(where, value)
            elif name == "key":
                self._key(where, kind, value)
            elif name == "appid" and not re.fullmatch(r"wx[0-9a-z]{16}", value):
                self.say(where, "bad_appid", f"小程序的 appid 应是 wx 开头的 18 位，现在是 {value}")
        for name in limits.FIELD_NAMES:
            if name in button and name not in wanted:
                self.say(where, "useless_field", f"{kind} 按钮用不到 {name}，微信会丢掉它", serious=False)
        if kind in limits.UNANSWERED:
            self.say(where, "unanswered_type", f"机器人不会回应 {kind} 按钮，点了没有下文", serious=False)

    def _key(self, where: str, kind: str, key: str) -> None:
        if (size := len(key.encode())) > limits.KEY_BYTES:
            self.say(where, "key_too_long", f"key 有 {size} 字节，最多 {limits.KEY_BYTES} 字节")
        elif kind == "click":
            self.keys.add(key)
            if self.known and key not in self.handlers:
                near = _did_you_mean(key, self.handlers) or "；"
                self.say(where, "unknown_key", f"没有 {key} 这个 key{near}可用的有：{'、'.join(self.handlers)}")

    def _url(self, where: str, url: str) -> None:
        self.urls.append(url)
        if (size := len(url.encode())) > limits.URL_BYTES:
            self.say(where, "url_too_long", f"网址有 {size} 字节，最多 {limits.URL_BYTES} 字节")
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            host = None
        if host is None or parts.scheme not in {"http", "https"}:
            self.say(where, "bad_url", f"网址要以 https:// 或 http:// 开头，后面是域名；现在是 {url[:60]}")
        elif re.search(r"[\s\x00-\x1f]", url):
            self.say(where, "url_spaces", "网址里有空格或换行")
        elif not url.isascii():
            self.say(where, "url_not_ascii", "网址里有汉字，先转成 %E4… 的样子；有的手机打不开", serious=False)

    # ---- conditional menus ----

    def conditionals(self, given: Any) -> None:
        if not isinstance(given, list):
            self.say("[menu]", "conditional_not_list", "conditional 应写成一节节 [[menu.conditional]]")
            return
        self.urls.clear()
        seen: dict[tuple[str, ...], int] = {}
        for number, each in enumerate(given, 1):
            where = f"个性化菜单 {number}"
            if not isinstance(each, Mapping):
                self.say(where, "conditional_not_table", "应写成一节 [[menu.conditional]]")
                continue
            self.buttons(f"{where}：", each.get("button"))
            self._rule(where, each)
            rule = tuple(sorted(f"{name}={str(value).lower()}" for name, value in rule_table(each).items()))
            if rule and seen.setdefault(rule, number) != number:
                self.say(where, "same_rule", f"和个性化菜单 {seen[rule]} 写给同样的人，永远轮不到它")
        self._domains()

    def _rule(self, where: str, each: Mapping[str, Any]) -> None:
        if not isinstance(each.get("matchrule", {}), Mapping):
            self.say(where, "bad_matchrule", 'matchrule 应是一张表，如 { tag_id = "100" }')
        rule = rule_table(each)
        for name in rule:
            if name in limits.REFUSED_RULES:
                what = f"{limits.REFUSED_RULES[name]}（{name}）"
                told = f"微信不再按{what}区分菜单，会拒收（65320）；只能用 tag 和 platform"
                self.say(where, "refused_rule", told)
            elif name == "group_id":
                self.say(where, "old_rule", "group_id 已经改名，写成 tag_id")
            elif name not in limits.RULE_NAMES:
                self.say(where, "unknown_rule", f"不认识的 {name}{_did_you_mean(name, limits.RULE_NAMES)}")
        if not any(rule.values()):
            self.say(where, "no_rule", "没有写给谁看：加上 tag（标签名）或 platform（ios、android、other）")
        if rule.get("tag") and rule.get("tag_id"):
            self.say(where, "two_tags", "tag 和 tag_id 只写一个")
        if "tag" in rule and not isinstance(rule["tag"], str):
            self.say(where, "bad_tag", 'tag 是标签的名字，写在引号里，如 tag = "学员"')
        if rule.get("tag_id") and not re.fullmatch(r"\d{1,9}", str(rule["tag_id"])):
            self.say(where, "bad_tag_id", f"tag_id 是标签的编号（数字），现在是 {rule['tag_id']}；按名字写就用 tag")
        self._platform(where, rule)

    def _platform(self, where: str, rule: Mapping[str, Any]) -> None:
        if rule.get("platform") and rule.get("client_platform_type"):
            self.say(where, "two_platforms", "platform 和 client_platform_type 只写一个")
        known = {*limits.PLATFORMS, *limits.PLATFORMS.values()}
        for name in ("platform", "client_platform_type"):
            if (value := rule.get(name)) and str(value).lower() not in known:
                self.say(where, "bad_platform", f"{name} 应是 ios、android 或 other，现在是 {value}")

    def _domains(self) -> None:
        domains = domains_of(self.urls)
        if len(domains) > limits.MOST_DOMAINS:
            told = f"所有个性化菜单合起来最多跳到 {limits.MOST_DOMAINS} 个域名，现在有 {len(domains)} 个："
            self.say("[menu]", "too_many_domains", told + "、".join(domains))

    # ---- the whole ----

    def unreached(self) -> None:
        """Name the handlers that no button leads to, and no word either."""
        for key, word in self.handlers.items():
            if key not in self.keys and not word:
                self.say("[menu]", "unreached", f"{key} 没有按钮能点到，也没有话能说到", serious=False)


def domains_of(urls: Iterable[str]) -> list[str]:
    """Return the hosts of addresses, each once, in order."""
    hosts = []
    for url in urls:
        try:
            hosts.append(urlsplit(url).hostname)
        except ValueError:
            continue
    return list(dict.fromkeys(filter(None, hosts)))


def _place(where: str, button: Any) -> str:
    name = button.get("name") if isinstance(button, Mapping) else None
    return f"{where}「{name}」" if isinstance(name, str) and name.strip() else where


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"，是不是 {close[0]}？" if close else ""
