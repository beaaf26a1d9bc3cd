"""What an order buys: given when it is paid, taken back when it is refunded whole, by purpose and kind of item."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from bot.errors import CannotBuy, Obstacle
from bot.models import Course, Entitlement, Kind, Order, Purpose
from bot.store import Tx


class BuyObserver(Protocol):
    """Told, inside the transaction, that a course became somebody's, so that interests can follow."""

    def bought(self, tx: Tx, openid: str, course: Course, now: datetime) -> None:
        """Note the signal."""
        ...


class Delivery(Protocol):
    """One way of giving. Every method runs inside the transaction of what it belongs to."""

    def owned(self, tx: Tx, openid: str, course: Course) -> bool:
        """Tell whether there is nothing to sell, because it is theirs already."""
        ...

    def give(self, tx: Tx, order: Order, course: Course, now: datetime) -> str:
        """Give what ``order`` (its ``openid`` known) bought; returns the kind of news for its buyer.

        Empty when there was nothing new to give: then the money goes back.
        """
        ...

    def take_back(self, tx: Tx, order: Order) -> None:
        """Take back what the order gave; repeats are harmless."""
        ...

    def restore(self, tx: Tx, order: Order, course: Course, now: datetime) -> None:
        """Give it again without a word, since its refund came to nothing."""
        ...


class CourseDelivery:
    """One course for the buyer."""

    def __init__(self, observer: BuyObserver) -> None:
        self._observer = observer

    def owned(self, tx: Tx, openid: str, course: Course) -> bool:
        """Tell whether the course is theirs."""
        return tx.entitlements.get(openid, course.course_id) is not None

    def give(self, tx: Tx, order: Order, course: Course, now: datetime) -> str:
        """Give the course, and let interests follow."""
        granted = Entitlement(order.openid, course.course_id, _source(order), order.order_no, now)
        if not tx.entitlements.grant(granted):
            return ""
        self._observer.bought(tx, order.openid, course, now)
        return "paid"

    def take_back(self, tx: Tx, order: Order) -> None:
        """Take back what this order gave, and nothing that came another way."""
        tx.entitlements.revoke(order.openid, order.course_id, order.order_no)

    def restore(self, tx: Tx, order: Order, course: Course, now: datetime) -> None:
        """Give the course again."""
        granted = Entitlement(order.openid, course.course_id, _source(order), order.order_no, order.paid_at or now)
        tx.entitlements.grant(granted)


def _source(order: Order) -> str:
    if order.purpose is Purpose.GIFT:
        return "gift"
    return "order" if order.amount_fen else order.source if order.source == "code" else "free"


class Deliveries:
    """Which delivery an order takes: by its purpose where that has one of its own, else by the kind of item."""

    def __init__(self, kinds: Mapping[Kind, Delivery], purposes: Mapping[Purpose, Delivery] | None = None) -> None:
        self._kinds = kinds
        self._purposes = purposes or {}

    def of(self, purpose: Purpose, kind: Kind) -> Delivery:
        """Return the delivery. ``CannotBuy`` when nothing is known to give it."""
        found = self._purposes.get(purpose) or (self._kinds.get(kind) if purpose is Purpose.OWN else None)
        if found is None:
            raise CannotBuy(Obstacle.OFF_SALE)
        return found
