"""Notices by the account's templates: template messages, 订阅通知, 一次性订阅消息. Implements ``ports.Notifier``.

What is in them, and who gets them, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bot.reach.once import SCENE, Letter


class Caller(Protocol):
    """Whatever makes calls with the account's token."""

    async def call(self, path: str, payload: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Post ``payload`` and return the answer."""
        ...


class AccountNotifier:
    """Sends notices. Every call may raise ``AccountError`` (a clear no) or ``AccountUnknown`` (unclear)."""

    def __init__(self, account: Caller) -> None:
        self._account = account

    async def send_template(
        self, openid: str, template_id: str, data: Mapping[str, str], *, url: str, client_msg_id: str
    ) -> str:
        """Send a template message and return WeChat's number of it, empty when it gave none."""
        notice = {"touser": openid, "template_id": template_id, "client_msg_id": client_msg_id}
        answer = await self._account.call("/cgi-bin/message/template/send", _with(notice, data, url=url))
        return str(answer.get("msgid", ""))

    async def send_subscribe(self, openid: str, template_id: str, data: Mapping[str, str], *, page: str) -> None:
        """Send a 订阅通知, which uses up one consent."""
        notice = {"touser": openid, "template_id": template_id}
        await self._account.call("/cgi-bin/message/subscribe/bizsend", _with(notice, data, page=page))

    async def send_once(self, openid: str, template_id: str, letter: Letter) -> None:
        """Send a 一次性订阅消息, which uses up the one consent."""
        notice = {"touser": openid, "template_id": template_id, "scene": str(SCENE), "title": letter.title}
        path = "/cgi-bin/message/template/subscribe"
        await self._account.call(path, _with(notice, {"content": letter.text}, url=letter.url))


def _with(notice: Mapping[str, str], data: Mapping[str, str], **link: str) -> dict[str, Any]:
    """Add the fields, and the link if there is one."""
    shown = {name: address for name, address in link.items() if address}
    return {**notice, **shown, "data": {name: {"value": value} for name, value in data.items()}}
