"""The nouns of a menu, and how they are read from config.toml and from WeChat's answers. No rules, no calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.menus.limits import CONSOLE_TYPES, FIELD_NAMES, FIELDS, PLATFORM_WORDS, PLATFORMS

DEFAULT = "默认菜单"


@dataclass(frozen=True, slots=True)
class Button:
    """A button, or an entry under one. ``type`` is empty where there are entries under it."""

    name: str
    type: str = ""
    values: tuple[tuple[str, str], ...] = ()
    sub: tuple[Button, ...] = ()

    @property
    def action(self) -> str:
        """What a tap does, in words."""
        values = dict(self.values)
        if self.type == "click":
            return f"点击 {values.get('key', '')}"
        if self.type == "view":
            return f"打开 {values.get('url', '')}"
        if self.type == "miniprogram":
            told = f"{values.get('appid', '')} {values.get('pagepath', '')}"
            return f"小程序 {told}（打不开时 {values.get('url', '')}）"
        made = f"后台的{CONSOLE_TYPES[self.type]}" if self.type in CONSOLE_TYPES else self.type
        return " ".join([made, *values.values()])

    def wire(self) -> dict[str, Any]:
        """Return the button as WeChat's API takes it."""
        if self.sub:
            return {"name": self.name, "sub_button": [each.wire() for each in self.sub]}
        return {"type": self.type, "name": self.name, **dict(self.values)}


Buttons = tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Who sees a conditional menu; empty means anybody. ``tag`` is a name that still has to become a ``tag_id``."""

    tag_id: str = ""
    platform: str = ""
    tag: str = ""

    def wire(self) -> dict[str, str]:
        """Return the rule as WeChat's API takes it."""
        given = {"tag_id": self.tag_id, "client_platform_type": self.platform}
        return {name: value for name, value in given.items() if value}

    def told(self, tags: Mapping[str, str]) -> str:
        """Return the rule in words; ``tags`` has names by number."""
        name = self.tag or tags.get(self.tag_id, "")
        tag = f"标签「{name}」" if name else f"标签 {self.tag_id}" if self.tag_id else ""
        return "，".join(filter(None, (tag, PLATFORM_WORDS.get(self.platform, self.platform))))


@dataclass(frozen=True, slots=True)
class Conditional:
    """A menu for some followers; the number is WeChat's, and no part of what the menu is."""

    buttons: Buttons
    rule: Rule
    menuid: str = field(default="", compare=False)

    def wire(self) -> dict[str, Any]:
        """Return the menu as addconditional takes it."""
        return {"button": [each.wire() for each in self.buttons], "matchrule": self.rule.wire()}


@dataclass(frozen=True, slots=True)
class MenuSet:
    """Everything the account shows; of the conditional menus, the first that matches a follower is shown."""

    default: Buttons = ()
    conditional: tuple[Conditional, ...] = ()

    def wire(self) -> dict[str, Any]:
        """Return all of it as one JSON object, which ``from_wire`` reads."""
        told: dict[str, Any] = {"button": [each.wire() for each in self.default]}
        return told | {"conditional": [each.wire() for each in self.conditional]} if self.conditional else told

    def menus(self, tags: Mapping[str, str]) -> Iterator[tuple[str, Buttons]]:
        """Return each menu with its title."""
        yield DEFAULT, self.default
        for each in self.conditional:
            yield f"个性化菜单（{each.rule.told(tags)}）", each.buttons

    def with_tags(self, numbers: Mapping[str, str]) -> MenuSet:
        """Return the same with tag names turned into numbers. ``KeyError`` has the name that is none."""

        def numbered(rule: Rule) -> Rule:
            return replace(rule, tag_id=numbers[rule.tag], tag="") if rule.tag else rule

        return replace(
            self, conditional=tuple(replace(each, rule=numbered(each.rule)) for each in self.conditional)
        )


def leaves(buttons: Buttons) -> Iterator[Button]:
    """Return what can be tapped to some effect."""
    for each in buttons:
        yield from each.sub or (each,)


def of_config(menu: Mapping[str, Any]) -> MenuSet:
    """Read [menu] of the settings, which lint.py has found right."""
    return MenuSet(
        read_buttons(menu.get("button", ())),
        tuple(
            Conditional(read_buttons(each["button"]), read_rule(rule_table(each)))
            for each in menu.get("conditional", ())
        ),
    )


def from_wire(told: Mapping[str, Any]) -> MenuSet:
    """Read what ``MenuSet.wire`` wrote."""
    return MenuSet(
        read_buttons(told.get("button", ())),
        tuple(
            Conditional(read_buttons(each["button"]), read_rule(each["matchrule"]))
            for each in told.get("conditional", ())
        ),
    )


def from_api(told: Mapping[str, Any]) -> MenuSet:
    """Read the answer of menu/get. Of conditional menus the newest matches first, and has the highest number."""
    menu = told.get("menu")
    others = [each for each in _items(told.get("conditionalmenu")) if isinstance(each.get("matchrule"), Mapping)]
    others.sort(key=lambda each: int(each.get("menuid") or 0), reverse=True)
    return MenuSet(
        read_buttons(menu.get("button") if isinstance(menu, Mapping) else ()),
        tuple(
            Conditional(read_buttons(each.get("button")), read_rule(each["matchrule"]), str(each.get("menuid", "")))
            for each in others
        ),
    )


def from_console(told: Mapping[str, Any]) -> Buttons:
    """Read the answer of get_current_selfmenu_info, whose entries lie one level deeper."""
    info = told.get("selfmenu_info")
    return read_buttons(info.get("button") if isinstance(info, Mapping) else ())


def read_buttons(given: Any) -> Buttons:
    """Read buttons from any of those sources; what cannot be one is left out."""
    return tuple(_button(each) for each in _items(given))


def _button(given: Mapping[str, Any]) -> Button:
    sub = given.get("sub_button")
    entries = read_buttons(sub.get("list") if isinstance(sub, Mapping) else sub)
    name = str(given.get("name", ""))
    if entries:
        return Button(name, sub=entries)
    kind = str(given.get("type", ""))
    wanted: Sequence[str] = FIELDS.get(kind, ("value", *FIELD_NAMES))
    return Button(name, kind, tuple((each, str(given[each])) for each in wanted if given.get(each)))


def rule_table(conditional: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that a conditional menu of the settings says of its followers."""
    inner = conditional.get("matchrule", {})
    given = {name: value for name, value in conditional.items() if name not in {"button", "matchrule"}}
    return {**given, **(inner if isinstance(inner, Mapping) else {})}


def read_rule(given: Mapping[str, Any]) -> Rule:
    """Read a rule; older answers call the tag group_id."""
    platform = str(given.get("platform") or given.get("client_platform_type") or "")
    return Rule(
        tag_id=str(given.get("tag_id") or given.get("group_id") or ""),
        platform=PLATFORMS.get(platform.lower(), platform),
        tag=str(given.get("tag") or ""),
    )


def _items(given: Any) -> list[Mapping[str, Any]]:
    return [each for each in given if isinstance(each, Mapping)] if isinstance(given, (list, tuple)) else []
