"""The store keeps whole units of work, and only those it could keep."""

import asyncio
import os
import stat
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlite_utils import Database

from bot.errors import StoreError
from bot.store import SqliteStore
from bot.store.migrations import migrations
from bot.store.sqlite import connect

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
        store.write_now(lambda tx: tx.interests.put("nobody", "{}", 1, NOON))


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

    assert not take()
    store.write_now(lambda tx: tx.quota.open("o1", "touch", NOON))

    assert [take(), take(), take(), take()] == [True, True, True, False]
    store.write_now(lambda tx: tx.quota.open("o1", "touch", NOON))
    assert not take(seconds_later=61)


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
        tx.quota.open("o1", "message", NOON)
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


def test_opening_the_file_again_leaves_it_held_against_other_processes(store, tmp_path):
    """Closing a plain descriptor of it would drop our locks, and another process then tidies the log away."""
    path = str(tmp_path / "zhike.db")
    store.write_now(lambda tx: tx.followers.seen("o1", NOON))
    SqliteStore(path).close()
    other = (
        "import sqlite3, sys; it = sqlite3.connect(sys.argv[1]); it.execute('select 1 from followers'); it.close()"
    )

    subprocess.run([sys.executable, "-c", other, path], check=True)
    store.write_now(lambda tx: tx.followers.seen("o2", NOON))

    with closing(connect(path)) as fresh:
        assert fresh.execute("select count(*) from followers").fetchone() == (2,)
