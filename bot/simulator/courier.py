"""Carries a follower's messages and events to the callback address: signed, sealed, with three deliveries.

What the messages are is phone.py; what an acceptable reply is, replies.py.
"""

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse

from bot.simulator import crypto
from bot.simulator.messages import Value, to_xml
from bot.simulator.people import BROKEN, Follower, Received
from bot.simulator.replies import BadReply, Question, read_reply
from bot.simulator.settings import Mode
from bot.simulator.stage import Stage

_DELIVERIES = 3
_OK = 200


class Courier:
    """WeChat's side of the callback address."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def envelope(
        self, xml: str, *, timestamp: str | None = None, nonce: str | None = None, mode: Mode | None = None
    ) -> tuple[str, bytes]:
        """Return the query string and the body of a signed delivery of `xml`."""
        settings = self._stage.settings
        mode = mode or settings.mode
        timestamp = timestamp or str(int(self._stage.now()))
        nonce = nonce or crypto.nonce()
        query = {
            "signature": crypto.sorted_sha1(settings.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
        }
        if sender := re.search(r"<FromUserName>(?:<!\[CDATA\[)?([\w-]+)", xml):
            query["openid"] = sender.group(1)
        if mode == "plain":
            return urlencode(query), xml.encode()
        encrypted = crypto.seal(xml, settings.encoding_aes_key, settings.app_id)
        query["encrypt_type"] = "aes"
        query["msg_signature"] = crypto.sorted_sha1(settings.token, timestamp, nonce, encrypted)
        if mode == "compatible":
            body = xml.removesuffix("</xml>") + f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        else:
            body = to_xml({"ToUserName": settings.original_id, "Encrypt": encrypted})
        return urlencode(query), body.encode()

    def echo_query(self, echostr: str) -> str:
        """Return the query string of the GET with which WeChat checks the callback address."""
        timestamp, nonce = str(int(self._stage.now())), crypto.nonce()
        signature = crypto.sorted_sha1(self._stage.settings.token, timestamp, nonce)
        return urlencode({"signature": signature, "timestamp": timestamp, "nonce": nonce, "echostr": echostr})

    async def verify_callback(self) -> bool:
        """Save the server settings, as an operator does: True when the shop echoes the challenge exactly."""
        echo = crypto.nonce()
        url = f"{self._stage.shop_url}/wechat?{self.echo_query(echo)}"
        response = await self._fetch(HTTPRequest(url, request_timeout=self._stage.settings.delivery_timeout))
        return response is not None and response.code == _OK and response.body == echo.encode()

    async def deliver(self, follower: Follower, fields: Mapping[str, Value]) -> Received | None:
        """Deliver one message or event and show its reply. Returns it, None for silence. Raises BadReply."""
        faults = self._stage.faults
        xml = to_xml(fields)
        question = Question(follower.openid, is_event=fields.get("MsgType") == "event")
        twin = asyncio.ensure_future(self._post(xml)) if faults.take("doubled_messages") else None
        try:
            body = await self._three_times(xml)
        finally:
            if twin is not None:
                await twin
        if faults.take("repeat_messages"):
            await self._post(xml)
        return self._show(follower, question, body)

    async def report(self, fields: Mapping[str, Value]) -> None:
        """Deliver an event of the account itself: it comes from nobody, and no reply to it is shown."""
        await self._three_times(to_xml(fields))

    async def _three_times(self, xml: str) -> bytes | None:
        for _ in range(_DELIVERIES):
            body = await self._post(xml)
            if body is not None:
                return body
        return None

    async def _post(self, xml: str) -> bytes | None:
        query, body = self.envelope(xml)
        response = await self._fetch(
            HTTPRequest(
                f"{self._stage.shop_url}/wechat?{query}",
                method="POST",
                headers={"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0"},
                body=body,
                connect_timeout=self._stage.settings.delivery_timeout,
                request_timeout=self._stage.settings.delivery_timeout,
            )
        )
        return response.body if response is not None and response.code == _OK else None

    async def _fetch(self, request: HTTPRequest) -> HTTPResponse | None:
        if not self._stage.shop_url:
            return None  # the shop has not opened yet
        try:
            return await self._stage.client.fetch(request, raise_error=False)
        except (HTTPClientError, OSError):
            return None

    def _show(self, follower: Follower, question: Question, body: bytes | None) -> Received | None:
        stage = self._stage
        broken = Received("error", BROKEN, via="system", at=stage.now())
        if body is None:
            return follower.see(broken) if follower.subscribed else None
        try:
            received = read_reply(body, question, stage.settings, stage.now())
        except BadReply:
            follower.see(broken)
            raise
        if received is None or not follower.subscribed:
            return None
        return follower.see(received)
