"""Coupons: a code that takes something off, within its dates, for its audience, never above its limits.

Held when the order is placed, used when it is paid, freed when it is cancelled, each in the very transaction. A
hold that is gone when a late payment comes is taken again while the limits allow it; else the money goes back.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from bot.errors import CouponFault, CouponRefused, Obstacle
from bot.models import Line, Order, Purpose
from bot.offers.qualifying import Qualifying
from bot.offers.quoting import Ask, Offer
from bot.store import Tx
from bot.store.coupons import Coupon, Holder

CODE = re.compile(r"[0-9A-Z][0-9A-Z-]{2,15}")
TRIES = "coupon_tries"


def code_in(text: str) -> str:
    """Return the code that somebody wrote, as codes are kept; what cannot be one is cut short."""
    return unicodedata.normalize("NFKC", text[:64]).strip().upper()[:32]


class Coupons(Offer):
    """The rules of coupons, and whoever may use them."""

    def __init__(self, qualifying: Qualifying) -> None:
        self.qualifying = qualifying

    def line(self, tx: Tx, ask: Ask, so_far_fen: int) -> Line | None:
        """Return what the wished coupon takes off. ``CouponRefused`` says why it cannot be used."""
        if not ask.wish.coupon:
            return None
        coupon = tx.coupons.get(ask.wish.coupon)
        fault = self.fault(tx, coupon, _holder(ask), ask.now)
        if coupon is None or fault is not None:
            raise CouponRefused(fault or CouponFault.UNKNOWN)
        if ask.wish.purpose is Purpose.GROUP or not applies(coupon, ask.course.course_id, ask.course.category):
            raise CouponRefused(CouponFault.NOT_HERE)
        off = min(_off(coupon, so_far_fen), so_far_fen - coupon.floor_fen)
        if off <= 0:
            raise CouponRefused(CouponFault.NO_USE)
        return Line("coupon", -off, coupon.code)

    def fault(self, tx: Tx, coupon: Coupon | None, holder: Holder, now: datetime) -> CouponFault | None:
        """Say what keeps a holder from a coupon, whatever they would buy; None when nothing does."""
        if not holder.openid and (coupon is None or not coupon.listed or coupon.each_limit or coupon.audience):
            return CouponFault.IN_WECHAT_ONLY  # and nothing to learn there for whoever guesses
        if coupon is None:
            return CouponFault.UNKNOWN
        if coupon.stopped or (coupon.usable_until is not None and coupon.usable_until <= now):
            return CouponFault.OVER
        if coupon.usable_from is not None and coupon.usable_from > now:
            return CouponFault.EARLY
        if not self.qualifying.belongs(tx, holder.openid, coupon.audience, now):
            return CouponFault.NOT_YOURS
        return _beyond(tx, coupon, holder)

    def usable(self, tx: Tx, openid: str, now: datetime) -> list[Coupon]:
        """Return the listed coupons that a follower may use now, those that end first at the top."""
        return [each for each in tx.coupons.running(now) if self.fault(tx, each, Holder(openid), now) is None]

    def placed(self, tx: Tx, order: Order) -> None:
        """Hold the coupon of a new order; an older unpaid order for the same gives its own up."""
        if code := _code(order):
            tx.coupons.hold(order.order_no, code, _holder_of(order), order.created_at)

    def ended(self, tx: Tx, order: Order, now: datetime) -> None:
        """Free the coupon: the order came to nothing."""
        tx.coupons.move(order.order_no, "FREED", ("HELD", "USED"), now)

    def paid(self, tx: Tx, order: Order, now: datetime) -> Obstacle | None:
        """Use the coupon up; one that was freed before the money came is taken again if the limits allow it."""
        code = _code(order)
        if not code or tx.coupons.move(order.order_no, "USED", ("HELD", "USED"), now):
            return None
        coupon, holder = tx.coupons.get(code), _holder_of(order)
        if coupon is None or _beyond(tx, coupon, holder) is not None:
            return Obstacle.OFFER_GONE
        tx.coupons.let_go_of_others(order.order_no, code, holder, now)
        tx.coupons.move(order.order_no, "USED", ("FREED",), now)
        return None

    def refunded(self, tx: Tx, order: Order, now: datetime) -> None:
        """Free the coupon of an order whose money is back, if it is of those that come back."""
        code = _code(order)
        coupon = tx.coupons.get(code) if code else None
        if coupon is not None and coupon.back:
            tx.coupons.move(order.order_no, "FREED", ("HELD", "USED"), now)


def applies(coupon: Coupon, course_id: str, category: str) -> bool:
    """Tell whether a coupon is for an item."""
    return coupon.course_id in {"", course_id} and coupon.category in {"", category}


def _off(coupon: Coupon, fen: int) -> int:
    return coupon.amount_fen + fen * coupon.percent // 100


def _beyond(tx: Tx, coupon: Coupon, holder: Holder) -> CouponFault | None:
    if coupon.each_limit and tx.coupons.taken_by(coupon.code, holder) >= coupon.each_limit:
        return CouponFault.USED
    if coupon.total_limit and tx.coupons.taken(coupon.code, holder) >= coupon.total_limit:
        return CouponFault.EXHAUSTED
    return None


def _code(order: Order) -> str:
    return next((line.ref for line in order.lines if line.kind == "coupon"), "")


def _holder(ask: Ask) -> Holder:
    return Holder(ask.openid, ask.session, ask.course.course_id, ask.wish.purpose.value)


def _holder_of(order: Order) -> Holder:
    return Holder(order.openid, order.session, order.course_id, order.purpose.value)
