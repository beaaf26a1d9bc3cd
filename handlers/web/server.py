"""Running the server: bind, fork workers, serve until told to stop, then finish what is under way."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate
from tornado.netutil import bind_sockets
from tornado.process import fork_processes

from bot.config import Config
from bot.shop import Shop, open_shop
from bot.store.sqlite import migrate
from handlers.chat.told import teller
from handlers.web.app import make_app

LARGEST_BODY = 1024 * 1024
LAST_WORDS_SECONDS = 6.0
LOOK_AGAIN_SECONDS = 0.02
READ_BYTES = 16 * 1024  # made ready for each read: a message is far smaller
IDLE_SECONDS = 1800.0
LOOK_AFTER_OBJECTS = 5_000  # the collector's first threshold: messages leave no cycles, only what is remembered
STOPS = (signal.SIGTERM, signal.SIGINT)


def serve(config: Config, port: int, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``say`` gets the one line that tells where, once requests are taken there."""
    sockets = bind_sockets(port, config.server.host)
    bound = sockets[0].getsockname()[1]
    word = _word()
    lifeline = None
    if config.server.workers != 1:
        migrate(config.store.path)  # once, before there are several to do it
        lifeline = _fork(config.server.workers)

    def ready() -> None:
        if word():
            say(f"listening on http://{config.server.host}:{bound}")

    shop = open_shop(config, tell=teller(config.server.public_url))
    try:
        asyncio.run(_serve(shop, sockets, lifeline, ready))
    finally:
        shop.close()


def _word() -> Callable[[], bool]:
    """Return what is true for the first of all workers, restarted ones included, that asks, and for no other."""
    there, here = os.pipe()
    os.write(here, b"!")
    os.close(here)
    return lambda: os.read(there, 1) != b""


def _fork(workers: int) -> socket.socket:
    """Become one of several workers; what is returned ends when they are to stop, or when their parent is gone."""
    ours, theirs = socket.socketpair()
    for number in STOPS:
        signal.signal(number, lambda _number, _frame: theirs.close())
    fork_processes(workers)  # returns in the workers only; the parent waits in it until all of them have ended
    for number in STOPS:
        signal.signal(number, signal.SIG_DFL)
    theirs.close()
    return ours


class Door(HTTPServer):
    """Believes what ``X-Forwarded-*`` and ``X-Real-Ip`` say only when the caller itself is a trusted proxy.

    Idle connections are closed by ``close_idle``: a timer for each request, as Tornado has it, costs more.
    """

    def initialize(self, *args: Any, **settings: Any) -> None:
        """Set it up as Tornado does, but for the timers."""
        super().initialize(*args, **settings)
        self.conn_params.header_timeout = None
        self._idle: set[Any] = set()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Take one request; the address of its connection decides whether its headers are believed."""
        connection: Any = request_conn
        self._idle.discard(server_conn)
        self.xheaders = connection.context.remote_ip in (self.trusted_downstream or ())
        return super().start_request(server_conn, request_conn)

    def close_idle(self) -> None:
        """Close each connection that waits for a request, or for the rest of it, since before the last time."""
        for each in self._idle & self._connections:
            if each.stream.reading():
                each.stream.close()
        self._idle = set(self._connections)

    async def close_idle_forever(self) -> None:
        """Close what was idle for ``IDLE_SECONDS``, before it is twice as long."""
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            self.close_idle()

    async def answered(self) -> None:
        """Return when no request is being worked on: each connection waits for another one, all answers are out."""
        self.conn_params.no_keep_alive = True  # whoever asks once more is not invited to do so again
        while any(not each.stream.reading() or each.stream.writing() for each in self._connections):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


def make_server(shop: Shop) -> Door:
    """Put the application behind a door; nothing listens yet."""
    proxies = list(shop.config.server.trusted_proxies)
    return Door(make_app(shop), max_body_size=LARGEST_BODY, chunk_size=READ_BYTES, trusted_downstream=proxies)


async def _serve(
    shop: Shop, sockets: list[socket.socket], lifeline: socket.socket | None, ready: Callable[[], None]
) -> None:
    await shop.suggestions.refresh(shop.store, shop.clock.now())
    shop.suggestions.words("热身")
    server = make_server(shop)
    server.add_sockets(sockets)
    gc.collect()
    gc.freeze()  # what the start made lives for ever; the collector need not look at it again
    gc.set_threshold(LOOK_AFTER_OBJECTS)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPS:
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:
        loop.add_reader(lifeline, stop.set)
    jobs = asyncio.create_task(shop.jobs.run_forever())
    idle = asyncio.create_task(server.close_idle_forever())
    ready()
    await stop.wait()
    if lifeline is not None:
        loop.remove_reader(lifeline)
    server.stop()
    idle.cancel()
    shop.jobs.stop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            await server.answered()
            await jobs
    await server.close_all_connections()
