"""Training on the account's events: what loses is not put in force, and a night trains once."""

import asyncio
import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot import catalog, doors, nightly, training
from bot.config import from_mapping
from bot.errors import NotAllowed
from bot.nightly import Nightly
from bot.store import SqliteStore
from recsys.artefacts import Artefacts
from recsys.sources import words
from tests.taught import NOON, ROOT, buyers, courses, record


class StoppedClock:
    def __init__(self, at=NOON):
        self.at = at

    def now(self):
        return self.at


@pytest.fixture(scope="module")
def tokenizer():
    return doors.tokenizer(from_mapping({}, environ={}, base=ROOT))


@pytest.fixture
def config(tmp_path, tokenizer, monkeypatch):
    monkeypatch.setattr(training.doors, "tokenizer", lambda _config: tokenizer)  # making one takes a second
    monkeypatch.setattr(words, "_MOST_TERMS", 200)  # and solving for 3,000 words takes another
    raw = {
        "store": {"url": f"sqlite:///{tmp_path}/zhike.db"},
        "recsys": {"models_dir": str(tmp_path / "models")},
    }
    return from_mapping(raw, environ={}, base=ROOT)


@pytest.fixture
def store(config):
    store = SqliteStore(config.store.path)
    store.write_now(lambda tx: catalog.store_courses(tx, courses(), NOON))
    yield store
    store.close()


def learn(config, store, at=NOON):
    return training.learn(config, store, StoppedClock(at), lambda _done, _of: None)


def test_a_model_that_beats_popularity_is_put_in_force(config, store):
    record(store, buyers(300))

    made = learn(config, store)

    gain, error = made.check.gains["popularity"]
    assert made.in_force
    assert gain > 2 * error
    assert Artefacts(Path(config.recsys.models_dir)).current() == made.version


def test_too_few_events_train_nothing_and_say_so(config, store):
    record(store, buyers(5))

    with pytest.raises(NotAllowed, match="至少要 30 位"):
        learn(config, store)

    assert Artefacts(Path(config.recsys.models_dir)).versions() == []


def test_a_model_that_loses_is_written_but_not_put_in_force(config, store, monkeypatch):
    record(store, buyers(300))
    good = learn(config, store)
    monkeypatch.setattr(training, "train", losing(training.train))

    bad = learn(config, store, NOON + timedelta(days=1))

    assert not bad.in_force
    assert Artefacts(Path(config.recsys.models_dir)).current() == good.version


def losing(train):
    def worse(*arguments):
        live, check = train(*arguments)
        return live, replace(check, lost_to="former")

    return worse


def test_the_former_model_is_asked_about_what_happened_since(config, store):
    record(store, buyers(300))
    first = learn(config, store)
    week = timedelta(days=7)
    record(store, ((f"late-{openid}", course_id, at + 9 * week) for openid, course_id, at in buyers(120, seed=9)))

    second = learn(config, store, NOON + 9 * week)

    assert set(first.check.gains) == {"popularity"}
    assert set(second.check.gains) == {"popularity", "former"}
    assert second.check.gains["former"] == (0.0, 0.0)  # the same recipe on the same past
    assert second.in_force


def test_rolling_back_takes_the_former_model_and_then_none(config, store):
    record(store, buyers(300))
    first, second = (learn(config, store, NOON + timedelta(days=day)) for day in (0, 1))

    assert second.in_force
    assert training.roll_back(config) == first.version
    assert training.roll_back(config) is None
    with pytest.raises(NotAllowed, match="没有在用的模型"):
        training.roll_back(config)


def test_a_model_nobody_can_read_is_learnt_anew(config, store):
    record(store, buyers(300))
    first = learn(config, store)
    (Path(config.recsys.models_dir) / first.version / "live.npz").write_bytes(b"noise")

    second = learn(config, store, NOON + timedelta(days=1))

    assert second.in_force
    assert second.version != first.version


def test_every_source_stands_beside_popularity(config, store):
    record(store, buyers(300))

    report = training.evaluate(config, store, 10)

    assert set(report.sources) == {"popularity", *training.SOURCES}
    assert report.line("live").verdict == "better"


@pytest.mark.parametrize(("hour", "starts"), [(18, True), (4, False)], ids=["2 am in Beijing", "noon in Beijing"])
def test_training_starts_at_night_alone(config, store, hour, starts):
    async def story():
        night = Nightly(config, store, StoppedClock(NOON.replace(hour=hour)))
        begun = await night.start_if_due()
        await night.wait()
        return begun

    assert asyncio.run(story()) is starts


def test_training_makes_way_for_messages_before_it_does_anything(config, monkeypatch):
    done = []
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # set in there, to be taken back afterwards
    monkeypatch.setattr(nightly.os, "nice", lambda by: done.append(by > 0))
    monkeypatch.setattr(training, "learn", lambda *_: done.append("trained"))

    nightly._learn_apart(config, os.getppid())

    assert done == [True, "trained"]


def test_training_ends_with_the_server_that_began_it(config, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setattr(nightly.os, "nice", lambda _by: None)
    monkeypatch.setattr(nightly.os, "_exit", sys.exit)
    monkeypatch.setattr(training, "learn", lambda *_: pytest.fail("it went on"))

    with pytest.raises(SystemExit):
        nightly._learn_apart(config, parent=os.getpid())  # which is not who began this process
    assert not Path(config.store.path).exists()


def test_one_worker_trains_a_night_and_the_next_night_again(config, store):
    record(store, buyers(300))
    clock = StoppedClock(NOON.replace(hour=18))

    async def story():
        begun = []
        for hours in (0, 1, 24):
            clock.at = NOON.replace(hour=18) + timedelta(hours=hours)
            workers = [Nightly(config, store, clock) for _ in range(2)]
            begun.append([await each.start_if_due() for each in workers])
            for each in workers:
                await each.wait()
        return begun

    assert asyncio.run(story()) == [[True, False], [False, False], [True, False]]
    assert len(Artefacts(Path(config.recsys.models_dir)).versions()) == 2
