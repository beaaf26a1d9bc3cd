"""A price explains itself: its lines add up, in the order of the offers, and never below nothing."""

from datetime import UTC, datetime

import pytest

from bot.errors import CannotBuy, Obstacle
from bot.models import Course, Kind, Line, Purpose
from bot.offers.delivery import Deliveries
from bot.offers.quoting import Ask, Offer, Quoting, Wish

NOW = datetime(2026, 11, 24, tzinfo=UTC)
COURSE = Course("EDU001", "Python", 9900)


class Off(Offer):
    """Takes a share of what is left, or a fixed amount."""

    def __init__(self, kind, *, percent=0, fen=0):
        self.kind, self.percent, self.fen = kind, percent, fen

    def line(self, _tx, _ask, so_far_fen):
        return Line(self.kind, -(so_far_fen * self.percent // 100 + self.fen))


def quote(*offers):
    return Quoting(offers).quote(None, Ask("oAnna", COURSE, Wish(), NOW))


def test_without_offers_the_price_is_the_list_price():
    assert quote().lines == (Line("list", 9900),)
    assert quote().total_fen == 9900


def test_offers_apply_one_after_the_other_and_the_lines_add_up():
    found = quote(Off("limited", percent=50), Off("coupon", percent=10))

    assert [line.amount_fen for line in found.lines] == [9900, -4950, -495]
    assert found.total_fen == sum(line.amount_fen for line in found.lines) == 4455


def test_no_offer_makes_a_price_negative():
    found = quote(Off("coupon", fen=10_000), Off("coupon", fen=5))

    assert found.total_fen == 0
    assert [line.amount_fen for line in found.lines] == [9900, -9900, 0]


@pytest.mark.parametrize("wanted", [(Purpose.OWN, Kind.BUNDLE), (Purpose.GIFT, Kind.COURSE)])
def test_what_nobody_can_deliver_is_not_sold(wanted):
    with pytest.raises(CannotBuy) as refused:
        Deliveries({}).of(*wanted)

    assert refused.value.why is Obstacle.OFF_SALE
