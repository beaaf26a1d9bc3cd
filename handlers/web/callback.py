"""A request at the callback address as it comes in, without what Tornado makes ready for a page.

The routes would take the request apart twice, arguments of query and body included, which costs a message as much
as finding its courses. Reading HTTP itself stays with Tornado.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)

ADDRESS = "/wechat"
BODY_CAP = 256 * 1024
_PLAIN_QUERY = re.compile(r"[\w.=&-]{0,500}", re.ASCII)  # nothing to unquote: what WeChat sends
_MOST_PARAMETERS = 1_000
_HOST = re.compile(r"(?:[\w.~!$&'()*+;=:\[\]-]|%[0-9A-Fa-f]{2})*", re.ASCII)


class Call(HTTPMessageDelegate):
    """One request: at the callback address it is gathered and taken, at any other it goes to the ``pages``.

    Whoever takes it answers by its ``connection``, or with ``send`` where it is ``plain``. Of a body over
    ``BODY_CAP`` only so much is kept that it shows.
    """

    def __init__(
        self, take: Callable[[Call], None], connection: HTTPConnection, pages: Callable[[], HTTPMessageDelegate]
    ) -> None:
        self.connection = connection
        self.method = ""
        self.plain = False
        self.query: dict[str, str] = {}
        self.body = bytearray()
        self._take = take
        self._pages = pages
        self._page: HTTPMessageDelegate | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Look where it goes; ``HTTPInputError``, a 400, when it is not as HTTP asks."""
        assert isinstance(start_line, RequestStartLine), "a server gets requests"
        address, _, query = start_line.path.partition("?")
        if address != ADDRESS:
            self._page = self._pages()
            return self._page.headers_received(start_line, headers)
        _check_host(headers, start_line.version)
        self.method, self.query = start_line.method, read_query(query)
        self.plain = self.method == "POST" and _stays_open(self.connection, start_line.version, headers)
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take some of the body."""
        if self._page is not None:
            return self._page.data_received(chunk)
        if len(self.body) <= BODY_CAP:
            self.body += chunk
        return None

    def finish(self) -> None:
        """Hand it over: it has come whole."""
        if self._page is not None:
            self._page.finish()
        else:
            self._take(self)

    def on_connection_close(self) -> None:
        """Forget it: the rest will not come."""
        if self._page is not None:
            self._page.on_connection_close()

    def send(self, response: bytes) -> None:
        """Answer a ``plain`` call with a whole response, head included; the next request is read when it is out.

        Tornado would put the head together for each response anew, though it is always the same.
        """
        connection: Any = self.connection
        if connection.stream.closed():
            return
        sent = connection.stream.write(response)
        if sent.done():
            connection.finish()
        else:
            sent.add_done_callback(lambda _sent: connection.finish())


def read_query(query: str) -> dict[str, str]:
    """Return the parameters of a query, of each its last value. ``HTTPInputError`` when there are too many."""
    if _PLAIN_QUERY.fullmatch(query):
        return {name: value for name, _, value in [each.partition("=") for each in query.split("&") if each]}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1", max_num_fields=_MOST_PARAMETERS)
    except ValueError as error:
        raise HTTPInputError(f"Invalid query string: {error}") from None
    return {name: value.encode("latin-1").decode("utf-8", "replace") for name, value in pairs}


def _stays_open(connection: Any, version: str, headers: HTTPHeaders) -> bool:
    """Tell whether the connection outlives the request and no header of the response need say so."""
    return version == "HTTP/1.1" and "Connection" not in headers and not connection.params.no_keep_alive


def _check_host(headers: HTTPHeaders, version: str) -> None:
    """Refuse what names no host, or several; HTTP/1.0 need not name one."""
    host = headers.get("Host", "" if version == "HTTP/1.0" else None)
    if host is None or not _HOST.fullmatch(host):
        raise HTTPInputError(f"Missing or invalid Host header: {host!r}")
