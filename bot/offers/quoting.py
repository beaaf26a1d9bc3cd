"""From a wish to a price: the list price, then one line for each offer that applies, in a fixed order.

The same offers hold for everyone who qualifies; the lines are frozen into the order, so that what was shown,
charged and recorded is one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.errors import Obstacle
from bot.models import Course, Line, Order, Purpose
from bot.store import Tx


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for beside the item: for whom, with which coupon, in which group (empty: a new one)."""

    purpose: Purpose = Purpose.OWN
    coupon: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """Who wants what, and when; ``openid`` is empty outside WeChat, where ``session`` names the browser."""

    openid: str
    course: Course
    wish: Wish
    now: datetime
    session: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that explains itself: the first line is the list price, the others take off."""

    course: Course
    lines: tuple[Line, ...]

    @property
    def total_fen(self) -> int:
        """What is to be paid, never below 0."""
        return sum(line.amount_fen for line in self.lines)


class Offer:
    """One kind of offer. Every method runs inside a transaction; by default it does nothing."""

    def line(self, tx: Tx, ask: Ask, so_far_fen: int) -> Line | None:
        """Return what it takes off ``so_far_fen``, None when it does not apply.

        ``CannotBuy`` when the wish names an offer that cannot be had; nothing may be written.
        """

    def placed(self, tx: Tx, order: Order) -> None:
        """Hold what is limited: the order was placed with its lines."""

    def ended(self, tx: Tx, order: Order, now: datetime) -> None:
        """Let go of what was held: the order was cancelled unpaid, or its payment goes back at once."""

    def paid(self, tx: Tx, order: Order, now: datetime) -> Obstacle | None:
        """Use up what was held; says what is in the way when it is gone, and then the money goes back."""

    def refunded(self, tx: Tx, order: Order, now: datetime) -> None:
        """Note that the money of an order that is given up has arrived back; repeats are harmless."""


class Quoting:
    """All offers in the order in which they apply."""

    def __init__(self, offers: Sequence[Offer] = ()) -> None:
        self._offers = tuple(offers)

    def quote(self, tx: Tx, ask: Ask) -> Quote:
        """Return the price of this moment; ``CannotBuy`` when the wish cannot be met."""
        lines = [Line("list", ask.course.price_fen)]
        for offer in self._offers:
            so_far = sum(line.amount_fen for line in lines)
            line = offer.line(tx, ask, so_far)
            if line is not None:
                lines.append(Line(line.kind, max(line.amount_fen, -so_far), line.ref))
        return Quote(ask.course, tuple(lines))

    def placed(self, tx: Tx, order: Order) -> None:
        """Tell every offer of a new order."""
        for offer in self._offers:
            offer.placed(tx, order)

    def ended(self, tx: Tx, order: Order, now: datetime) -> None:
        """Tell every offer that the order came to nothing."""
        for offer in self._offers:
            offer.ended(tx, order, now)

    def paid(self, tx: Tx, order: Order, now: datetime) -> Obstacle | None:
        """Tell every offer of the payment; says what is in the way when one of them cannot be kept any more."""
        obstacles = [offer.paid(tx, order, now) for offer in self._offers]
        return next((each for each in obstacles if each is not None), None)

    def refunded(self, tx: Tx, order: Order, now: datetime) -> None:
        """Tell every offer that the money is back."""
        for offer in self._offers:
            offer.refunded(tx, order, now)
