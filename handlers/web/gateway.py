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

from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine, format_timestamp

from bot.counters import Counters
from bot.ports import Clock
from handlers.chat.answers import SUCCESS
from handlers.chat.inbox import Delivery, Inbox, Replayed, message_key
from handlers.chat.robot import Robot, Unreadable, read_fields

log = logging.getLogger("zhike.gateway")
BODY_CAP = 256 * 1024
FRESH_SECONDS = 300
HOLD_SECONDS = 1.0
PLAIN = "text/plain; charset=utf-8"  # even with XML in it: that is what WeChat reads, and no browser runs it


class _Refused(Exception):
    """A request that gets an empty answer of this status."""

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.status = status


class Gateway:
    """GET answers WeChat's echo test, POST takes messages.

    It is called with each request, as Tornado's router allows: a ``RequestHandler`` makes a message dearer by as
    much as reading and writing it costs.
    """

    def __init__(self, robot: Robot, inbox: Inbox, clock: Clock, mode: str, counters: Counters) -> None:
        self._robot = robot
        self._inbox = inbox
        self._clock = clock
        self._mode = mode
        self._counters = counters
        self._under_way: set[asyncio.Task[None]] = set()
        self._date = (0, "")

    def __call__(self, request: HTTPServerRequest) -> None:
        """Take one request that has come whole; it is answered when its reply is ready."""
        task = asyncio.get_running_loop().create_task(self._serve(request))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _serve(self, request: HTTPServerRequest) -> None:
        status = 200
        try:
            self._check(request)
            body = await self._post(request) if request.method == "POST" else _query(request, "echostr")
        except _Refused as refusal:
            log.warning("gateway.refused why=%s", refusal)
            self._counters.refusals[str(refusal).partition(":")[0]] += 1
            status, body = refusal.status, ""
        except Exception:
            log.exception("gateway.broke")
            status, body = 500, ""
        if body is None:
            _drop(request)
        else:
            self._send(request, status, body.encode())

    def _send(self, request: HTTPServerRequest, status: int, body: bytes) -> None:
        headers = HTTPHeaders()
        if status == 200:  # noqa: PLR2004  a refusal has no content
            headers["Content-Type"] = PLAIN
        headers["Date"] = self._now_as_date()
        headers["Content-Length"] = str(len(body))
        assert request.connection is not None, "it came by one"
        request.connection.write_headers(ResponseStartLine("HTTP/1.1", status, responses[status]), headers, body)
        request.connection.finish()

    def _now_as_date(self) -> str:
        """Return the time as HTTP writes it, made once a second."""
        second = int(time.time())
        if second != self._date[0]:
            self._date = second, format_timestamp(second)
        return self._date[1]

    def _check(self, request: HTTPServerRequest) -> None:
        """Refuse what is too large, forged or stale, before anything is read."""
        if len(request.body) > BODY_CAP:
            raise _Refused("too large")
        timestamp = _query(request, "timestamp")
        if not self._robot.check([timestamp, _query(request, "nonce")], _query(request, "signature")):
            raise _Refused("bad signature")
        if request.method not in {"GET", "POST"}:
            raise _Refused("no such method", 405)
        if request.method == "POST" and not self._fresh(timestamp):
            raise _Refused("stale")

    async def _post(self, request: HTTPServerRequest) -> str | None:
        """Answer one delivery of a message; None when it is to get no answer at all."""
        fields, encrypted = self._open(request)
        if fields is None:
            return SUCCESS
        try:
            message = self._robot.message(fields)
        except Unreadable as error:
            if fields.get("ToUserName") != self._robot.original_id:
                raise _Refused("not for this account") from None
            log.info("gateway.not_understood why=%s", error)
            return SUCCESS
        # With its time in front, which it signs: the book of messages is then written at its end, not all over.
        signature = _query(request, "timestamp") + _query(request, "signature")
        try:
            reply = await self._inbox.answer(Delivery(message, message_key(fields), signature))
        except Replayed:
            raise _Refused("replayed") from None
        if reply is None:
            # Saying nothing makes WeChat repeat the message; the repeat joins the job that is still running.
            await asyncio.sleep(HOLD_SECONDS)
            return None
        return self._robot.seal(reply) if encrypted and reply != SUCCESS else reply

    def _open(self, request: HTTPServerRequest) -> tuple[dict[str, str] | None, bool]:
        """Return the message's fields, decrypted if need be, and whether the reply must be encrypted."""
        try:
            fields = read_fields(request.body)
        except Unreadable as error:
            if self._mode == "safe":
                raise _Refused("unreadable in safe mode") from None
            log.info("gateway.unreadable why=%s", error)
            return None, False
        encrypted = fields.get("Encrypt")
        if self._mode == "plain":
            wants = False
        else:
            wants = self._mode == "safe" or bool(encrypted and _query(request, "encrypt_type") == "aes")
        if not wants:
            return (None, False) if "FromUserName" not in fields and encrypted else (fields, False)
        return self._decrypt(request, encrypted or ""), True

    def _decrypt(self, request: HTTPServerRequest, encrypted: str) -> dict[str, str] | None:
        parts = [_query(request, "timestamp"), _query(request, "nonce"), encrypted]
        if not encrypted or not self._robot.check(parts, _query(request, "msg_signature")):
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


def _query(request: HTTPServerRequest, name: str) -> str:
    values = request.query_arguments.get(name)
    return values[-1].decode("utf-8", "replace") if values else ""


def _drop(request: HTTPServerRequest) -> None:
    """Close the connection without an answer."""
    connection: Any = request.connection
    connection.close()
