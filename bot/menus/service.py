"""Changing the account's menus so that followers always have one: read, save, replace, read back, and undo.

The order of a push: the default menu is replaced in one call; new conditional menus are added, the last one first,
since the newest matches first; then the old ones go. What is live is saved before, so that all can be undone.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bot.account.menus import AccountMenus, Caller
from bot.account.tokens import Pause
from bot.errors import AccountError, AccountUnknown, MenuRefused, NotAllowed, NotFound
from bot.menus.limits import FIELDS, MOST_DOMAINS
from bot.menus.lint import domains_of
from bot.menus.model import Buttons, Conditional, MenuSet, from_api, from_console, from_wire, leaves, read_buttons
from bot.ports import Clock
from bot.store import Store, Tx
from bot.store.menus import MenuVersion

log = logging.getLogger("zhike.menus")
LEASE = timedelta(minutes=5)  # longer than a push with every repeat may take
READ_BACK_SECONDS = (0.0, 0.5, 2.0)
SAME, HALF = "线上的菜单没有变", "线上的菜单可能一半新一半旧；等微信恢复后运行 menu rollback"
RESTORED = "已经恢复成推送前的菜单"


@dataclass(frozen=True, slots=True)
class Live:
    """What followers have now. ``source``: "api", "console" or "none"; the console may have switched menus off."""

    menus: MenuSet
    source: str
    switched_on: bool


@dataclass(frozen=True, slots=True)
class Witness:
    """What trymatch says one follower sees: the title of a menu, or why that is not known."""

    openid: str
    title: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a change did: the version it became, whether anything was sent, and what some followers see."""

    version: int
    changed: bool
    witnesses: tuple[Witness, ...] = ()


class Menus:
    """The menus of the account. Calls raise ``AccountError`` when WeChat cannot be asked, else as they say."""

    def __init__(self, account: Caller, store: Store, clock: Clock, pause: Pause = asyncio.sleep) -> None:
        self._account = AccountMenus(account)
        self._store = store
        self._clock = clock
        self._pause = pause

    async def live(self) -> Live:
        """Return what followers have now, made by API or in the web console."""
        made = from_api(await self._account.by_api())
        shown = await self._account.shown()
        switched_on = shown.get("is_menu_open") == 1
        in_console = from_console(shown)
        if in_console and _outline(in_console) != _outline(made.default):
            return Live(MenuSet(in_console, made.conditional), "console", switched_on)
        return Live(made, "api" if made.default else "none", switched_on or not made.default)

    async def tags(self) -> Mapping[str, str]:
        """Return the names of the account's tags by number."""
        return await self._account.tags()

    async def numbered(self, menus: MenuSet) -> MenuSet:
        """Return menus with tag names turned into numbers. ``NotFound`` names a tag that the account has not."""
        if not any(each.rule.tag for each in menus.conditional):
            return menus
        tags = await self.tags()
        try:
            return menus.with_tags({name: number for number, name in tags.items()})
        except KeyError as error:
            known = "、".join(tags.values())
            raise NotFound(f"公众号没有标签「{error.args[0]}」；现有的标签：{known}") from None

    async def push(self, wanted: MenuSet, *, source: str = "push", witnesses: Iterable[str] = ()) -> Pushed:
        """Make ``wanted`` what followers have. ``MenuRefused`` when it could not be, and what is live then."""
        async with self._alone():
            wanted = await self.numbered(wanted)
            before = await self.live()
            await self._keep(before.menus, "found")
            changed = before.source == "console" or before.menus != wanted
            if changed:
                await self._replace_or_undo(before, wanted)
                log.info("menus.pushed source=%s conditional=%d", source, len(wanted.conditional))
            version = await self._keep(wanted, source)
            seen = [await self._witness(wanted, openid) for openid in witnesses]
        return Pushed(version, changed, tuple(seen))

    async def rollback(self, version: int | None = None, *, witnesses: Iterable[str] = ()) -> Pushed:
        """Go back to a version, or to the newest that is not what is live. A second time undoes the first."""
        return await self.push(await self.version(version), source="rollback", witnesses=witnesses)

    async def delete(self) -> Pushed:
        """Take every menu away."""
        return await self.push(MenuSet(), source="delete")

    async def history(self) -> list[MenuVersion]:
        """Return every version, the newest first."""
        return await self._store.read(lambda tx: tx.menus.all())

    async def version(self, number: int | None) -> MenuSet:
        """Return what ``rollback`` would go back to. ``NotFound``; ``NotAllowed`` if only the console makes it."""
        versions = await self.history()
        if number is None:
            live = (await self.live()).menus
            found = next((each for each in versions if from_wire(each.content) != live), None)
            if found is None:
                raise NotFound("没有更早的菜单可以恢复；menu history 看有哪些")
        else:
            found = next((each for each in versions if each.version == number), None)
            if found is None:
                raise NotFound(f"没有第 {number} 版菜单；menu history 看有哪些")
        menus = from_wire(found.content)
        if strange := sorted({each.type for each in leaves(menus.default) if each.type not in FIELDS}):
            kinds = "、".join(strange)
            raise NotAllowed(
                f"第 {found.version} 版是在网页后台做的，有接口做不出来的按钮（{kinds}）；到网页后台恢复"
            )
        return menus

    # ---- replacing ----

    async def _replace_or_undo(self, before: Live, wanted: MenuSet) -> None:
        try:
            await self._replace(before, wanted)
            await self._read_back(wanted)
        except AccountError as error:
            log.warning("menus.refused errcode=%d", error.errcode)
            raise MenuRefused(f"{error}\n{await self._undone(before)}") from error

    async def _replace(self, before: Live, wanted: MenuSet) -> None:
        if not wanted.default:
            await self._account.delete()
            return
        if before.source != "api" or before.menus.default != wanted.default:
            await self._create(wanted.default)
        old, new = before.menus.conditional, wanted.conditional
        if old == new:
            return
        crowded = len(_domains((*old, *new))) > MOST_DOMAINS
        if crowded:
            await self._drop(old)
        for each in reversed(new):
            await self._add(each)
        if not crowded:
            await self._drop(old)

    async def _create(self, buttons: Buttons) -> None:
        """Replace the default menu; where the answer is lost, what is there tells."""
        try:
            await self._account.create({"button": [each.wire() for each in buttons]})
        except AccountUnknown:
            if from_api(await self._account.by_api()).default != buttons:
                raise

    async def _drop(self, menus: Iterable[Conditional]) -> None:
        for each in menus:
            try:
                await self._account.delete_conditional(each.menuid)
            except AccountUnknown:
                there = from_api(await self._account.by_api()).conditional
                if any(one.menuid == each.menuid for one in there):
                    raise

    async def _add(self, menu: Conditional) -> None:
        """Add a conditional menu once, even where the answer is lost: what is there then tells."""
        known = {each.menuid for each in from_api(await self._account.by_api()).conditional}
        try:
            await self._account.add_conditional(menu.wire())
        except AccountUnknown:
            there = from_api(await self._account.by_api()).conditional
            if not any(each == menu and each.menuid not in known for each in there):
                await self._account.add_conditional(menu.wire())

    async def _read_back(self, wanted: MenuSet) -> None:
        for pause in READ_BACK_SECONDS:
            await self._pause(pause)
            live = await self.live()
            if live.menus == wanted and live.source != "console":
                return
        raise AccountUnknown("an answer that is not what was pushed")

    async def _undone(self, before: Live) -> str:
        """Put back what was live, and say what is live now."""
        try:
            now = await self.live()
            if (now.menus, now.source) == (before.menus, before.source):
                return SAME
            if before.source == "console" and any(each.type not in FIELDS for each in leaves(before.menus.default)):
                return "原来的菜单是在网页后台做的，接口恢复不了；到网页后台看看现在是什么"
            await self._replace(now, before.menus)
            await self._read_back(before.menus)
        except AccountError as error:
            log.warning("menus.not_undone errcode=%d", error.errcode)
            return HALF
        return RESTORED

    # ---- helpers ----

    async def _witness(self, wanted: MenuSet, openid: str) -> Witness:
        try:
            seen = read_buttons((await self._account.try_match(openid)).get("button"))
            tags = await self.tags() if any(each.rule.tag_id for each in wanted.conditional) else {}
        except AccountError as error:
            return Witness(openid, "", str(error))
        titles = [title for title, buttons in wanted.menus(tags) if buttons == seen]
        return Witness(openid, titles[0]) if titles else Witness(openid, "", "看到的不是这次的任何一份菜单")

    async def _keep(self, menus: MenuSet, source: str) -> int:
        """Keep a version, unless the newest is the same already."""
        content, now = menus.wire(), self._clock.now()

        def work(tx: Tx) -> int:
            newest = next(iter(tx.menus.all()), None)
            if newest is not None and newest.content == content:
                return newest.version
            return tx.menus.add(content, source, now)

        return await self._store.write(work, durable=True)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Let one change at a time go on, among all processes."""
        holder, now = secrets.token_hex(8), self._clock.now()
        if not await self._store.write(lambda tx: tx.leases.take("menu", holder, now, now + LEASE)):
            raise NotAllowed("另一个 menu 命令正在改菜单；等它结束再试")
        try:
            yield
        finally:
            await self._store.write(lambda tx: tx.leases.leave(holder))


def _domains(menus: Iterable[Conditional]) -> list[str]:
    return domains_of(dict(leaf.values).get("url", "") for each in menus for leaf in leaves(each.buttons))


def _outline(buttons: Buttons) -> list[tuple[str, list[str]]]:
    """Return the names alone: the console tells some types in other words."""
    return [(each.name, [entry.name for entry in each.sub]) for each in buttons]
