"""Running the server: bind, fork workers, serve until told to stop, then finish what is under way."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.process import fork_processes

from bot.config import Config
from bot.shop import Shop, open_shop
from bot.store.sqlite import migrate
from handlers.chat.told import teller
from handlers.web.app import make_app

LARGEST_BODY = 1024 * 1024
LAST_WORDS_SECONDS = 6.0


def serve(config: Config, port: int, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``say`` gets the one line that tells where."""
    sockets = bind_sockets(port, config.server.host)
    bound = sockets[0].getsockname()[1]
    say(f"listening on http://{config.server.host}:{bound}")
    if config.server.workers != 1:
        migrate(config.store.path)  # once, before there are several to do it
        fork_processes(config.server.workers)
    shop = open_shop(config, tell=teller(config.server.public_url))
    try:
        asyncio.run(_serve(shop, sockets))
    finally:
        shop.close()


async def _serve(shop: Shop, sockets: list[socket.socket]) -> None:
    await shop.suggestions.refresh(shop.store, shop.clock.now())
    shop.suggestions.words("热身")
    server = HTTPServer(
        make_app(shop), max_body_size=LARGEST_BODY, xheaders=bool(shop.config.server.trusted_proxies)
    )
    server.add_sockets(sockets)
    gc.collect()
    gc.freeze()  # what the start made lives for ever; the collector need not look at it again
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    jobs = asyncio.create_task(shop.jobs.run_forever())
    sys.stdout.flush()
    await stop.wait()
    server.stop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            await server.close_all_connections()
    jobs.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await jobs
