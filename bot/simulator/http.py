"""What both simulated hosts share: recording calls and losing answers. What is answered lives elsewhere."""

import asyncio
import contextlib

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

    def record(self, status: int) -> None:
        """Keep the call for tests to look at."""
        request = self.request
        self.stage.calls.append(Call(request.path, status, request.method or "", request.query, request.body))

    async def lose(self) -> None:
        """Say nothing for as long as `hang` says, then drop the connection."""
        self.record(0)
        if self.stage.faults.hang:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), self.stage.faults.hang)
        if not self._gone.is_set():
            self.detach().close()
