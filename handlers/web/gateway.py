"""The callback address of the official account: what is refused at the door, and what reaches the inbox.

Order: size, signature, freshness, mode and envelope, shape, account. A refusal is an empty 403 and stops. A signed
message that cannot be understood gets plain ``success``. WeChat never sees a 5xx.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NoReturn

from tornado.web import Finish

from bot.counters import Counters
from bot.ports import Clock
from handlers.chat.answers import SUCCESS
from handlers.chat.inbox import Delivery, Inbox, Replayed, message_key
from handlers.chat.robot import Robot, Unreadable, read_fields
from handlers.web.quiet import Quiet

log = logging.getLogger("zhike.gateway")
BODY_CAP = 256 * 1024
FRESH_SECONDS = 300
HOLD_SECONDS = 1.0


class Gateway(Quiet):
    """GET answers WeChat's echo test, POST takes messages."""

    def initialize(self, robot: Robot, inbox: Inbox, clock: Clock, mode: str, counters: Counters) -> None:
        """Take what the application hands to every request."""
        self._robot = robot
        self._inbox = inbox
        self._clock = clock
        self._mode = mode
        self._counters = counters

    def set_default_headers(self) -> None:
        """Answer plain text, even with XML in it: that is what WeChat reads, and no browser runs it."""
        super().set_default_headers()
        self.set_header("Content-Type", "text/plain; charset=utf-8")

    def prepare(self) -> None:
        """Refuse what is too large, forged or stale, before anything is read."""
        if len(self.request.body) > BODY_CAP:
            self._refuse("too large")
        timestamp, nonce = self._query("timestamp"), self._query("nonce")
        if not self._robot.check([timestamp, nonce], self._query("signature")):
            self._refuse("bad signature")
        if self.request.method == "POST" and not self._fresh(timestamp):
            self._refuse("stale")

    def get(self) -> None:
        """Echo, so that WeChat knows the address is ours. Saving the settings twice sends the same echo twice."""
        self.finish(self._query("echostr"))

    async def post(self) -> None:
        """Answer one delivery of a message."""
        fields, encrypted = self._open()
        if fields is None:
            self.finish(SUCCESS)
            return
        try:
            message = self._robot.message(fields)
        except Unreadable as error:
            if fields.get("ToUserName") != self._robot.original_id:
                self._refuse("not for this account")
            log.info("gateway.not_understood why=%s", error)
            self.finish(SUCCESS)
            return
        reply = await self._reply(message, fields)
        if reply is not None:
            self.finish(self._robot.seal(reply) if encrypted and reply != SUCCESS else reply)

    async def _reply(self, message: Any, fields: dict[str, str]) -> str | None:
        delivery = Delivery(message, message_key(fields), self._query("signature"))
        try:
            reply = await self._inbox.answer(delivery)
        except Replayed:
            self._refuse("replayed")
        if reply is None:
            # Saying nothing makes WeChat repeat the message; the repeat joins the job that is still running.
            await asyncio.sleep(HOLD_SECONDS)
            self._drop()
        return reply

    def _open(self) -> tuple[dict[str, str] | None, bool]:
        """Return the message's fields, decrypted if need be, and whether the reply must be encrypted."""
        try:
            fields = read_fields(self.request.body)
        except Unreadable as error:
            if self._mode == "safe":
                self._refuse("unreadable in safe mode")
            log.info("gateway.unreadable why=%s", error)
            return None, False
        encrypted = fields.get("Encrypt")
        wants = self._query("encrypt_type") == "aes"
        if self._mode == "plain" or (self._mode == "compatible" and not (encrypted and wants)):
            return (None, False) if "FromUserName" not in fields and encrypted else (fields, False)
        return self._decrypt(encrypted or ""), True

    def _decrypt(self, encrypted: str) -> dict[str, str] | None:
        parts = [self._query("timestamp"), self._query("nonce"), encrypted]
        if not encrypted or not self._robot.check(parts, self._query("msg_signature")):
            self._refuse("bad msg_signature")
        try:
            plain = self._robot.open_envelope(encrypted)
        except Unreadable as error:
            self._refuse(str(error))
        try:
            return read_fields(plain)
        except Unreadable as error:
            log.info("gateway.unreadable why=%s", error)
            return None

    def _fresh(self, timestamp: str) -> bool:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):  # noqa: PLR2004
            return False
        return abs(self._clock.now().timestamp() - int(timestamp)) <= FRESH_SECONDS

    def _query(self, name: str) -> str:
        values = self.request.query_arguments.get(name)
        return values[-1].decode("utf-8", "replace") if values else ""

    def _refuse(self, why: str) -> NoReturn:
        log.warning("gateway.refused why=%s", why)
        self._counters.refusals[why.partition(":")[0]] += 1
        self.set_status(403)
        self.clear_header("Content-Type")
        self.finish()
        raise Finish

    def _drop(self) -> None:
        """Close the connection without an answer."""
        self._finished = True
        connection: Any = self.request.connection
        connection.close()
