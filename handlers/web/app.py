"""The web application: every address on one page, and an access log that names no person."""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from tornado.httputil import HTTPConnection, HTTPMessageDelegate
from tornado.web import Application, RequestHandler

from bot.shop import Shop
from bot.store import Tx
from handlers.chat.inbox import Inbox
from handlers.chat.robot import Robot
from handlers.web.callback import Call
from handlers.web.gateway import Gateway
from handlers.web.gifts import gift_routes
from handlers.web.groups import group_routes
from handlers.web.membership import MyMembership
from handlers.web.metrics import Metrics
from handlers.web.mydata import MyData
from handlers.web.myorders import order_routes
from handlers.web.notices import PayNotice
from handlers.web.pages import page_routes
from handlers.web.quiet import Quiet
from handlers.web.remind import remind_routes
from handlers.web.rewards import reward_routes

log = logging.getLogger("zhike.web")
HERE = Path(__file__).parent
FOR_EVER = timedelta(days=36500)


class Health(Quiet):
    """Says that the server takes requests."""

    def get(self) -> None:
        """Answer 200."""
        self.finish({"status": "ok"})


class NotFound(Quiet):
    """Everything else: an empty 404 that shows nothing of us."""

    def prepare(self) -> None:
        """Answer 404."""
        self.set_status(404)
        self.finish()


class Site(Application):
    """All addresses: the gateway's own, which has the shortest way, and the pages, which have routes."""

    def __init__(self, gateway: Gateway, routes: list[Any], **settings: Any) -> None:
        super().__init__(routes, **settings)
        self._gateway = gateway

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Take one request, wherever it goes."""
        pages = super().start_request
        return Call(self._gateway.take, request_conn, lambda: pages(server_conn, request_conn))


def make_app(shop: Shop) -> Site:
    """Wire the addresses to a shop; nothing listens yet."""
    robot = Robot(shop.config.wechat)
    inbox = Inbox(shop, robot)
    gateway = Gateway(robot, inbox, shop.clock, shop.config.wechat.mode, shop.counters)
    return Site(
        gateway,
        [
            ("/pay/notify", PayNotice, {"shop": shop}),
            ("/pay/refund-notify", PayNotice, {"shop": shop}),
            ("/pay/transfer-notify", PayNotice, {"shop": shop}),
            ("/healthz", Health),
            ("/metrics", Metrics, {"shop": shop}),
            *page_routes(shop),
            *group_routes(shop),
            *gift_routes(shop),
            *reward_routes(shop),
            ("/my-data", MyData, {"shop": shop}),
            ("/my-membership", MyMembership, {"shop": shop}),
            *order_routes(shop),
            *remind_routes(shop),
        ],
        cookie_secret=cookie_secret(shop),
        template_path=str(HERE / "templates"),
        static_path=str(HERE / "static"),
        default_handler_class=NotFound,
        log_function=_access,
        compress_response=False,
    )


def cookie_secret(shop: Shop) -> str:
    """Return the secret that signs sessions: made once, shared by all workers through the store."""
    now = shop.clock.now()

    def work(tx: Tx) -> str:
        kept = tx.tokens.get("secret", "cookie", now)
        if kept is not None:
            return kept[0]
        fresh = secrets.token_hex(32)
        tx.tokens.put("secret", "cookie", fresh, now + FOR_EVER)
        return fresh

    return shop.store.write_now(work, durable=True)


def _access(handler: RequestHandler) -> None:
    """Log path, status and duration; never the query, which holds signatures and openids."""
    status = handler.get_status()
    if status >= 500:  # noqa: PLR2004
        log.error("web.error path=%s status=%d", handler.request.path, status)
    elif log.isEnabledFor(logging.DEBUG):
        milliseconds = handler.request.request_time() * 1000
        log.debug("web.done path=%s status=%d ms=%.1f", handler.request.path, status, milliseconds)
