"""The in-WeChat browser: a reverse proxy to the shop with WeChat's bridge in every page, a cookie jar per follower.

A visitor without the follower's cookie is an ordinary browser on the shop's public address, and passes untouched.
"""

import dataclasses
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from tornado.escape import json_decode
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders
from tornado.web import HTTPError, RequestHandler

from bot.simulator.book import PayRefused
from bot.simulator.cashier import Cashier
from bot.simulator.phone import FOLLOWER_COOKIE
from bot.simulator.stage import Stage

USER_AGENT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 MicroMessenger/8.0.50(0x18003230) NetType/WIFI Language/zh_CN"
)

_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "content-length",
}
_PAGE_SECONDS = 60
_BRIDGE_NEEDS = ("script-src", "connect-src")


class CookieJars:
    """The shop's cookies of every follower, kept here so that no two followers share a session."""

    def __init__(self) -> None:
        self._jars: dict[str, dict[tuple[str, str], str]] = {}  # openid → (name, path) → value

    def header(self, openid: str, path: str) -> str:
        """Return the Cookie header for a request to `path`."""
        jar = self._jars.get(openid, {})
        return "; ".join(f"{name}={value}" for (name, under), value in jar.items() if _covers(under, path))

    def keep(self, openid: str, set_cookie: str) -> None:
        """Take one Set-Cookie header; a Max-Age of 0 or an Expires in the past removes the cookie."""
        try:
            parsed = SimpleCookie(set_cookie)
        except CookieError:
            return
        for name, morsel in parsed.items():
            key = (name, morsel["path"] or "/")
            gone = morsel["max-age"] == "0" or _past(morsel["expires"]) or not morsel.value
            jar = self._jars.setdefault(openid, {})
            jar.pop(key, None)
            if not gone:
                jar[key] = morsel.coded_value

    def clear(self) -> None:
        """Empty every jar."""
        self._jars.clear()


class ProxyHandler(RequestHandler):
    """Forwards everything, byte for byte, and follows no redirect."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    def initialize(self, stage: Stage, jars: CookieJars) -> None:
        """Take the shared state."""
        self.stage = stage
        self.jars = jars

    def check_xsrf_cookie(self) -> None:
        """Whether a form is genuine is for the shop to find out."""

    def compute_etag(self) -> None:
        """Add no header of our own."""

    async def get(self) -> None:
        """Forward."""
        await self._forward()

    head = post = put = patch = delete = options = get

    async def _forward(self) -> None:
        openid = self.get_cookie(FOLLOWER_COOKIE) or ""
        follower = self.stage.people.get(openid)
        request = HTTPRequest(
            self.stage.shop_url + (self.request.uri or "/"),
            method=self.request.method or "GET",
            headers=self._headers_for_shop(openid if follower else None),
            body=self.request.body or None,
            allow_nonstandard_methods=True,
            connect_timeout=_PAGE_SECONDS,
            request_timeout=_PAGE_SECONDS,
        )
        try:
            response = await self.stage.client.fetch(request, raise_error=False)
        except (HTTPClientError, OSError) as error:
            raise HTTPError(502, "the shop does not answer") from error
        self._pass_on(response, openid if follower else None)

    def _headers_for_shop(self, openid: str | None) -> HTTPHeaders:
        headers = HTTPHeaders()
        skipped = _HOP | ({"cookie", "user-agent", "accept-encoding"} if openid else set())
        for name, value in self.request.headers.get_all():
            if name.lower() not in skipped:
                headers.add(name, value)
        headers["Host"] = self.request.host
        headers["X-Forwarded-For"] = self.request.remote_ip or ""
        headers["X-Forwarded-Proto"] = "http"
        if openid:
            headers["User-Agent"] = USER_AGENT
            if cookies := self.jars.header(openid, self.request.path):
                headers["Cookie"] = cookies
        return headers

    def _pass_on(self, response: HTTPResponse, openid: str | None) -> None:
        self.set_status(response.code, response.reason)
        for name in ("Server", "Content-Type", "Date"):
            self.clear_header(name)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        for name, value in response.headers.get_all():
            lower = name.lower()
            if lower in _HOP or (openid and lower == "x-frame-options"):
                continue
            if openid and lower == "set-cookie":
                self.jars.keep(openid, value)
            elif openid and is_page and lower == "content-security-policy":
                self.add_header(name, widened_policy(value, self.stage.url))
            else:
                self.add_header(name, value)
        body = response.body if response.buffer else b""
        if openid and is_page and body:
            policy = response.headers.get("Content-Security-Policy", "")
            body = with_bridge(body, policy)
        if self.request.method == "HEAD":
            self.set_header("Content-Length", response.headers.get("Content-Length", "0"))
        elif body:
            self.write(body)
        self.finish()


class OpenHandler(RequestHandler):
    """/__wx/open?as=<openid>&to=<url>: becomes that follower, and goes there."""

    def initialize(self, stage: Stage) -> None:
        """Take the shared state."""
        self.stage = stage

    def get(self) -> None:
        """Set the cookie and redirect."""
        openid, target = self.get_query_argument("as"), self.get_query_argument("to")
        if self.stage.people.get(openid) is None:
            raise HTTPError(404, "nobody has that openid")
        parts = urlsplit(target)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise HTTPError(400, "`to` must be an absolute http(s) address")
        if parts.netloc == urlsplit(self.stage.shop_url).netloc:
            target = self.stage.webview_url + target.removeprefix(self.stage.shop_url)
        self.set_cookie(FOLLOWER_COOKIE, openid, httponly=True, samesite="Lax")
        self.set_header("Cache-Control", "no-store")
        self.redirect(target)


class BridgeHandler(RequestHandler):
    """/__wx/bridge.js."""

    def initialize(self, script: bytes) -> None:
        """Take the script, read at the start."""
        self.script = script

    def get(self) -> None:
        """Serve it."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(self.script)


class SheetHandler(RequestHandler):
    """What a sheet of the bridge asks, in JSON, as the follower that the cookie names."""

    stage: Stage

    def check_xsrf_cookie(self) -> None:
        """JSON only, which no foreign form can send."""

    def asked(self) -> tuple[dict[str, Any], str]:
        """Return what is asked and who asks; 415, 403 or 400 for anything else."""
        if not self.request.headers.get("Content-Type", "").startswith("application/json"):
            raise HTTPError(415)
        openid = self.get_cookie(FOLLOWER_COOKIE) or ""
        if self.stage.people.get(openid) is None:
            raise HTTPError(403)
        told = json_decode(self.request.body)
        if not isinstance(told, dict):
            raise HTTPError(400)
        return told, openid


class PayHandler(SheetHandler):
    """/__wx/pay/(check|confirm): what the cashier sheet asks."""

    def initialize(self, stage: Stage, cashier: Cashier) -> None:
        """Take the shared state."""
        self.stage = stage
        self.cashier = cashier

    async def post(self, step: str) -> None:
        """Answer {"sheet": …} or {"paid": true}; {"error": …} in the payer's words."""
        params, openid = self.asked()
        try:
            sheet = self.cashier.check(params, openid)
            if step == "confirm":
                await self.cashier.confirm(sheet.prepay_id, openid, wait=False)
                self.finish({"paid": True})
            else:
                self.finish({"sheet": dataclasses.asdict(sheet)})
        except PayRefused as refused:
            self.finish({"error": str(refused)})


def with_bridge(page: bytes, policy: str = "") -> bytes:
    """Return the page with the bridge's script first in its head, carrying the policy's nonce when it has one."""
    nonce = re.search(r"script-src[^;]*'nonce-([\w+/=-]+)'", policy)
    mark = f' nonce="{nonce.group(1)}"' if nonce else ""
    tag = f'<script src="/__wx/bridge.js"{mark}></script>'.encode()
    head = re.search(rb"<head(?:\s[^>]*)?>", page, re.IGNORECASE)
    at = head.end() if head else 0
    return page[:at] + tag + page[at:]


def widened_policy(policy: str, phone_origin: str) -> str:
    """Return the Content-Security-Policy with just what the bridge and the phone's frame need added."""
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        if words := part.split():
            directives.setdefault(words[0].lower(), words[1:])
    for name in _BRIDGE_NEEDS:
        sources = directives.get(name, directives.get("default-src"))
        if sources is not None and "'self'" not in sources and "*" not in sources:
            directives[name] = [*(each for each in sources if each != "'none'"), "'self'"]
    if "frame-ancestors" in directives:
        kept = [each for each in directives["frame-ancestors"] if each != "'none'"]
        directives["frame-ancestors"] = [*kept, phone_origin]
    return "; ".join(" ".join([name, *sources]) for name, sources in directives.items())


def _past(expires: str) -> bool:
    try:
        return bool(expires) and parsedate_to_datetime(expires) < datetime.now(UTC)
    except (TypeError, ValueError):
        return False


def _covers(under: str, path: str) -> bool:
    return path == under or path.startswith(under if under.endswith("/") else under + "/")
