"""The web application: every address on one page, and an access log that names no person."""

from __future__ import annotations

import logging

from tornado.web import Application, RequestHandler

from bot.shop import Shop
from handlers.chat.inbox import Inbox
from handlers.chat.robot import Robot
from handlers.web.gateway import Gateway
from handlers.web.notices import PayNotice

log = logging.getLogger("zhike.web")


class Health(RequestHandler):
    """Says that the server takes requests."""

    def get(self) -> None:
        """Answer 200."""
        self.finish({"status": "ok"})


class NotFound(RequestHandler):
    """Everything else: an empty 404 that shows nothing of us."""

    def prepare(self) -> None:
        """Answer 404."""
        self.set_status(404)
        self.finish()


def make_app(shop: Shop) -> Application:
    """Wire the addresses to a shop; nothing listens yet."""
    robot = Robot(shop.config.wechat)
    inbox = Inbox(shop, robot)
    gateway = {"robot": robot, "inbox": inbox, "clock": shop.clock, "mode": shop.config.wechat.mode}
    return Application(
        [
            ("/wechat", Gateway, gateway),
            ("/pay/notify", PayNotice, {"shop": shop}),
            ("/pay/refund-notify", PayNotice, {"shop": shop}),
            ("/healthz", Health),
        ],
        default_handler_class=NotFound,
        log_function=_access,
        compress_response=False,
    )


def _access(handler: RequestHandler) -> None:
    """Log path, status and duration; never the query, which holds signatures and openids."""
    status = handler.get_status()
    if status >= 500:  # noqa: PLR2004
        log.error("web.error path=%s status=%d", handler.request.path, status)
    elif log.isEnabledFor(logging.DEBUG):
        milliseconds = handler.request.request_time() * 1000
        log.debug("web.done path=%s status=%d ms=%.1f", handler.request.path, status, milliseconds)
