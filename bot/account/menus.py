"""The account's menu calls, each as WeChat tells it. What a menu means, and the order of calls, is bot/menus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bot.errors import AccountError, AccountUnknown

NO_MENU = 46003
NO_SUCH_MENU = 65301


class Caller(Protocol):
    """Whatever makes calls with the account's token."""

    async def call(
        self, path: str, payload: Mapping[str, Any] | None = None, *, harmless: bool = False
    ) -> Mapping[str, Any]:
        """Post ``payload``, or get the path where there is none, and return the answer."""
        ...


class AccountMenus:
    """Reads and changes menus. Every call may raise ``AccountError`` or ``AccountUnknown``."""

    def __init__(self, account: Caller) -> None:
        self._account = account

    async def by_api(self) -> Mapping[str, Any]:
        """Return the menus made by API; empty when there are none."""
        try:
            return await self._account.call("/cgi-bin/menu/get", harmless=True)
        except AccountError as error:
            if error.errcode != NO_MENU:
                raise
        return {}

    async def shown(self) -> Mapping[str, Any]:
        """Return what is shown, wherever it was made, in the shape of the web console."""
        return await self._account.call("/cgi-bin/get_current_selfmenu_info", harmless=True)

    async def create(self, menu: Mapping[str, Any]) -> None:
        """Replace the default menu; conditional menus stay."""
        await self._account.call("/cgi-bin/menu/create", menu, harmless=True)

    async def delete(self) -> None:
        """Delete every menu, conditional ones too."""
        try:
            await self._account.call("/cgi-bin/menu/delete", harmless=True)
        except AccountError as error:
            if error.errcode != NO_MENU:
                raise

    async def add_conditional(self, menu: Mapping[str, Any]) -> str:
        """Add a menu that goes before the older ones, and return its number. A repeat would add another."""
        answer = await self._account.call("/cgi-bin/menu/addconditional", menu)
        if not answer.get("menuid"):
            raise AccountUnknown("an answer without menuid")
        return str(answer["menuid"])

    async def delete_conditional(self, menuid: str) -> None:
        """Delete a conditional menu; quiet when it is gone already."""
        try:
            await self._account.call("/cgi-bin/menu/delconditional", {"menuid": menuid}, harmless=True)
        except AccountError as error:
            if error.errcode != NO_SUCH_MENU:
                raise

    async def try_match(self, openid: str) -> Mapping[str, Any]:
        """Return the menu that a follower sees."""
        return await self._account.call("/cgi-bin/menu/trymatch", {"user_id": openid}, harmless=True)

    async def tags(self) -> Mapping[str, str]:
        """Return the names of the account's tags by number."""
        listed = (await self._account.call("/cgi-bin/tags/get", harmless=True)).get("tags")
        if not isinstance(listed, list):
            raise AccountUnknown("an answer without tags")
        return {str(each["id"]): str(each["name"]) for each in listed if isinstance(each, Mapping)}
