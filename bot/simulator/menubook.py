"""The account's menus as the platform keeps them: default, conditional, made in the console; who sees which."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bot.simulator.menus import check_menu
from bot.simulator.people import Follower
from bot.simulator.sending import Refusal
from bot.simulator.tagbook import TagBook

Json = dict[str, Any]

_DAY = 86400
# How often each call may be made in a day.
_A_DAY = {
    "create": 1000,
    "get": 10_000,
    "delete": 1000,
    "addconditional": 2000,
    "delconditional": 2000,
    "trymatch": 20_000,
}
_REFUSED_RULES = frozenset({"sex", "country", "province", "city", "language"})
_RULES = frozenset({"tag_id", "client_platform_type"})
_PLATFORMS = frozenset({"1", "2", "3"})  # iOS, Android, others
_MOST_DOMAINS = 3


@dataclass(frozen=True)
class Conditional:
    """A menu for those whom its rule matches."""

    menuid: int
    button: list[Json]
    rule: Mapping[str, str]

    def matches(self, follower: Follower) -> bool:
        """Tell whether the follower sees this menu: of several tags, the last one counts."""
        tag = str(follower.tags[-1]) if follower.tags else ""
        return (
            self.rule.get("tag_id", tag) == tag
            and self.rule.get("client_platform_type", follower.platform) == follower.platform
        )


@dataclass
class MenuBook:
    """Every menu of the account. Calls raise Refusal with the platform's own numbers."""

    first: Mapping[str, Any] | None = None
    tags: TagBook = field(default_factory=TagBook)
    console: list[Json] | None = None  # made in the web console, in its own shape
    is_open: bool = True  # the switch in the web console

    def __post_init__(self) -> None:
        self.default: list[Json] | None = list(self.first["button"]) if self.first else None
        self.conditional: list[Conditional] = []  # oldest first
        self._default_id = _new_id(0)
        self._used: dict[str, tuple[int, int]] = {}

    # ---- the calls ----

    def create(self, menu: Json, now: float) -> None:
        """Replace the default menu, or what was made in the web console; conditional menus stay."""
        self._count("create", now)
        check_menu(menu)
        self.default, self.console, self.is_open = menu["button"], None, True
        self._default_id = self._next_id()

    def get(self, now: float) -> Json:
        """Tell the menus made by API."""
        self._count("get", now)
        if self.default is None:
            raise Refusal(46003, "menu no exist")
        menu: Json = {"button": _told(self.default)}
        if not self.conditional:
            return {"menu": menu}
        others = [
            {"button": _told(each.button), "matchrule": dict(each.rule), "menuid": each.menuid}
            for each in reversed(self.conditional)
        ]
        return {"menu": menu | {"menuid": self._default_id}, "conditionalmenu": others}

    def delete(self, now: float) -> None:
        """Delete everything, conditional menus too."""
        self._count("delete", now)
        self.default, self.console = None, None
        self.conditional.clear()

    def add_conditional(self, menu: Json, now: float) -> Json:
        """Add a menu that goes before the older ones."""
        self._count("addconditional", now)
        if self.default is None:
            raise Refusal(65303, "there is no selfmenu, please create selfmenu first")
        if not menu.get("button"):
            raise Refusal(65307, "conditional menu is empty")
        rule = self._rule(menu.get("matchrule"))
        check_menu(menu)
        shown = [*(each.button for each in self.conditional), menu["button"]]
        if len({domain for buttons in shown for domain in _domains(buttons)}) > _MOST_DOMAINS:
            raise Refusal(65316, "too many domain")
        added = Conditional(self._next_id(), menu["button"], rule)
        self.conditional.append(added)
        return {"menuid": str(added.menuid)}

    def delete_conditional(self, asked: Json, now: float) -> None:
        """Delete one conditional menu."""
        self._count("delconditional", now)
        left = [each for each in self.conditional if str(each.menuid) != str(asked.get("menuid"))]
        if len(left) == len(self.conditional):
            raise Refusal(65301, "menuid not exist")
        self.conditional[:] = left

    def try_match(self, follower: Follower | None, now: float) -> Json:
        """Tell what one follower sees."""
        self._count("trymatch", now)
        if follower is None:
            raise Refusal(65302, "no such user")
        return {"button": _told(self.of(follower) or [])}

    def self_menu(self) -> Json:
        """Tell what is shown, wherever it was made, in the shape of the web console."""
        shown = self.console if self.console is not None else self.default
        if shown is None:
            return {"is_menu_open": 0}
        return {
            "is_menu_open": int(self.is_open),
            "selfmenu_info": {"button": [_as_console(each) for each in shown]},
        }

    # ---- what happens elsewhere ----

    def make_in_console(self, buttons: list[Json]) -> None:
        """Publish a menu in the web console: what was made by API is gone."""
        self.default, self.console, self.is_open = None, buttons, True
        self.conditional.clear()

    def of(self, follower: Follower) -> list[Json] | None:
        """Return the buttons that a follower sees: of the newest menu that matches, else of the default."""
        if not self.is_open:
            return None
        for each in reversed(self.conditional):
            if each.matches(follower):
                return each.button
        return [_from_console(each) for each in self.console] if self.console is not None else self.default

    # ---- helpers ----

    def _count(self, call: str, now: float) -> None:
        day = int(now // _DAY)
        since, used = self._used.get(call, (day, 0))
        used = used if since == day else 0
        if used >= _A_DAY[call]:
            raise Refusal(45009, "reach max api daily quota limit")
        self._used[call] = (day, used + 1)

    def _rule(self, given: Any) -> dict[str, str]:
        rule = {name: str(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
        if _REFUSED_RULES & rule.keys():
            raise Refusal(65320, "matchrule with privacy fields is not supported")
        if not any(rule.values()):
            raise Refusal(65304, "match rule empty")
        if rule.keys() - _RULES or rule.get("client_platform_type", "1") not in _PLATFORMS:
            raise Refusal(40035, "invalid parameter matchrule")
        if "tag_id" in rule and rule["tag_id"] not in map(str, self.tags.names):
            raise Refusal(45159, "invalid tag id")
        return rule

    def _next_id(self) -> int:
        return _new_id(max([self._default_id, *(each.menuid for each in self.conditional)]))


def _new_id(last: int) -> int:
    return max(last, 430_000_000) + 1 + secrets.randbelow(9)


def _told(buttons: list[Json]) -> list[Json]:
    """Return buttons as menu/get tells them: each with its list of sub-buttons, even an empty one."""
    return [
        {**each, "sub_button": [{**sub, "sub_button": []} for sub in each.get("sub_button") or []]}
        for each in buttons
    ]


def _as_console(button: Json) -> Json:
    sub = button.get("sub_button")
    if isinstance(sub, Mapping):
        return button
    return {"name": button["name"], "sub_button": {"list": sub}} if sub else dict(button)


def _from_console(button: Json) -> Json:
    sub = button.get("sub_button")
    return {**button, "sub_button": sub["list"]} if isinstance(sub, Mapping) else button


def _domains(buttons: list[Json]) -> set[str]:
    leaves = [leaf for each in buttons for leaf in (each.get("sub_button") or [each])]
    return {host for leaf in leaves if (host := urlsplit(str(leaf.get("url", ""))).hostname)}
