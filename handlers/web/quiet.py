"""A request handler that says as little as possible about ourselves."""

from __future__ import annotations

from typing import Any

from tornado.web import RequestHandler


class Quiet(RequestHandler):
    """No server name, no traceback, no framework's error page."""

    def set_default_headers(self) -> None:
        """Drop the server's name."""
        self.clear_header("Server")

    def write_error(self, status_code: int, **_details: Any) -> None:
        """Answer with the status alone."""
        self.set_status(status_code)
        self.finish()
