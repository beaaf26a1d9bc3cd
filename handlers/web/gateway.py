"""The callback address of the official account: what is refused at the door, and what reaches the inbox.

Order: size, signature, freshness, mode and envelope, shape, account. A refusal is an empty 403 and stops. A signed
message that cannot be understood gets plain ``success``. WeChat never sees a 5xx.
"""

from __future__ import annotations

import asyncio
import logging
import time
from http.client import responses
from typing import Any

from tornado.httputil import HTTPHeaders, ResponseStartLine, format_timestamp

from bot.counters import Counters
from bot.ports import Clock
from handlers.chat.answers import SUCCESS
from handlers.chat.inbox import Delivery, Inbox, Replayed, message_key
from handlers.chat.robot import Robot, Unreadable, read_fields
from handlers.web.callback import BODY_CAP, Call

log = logging.getLogger("zhike.gateway")
FRESH_SECONDS = 300
HOLD_SECONDS = 1.0
PLAIN = "text/plain; charset=utf-8"  # even with XML in it: that is what WeChat reads, and no browser runs it

PLAIN_HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {PLAIN}\r\nDate: %s\r\nContent-Length: %d\r\n\r\n".encode()


class _Refused(Exception):
    """A request that gets an empty answer of this status."""

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.status = status


class Gateway:
    """GET answers WeChat's echo test, POST takes messages.

    What can be answered at once is; only a message that goes to the inbox gets a task of its own.
    """

    def __init__(self, robot: Robot, inbox: Inbox, clock: Clock, mode: str, counters: Counters) -> None:
        self._robot = robot
        self._inbox = inbox
        self._clock = clock
        self._mode = mode
        self._counters = counters
        self._under_way: set[asyncio.Task[None]] = set()
        self._date = (0, "")

    def take(self, call: Call) -> None:
        """Take one request that has come whole; it is answered when its reply is ready."""
        try:
            self._check(call)
            delivery, encrypted = self._read(call) if call.method == "POST" else (None, False)
        except Exception as error:  # noqa: BLE001  whatever it is, there is an answer to it
            self._turn_away(call, error)
            return
        if delivery is None:
            self._send(call, 200, SUCCESS if call.method == "POST" else call.query.get("echostr", ""))
            return
        task = asyncio.get_running_loop().create_task(self._answer(call, delivery, encrypted=encrypted))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _answer(self, call: Call, delivery: Delivery, *, encrypted: bool) -> None:
        try:
            reply = await self._inbox.answer(delivery)
            body = self._robot.seal(reply) if encrypted and reply not in {None, SUCCESS} else reply
        except Replayed:
            self._turn_away(call, _Refused("replayed"))
            return
        except Exception as error:  # noqa: BLE001  as above
            self._turn_away(call, error)
            return
        if body is not None:
            self._send(call, 200, body)
            return
        # Saying nothing makes WeChat repeat the message; the repeat joins the job that is still running.
        await asyncio.sleep(HOLD_SECONDS)
        _drop(call)

    def _turn_away(self, call: Call, error: Exception) -> None:
        """Answer what was refused, or broke, with a status and nothing else."""
        if isinstance(error, _Refused):
            log.warning("gateway.refused why=%s", error)
            self._counters.refusals[str(error).partition(":")[0]] += 1
            self._send(call, error.status)
        else:
            log.error("gateway.broke", exc_info=error)
            self._send(call, 500)

    def _send(self, call: Call, status: int, text: str = "") -> None:
        body = text.encode()
        if call.plain and status == 200:  # noqa: PLR2004  as below
            call.send(PLAIN_HEAD % (self._now_as_date().encode(), len(body)) + body)
            return
        headers = HTTPHeaders()
        if status == 200:  # noqa: PLR2004  a refusal has no content
            headers["Content-Type"] = PLAIN
        headers["Date"] = self._now_as_date()
        headers["Content-Length"] = str(len(body))
        call.connection.write_headers(ResponseStartLine("HTTP/1.1", status, responses[status]), headers, body)
        call.connection.finish()

    def _now_as_date(self) -> str:
        """Return the time as HTTP writes it, made once a second."""
        second = int(time.time())
        if second != self._date[0]:
            self._date = second, format_timestamp(second)
        return self._date[1]

    def _check(self, call: Call) -> None:
        """Refuse what is too large, forged or stale, before anything is read."""
        if len(call.body) > BODY_CAP:
            raise _Refused("too large")
        timestamp = call.query.get("timestamp", "")
        if not self._robot.check([timestamp, call.query.get("nonce", "")], call.query.get("signature", "")):
            raise _Refused("bad signature")
        if call.method not in {"GET", "POST"}:
            raise _Refused("no such method", 405)
        if call.method == "POST" and not self._fresh(timestamp):
            raise _Refused("stale")

    def _read(self, call: Call) -> tuple[Delivery | None, bool]:
        """Return the delivery of a message, None when it cannot be understood, and whether it came encrypted."""
        fields, encrypted = self._open(call)
        if fields is None:
            return None, encrypted
        try:
            message = self._robot.message(fields)
        except Unreadable as error:
            if fields.get("ToUserName") != self._robot.original_id:
                raise _Refused("not for this account") from None
            log.info("gateway.not_understood why=%s", error)
            return None, encrypted
        # With its time in front, which it signs: the book of messages is then written at its end, not all over.
        signature = call.query["timestamp"] + call.query["signature"]
        return Delivery(message, message_key(fields), signature), encrypted

    def _open(self, call: Call) -> tuple[dict[str, str] | None, bool]:
        """Return the message's fields, decrypted if need be, and whether the reply must be encrypted."""
        try:
            fields = read_fields(call.body)
        except Unreadable as error:
            if self._mode == "safe":
                raise _Refused("unreadable in safe mode") from None
            log.info("gateway.unreadable why=%s", error)
            return None, False
        encrypted = fields.get("Encrypt")
        if self._mode == "plain":
            wants = False
        else:
            wants = self._mode == "safe" or bool(encrypted and call.query.get("encrypt_type", "") == "aes")
        if not wants:
            return (None, False) if "FromUserName" not in fields and encrypted else (fields, False)
        return self._decrypt(call, encrypted or ""), True

    def _decrypt(self, call: Call, encrypted: str) -> dict[str, str] | None:
        parts = [call.query.get("timestamp", ""), call.query.get("nonce", ""), encrypted]
        if not encrypted or not self._robot.check(parts, call.query.get("msg_signature", "")):
            raise _Refused("bad msg_signature")
        try:
            plain = self._robot.open_envelope(encrypted)
        except Unreadable as error:
            raise _Refused(str(error)) from None
        try:
            return read_fields(plain)
        except Unreadable as error:
            log.info("gateway.unreadable why=%s", error)
            return None

    def _fresh(self, timestamp: str) -> bool:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):  # noqa: PLR2004
            return False
        return abs(self._clock.now().timestamp() - int(timestamp)) <= FRESH_SECONDS


def _drop(call: Call) -> None:
    """Close the connection without an answer."""
    connection: Any = call.connection
    connection.close()
