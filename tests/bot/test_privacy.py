"""Nobody's data outlives their wish, and nobody else's is touched."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from bot import catalog, privacy
from bot.models import Entitlement, Membership, Order, OrderState
from bot.store import SqliteStore

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
ANNA, BEN = "o-anna", "o-ben"
SECRET = "瑜伽"


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    yield store
    store.close()


def leave_traces(tx, openid, detail=SECRET):
    """Leave something of a person in every table that knows people, money apart."""
    tx.followers.follow(openid, NOON, "海报")
    tx.followers.keep_context(openid, json.dumps({"text": detail}), NOON)
    event = tx.events.add(openid, "mention", NOON, detail=detail)
    tx.events.add(openid, "click", NOON, course_id="EDU001")
    tx.interests.put(openid, json.dumps({"at": 0.0, "w": {detail: 10000}}), event, NOON)
    tx.dislikes.add(openid, "EDU002", NOON)
    tx.outbox.put("reply", f"reply-{openid}", openid, {"content": detail}, NOON, due=NOON)


def buy(tx, openid):
    """Let a person have a paid course, and finish its first lesson."""
    course = b"course_id,title,price,status\nEDU001,Python,99.00,published\n"
    catalog.store_courses(tx, catalog.read_courses(course, "courses.csv"), NOON)
    number = f"ZK-{openid}"
    tx.orders.add(Order(number, openid, "EDU001", "Python", 9900, OrderState.PAID, NOON, NOON, paid_at=NOON))
    tx.entitlements.grant(Entitlement(openid, "EDU001", "order", number, NOON))
    months = Membership(number, openid, "EDU001", "会员", 1, (), NOON, NOON, LATER)
    tx.memberships.add(months)
    tx.lessons.finish(openid, "EDU001", 1, NOON)


def forget_departed(store, before=LATER):
    return asyncio.run(privacy.forget_departed(store, before))


def copy_of(store, openid):
    return store.write_now(lambda tx: privacy.copy_of(tx, openid, NOON))


@pytest.fixture
def peopled(store):
    """Return a store in which Anna and Ben left the same traces and bought the same course."""
    for openid in (ANNA, BEN):
        store.write_now(lambda tx, openid=openid: leave_traces(tx, openid))
        store.write_now(lambda tx, openid=openid: buy(tx, openid))
    return store


def test_forgetting_a_person_leaves_no_trace_of_them_and_every_trace_of_others(peopled, tmp_path):
    before = copy_of(peopled, BEN)

    kept = peopled.write_now(lambda tx: privacy.forget(tx, ANNA))

    assert kept == 1
    assert copy_of(peopled, ANNA) is None
    assert copy_of(peopled, BEN) == before
    assert rows_with(tmp_path, ANNA) == []


def test_what_accounting_needs_stays_without_the_person(peopled):
    peopled.write_now(lambda tx: privacy.forget(tx, ANNA))

    orders = {order.order_no: order for order in peopled.write_now(lambda tx: tx.orders.all())}

    assert (orders["ZK-o-anna"].amount_fen, orders["ZK-o-anna"].paid_at) == (9900, NOON)
    assert orders["ZK-o-anna"].openid.startswith("anon-")
    assert orders["ZK-o-ben"].openid == BEN


def test_forgetting_interests_takes_the_words_of_events_with_them_and_nothing_else(peopled):
    before = copy_of(peopled, BEN)

    peopled.write_now(lambda tx: privacy.forget_interests(tx, ANNA))
    told = copy_of(peopled, ANNA)

    assert (told["profile"], told["follower"]["interests"]) == ({}, [])
    assert [event["kind"] for event in told["events"]] == ["click"]
    assert copy_of(peopled, BEN) == before


def test_the_clock_runs_from_the_unfollow_and_not_a_moment_sooner(peopled):
    peopled.write_now(lambda tx: tx.followers.unfollow(ANNA, LATER))
    kept = copy_of(peopled, ANNA)

    assert forget_departed(peopled, LATER - timedelta(seconds=1)) == 0
    assert copy_of(peopled, ANNA) == kept
    assert forget_departed(peopled, LATER) == 1


def test_of_somebody_who_left_only_courses_progress_orders_and_the_switch_stay(peopled):
    def leave(tx):
        tx.followers.set_personalised(ANNA, on=False)
        tx.followers.unfollow(ANNA, NOON)

    peopled.write_now(leave)
    before, others = copy_of(peopled, ANNA), copy_of(peopled, BEN)
    forget_departed(peopled)
    after = copy_of(peopled, ANNA)

    assert SECRET not in privacy.as_json(after)
    assert (after["events"], after["hidden_courses"], after["conversation"]) == ([], [], {})
    assert (after["courses"], after["orders"]) == (before["courses"], before["orders"])
    assert after["courses"][0]["finished"] == [1]
    assert after["follower"]["personalised"] is False
    assert copy_of(peopled, BEN) == others


def test_what_is_still_to_be_told_to_somebody_who_left_stays(peopled):
    def leave(tx):
        tx.outbox.put("refunded", "R1", ANNA, {"title": "Python", "amount_fen": 9900}, NOON, due=NOON)
        tx.followers.unfollow(ANNA, NOON)

    peopled.write_now(leave)
    forget_departed(peopled)
    due = peopled.write_now(lambda tx: tx.outbox.claim(LATER, until=LATER, limit=9))

    assert ("refunded", ANNA) in {(row.kind, row.openid) for row in due}


def test_somebody_who_left_without_a_course_is_gone_altogether(store, tmp_path):
    def come_and_go(tx):
        leave_traces(tx, ANNA)
        tx.outbox.drop_for(ANNA, NOON)
        tx.followers.unfollow(ANNA, NOON)

    store.write_now(come_and_go)
    forget_departed(store)

    assert rows_with(tmp_path, ANNA) == []


def test_coming_back_stops_the_clock(peopled):
    def come_and_go(tx):
        tx.followers.unfollow(ANNA, NOON)
        tx.followers.follow(ANNA, NOON + timedelta(hours=1), "")

    peopled.write_now(come_and_go)
    before = copy_of(peopled, ANNA)

    assert forget_departed(peopled) == 0
    assert copy_of(peopled, ANNA) == before


def test_what_a_departed_owner_does_on_our_pages_afterwards_is_deleted_too_and_a_second_round_is_idle(peopled):
    peopled.write_now(lambda tx: tx.followers.unfollow(ANNA, NOON))
    first, idle = forget_departed(peopled), forget_departed(peopled)
    peopled.write_now(lambda tx: tx.events.add(ANNA, "finish", NOON, course_id="EDU001"))

    assert (first, idle) == (1, 0)
    assert forget_departed(peopled) == 1
    assert copy_of(peopled, ANNA)["events"] == []


def test_many_who_left_are_all_dealt_with(store):
    def come_and_go(tx):
        for number in range(2 * privacy.BATCH + 1):
            tx.followers.unfollow(f"o{number}", NOON)

    store.write_now(come_and_go)

    assert forget_departed(store) == 2 * privacy.BATCH + 1
    assert store.write_now(lambda tx: tx.followers.all()) == []


def rows_with(tmp_path, openid):
    """Look through every table of the file, whatever its columns, for somebody; returns the tables found."""
    found = []
    with closing(sqlite3.connect(tmp_path / "zhike.db")) as connection:
        tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            rows = connection.execute(f"select * from {table}").fetchall()
            found += [table for row in rows if openid in map(str, row)]
    return found
