"""Months bought at the same moment by several workers on one database stand one behind the other."""

import threading
from datetime import UTC, datetime
from itertools import pairwise

from bot.models import Course, Kind, Order, OrderState, Plan
from bot.offers import membership
from bot.offers.membership import MembershipDelivery
from bot.offers.timeline import add_months
from bot.store import SqliteStore

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
VIP = Course("VIP", "会员", 4900, kind=Kind.MEMBERSHIP)


class Stopped:
    """A clock that stands still."""

    def now(self):
        return NOW


def an_order(number):
    return Order(f"ZK{number:02d}", "oAnna", "VIP", "会员", 4900, OrderState.PENDING, NOW, NOW)


def on_workers(stores, works):
    """Run each work on a worker of its own, all at once."""
    gate = threading.Barrier(len(works))

    def run(store, work):
        gate.wait()
        store.write_now(work)

    threads = [threading.Thread(target=run, args=(stores[at % len(stores)], work)) for at, work in enumerate(works)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def test_ten_months_paid_at_once_are_ten_months_and_half_of_them_refunded_at_once_are_five(tmp_path):
    stores = [SqliteStore(str(tmp_path / "zhike.db")) for _ in range(2)]
    orders, delivery = [an_order(number) for number in range(10)], MembershipDelivery(Stopped())

    def stock(tx):
        tx.courses.put_many([VIP], NOW)
        membership.set_plan(tx, Plan("VIP", 1))
        for order in orders:
            tx.orders.add(order)

    def left():
        return stores[0].write_now(lambda tx: tx.memberships.not_over("oAnna", NOW))

    stores[0].write_now(stock)
    twice = [*orders, *orders]
    on_workers(stores, [lambda tx, order=order: delivery.give(tx, order, VIP, NOW) for order in twice])
    bought = left()
    on_workers(stores, [lambda tx, order=order: delivery.take_back(tx, order) for order in orders[::2]])
    kept = left()
    for store in stores:
        store.close()

    for rows, months in ((bought, 10), (kept, 5)):
        assert len(rows) == months
        assert (rows[0].starts_at, rows[-1].ends_at) == (NOW, add_months(NOW, months))
        assert all(one.ends_at == other.starts_at for one, other in pairwise(rows))
