"""What an order promised about refunds stays as it was, also for orders that are older than promises."""

from datetime import UTC, datetime

from sqlite_utils import Database

from bot.models import Order, OrderState, RefundTerms
from bot.store import SqliteStore
from bot.store.migrations import migrations
from bot.store.sqlite import connect

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
COURSE = (
    "insert into courses (course_id, title, price_fen, status, subtitle, teacher, category, tags, description,"
    " level, minutes, cover_url, created_at)"
    " values ('C1', 'Python', 9900, 'published', '', '', '', '', '', '', 0, '', 0)"
)


def test_orders_from_before_promise_what_the_cards_said_then(tmp_path):
    path = str(tmp_path / "zhike.db")
    old = connect(path)
    migrations.apply(Database(old), stop_before="m020_refunds")
    old.execute(COURSE)
    old.execute(
        "insert into orders (order_no, openid, course_id, title, amount_fen, state, created_at, expires_at)"
        " values ('ZK1', 'oAnna', 'C1', 'Python', 9900, 'PAID', 0, 0)"
    )
    old.close()

    store = SqliteStore(path)
    promises = store.write_now(lambda tx: (tx.refund_terms.of("ZK1"), tx.refund_terms.of("ZK2")))
    store.close()

    assert promises == (RefundTerms(7, 50, 7), None)


def test_a_promise_is_made_once(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))

    def work(tx):
        tx.orders.add(Order("ZK1", "oAnna", "C1", "Python", 9900, OrderState.PENDING, NOON, NOON))
        tx.refund_terms.freeze("ZK1", RefundTerms(7, 50, 30))
        tx.refund_terms.freeze("ZK1", RefundTerms(0, 0, 0))
        return tx.refund_terms.of("ZK1")

    connection = connect(str(tmp_path / "zhike.db"))
    connection.execute(COURSE)
    connection.close()
    kept = store.write_now(work)
    store.close()

    assert kept == RefundTerms(7, 50, 30)
