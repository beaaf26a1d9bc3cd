"""A request handler that says as little as possible about ourselves."""

from __future__ import annotations

import logging
from typing import Any

from tornado.web import HTTPError, RequestHandler

log = logging.getLogger("zhike.web")


class Quiet(RequestHandler):
    """No server name, no traceback, no framework's error page."""

    def set_default_headers(self) -> None:
        """Drop the server's name."""
        self.clear_header("Server")

    def write_error(self, status_code: int, **_details: Any) -> None:
        """Answer with the status alone."""
        self.set_status(status_code)
        self.finish()

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what broke with its path; never the query, which Tornado would show with its codes and openids."""
        if isinstance(value, HTTPError):
            log.info("web.refused path=%s status=%d", self.request.path, value.status_code)
        else:
            log.error("web.broke path=%s", self.request.path, exc_info=(typ, value, tb))
