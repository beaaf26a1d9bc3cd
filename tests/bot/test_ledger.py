"""The ledger: append-only, written with what it books, and the proof that nothing else says otherwise."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from sqlite_utils import Database

from bot import ledger, privacy
from bot.models import OrderState
from bot.store import SqliteStore
from bot.store.ledger import Movement
from bot.store.migrations import migrations
from bot.store.sqlite import connect
from tests.scenarios.conftest import NOON, StoppedClock
from tests.scenarios.world import FEN, go_to_the_till, pay_twice, play

REFUND = """
insert into refunds (out_refund_no, out_trade_no, order_no, amount_fen, reason, request, state, created_at)
select 'R9', out_trade_no, order_no, {fen}, '', '', 'SUCCESS', 0 from attempts
"""
MOVEMENT = "insert into ledger (kind, key, order_no, amount_fen, at)"
BEFORE = """
insert into courses values ('C', 'T', 9900, 'published', '', '', '', '', '', '', 0, '', 0, '', '', '', 'course');
insert into orders
(order_no, openid, course_id, title, amount_fen, state, created_at, expires_at, paid_at, paid_attempt)
values ('ZK', 'o', 'C', 'T', 9900, 'REFUNDED_PART', 10, 20, 15, 'ZK01');
insert into attempts
(out_trade_no, order_no, trade_type, payer, total_fen, request, state, created_at, time_expire, transaction_id)
values ('ZK01', 'ZK', 'JSAPI', 'o', 9900, '', 'SUCCESS', 11, 20, 'T1'),
('ZK02', 'ZK', 'NATIVE', 'o', 9900, '', 'SUCCESS', 12, 20, 'T2'),
('ZK03', 'ZK', 'NATIVE', 'o', 9900, '', 'CLOSED', 13, 20, null);
insert into refunds (out_refund_no, out_trade_no, order_no, amount_fen, reason, request, state, created_at)
values ('R1', 'ZK01', 'ZK', 100, '', '', 'SUCCESS', 30), ('R2', 'ZK02', 'ZK', 9900, '', '', 'REJECTED', 31);
"""


def database_of(shop):
    return closing(sqlite3.connect(shop.config.store.path))


async def movements(shop):
    rows = await shop.store.read(lambda tx: tx.ledger.between())
    return [(row.kind, row.key, row.amount_fen) for row in rows]


def bought(story, tmp_path):
    """Tell ``story(shop, simulator, till)`` of an order that was paid once."""

    async def told(shop, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        return await story(shop, simulator, till)

    return play(told, tmp_path, clock=StoppedClock())


def test_a_payment_is_one_row_however_often_it_is_reported(tmp_path):
    async def story(shop, simulator, till):
        await simulator.pay.send_notice(till.out_trade_no, times=4, concurrent=True)
        await shop.orders.sync_order(till.order_no)
        return till, await movements(shop), await shop.store.read(ledger.check)

    till, rows, wrong = bought(story, tmp_path)

    assert rows == [(Movement.PAYMENT, till.out_trade_no, FEN)]
    assert wrong == []


def test_refunds_stand_there_once_they_succeeded_and_no_moment_sooner(tmp_path):
    async def story(shop, simulator, till):
        simulator.faults.refund_status = "PROCESSING"
        refund = await shop.orders.refund(till.order_no, 4000, "部分退款")
        before = await movements(shop)
        await simulator.pay.settle_refund(refund.out_refund_no, "SUCCESS")
        await simulator.pay.settle_refund(refund.out_refund_no, "SUCCESS")
        return refund, before, await movements(shop), await shop.store.read(ledger.check)

    refund, before, after, wrong = bought(story, tmp_path)

    assert len(before) == 1
    assert after[1:] == [(Movement.REFUND, refund.out_refund_no, -4000)]
    assert wrong == []


def test_second_payments_are_movements_too(tmp_path):
    async def story(shop, simulator):
        till = await pay_twice(shop, simulator)
        return till, await movements(shop), await shop.store.read(ledger.check)

    till, rows, wrong = play(story, tmp_path)

    assert sorted(rows) == [(Movement.PAYMENT, f"{till.order_no}{n}", FEN) for n in ("01", "02")]
    assert wrong == []


@pytest.mark.parametrize("sql", ["update ledger set amount_fen = 1", "delete from ledger"])
def test_the_database_itself_refuses_to_change_or_delete_a_movement(tmp_path, sql):
    async def story(shop, _simulator, _till):
        with database_of(shop) as database, pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute(sql)
        return await movements(shop)

    assert len(bought(story, tmp_path)) == 1


def test_a_person_can_be_forgotten_and_the_ledger_stays_whole(tmp_path):
    async def story(shop, simulator, _till):
        openid = simulator.phone().openid
        before = await movements(shop)
        await shop.store.write(lambda tx: privacy.forget(tx, openid))
        with database_of(shop) as database:
            named = [row for row in database.execute("select * from ledger") if openid in map(str, row)]
        return before == await movements(shop), named, await shop.store.read(ledger.check)

    assert bought(story, tmp_path) == (True, [], [])


HARM = {
    "a payment that is not there": ("update attempts set state = 'NOTPAY'", "付款记录却不是成功"),
    "another amount": ("update attempts set total_fen = total_fen + 1", "总账记的是 99.00"),
    "an order in the wrong state": ("update orders set state = 'REFUNDED'", "按总账应是 PAID"),
    "an order that nobody paid": ("update orders set paid_attempt = ''", "按总账应是 PENDING"),
    "money that came from nowhere": (f"{MOVEMENT} values ('payment', 'X', '', 5, 0)", "付款记录却不是成功"),
    "a refund that was never made": (f"{MOVEMENT} values ('refund', 'RX', '', -5, 0)", "退款记录却不是成功"),
    "a fee for nothing": (f"{MOVEMENT} values ('fee', 'FX', '', -5, 0)", "没有对应的付款或退款"),
    "more went back than came": (
        f"{REFUND.format(fen=9901)}; {MOVEMENT} select 'refund', 'R9', order_no, -9901, 0 from attempts",
        "却退了 99.01",
    ),
    "a refund that the ledger misses": (REFUND.format(fen=100), "总账里没有这一笔"),
}


@pytest.mark.parametrize(("sql", "told"), HARM.values(), ids=HARM)
def test_every_kind_of_disagreement_is_named(tmp_path, sql, told):
    async def story(shop, _simulator, _till):
        with database_of(shop) as database:
            database.executescript(sql)
        return await shop.store.read(ledger.check)

    assert any(told in each.told for each in bought(story, tmp_path))


def test_a_free_order_proves_nothing_and_is_no_difference(tmp_path):
    async def story(shop, _simulator, _till):
        with database_of(shop) as database:
            database.executescript(
                "insert into orders (order_no, openid, course_id, title, amount_fen, state, created_at, expires_at)"
                " select 'FREE', openid, course_id, title, 0, 'PAID', 0, 0 from orders"
            )
        return await shop.store.read(ledger.check), (await shop.store.read(lambda tx: tx.orders.get("FREE"))).state

    assert bought(story, tmp_path) == ([], OrderState.PAID)


def test_what_moved_before_there_was_a_ledger_is_written_in_afterwards(tmp_path):
    path = str(tmp_path / "old.db")
    with closing(connect(path)) as connection:
        migrations.apply(Database(connection), stop_before="m019_ledger")
        connection.executescript(BEFORE)

    store = SqliteStore(path)
    try:
        rows, wrong = store.write_now(lambda tx: (tx.ledger.between(), ledger.check(tx)))
    finally:
        store.close()

    assert [(row.kind, row.key, row.amount_fen, row.at.timestamp()) for row in rows] == [
        (Movement.PAYMENT, "ZK02", 9900, 12),
        (Movement.PAYMENT, "ZK01", 9900, 15),
        (Movement.REFUND, "R1", -100, 30),
    ]
    assert wrong == []


def test_a_movement_is_added_once_by_kind_and_key_however_many_workers_try(tmp_path):
    async def story():
        store = SqliteStore(str(tmp_path / "a.db"))
        other = SqliteStore(str(tmp_path / "a.db"))
        try:
            added = await asyncio.gather(
                *(
                    each.write(lambda tx: tx.ledger.add("transfer", "T1", "", 500, NOON))
                    for each in (store, other)
                    for _ in range(20)
                )
            )
            return sum(added), await store.read(lambda tx: tx.ledger.between())
        finally:
            store.close()
            other.close()

    added, rows = asyncio.run(story())

    assert added == 1
    assert [(row.kind, row.amount_fen) for row in rows] == [(Movement.TRANSFER, -500)]
