"""The pages about a follower's own orders: the list, and the way to get money back, confirmed on a page of its own.

Whose orders are shown is decided by WeChat's authorisation; an address that names another's order finds nothing.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import datetime

from tornado.web import RequestHandler

from bot.errors import CannotRefund, NoRefund
from bot.models import Order, OrderState, Purpose, Refund, RefundState
from bot.ports import BEIJING
from bot.refunds import TIME_TO_CONFIRM, Preview
from bot.shop import Shop
from bot.store import Tx
from handlers.chat import replies, replies_money, replies_refunds
from handlers.web.pages import Page

log = logging.getLogger("zhike.pages")
SHOWN = 50
FAILED = (RefundState.CLOSED, RefundState.REJECTED, RefundState.DECLINED)


@dataclass(frozen=True, slots=True)
class Line:
    """One order as the list shows it: what is open to its owner, and how far its last refund has got."""

    order: Order
    state: str
    refund: Refund | None
    preview: Preview | None
    payable: bool
    owned: bool


class OrderPage(Page):
    """What the pages about orders share."""

    async def prepared(self) -> str:
        """Return whose orders are to be shown; stops the request where that is not known."""
        if not self.openid and not self.in_wechat:
            self.message("orders_in_wechat")
        await self.require_openid()
        return self.openid

    def previewed(self, tx: Tx, order_no: str, now: datetime) -> Preview | NoRefund:
        """Return what would go back of an order of theirs, or why nothing does."""
        try:
            return self._shop.refunds.preview(tx, self.openid, order_no, now)
        except CannotRefund as error:
            return error.why

    def told(self, tx: Tx, order_no: str, why: NoRefund | None = None) -> tuple[str, str] | None:
        """Return the state of an order's last refund and a sentence; None where the order is not theirs."""
        order = tx.orders.get(order_no)
        if order is None or not self.openid or order.openid != self.openid:
            return None
        begun = [each for each in tx.refunds.of(order_no) if each.out_trade_no == order.paid_attempt]
        if why in {None, NoRefund.UNDER_WAY, NoRefund.DONE} and begun:
            return begun[-1].state.value, replies_refunds.refund_state(order.title, begun[-1])
        terms = tx.refund_terms.of(order_no) or self._shop.config.refund.terms
        if why is NoRefund.OFF:
            return "refused", replies_refunds.refund(terms, self._shop.config.chat.human_contact)
        return "refused", replies_refunds.no_refund(why or NoRefund.PERSON, order.title, terms)


class MyOrders(OrderPage):
    """The list."""

    async def get(self) -> None:
        """Show their orders, the newest first."""
        await self.prepared()
        now = self._shop.clock.now()
        lines = await self._shop.store.read(lambda tx: self._lines(tx, now))
        self.render(
            "my_orders.html",
            lines=lines,
            yuan=replies.yuan,
            tail=replies_money.tail_of,
            local=_local,
            words=replies_refunds.STATES,
        )

    def _lines(self, tx: Tx, now: datetime) -> list[Line]:
        return [self._line(tx, order, now) for order in tx.orders.of(self.openid, limit=SHOWN)]

    def _line(self, tx: Tx, order: Order, now: datetime) -> Line:
        refunds = [each for each in tx.refunds.of(order.order_no) if each.out_trade_no == order.paid_attempt]
        preview = self.previewed(tx, order.order_no, now)
        payable = order.state is OrderState.PENDING and order.expires_at > now
        owned, gift = tx.entitlements.get(self.openid, order.course_id) is not None, order.purpose is Purpose.GIFT
        return Line(
            order,
            replies_money.order_state(order, now),
            refunds[-1] if refunds else None,
            None if isinstance(preview, NoRefund) else preview,
            payable and (gift or not owned),
            owned and not gift,
        )


class RefundPage(OrderPage):
    """What would go back of one order, why, and the button that confirms exactly that."""

    async def get(self, order_no: str) -> None:
        """Show the preview, or how far the refund has got, or why there is none."""
        await self.prepared()
        now = self._shop.clock.now()
        preview, told = await self._shop.store.read(lambda tx: self._looked(tx, order_no, now))
        if told is None:
            self.message("no_order", 404)
        self.render(
            "refund.html",
            order_no=order_no,
            preview=preview,
            state=told[0],
            sentence=_bare(told[1]),
            shown_at=int(now.timestamp()),
            yuan=replies.yuan,
            tail=replies_money.tail_of,
            why=replies_refunds.refund_why,
            after=replies_refunds.refund_after,
        )

    def _looked(self, tx: Tx, order_no: str, now: datetime) -> tuple[Preview | None, tuple[str, str] | None]:
        found = self.previewed(tx, order_no, now)
        if isinstance(found, NoRefund):
            return None, self.told(tx, order_no, found)
        last = self.told(tx, order_no)
        return found, last if last is not None and last[0] in FAILED else ("preview", "")

    async def post(self, order_no: str) -> None:
        """Begin the refund that the page showed; answer JSON: the refund's ``state`` (or refused) and ``told``.

        ``changed`` says that the page is to be looked at again: it is too old, or the amount is another by now.
        """
        self.require_same_site()
        if not self.openid:
            self.finish({"state": "refused", "told": "页面停留太久了，请从公众号重新打开。"})
            return
        fen, shown_at = _number(self.get_query_argument("fen", "")), _number(self.get_query_argument("at", ""))
        now = self._shop.clock.now()
        if not 0 <= now.timestamp() - shown_at < TIME_TO_CONFIRM.total_seconds() + 1:
            self.finish({"state": "changed", "told": ""})
            return
        try:
            await self._shop.refunds.request(self.openid, order_no, fen, "page")
            why: NoRefund | None = None
        except CannotRefund as error:
            log.info("refund.refused order=%s why=%s", order_no, error)
            why = error.why
        if why is NoRefund.CHANGED:
            self.finish({"state": "changed", "told": ""})
            return
        await self.answer(order_no, why)

    async def answer(self, order_no: str, why: NoRefund | None = None) -> None:
        """Answer JSON about the last refund of an order; 404 to everybody but its owner."""
        told = await self._shop.store.read(lambda tx: self.told(tx, order_no, why))
        if told is None:
            self.set_status(404)
            self.finish({"state": "unknown", "told": ""})
            return
        self.finish({"state": told[0], "told": _bare(told[1])})


class RefundProgress(RefundPage):
    """What a waiting page asks; WeChat is asked by the jobs, so only our own records answer."""

    async def get(self, order_no: str) -> None:
        """Answer JSON about the refund."""
        await self.answer(order_no)


def order_routes(shop: Shop) -> list[tuple[str, type[RequestHandler], dict[str, Shop]]]:
    """Return the addresses of these pages."""
    given = {"shop": shop}
    return [
        ("/my-orders", MyOrders, given),
        (r"/my-orders/([0-9A-Z]{6,32})/refund", RefundPage, given),
        (r"/my-orders/([0-9A-Z]{6,32})/refund/state", RefundProgress, given),
    ]


def _bare(sentence: str) -> str:
    """Return a sentence of the chat without its links, which send messages only there."""
    return re.sub(r"<[^>]*>", "", sentence)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else -1  # noqa: PLR2004


def _local(instant: datetime) -> str:
    return instant.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
