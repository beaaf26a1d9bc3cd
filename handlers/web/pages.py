"""The pages a follower sees: a course with its checkout, the state of an order, and the lessons of an owned course.

Who looks is decided by web authorisation and a signed cookie, never by the address. Every word is in the templates.
"""

from __future__ import annotations

import io
import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

import segno
from tornado.web import Finish, RequestHandler

from bot import access
from bot.access import Access
from bot.errors import (
    AccountError,
    AlreadyPaid,
    CannotBuy,
    CouponFault,
    CouponRefused,
    NotFound,
    PayRejected,
    PayUnknown,
)
from bot.models import Attempt, Course, Kind, Order, OrderState, Purpose, TradeType
from bot.offers.bundles import credited_titles
from bot.offers.coupons import code_in
from bot.offers.pricing import Priced, price_typed
from bot.offers.quoting import Wish
from bot.orders import NO_WISH, Outcome, Placed
from bot.shop import Shop
from bot.store import Tx
from handlers.chat import replies, replies_items
from handlers.chat.replies import yuan
from handlers.chat.replies_offers import quote_lines
from handlers.chat.replies_refunds import refund_terms
from handlers.web import items
from handlers.web.quiet import Quiet
from recsys.base import Signal

log = logging.getLogger("zhike.pages")
COOKIE = "zk"
STATE_COOKIE = "zk_state_"
CALLBACK = "/oauth/callback"
COOKIE_DAYS = 7
STATE_MINUTES = timedelta(minutes=10)
LONGEST_FEN = 12
GUESSED = (CouponFault.UNKNOWN, CouponFault.TOO_MANY_TRIES)
ASK_AFTER = timedelta(seconds=3)
CSP = "default-src 'self'; img-src 'self' https: data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Session:
    """One browser: a random id, and who uses it once WeChat has said so."""

    sid: str
    openid: str = ""


class Page(Quiet):
    """What all pages share: the session, web authorisation, honest headers, and errors as pages."""

    may_remind = False  # whether to offer consent to one message: theirs to give, and not given yet

    def initialize(self, shop: Shop) -> None:
        """Take the shop."""
        self._shop = shop

    def prepare(self) -> None:
        """Read the session; make one for a new browser."""
        kept = self.get_signed_cookie(COOKIE, max_age_days=COOKIE_DAYS)
        try:
            self._session = Session(**json.loads(kept)) if kept else Session(secrets.token_hex(16))
        except (ValueError, TypeError):
            self._session = Session(secrets.token_hex(16))
        if not kept:
            self._keep(self._session)

    def set_default_headers(self) -> None:
        """Keep the page out of caches and of other sites' frames, and other people's scripts out of it."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", CSP)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")

    def write_error(self, status_code: int, **_details: Any) -> None:
        """Show a plain page instead of a traceback."""
        self.set_status(status_code)
        self.render("message.html", kind="broken")

    @property
    def in_wechat(self) -> bool:
        """Whether the page is open inside WeChat."""
        return "MicroMessenger" in self.request.headers.get("User-Agent", "")

    @property
    def openid(self) -> str:
        """Who looks, as far as WeChat has told us; empty otherwise."""
        return self._session.openid

    def message(self, kind: str, status: int = 200) -> NoReturn:
        """Show a short page and stop."""
        self.set_status(status)
        self.render("message.html", kind=kind)
        raise Finish

    async def require_openid(self) -> None:
        """Send a browser that we do not know to WeChat and back; stops the request if so."""
        if self.openid:
            return
        if not self.in_wechat:
            self.message("open_in_wechat")
        state, wanted = secrets.token_hex(16), self.request.uri or "/"
        until = self._shop.clock.now() + STATE_MINUTES
        await self._shop.store.write(lambda tx: tx.tokens.put("oauth_state", state, wanted, until))
        # A cookie for each state, so that windows that open at the same time do not disturb each other.
        self._put_cookie(f"{STATE_COOKIE}{state}", "1", path=CALLBACK, max_age=int(STATE_MINUTES.total_seconds()))
        self.redirect(self._shop.oauth.authorize_url(f"{self._shop.config.server.public_url}{CALLBACK}", state))
        raise Finish

    def require_same_site(self) -> None:
        """Refuse a request that another site's page made in this browser."""
        if self.request.headers.get("X-Zhike") != "1":
            self.set_status(403)
            self.finish({"state": "refused"})
            raise Finish

    def _keep(self, session: Session) -> None:
        value = self.create_signed_value(COOKIE, json.dumps({"sid": session.sid, "openid": session.openid}))
        self._put_cookie(COOKIE, value.decode(), expires_days=COOKIE_DAYS)

    def _put_cookie(self, name: str, value: str, **life: Any) -> None:
        secure = self._shop.config.server.public_url.startswith("https://")
        self.set_cookie(name, value, httponly=True, secure=secure, samesite="Lax", **life)

    @property
    def _source(self) -> str:
        """Where the link stood that led here."""
        return self.get_query_argument("from", "")[:32]

    async def course(self, course_id: str) -> tuple[Course, Access]:
        """Return the course and how it is open to them; stops with 404 when it is not to be seen."""
        openid, now, once = self.openid, self._shop.clock.now(), self._shop.config.reach.once_template

        def work(tx: Tx) -> tuple[Course | None, Access]:
            found = tx.courses.get(course_id)
            theirs = access.of(tx, openid, found, now) if found is not None else Access()
            self.may_remind = bool(theirs.owned and once) and not tx.consents.remaining(openid, once)
            return found, theirs

        course, theirs = await self._shop.store.read(work)
        if course is None or not (course.on_sale or theirs.owned):
            self.message("no_course", 404)
        return course, theirs

    def wish(self, course: Course) -> Wish:
        """Return what is asked for beside the course: the coupon that the address or the form carries."""
        return Wish(coupon="" if course.free else code_in(self.get_argument("coupon", "")))

    async def priced(self, course: Course) -> Priced:
        """Return the price of now for whoever looks; a coupon that does not exist counts as a guess."""
        openid, sid, now, wish = self.openid, self._session.sid, self._shop.clock.now(), self.wish(course)

        def work(tx: Tx) -> Priced:
            return price_typed(tx, self._shop.orders, openid, course, now, wish, session=sid)

        return await (self._shop.store.write(work) if wish.coupon else self._shop.store.read(work))

    async def price_if_sold(self, course: Course) -> Priced | None:
        """Return the price of now; None for what cannot be bought."""
        try:
            return await self.priced(course)
        except CannotBuy:
            return None

    async def quote_html(self, priced: Priced) -> str:
        """Word the price line by line."""
        titles = await self._shop.store.read(lambda tx: credited_titles(tx, priced.quote.lines))
        lines = quote_lines(priced.quote.lines, titles)
        return self.render_string("quote.html", priced=priced, lines=lines, replies=replies).decode()

    async def learn_from(self, signal: Signal, course: Course) -> None:
        """Let the follower's interests follow what was done, if they may."""
        openid, now, suggestions = self.openid, self._shop.clock.now(), self._shop.suggestions

        def work(tx: Tx) -> None:
            tx.followers.ensure(openid, now)
            known = tx.followers.known(openid)
            if known is not None and known.follower.personalised:
                suggestions.touch(tx, openid, suggestions.profile(known.profile), signal, course, now)

        await self._shop.store.write(work)


class OAuthCallback(Page):
    """Where WeChat sends the browser back: one use of the state, one use of the code, then a clean address."""

    async def get(self) -> None:
        """Learn who it is and go on to where they wanted."""
        state, code = self.get_query_argument("state", ""), self.get_query_argument("code", "")
        wanted = await self._take(state) if code and self.get_cookie(f"{STATE_COOKIE}{state}") else None
        if wanted is None:
            self.message("stale_link", 400)
        self._put_cookie(f"{STATE_COOKIE}{state}", "", path=CALLBACK, max_age=0)
        try:
            identity = await self._shop.oauth.identify(code)
        except AccountError as error:
            log.warning("oauth.failed errcode=%d", error.errcode)
            self.message("stale_link", 400)
        if identity.virtual:
            self.message("snapshot", 403)
        self._keep(Session(secrets.token_hex(16), identity.openid))
        self.redirect(own_path(wanted))

    async def _take(self, state: str) -> str | None:
        """Use the state up; returns where its browser wanted to go, None when it is not valid any more."""
        now = self._shop.clock.now()
        return await self._shop.store.write(lambda tx: tx.tokens.take("oauth_state", state, now))


class CoursePage(Page):
    """One course, with the way to buy it."""

    async def get(self, course_id: str) -> None:
        """Show the course; in WeChat we know at once who looks."""
        if self.in_wechat:
            await self.require_openid()
        course, theirs = await self.course(course_id)
        if self.openid and not theirs.owned:
            await self.learn_from(Signal.VIEW, course)
        openid, now = self.openid, self._shop.clock.now()
        lessons, deal, seen = await self._shop.store.read(
            lambda tx: (
                tx.lessons.of(course_id),
                tx.groups.running(course_id, now),
                items.view(tx, openid, course, now),
            )
        )
        priced = await self.price_if_sold(course)
        self.render(
            "course.html",
            together=f"{deal.size} 人拼团价 {yuan(deal.price_fen)}"
            if deal and course.on_sale and not theirs.owned
            else "",
            course=course,
            owned=theirs.owned or seen.complete,
            member=None if course.free else theirs.until,
            lessons=lessons,
            priced=priced,
            quote=await self.quote_html(priced) if priced else "",
            source=self._source,
            within=seen.within,
            complete=seen.complete,
            plan=seen.plan,
            until=seen.until,
            would_end=seen.would_end,
            say=replies_items,
            yuan=yuan,
            price=yuan(priced.total_fen if priced else course.price_fen),
            refund_note=refund_terms(self._shop.config.refund.terms),
            in_wechat=self.in_wechat,
            sold=course.free or self._shop.config.pay.enabled,
            contact=self._shop.config.chat.human_contact,
        )


class Paying(Page):
    """A page with a button that places an order and is answered with what it must do next."""

    async def sell(self, course_id: str, wish: Wish = NO_WISH) -> None:
        """Answer JSON: ``state`` is owned, pay, scan, paid, price, retry or refused.

        ``price``: the price is not the ``total`` that was shown, or the coupon cannot be used any more; nothing was
        ordered, and ``quote`` and ``total`` are what the page is to show now; without them it is loaded again.
        """
        if self.in_wechat and not self.openid:
            self.finish({"state": "refused", "why": "session"})
            return
        shop = self._shop
        if not shop.config.pay.enabled and await shop.store.read(lambda tx: self._to_be_paid(tx, course_id)):
            self.finish({"state": "refused", "why": "no_pay"})
            return
        try:
            self.finish(await self.place(course_id, wish))
        except AlreadyPaid:
            self.finish({"state": "paid"})
        except PayUnknown:
            self.finish({"state": "retry"})
        except CannotBuy as error:
            log.info("checkout.refused course=%s why=%s", course_id, error.why)
            self.finish({"state": "refused", "why": error.why.value})
        except (NotFound, PayRejected) as error:
            log.warning("checkout.refused course=%s why=%s", course_id, error)
            self.finish({"state": "refused", "why": "course"})

    async def place(self, course_id: str, wish: Wish) -> dict[str, object]:
        """Order at the price of the wish, which is the one that was shown."""
        placed = await self._placed(course_id, wish)
        return {"state": "price"} if placed.outcome is Outcome.PRICE else await self._next(placed)

    async def _placed(self, course_id: str, wish: Wish) -> Placed:
        return await self._shop.orders.place(
            self.openid,
            course_id,
            source=self._source,
            session=self._session.sid,
            wish=wish,
            shown_fen=self._shown_fen(),
        )

    async def quoted(self, course: Course, wish: Wish) -> int | None:
        """Return what a wish costs whoever looks, in fen; None when it cannot be met."""
        openid, now, orders = self.openid, self._shop.clock.now(), self._shop.orders
        try:
            quote = await self._shop.store.read(lambda tx: orders.quote_in(tx, openid, course, now, wish))
        except CannotBuy:
            return None
        return quote.total_fen

    def _shown_fen(self) -> int | None:
        shown = self.get_argument("total", "")
        return _fen(shown) if shown else None

    def _to_be_paid(self, tx: Tx, course_id: str) -> bool:
        course = tx.courses.get(course_id)
        return course is not None and not course.free and tx.entitlements.get(self.openid, course_id) is None

    async def _next(self, placed: Placed) -> dict[str, object]:
        if placed.outcome is not Outcome.TO_PAY or placed.order is None:
            learn = f"/learn/{placed.course.course_id}" if placed.order is None else _landing(placed.order)
            return {"state": "owned", "learn": learn}
        number = placed.order.order_no
        if self.in_wechat:
            attempt = await self._shop.orders.checkout(number, TradeType.JSAPI, self.openid)
            return {"state": "pay", "order_no": number, "bridge": self._shop.gateway.bridge_params(attempt.prepay)}
        attempt = await self._shop.orders.checkout(number, TradeType.NATIVE, "")
        return {"state": "scan", "order_no": number, "qr": _qr(attempt.prepay)}


class PlaceOrder(Paying):
    """The button of the course page."""

    async def post(self, course_id: str) -> None:
        """Sell the course; see ``sell``."""
        self.require_same_site()
        await self.sell(course_id)

    async def place(self, course_id: str, _wish: Wish) -> dict[str, object]:
        """Order at the price that was shown, with the coupon that was."""
        course = await self._shop.store.read(lambda tx: tx.courses.get(course_id))
        if course is None:
            raise NotFound(f"没有课程 {course_id}")
        wish = self.wish(course)
        if wish.coupon and (priced := await self.priced(course)).fault in GUESSED:
            return await self._new_price(priced)
        try:
            placed = await self._placed(course_id, wish)
        except CouponRefused:
            return await self._new_price(await self.priced(course))
        if placed.outcome is Outcome.PRICE:
            return await self._new_price(await self.priced(placed.course))
        return await self._next(placed)

    async def _new_price(self, priced: Priced) -> dict[str, object]:
        answer = {"state": "price", "total": priced.total_fen, "price": yuan(priced.total_fen)}
        return {**answer, "coupon": priced.used, "quote": await self.quote_html(priced)}


class OrderStatePage(Page):
    """What a waiting page asks: only our own records answer, after a fresh question to WeChat if need be."""

    async def get(self, order_no: str) -> None:
        """Answer the order's state to its owner, 404 to everybody else."""
        order = await self._shop.store.read(lambda tx: tx.orders.get(order_no))
        known = order is not None and (
            (bool(order.openid) and order.openid == self.openid) or order.session == self._session.sid
        )
        if order is None or not known:
            self.set_status(404)
            self.finish({"state": "unknown"})
            return
        if order.state is OrderState.PENDING:
            await self._ask(order_no)
            order = await self._shop.store.read(lambda tx: tx.orders.get(order_no)) or order
        self.finish({"state": order.state.value, "learn": _landing(order)})

    async def _ask(self, order_no: str) -> None:
        """Ask WeChat about attempts that are a few seconds old, each at most once in a few seconds."""
        now = self._shop.clock.now()

        def due(tx: Tx) -> list[Attempt]:
            return [
                each for each in tx.attempts.of(order_no) if tx.tokens.get("asked", each.out_trade_no, now) is None
            ]

        for attempt in await self._shop.store.read(due):
            if now - attempt.created_at >= ASK_AFTER:
                await self._shop.store.write(_asked(attempt.out_trade_no, now + ASK_AFTER))
                await self._shop.orders.sync_attempt(attempt.out_trade_no)


def _landing(order: Order) -> str:
    """Return where to go from a paid order."""
    match order.purpose:
        case Purpose.GROUP:
            return f"/group/{order.ref}"
        case Purpose.GIFT:
            return f"/my-gift/{order.order_no}"
        case _:
            return f"/learn/{order.course_id}"


def _asked(out_trade_no: str, until: datetime) -> Callable[[Tx], None]:
    return lambda tx: tx.tokens.put("asked", out_trade_no, "1", until)


class LearnPage(Page):
    """The lessons, for those to whom the course is open."""

    async def get(self, course_id: str) -> None:
        """Show the lessons; to whom the course is not open, and for bundles and memberships, the item's page."""
        await self.require_openid()
        course, theirs = await self.course(course_id)
        if not theirs.open or course.kind is not Kind.COURSE:
            self.redirect(f"/c/{course_id}?from=learn")
            return
        openid = self.openid
        lessons, finished = await self._shop.store.read(
            lambda tx: (tx.lessons.of(course_id), tx.lessons.finished(openid, course_id))
        )
        self.render("learn.html", course=course, lessons=lessons, finished=finished)


class LessonDone(Page):
    """The button below a lesson."""

    async def post(self, course_id: str, position: str) -> None:
        """Note that somebody to whom the course is open finished a lesson."""
        self.require_same_site()
        openid, now = self.openid, self._shop.clock.now()

        def work(tx: Tx) -> bool | None:
            course = tx.courses.get(course_id)
            if course is None or not access.of(tx, openid, course, now).open:
                return None
            if int(position) not in {lesson.position for lesson in tx.lessons.of(course_id)}:
                return None
            return tx.lessons.finish(openid, course_id, int(position), now)

        first = await self._shop.store.write(work)
        if first is None:
            self.set_status(403)
            self.finish({"state": "refused"})
            return
        if first:
            course, _access = await self.course(course_id)
            await self.learn_from(Signal.FINISH, course)
        self.finish({"state": "done"})


def page_routes(shop: Shop) -> list[tuple[str, type[RequestHandler], dict[str, Shop]]]:
    """Return the addresses of the pages."""
    given = {"shop": shop}
    name = r"([0-9A-Za-z][0-9A-Za-z_.+:-]{0,63})"
    return [
        (rf"/c/{name}", CoursePage, given),
        (rf"/c/{name}/order", PlaceOrder, given),
        (r"/order/([0-9A-Z]{6,32})/state", OrderStatePage, given),
        (rf"/learn/{name}", LearnPage, given),
        (rf"/learn/{name}/([0-9]{{1,5}})/done", LessonDone, given),
        (CALLBACK, OAuthCallback, given),
    ]


def _fen(text: str) -> int:
    """Read the amount that a page says it showed; what is none fits no price."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < LONGEST_FEN else -1


def own_path(wanted: str) -> str:
    """Return a path of ours; never another site, not even one that only a browser makes of it."""
    foreign = not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted or not wanted.isprintable()
    return "/" if foreign or urlsplit(wanted).netloc else wanted


class _Svg(Protocol):
    def save(self, out: io.BytesIO, **options: Any) -> None: ...


def _qr(code_url: str) -> str:
    """Return the code as inline SVG."""
    picture: _Svg = segno.make(code_url, error="m")
    out = io.BytesIO()
    picture.save(out, kind="svg", border=2, xmldecl=False, svgns=True, omitsize=True)
    return out.getvalue().decode()
