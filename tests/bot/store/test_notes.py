"""What a message leaves of its sender is written at its end, as it would have been written bit by bit."""

from datetime import UTC, datetime

import pytest

from bot.errors import StoreError
from bot.store import SqliteStore
from bot.store.notes import Notes

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
ROW = (
    "select profile, profile_event, profile_at, context, context_at, message_at, touch_at from followers"
    " where openid = ?"
)


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    store.write_now(lambda tx: [tx.followers.seen(each, NOON) for each in ("o1", "o2")])
    yield store
    store.close()


def learn(book, openid):
    """Note what a message may leave: a mention that teaches, then a list."""
    event = book.events.add(openid, "mention", LATER, detail="python")
    book.interests.put(openid, '{"at":0,"w":{}}', event, LATER)
    book.events.add(openid, "impression", LATER, course_id="A", detail="A query=1.000")


def row(tx, openid):
    return tx.followers._rows.one(ROW, openid)


def test_notes_leave_the_same_as_what_is_written_at_once(store):
    def at_once(tx):
        tx.arrivals.note("o1", "海报", NOON)
        learn(tx, "o1")
        tx.followers.keep_context("o1", "{}", LATER)

    def at_the_end(tx):
        tx.arrivals.note("o2", "海报", NOON)
        notes = Notes(tx)
        learn(notes, "o2")
        profile, cause = notes.append(tx, "o2", LATER)
        tx.followers.keep_context("o2", "{}", LATER, profile=profile, event_id=cause)

    store.write_now(at_once)
    store.write_now(at_the_end)
    one, two = (store.write_now(lambda tx, who=who: (row(tx, who), tx.events.of(who))) for who in ("o1", "o2"))

    assert (one[0][1], two[0][1]) == (1, 3)  # the mention, not the list that followed it
    assert [*one[0][:1], *one[0][2:]] == [*two[0][:1], *two[0][2:]]
    assert [(each.kind, each.course_id, each.detail, each.at, each.channel) for each in one[1]] == [
        (each.kind, each.course_id, each.detail, each.at, each.channel) for each in two[1]
    ]
    assert [each.channel for each in two[1]] == ["海报", "海报"]


def test_nothing_is_written_before_the_end(store):
    def work(tx):
        learn(Notes(tx), "o1")
        return tx.interests.get("o1"), tx.events.of("o1")

    assert store.write_now(work) == ("", [])


def test_a_message_that_teaches_nothing_leaves_the_profile_and_its_cause(store):
    def work(tx):
        learn(tx, "o1")
        before = row(tx, "o1")[:3]
        notes = Notes(tx)
        notes.events.add("o1", "impression", NOON)
        profile, cause = notes.append(tx, "o1", NOON)
        tx.followers.keep_context("o1", "{}", NOON, window="touch", profile=profile, event_id=cause)
        return before, row(tx, "o1")[:3]

    before, after = store.write_now(work)

    assert before == after
    assert before[0]


def test_a_profile_of_nobody_is_refused_with_the_thread_as_well(store):
    with pytest.raises(StoreError, match="关注者"):
        store.write_now(lambda tx: tx.followers.keep_context("nobody", "{}", NOON, profile="{}", event_id=1))
    store.write_now(lambda tx: tx.followers.keep_context("nobody", "{}", NOON))
    assert store.write_now(lambda tx: tx.followers.get("nobody")) is None
