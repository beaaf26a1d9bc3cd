"""A finding, and how a check is kept from taking for ever or from stopping the others."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tornado.httpclient import HTTPError, HTTPRequest, HTTPResponse
from tornado.iostream import StreamClosedError, UnsatisfiableReadError
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from bot.errors import ZhikeError

log = logging.getLogger("zhike.checks")


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question. ``ok`` is None when it could not or need not be asked; ``detail`` says why.

    ``check`` is a stable English name; ``detail`` and ``advice`` are for the operator, and hold no secret.
    """

    check: str
    ok: bool | None
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many seconds a check as a whole may take, and one request of it."""

    check: float = 20.0
    request: float = 8.0


Look = Callable[[], Awaitable[list[Finding]]]


class Unreachable(Exception):
    """Nothing answered; ``str(error)`` says why, in Chinese."""


async def bounded(name: str, look: Look, seconds: float) -> list[Finding]:
    """Run one check to its end or to the limit. Never raises: a check that breaks is a finding of its own."""
    try:
        async with asyncio.timeout(seconds):
            return await look()
    except TimeoutError:
        return [Finding(name, False, f"{seconds:g} 秒内没有结果", "看看机器是否太忙、网络是否通畅，然后再试一次")]
    except ZhikeError as error:
        return [Finding(name, False, str(error), "按上面的说明处理后再试一次")]
    except Exception as error:
        log.debug("checks.broke name=%s", name, exc_info=True)
        return [Finding(name, False, f"检查没有做完（{type(error).__name__}）", "再试一次；总是这样就报告这个问题")]


async def fetch(url: str, seconds: float, **options: Any) -> HTTPResponse:
    """Return whatever answers, redirects not followed. ``Unreachable`` when nothing does."""
    client = SimpleAsyncHTTPClient(force_instance=True)
    options |= {"connect_timeout": seconds, "request_timeout": seconds}
    request = HTTPRequest(url, follow_redirects=False, **options)
    try:
        return await client.fetch(request, raise_error=False)
    except (HTTPError, OSError, UnsatisfiableReadError) as error:
        raise Unreachable(_why(error)) from None
    finally:
        client.close()


WHY: Mapping[type[Exception], str] = {
    socket.gaierror: "域名解析不了",
    ssl.SSLCertVerificationError: "https 证书不被信任（过期、域名不符，或缺少中间证书）",
    ssl.SSLError: "https 握手失败",
    ConnectionRefusedError: "连接被拒绝，那里没有程序在听",
    HTTPTimeoutError: "等了很久没有应答",
    StreamClosedError: "连接被断开",
}


def _why(error: Exception) -> str:
    cause = getattr(error, "real_error", None) or error
    found = (told for kind, told in WHY.items() if isinstance(cause, kind))
    return next(found, f"连不上（{type(cause).__name__}）")
