"""Limited-time prices: a lower price for a course, from one moment until another, the same for everybody."""

from __future__ import annotations

from datetime import datetime

from bot.amounts import yuan
from bot.errors import NotAllowed, NotFound
from bot.models import Course, Line
from bot.offers.quoting import Ask, Offer, Quote
from bot.store import Tx
from bot.store.coupons import LimitedPrice


class Limited(Offer):
    """Takes the list price down to the limited one, exactly while it runs."""

    def line(self, tx: Tx, ask: Ask, so_far_fen: int) -> Line | None:
        """Return what the price of this moment takes off; none where it would not be lower."""
        running = tx.limited_prices.now(ask.course.course_id, ask.now)
        if running is None or running.price_fen >= so_far_fen:
            return None
        return Line("limited", running.price_fen - so_far_fen, str(running.price_id))


def ends_at(tx: Tx, quote: Quote) -> datetime | None:
    """Return when the limited price in a quote ends; None when there is none in it."""
    ref = next((line.ref for line in quote.lines if line.kind == "limited"), "")
    running = tx.limited_prices.get(int(ref)) if ref else None
    return running.ends_at if running is not None else None


def add(tx: Tx, course: Course, price_fen: int, starts_at: datetime, ends: datetime, now: datetime) -> int:
    """Set a price for a time and return its number. ``NotAllowed`` when it would be no offer, or two at once."""
    if not 0 < price_fen < course.price_fen:
        raise NotAllowed(f"限时价要大于 0、低于《{course.title}》的原价 {yuan(course.price_fen)} 元")
    if not max(starts_at, now) < ends:
        raise NotAllowed("结束时间要晚于开始时间，也要晚于现在")
    other = tx.limited_prices.overlapping(course.course_id, starts_at, ends)
    if other is not None:
        raise NotAllowed(f"《{course.title}》在这段时间里已有限时价 {other.price_id}；先用 prices stop 停掉它")
    return tx.limited_prices.add(course.course_id, price_fen, starts_at, ends, now)


def stop(tx: Tx, price_id: int) -> tuple[LimitedPrice, bool]:
    """End a limited price now; returns it, and whether that changed anything. ``NotFound`` when there is none."""
    found = tx.limited_prices.get(price_id)
    if found is None:
        raise NotFound(f"没有限时价 {price_id}；用 prices list 看有哪些")
    return found, tx.limited_prices.stop(price_id)
