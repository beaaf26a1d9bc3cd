"""Anomalies: each kind has a next step, and a settled one stays settled until something new is said."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from bot import anomalies
from bot.store import SqliteStore
from tests.scenarios.conftest import NOON

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    yield store
    store.close()


def test_every_kind_that_is_written_down_has_a_next_step_in_the_table():
    """Whatever calls ``anomalies.add`` or ``report`` with a kind of its own."""
    written = set()
    for path in (ROOT / "bot").rglob("*.py"):
        text = path.read_text("utf-8")
        written |= set(re.findall(r"anomalies\.(?:add|report)\(\s*\"(\w+)\"", text))
        written |= set(re.findall(r"Finding\(\s*Verdict\.\w+,\s*\"(\w+)\"", text))

    assert len(written) > 10
    assert written <= set(anomalies.KINDS)
    assert all(each.name and each.step for each in anomalies.KINDS.values())


def test_the_same_difference_is_one_anomaly_and_a_settled_one_comes_back_only_with_news(store):
    def say(detail, later=0):
        at = NOON + timedelta(hours=later)
        return store.write_now(lambda tx: tx.anomalies.report("bill_payment_differs", "ZK1", detail, at))

    def open_():
        return store.write_now(lambda tx: [(each.detail, each.note) for each in tx.anomalies.open()])

    say("差 1 分")
    say("差 1 分", 1)
    once = open_()
    say("差 2 分", 2)
    renewed = open_()
    (found,) = store.write_now(lambda tx: tx.anomalies.all())
    settled = store.write_now(lambda tx: tx.anomalies.resolve(found.anomaly_id, "问过了", NOON))
    twice = store.write_now(lambda tx: tx.anomalies.resolve(found.anomaly_id, "又一次", NOON))
    quiet = say("差 2 分", 3), open_()
    back = say("差 3 分", 4), open_()

    assert (once, renewed) == ([("差 1 分", "")], [("差 2 分", "")])
    assert (settled, twice) == (True, False)
    assert quiet == (False, [])
    assert back == (True, [("差 3 分", "问过了")])
