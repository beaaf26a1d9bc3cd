"""Bundles: the share of what was paid for comes off, and a refund takes back exactly what the order gave."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import CannotBuy, NotAllowed, NotFound
from bot.models import Course, CourseStatus, Kind, Line, Order, OrderState, Purpose
from bot.offers import bundles
from bot.offers.bundles import BundleCredit, BundleDelivery, credit, credited
from bot.offers.delivery import CourseDelivery
from bot.offers.quoting import Ask, Quoting, Wish
from bot.store import SqliteStore

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
ANNA = "oAnna"
A, B, C, FREE = Course("A", "甲", 9900), Course("B", "乙", 5000), Course("C", "丙", 100), Course("F", "送", 0)
BOX = Course("BOX", "甲乙", 10000, kind=Kind.BUNDLE)
BOX2 = Course("BOX2", "乙丙", 4000, kind=Kind.BUNDLE)
ITEMS = {each.course_id: each for each in (A, B, C, FREE, BOX, BOX2)}


class Nobody:
    """Watches, and learns nothing."""

    def bought(self, _tx, _openid, _course, _now):
        pass


DELIVERIES = {Kind.COURSE: CourseDelivery(Nobody()), Kind.BUNDLE: BundleDelivery(Nobody())}


class Till:
    """Sells at the quoted price, and gives money back, one transaction at a time."""

    def __init__(self, store):
        self.store, self.numbers, self.quoting = store, count(1), Quoting((BundleCredit(),))
        self.at = NOW

    def quote(self, item, openid=ANNA, wish=None):
        ask = Ask(openid, ITEMS[item], wish or Wish(), NOW)
        return self.store.write_now(lambda tx: self.quoting.quote(tx, ask))

    def order(self, item, openid=ANNA):
        """Place an order at the price of this moment, without paying."""
        quote = self.quote(item, openid)
        number = f"ZK{next(self.numbers):08d}"
        order = Order(number, openid, item, "", quote.total_fen, OrderState.PENDING, NOW, NOW, lines=quote.lines)
        self.store.write_now(lambda tx: tx.orders.add(order))
        return order

    def pay(self, order):
        """Pay an order; returns whether there was anything to give."""
        self.at += timedelta(minutes=1)
        course = ITEMS[order.course_id]
        return bool(self.store.write_now(lambda tx: DELIVERIES[course.kind].give(tx, order, course, self.at)))

    def buy(self, item, openid=ANNA):
        order = self.order(item, openid)
        self.pay(order)
        return order

    def refund(self, order):
        kind = ITEMS[order.course_id].kind
        self.store.write_now(lambda tx: DELIVERIES[kind].take_back(tx, order))

    def owned(self, openid=ANNA):
        return set(self.store.write_now(lambda tx: tx.entitlements.owned(openid)))

    def set(self, bundle, *course_ids):
        return self.store.write_now(lambda tx: bundles.set_courses(tx, bundle, course_ids, NOW))


def a_till(folder):
    store = SqliteStore(f"{folder}/zhike.db")
    store.write_now(lambda tx: tx.courses.put_many(ITEMS.values(), NOW))
    till = Till(store)
    till.set("BOX", "A", "B", "F")
    till.set("BOX2", "B", "C")
    return till


@pytest.fixture
def till(tmp_path):
    till = a_till(tmp_path)
    yield till
    till.store.close()


@pytest.mark.parametrize(
    ("price", "owned", "everything", "off"),
    [
        (100, 1, 2, 50),
        (101, 1, 2, 50),
        (103, 1, 2, 51),
        (100, 1, 3, 33),
        (100, 2, 3, 67),
        (99, 5, 5, 99),
        (99, 0, 0, 0),
    ],
)
def test_the_share_is_rounded_to_the_nearest_fen_and_the_half_down(price, owned, everything, off):
    assert credit(price, owned, everything) == off


@given(st.integers(1, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_the_share_is_never_more_than_the_price_nor_half_a_fen_off(price, owned, others):
    off = credit(price, owned, owned + others)

    assert 0 <= off <= price
    if owned + others:
        assert -1 <= 2 * (off * (owned + others) - price * owned) / (owned + others) <= 1


def test_a_stranger_pays_the_whole_price_in_one_line(till):
    assert till.quote("BOX").lines == (Line("list", 10000),)
    assert till.quote("BOX", openid="").total_fen == 10000


def test_a_course_that_was_paid_for_comes_off_as_a_line_of_its_own(till):
    till.buy("A")

    found = till.quote("BOX")

    assert found.lines == (Line("list", 10000), Line("owned", -credit(10000, 9900, 14900), "A"))
    assert found.total_fen == 10000 - 6644


def test_what_a_friend_gets_is_not_cheaper_for_what_the_buyer_has(till):
    till.buy("A")

    assert till.quote("BOX", wish=Wish(Purpose.GIFT)).total_fen == 10000


def test_what_was_never_paid_for_is_not_credited_but_stays_when_the_bundle_goes(till):
    till.buy("F")
    order = till.buy("BOX")
    assert order.amount_fen == 10000

    till.refund(order)

    assert till.owned() == {"F"}


def test_who_has_every_course_finds_nothing_to_buy_and_a_payment_gives_nothing(till):
    late = till.order("BOX")
    for each in ("A", "B", "F"):
        till.buy(each)

    assert till.store.write_now(lambda tx: DELIVERIES[Kind.BUNDLE].owned(tx, ANNA, BOX))
    assert not till.pay(late)
    assert till.owned() == {"A", "B", "F"}


def test_a_bundle_without_courses_is_not_sold(till):
    empty = replace(BOX, course_id="EMPTY")
    with pytest.raises(CannotBuy):
        till.store.write_now(lambda tx: till.quoting.quote(tx, Ask(ANNA, empty, Wish(), NOW)))


def test_a_bundle_bought_twice_gives_once(till):
    first, second = till.order("BOX"), till.order("BOX")

    assert till.pay(first)
    assert not till.pay(second)
    assert till.owned() == {"BOX", "A", "B", "F"}


def test_a_course_bought_before_stays_when_the_bundle_is_refunded(till):
    till.buy("A")
    till.refund(till.buy("BOX"))

    assert till.owned() == {"A"}


def test_a_credited_course_is_not_given_for_nothing_when_its_own_purchase_is_refunded(till):
    own = till.buy("A")
    till.buy("BOX")
    till.refund(own)

    assert till.owned() == {"BOX", "B", "F"}


def test_a_course_that_the_bundle_gave_stays_when_its_own_late_payment_is_refunded(till):
    """The single course was ordered before the bundle and paid after the bundle's order had its price."""
    bundle = till.order("BOX")
    own = till.buy("A")
    till.pay(bundle)
    till.refund(own)

    assert till.owned() == {"BOX", "A", "B", "F"}


def test_bundles_that_share_a_course_credit_it_once_and_each_takes_back_its_own(till):
    first = till.buy("BOX")
    second = till.buy("BOX2")
    assert [line.ref for line in second.lines if line.kind == "owned"] == ["B"]
    till.refund(second)
    assert till.owned() == {"BOX", "A", "B", "F"}

    till.refund(first)

    assert till.owned() == set()


def test_a_course_added_later_is_the_buyers_too_and_one_taken_out_stays_theirs(till):
    order = till.buy("BOX")

    done = till.set("BOX", "C", "A", "F")

    assert (done.added, done.removed, done.given) == (("C",), ("B",), 1)
    assert till.owned() == {"BOX", "A", "B", "C", "F"}
    till.refund(order)
    assert till.owned() == set()


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        ((), "至少要有一门课"),
        (("A", "A"), "写了两次"),
        (("NOPE",), "没有课程 NOPE"),
        (("BOX2",), "只能放课程"),
        (("BOX",), "只能放课程"),
    ],
)
def test_what_cannot_be_in_a_bundle_is_named_and_nothing_changes(till, ids, why):
    with pytest.raises(NotAllowed, match=why):
        till.set("BOX", *ids)

    assert till.store.write_now(lambda tx: tx.bundles.of("BOX")) == ("A", "B", "F")


def test_a_draft_cannot_be_sold_in_a_bundle_and_a_course_is_no_bundle(till):
    draft = replace(A, course_id="D", status=CourseStatus.DRAFT)
    till.store.write_now(lambda tx: tx.courses.put_many([draft], NOW))

    with pytest.raises(NotAllowed, match="草稿"):
        till.set("BOX", "D")
    with pytest.raises(NotFound, match="没有专栏 A"):
        till.set("A", "B")


class Ledger:
    """What somebody must own, by the plain rule: whatever an order that stands has given."""

    def __init__(self):
        self.gave = {}

    def owned(self):
        return set().union(*self.gave.values()) if self.gave else set()

    def paid(self, order, within):
        self.gave[order.order_no] = {order.course_id, *within} - credited(order)


STEPS = st.lists(st.tuples(st.sampled_from(["order", "buy", "pay", "refund"]), st.integers(0, 30)), max_size=25)
HOLDS = {"BOX": {"A", "B", "F"}, "BOX2": {"B", "C"}}


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_in_any_order_of_orders_payments_and_refunds_what_is_owned_is_what_standing_orders_gave(steps):
    with tempfile.TemporaryDirectory() as folder:
        till, ledger = a_till(folder), Ledger()
        placed, paid = [], []
        try:
            for what, number in steps:
                if what == "order":
                    item = sorted(ITEMS)[number % len(ITEMS)]
                    placed.append(till.order(item))
                elif (what == "pay" and placed) or what == "buy":
                    item = sorted(ITEMS)[number % len(ITEMS)]
                    order = till.order(item) if what == "buy" else placed.pop(number % len(placed))
                    if till.pay(order):
                        paid.append(order)
                        ledger.paid(order, HOLDS.get(order.course_id, ()))
                elif what == "refund" and paid:
                    order = paid.pop(number % len(paid))
                    till.refund(order)
                    till.refund(order)
                    del ledger.gave[order.order_no]
                assert till.owned() == ledger.owned()
        finally:
            till.store.close()
