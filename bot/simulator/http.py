"""What both simulated hosts share: recording calls, answering, losing answers. What is said lives elsewhere."""

import asyncio
import contextlib
import json
from typing import Any

from tornado.httputil import format_timestamp
from tornado.web import RequestHandler

from bot.simulator.stage import Call, Stage


class HostHandler(RequestHandler):
    """Base of the two API hosts' handlers."""

    stage: Stage

    def initialize(self, stage: Stage) -> None:
        """Take the shared state."""
        self.stage = stage
        self._gone = asyncio.Event()

    def set_default_headers(self) -> None:
        """Say as little about the server as the real hosts do."""
        self.clear_header("Server")

    def prepare(self) -> None:
        """Tell the simulated time."""
        self.set_header("Date", format_timestamp(self.stage.now()))

    def compute_etag(self) -> None:
        """APIs are not cached."""

    def on_connection_close(self) -> None:
        """Wake a lost answer when the caller has given up."""
        self._gone.set()

    def check_xsrf_cookie(self) -> None:
        """Machines call here, not pages."""

    def answer(self, status: int, body: bytes | str = b"", content_type: str = "") -> None:
        """Record the call and answer it; an empty answer has no Content-Type."""
        self._record(status)
        self.set_status(status)
        if content_type:
            self.set_header("Content-Type", content_type)
        else:
            self.clear_header("Content-Type")
        self.finish(body or None)

    async def lose(self) -> None:
        """Say nothing for as long as `hang` says, then drop the connection."""
        self._record(0)
        if self.stage.faults.hang:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), self.stage.faults.hang)
        if not self._gone.is_set():
            self.detach().close()

    def _record(self, status: int) -> None:
        request = self.request
        self.stage.calls.append(Call(request.path, status, request.method or "", request.query, request.body))


class ApiHandler(HostHandler):
    """Base of those that answer JSON to GET and POST alike: `serve` does."""

    async def get(self) -> None:
        """Answer a GET."""
        await self.serve()

    async def post(self) -> None:
        """Answer a POST."""
        await self.serve()

    async def serve(self) -> None:
        """Answer the call."""
        raise NotImplementedError


def utf8_json(told: dict[str, Any]) -> bytes:
    """Return JSON as WeChat writes it: in raw UTF-8."""
    return json.dumps(told, ensure_ascii=False).encode()
