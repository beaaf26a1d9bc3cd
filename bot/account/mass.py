"""Messages to many followers at once: sending, previewing, asking what became of them, and what is left to send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.account.tags import Caller
from bot.errors import AccountError, AccountUnknown

MASS_SEND, MASS_SENDALL = "/cgi-bin/message/mass/send", "/cgi-bin/message/mass/sendall"
ALREADY_SENT = 45065  # this clientmsgid was taken before; the answer names the message
TOO_SOON = 45066  # ... and less than a minute ago


class MassCalls:
    """Every call may raise ``AccountError`` (nobody got anything) or ``AccountUnknown`` (somebody may have)."""

    def __init__(self, client: Caller) -> None:
        self._client = client

    async def send(self, openids: Sequence[str], content: str, client_msg_id: str) -> int:
        """Send a text to 2 to 10,000 followers; return the message's number.

        Repeating with the same ``client_msg_id`` within a day sends nothing twice and returns the same number.
        """
        return await self._send(MASS_SEND, {"touser": list(openids)}, content, client_msg_id)

    async def send_to_tag(self, tag_id: int, content: str, client_msg_id: str) -> int:
        """Do the same for everybody who carries a tag."""
        return await self._send(
            MASS_SENDALL, {"filter": {"is_to_all": False, "tag_id": tag_id}}, content, client_msg_id
        )

    async def preview(self, openid: str, content: str) -> None:
        """Show a text to one follower, without it counting as a broadcast."""
        await self._client.call(
            "/cgi-bin/message/mass/preview", {"touser": openid, "msgtype": "text", "text": {"content": content}}
        )

    async def status(self, msg_id: int) -> str:
        """Return what has become of a message: SENDING, SEND_SUCCESS, SEND_FAIL or DELETE."""
        answer = await self._client.call("/cgi-bin/message/mass/get", {"msg_id": str(msg_id)})
        return str(answer.get("msg_status", ""))

    async def calls_left(self, path: str) -> int:
        """Return how many calls of a path WeChat allows today."""
        quota = (await self._client.call("/cgi-bin/openapi/quota/get", {"cgi_path": path})).get("quota")
        if not isinstance(quota, Mapping) or not isinstance(quota.get("remain"), int):
            raise AccountUnknown("an answer without a quota")
        return int(quota["remain"])

    async def _send(self, path: str, to: Mapping[str, Any], content: str, client_msg_id: str) -> int:
        message = {**to, "msgtype": "text", "text": {"content": content}, "clientmsgid": client_msg_id}
        try:
            answer = await self._client.call(path, message)
        except AccountError as error:
            if error.errcode != ALREADY_SENT:
                raise
            answer = error.answer
        try:
            return int(answer["msg_id"])
        except (KeyError, TypeError, ValueError):
            raise AccountUnknown("an answer without msg_id") from None
