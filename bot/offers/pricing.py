"""The price as it is shown: one quote, with the coupon if it can be used, else with the reason why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bot.errors import CouponFault, CouponRefused
from bot.models import Course
from bot.offers import coupons, guessing, limited
from bot.offers.quoting import Quote, Wish
from bot.orders import NO_WISH, Orders
from bot.store import Tx


@dataclass(frozen=True, slots=True)
class Priced:
    """``until`` is the end of the limited price in it; ``coupon`` was tried, and ``fault`` says why in vain."""

    quote: Quote
    until: datetime | None = None
    coupon: str = ""
    fault: CouponFault | None = None

    @property
    def total_fen(self) -> int:
        """What is to be paid."""
        return self.quote.total_fen

    @property
    def used(self) -> str:
        """The code that the price is with; empty when it is without."""
        return "" if self.fault else self.coupon


def price(
    tx: Tx, orders: Orders, openid: str, course: Course, now: datetime, wish: Wish = NO_WISH, *, session: str = ""
) -> Priced:
    """Return what an item costs somebody now; a coupon that cannot be used is left out, and the reason kept."""
    fault: CouponFault | None = None
    try:
        quote = orders.quote_in(tx, openid, course, now, wish, session=session)
    except CouponRefused as refused:
        fault = refused.fault
        quote = orders.quote_in(tx, openid, course, now, replace(wish, coupon=""), session=session)
    return Priced(quote, limited.ends_at(tx, quote), wish.coupon, fault)


def price_typed(
    tx: Tx, orders: Orders, openid: str, course: Course, now: datetime, wish: Wish, *, session: str = ""
) -> Priced:
    """Do the same for a code that came from outside: who has guessed too often gets no answer about it."""
    if openid and wish.coupon and not guessing.may_try(tx, coupons.TRIES, openid, now):
        plain = price(tx, orders, openid, course, now, replace(wish, coupon=""), session=session)
        return replace(plain, coupon=wish.coupon, fault=CouponFault.TOO_MANY_TRIES)
    found = price(tx, orders, openid, course, now, wish, session=session)
    if openid and found.fault is CouponFault.UNKNOWN:
        guessing.note_wrong(tx, coupons.TRIES, openid, now)
    return found
