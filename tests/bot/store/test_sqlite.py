"""The store keeps whole units of work, and only those it could keep."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from bot import catalog
from bot.errors import StoreError
from bot.models import Membership, Order, OrderState
from bot.store import SqliteStore
from bot.store.inbox import Handling
from bot.store.migrations import migrations
from bot.store.sqlite import connect

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    yield store
    store.close()


def test_a_unit_of_work_that_fails_takes_nothing_with_it_and_keeps_nothing(store):
    def good(tx):
        tx.followers.seen("good", NOON)

    def bad(tx):
        tx.followers.seen("bad", NOON)
        raise ValueError("changed my mind")

    async def go():
        return await asyncio.gather(store.write(good), store.write(bad), return_exceptions=True)

    first, second = asyncio.run(go())

    assert first is None
    assert isinstance(second, ValueError)
    assert store.write_now(lambda tx: tx.followers.get("good")) is not None
    assert store.write_now(lambda tx: tx.followers.get("bad")) is None


def test_a_write_the_database_refuses_is_a_store_error_in_chinese(store):
    with pytest.raises(StoreError, match="数据库"):
        store.write_now(lambda tx: tx.lessons.finish("o1", "no course", 1, NOON))


def test_a_profile_of_nobody_is_refused_and_not_lost_in_silence(store):
    with pytest.raises(StoreError, match="关注者"):
        store.write_now(lambda tx: tx.interests.put("nobody", "{}", 1, NOON))


@pytest.mark.parametrize(("wrapped", "told"), [(False, "UNIQUE constraint failed"), (True, "mine")])
def test_when_the_database_gives_the_whole_transaction_up_its_reason_is_told_to_all(store, caplog, wrapped, told):
    def full(tx):
        try:
            tx.versions._rows.run("insert or rollback into versions values ('a', 1), ('a', 2)")  # like a full disk
        except sqlite3.Error as error:
            raise (ValueError("mine") if wrapped else error) from error

    def good(tx):
        tx.followers.seen("good", NOON)

    async def go():
        works = (store.write(each) for each in (good, full, good))
        return await asyncio.gather(*works, return_exceptions=True)

    outcomes = asyncio.run(go())

    assert [type(each) for each in outcomes] == [StoreError] * 3
    assert all(told in str(each) for each in outcomes)
    assert "UNIQUE constraint failed" in caplog.text
    assert store.write_now(lambda tx: tx.followers.get("good")) is None
    store.write_now(good)
    assert store.write_now(lambda tx: tx.followers.get("good")) is not None


def test_readers_see_every_commit_that_was_answered(store):
    async def go():
        await store.write(lambda tx: tx.followers.seen("o1", NOON))
        return await store.read(lambda tx: tx.followers.get("o1"))

    assert asyncio.run(go()).openid == "o1"


def test_what_was_committed_outlives_the_process(tmp_path):
    path = str(tmp_path / "zhike.db")
    first = SqliteStore(path)
    first.write_now(lambda tx: tx.followers.follow("o1", NOON, "海报"), durable=True)
    first.close()

    second = SqliteStore(path)
    follower = second.write_now(lambda tx: tx.followers.get("o1"))
    second.close()

    assert (follower.channel, follower.followed_at) == ("海报", NOON)


def test_courses_that_were_owned_before_bundles_existed_are_taken_back_by_their_own_order(tmp_path):
    path = str(tmp_path / "zhike.db")
    with closing(connect(path)) as connection:
        migrations.apply(Database(connection), stop_before="m018_bundles")
        connection.execute(
            "insert into courses (course_id, title, price_fen, status, subtitle, teacher, category, tags,"
            " description, level, minutes, cover_url, created_at)"
            " values ('A', 'A', 1, 'published', '', '', '', '', '', '', 0, '', 0)"
        )
        connection.execute("insert into entitlements values ('o1', 'A', 'order', 'ZK1', 0)")
    store = SqliteStore(path)

    given = store.write_now(lambda tx: tx.entitlements.grants(openid="o1"))
    store.write_now(lambda tx: tx.entitlements.revoke_order("o1", "ZK1"))
    left = store.write_now(lambda tx: tx.entitlements.owned("o1"))
    store.close()

    assert [(each.course_id, each.order_no) for each in given] == [("A", "ZK1")]
    assert left == []


def before_one_row(path):
    """Return a connection to a database in which profiles and windows had tables of their own."""
    connection = connect(path)
    migrations.apply(Database(connection), stop_before="m023_one_row_a_follower")
    connection.execute("insert into followers (openid, subscribed, last_seen_at) values ('o1', 1, 0), ('o2', 1, 0)")
    return connection


def test_profiles_and_open_windows_outlive_the_upgrade(tmp_path):
    path, now = str(tmp_path / "zhike.db"), NOON.timestamp()
    with closing(before_one_row(path)) as connection:
        connection.execute("insert into interests values ('o1', '{\"w\":1}', 7, 5)")
        connection.execute("insert into quota values ('o1', 'message', ?, 1)", [int(now)])
        connection.execute("insert into events (openid, kind, at) values ('o1', 'mention', 5)")
    with closing(SqliteStore(path)) as store:

        def take(openid, kind):
            return store.write_now(lambda tx: tx.quota.take(openid, kind, NOON, seconds=60, limit=2))

        assert [take("o1", "touch"), take("o1", "message"), take("o1", "message")] == [False, True, False]
        assert not take("o2", "message")
        assert store.write_now(lambda tx: [tx.interests.get(each) for each in ("o1", "o2")]) == ['{"w":1}', ""]
        assert store.write_now(lambda tx: tx.followers.known("o1")).profile == '{"w":1}'
        assert [each.kind for each in store.write_now(lambda tx: tx.events.of("o1"))] == ["mention"]


def test_a_message_answered_before_the_upgrade_is_found_after_it_and_forgotten_in_time(tmp_path):
    path, now = str(tmp_path / "zhike.db"), int(NOON.timestamp())
    with closing(before_one_row(path)) as connection:
        connection.execute("insert into messages values ('1abc', 's1', 'o1', 'done', 'hello', 1, ?)", [now])
    with closing(SqliteStore(path)) as store:

        def find(key, signature=""):
            return [(each.key, each.reply) for each in store.write_now(lambda tx: tx.messages.find(key, signature))]

        def purge(seconds):
            return store.write_now(lambda tx: tx.messages.purge(NOON + timedelta(seconds=seconds)))

        assert find(f"{now}-1abc") == [(f"{now}-1abc", "hello")]
        assert find(f"{now}-2abc") == []
        assert [reply for _key, reply in find(f"{now}-2abc", "s1")] == ["hello"]
        assert [purge(0), purge(1), purge(2)] == [0, 1, 0]


def test_messages_are_forgotten_by_when_they_came_whatever_time_they_name(store):
    def add(key, seconds):
        at = NOON + timedelta(seconds=seconds)
        store.write_now(lambda tx: tx.messages.add(key, key, "o1", at, state=Handling.DONE))

    now = int(NOON.timestamp())
    add("0000000000-a", 9)
    add(f"{now}-b", 1)
    add(f"{now + 9}-c", 10)

    def purge(seconds):
        return store.write_now(lambda tx: tx.messages.purge(NOON + timedelta(seconds=seconds)))

    assert [purge(0), purge(2), purge(9), purge(10), purge(11)] == [0, 1, 0, 1, 1]


def test_the_works_of_one_turn_share_few_transactions(store):
    commits = []
    store._connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "commit" else None)

    async def go():
        await asyncio.gather(*(store.write(lambda tx, i=i: tx.versions.bump(f"v{i}")) for i in range(60)))

    asyncio.run(go())

    assert len(commits) == 1


def test_a_work_runs_off_the_loop(store):
    async def go():
        return await store.write(lambda _tx: threading.current_thread().name)

    assert asyncio.run(go()) == "store-writer"


def test_a_lease_has_one_holder_until_it_ends(store):
    def take(holder, now):
        return store.write_now(lambda tx: tx.leases.take("jobs", holder, now, now + timedelta(seconds=30)))

    assert take("a", NOON)
    assert not take("b", NOON + timedelta(seconds=29))
    assert take("a", NOON + timedelta(seconds=29))
    assert take("b", NOON + timedelta(seconds=60))


def test_a_token_that_is_taken_is_gone(store):
    store.write_now(lambda tx: tx.tokens.put("state", "s1", "/c/1", NOON + timedelta(minutes=10)))

    assert store.write_now(lambda tx: tx.tokens.take("state", "s1", NOON)) == "/c/1"
    assert store.write_now(lambda tx: tx.tokens.take("state", "s1", NOON)) is None


def test_the_quota_of_a_window_is_spent_message_by_message(store):
    def take(seconds_later=0):
        now = NOON + timedelta(seconds=seconds_later)
        return store.write_now(lambda tx: tx.quota.take("o1", "touch", now, seconds=60, limit=3))

    def tap(tx):
        tx.followers.seen("o1", NOON)
        tx.followers.keep_context("o1", "", NOON, window="touch")

    assert not take()
    store.write_now(tap)

    assert [take(), take(), take(), take()] == [True, True, True, False]
    store.write_now(tap)
    assert not take(seconds_later=61)
    store.write_now(lambda tx: tx.followers.keep_context("o1", "", NOON))
    assert take()
    store.write_now(lambda tx: tx.quota.shut("o1"))
    assert not take()


def test_what_a_message_need_not_ask_for_is_surely_not_there(store):
    """``Known`` saves two look-ups of most messages, so it may say no only where they would find nothing."""

    def known():
        each = store.write_now(lambda tx: tx.followers.known("o1"))
        return each.member, each.limited

    def sell(tx):
        tx.followers.seen("o1", NOON)
        table = b"course_id,title,price,status\nA,A,99.00,published\n"
        catalog.store_courses(tx, catalog.read_courses(table, "courses.csv"), NOON)
        tx.orders.add(Order("ZK1", "o1", "A", "A", 9900, OrderState.PAID, NOON, NOON, paid_at=NOON))

    store.write_now(sell)
    assert known() == (False, False)

    number = store.write_now(
        lambda tx: tx.limited_prices.add("A", 1, NOON + timedelta(days=1), NOON + timedelta(days=2), NOON)
    )
    assert known() == (False, True)  # it may have begun when they write next
    store.write_now(lambda tx: tx.followers.keep_context("o1", "", NOON + timedelta(days=2)))
    assert known() == (False, False)
    store.write_now(lambda tx: tx.followers.keep_context("o1", "", NOON))
    store.write_now(lambda tx: tx.limited_prices.stop(number))
    assert known() == (False, False)

    months = Membership("ZK1", "o1", "A", "A", 1, (), NOON, NOON, NOON + timedelta(days=30))
    store.write_now(lambda tx: tx.memberships.add(months))
    assert known() == (True, False)


def test_telling_twice_is_asking_once(store):
    def put(tx):
        return tx.outbox.put("paid", "ZK1", "o1", {"title": "瑜伽"}, NOON, due=NOON)

    assert [store.write_now(put), store.write_now(put)] == [True, False]
    rows = store.write_now(lambda tx: tx.outbox.claim(NOON, until=NOON + timedelta(minutes=1), limit=10))
    assert [(row.kind, row.payload["title"]) for row in rows] == [("paid", "瑜伽")]
    assert not store.write_now(lambda tx: tx.outbox.claim(NOON, until=NOON + timedelta(minutes=1), limit=10))


def test_forgetting_a_follower_leaves_no_row_with_the_openid(store):
    def live(tx):
        tx.followers.seen("o1", NOON)
        event = tx.events.add("o1", "mention", NOON, detail="瑜伽")
        tx.interests.put("o1", "{}", event, NOON)
        tx.followers.keep_context("o1", "{}", NOON)
        tx.dislikes.add("o1", "c1", NOON)

    store.write_now(live)
    store.write_now(lambda tx: tx.followers.forget("o1"))

    assert store.write_now(lambda tx: tx.followers.known("o1")) is None
    assert store.write_now(lambda tx: tx.events.of("o1")) == []


def test_a_claim_that_ran_out_cannot_be_prolonged_by_who_had_it(store):
    store.write_now(lambda tx: tx.outbox.put("paid", "ZK1", "o1", {}, NOON, due=NOON))

    def claim(now):
        return store.write_now(lambda tx: tx.outbox.claim(now, until=now + timedelta(minutes=1), limit=1))[0]

    def keep(row, minutes):
        return store.write_now(lambda tx: tx.outbox.keep(row, NOON + timedelta(minutes=minutes)))

    slow = claim(NOON)
    assert keep(slow, 2)
    quick = claim(NOON + timedelta(minutes=2))
    assert not keep(slow, 9)
    assert keep(quick, 3)
    store.write_now(lambda tx: tx.outbox.done(quick.row_id, "sent", NOON))
    assert not keep(quick, 9)


def test_a_read_cannot_write(store):
    async def go():
        await store.read(lambda tx: tx.followers.seen("o1", NOON))

    with pytest.raises(StoreError, match="读取失败"):
        asyncio.run(go())
    assert store.write_now(lambda tx: tx.followers.get("o1")) is None


def test_the_files_of_a_new_database_are_for_their_owner_alone(tmp_path):
    umask = os.umask(0)
    try:
        store = SqliteStore(str(tmp_path / "new" / "zhike.db"))
        store.write_now(lambda tx: tx.followers.seen("o1", NOON))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
        store.close()
    finally:
        os.umask(umask)

    assert modes == {"zhike.db": 0o600, "zhike.db-wal": 0o600, "zhike.db-shm": 0o600}


def test_the_mode_of_a_database_that_is_there_stays_as_its_operator_set_it(tmp_path):
    path = tmp_path / "zhike.db"
    SqliteStore(str(path)).close()
    path.chmod(0o640)

    SqliteStore(str(path)).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_opening_a_second_store_leaves_the_first_its_log_when_another_process_closes(tmp_path):
    """A process loses all its locks on a file when it closes any descriptor of it, and with the locks its log."""
    path = str(tmp_path / "zhike.db")
    elsewhere = f"from bot.store import SqliteStore; SqliteStore({path!r}).close()"
    with closing(SqliteStore(path)) as first:
        first.write_now(lambda tx: tx.followers.seen("o1", NOON))
        SqliteStore(path).close()

        subprocess.run([sys.executable, "-c", elsewhere], check=True, cwd=ROOT)

        first.write_now(lambda tx: tx.followers.seen("o2", NOON))
        with closing(SqliteStore(path)) as second:
            assert (
                second.write_now(lambda tx: [tx.followers.get(each) is None for each in ("o1", "o2")])
                == [False] * 2
            )
