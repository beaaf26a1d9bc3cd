"""What the shop suggests: courses put forward, a place for new ones, and lists noted so that training can learn."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from bot import catalog, training
from bot.config import from_mapping
from bot.doors import synonyms
from bot.models import Course, CourseStatus
from bot.store import SqliteStore
from bot.suggestions import STRANGER, Person, Suggestions, _logged
from recsys.artefacts import Artefacts
from recsys.base import Signal
from recsys.live import Live
from recsys.sources.base import Log
from recsys.sources.catalogue import catalogue_of
from recsys.text import Tokenizer

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=100)
SUBJECTS = ("瑜伽", "钢琴", "摄影", "插花", "剪辑")


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer((), SUBJECTS)


def a_course(number, subject, price_fen=9900):
    return Course(
        course_id=f"C{number:02}",
        title=f"{subject}第{number}课",
        price_fen=price_fen,
        status=CourseStatus.PUBLISHED,
        tags=(subject,),
        description=f"{subject}入门",
    )


def old_courses():
    return [a_course(number, SUBJECTS[number % 5]) for number in range(30)]


@pytest.fixture
def shop(tmp_path, tokenizer):
    """Return a maker of suggestions over 30 old courses and the new ones given."""
    store = SqliteStore(str(tmp_path / "zhike.db"))

    def open_with(*new, **settings):
        raw = {"recsys": settings | {"models_dir": str(tmp_path / "models")}}
        config = from_mapping(raw, environ={}, base=ROOT)
        store.write_now(lambda tx: catalog.store_courses(tx, old_courses(), LONG_AGO))
        store.write_now(lambda tx: catalog.store_courses(tx, new, NOON - timedelta(days=1)))
        found = Suggestions(config.recsys, tokenizer, synonyms(config), now=NOON, rng=Random(5))
        asyncio.run(found.refresh(store, NOON))
        return found

    open_with.store = store
    yield open_with
    store.close()


def ask(suggestions, text, person=STRANGER, k=5):
    wish = suggestions.understand(text)
    return suggestions.suggest(wish, person, now=NOON, exclude=(), k=k).courses


def ids(found):
    return [each.item_id for each in found]


def test_a_course_put_forward_leads_strangers_lists_and_says_so(shop):
    plain, boosted = shop(), shop(boosts=["C17=3"])

    assert ids(ask(plain, ""))[0] != "C17"
    assert ids(ask(boosted, ""))[0] == "C17"
    assert ask(boosted, "")[0].basis == "editor"


def test_a_course_put_forward_does_not_answer_a_question_about_something_else(shop):
    boosted = shop(boosts=["C17=3"])  # C17 is about 摄影

    assert "C17" not in ids(ask(boosted, "瑜伽"))
    assert ids(ask(boosted, "摄影"))[0] == "C17"


def test_the_houses_weights_sum_to_one_and_show_their_effect(shop):
    (told,) = shop(boosts=["C17=3", "GONE=9"]).boosted()

    assert told.alpha == pytest.approx(3 / 32)
    assert told.bonus == pytest.approx(0.1 * 1.0986, abs=1e-4)
    assert (told.rank_without, told.rank_with) == (18, 1)


def test_a_new_course_on_the_subject_gets_the_last_place(shop):
    new = a_course(90, "瑜伽")

    found = ask(shop(new, variety=0.0), "瑜伽第1课瑜伽第2课瑜伽")

    assert len(found) == 5
    assert "C90" in ids(found)


def test_for_a_person_only_new_courses_of_their_interests_are_tried(shop):
    suggestions = shop(a_course(90, "瑜伽"), a_course(91, "钢琴"))
    profile = suggestions.profile("")
    profile.learn(Signal.CLICK, ["钢琴"], NOON.timestamp())

    shown = Counter(each for _ in range(30) for each in ids(ask(suggestions, "", Person(profile))))

    assert shown["C91"] == 30
    assert shown["C90"] == 0


def test_new_courses_take_turns_before_strangers_and_the_favourite_wins(shop):
    suggestions = shop(a_course(90, "瑜伽"), a_course(91, "钢琴"))
    turns = Counter(ids(ask(suggestions, ""))[-1] for _ in range(60))

    for _ in range(60):
        shop.store.write_now(lambda tx: (tx.trials.show("C90"), tx.trials.show("C91")))
    for _ in range(25):
        shop.store.write_now(lambda tx: tx.trials.take("C91"))
    later = Counter(ids(ask(shop(), ""))[-1] for _ in range(60))

    assert min(turns["C90"], turns["C91"]) > 10
    assert later["C91"] > 50


def test_the_place_for_new_courses_can_be_switched_off(shop):
    suggestions = shop(a_course(90, "瑜伽"), explore=False)

    assert all("C90" not in ids(ask(suggestions, ""))[-1:] for _ in range(20))


def test_a_shop_that_is_all_new_keeps_no_place(shop):
    assert shop(*[a_course(60 + at, "瑜伽") for at in range(20)]).shelf.fresh == {}


def test_the_parts_of_a_suggestion_add_up(shop):
    suggestions = shop(a_course(90, "瑜伽"), boosts=["C05=2"])
    profile = suggestions.profile("")
    profile.learn(Signal.BUY, ["瑜伽"], NOON.timestamp())
    person = Person(profile, ("C05",))

    for text in ("", "瑜伽", "摄影和插花"):
        for each in ask(suggestions, text, person):
            assert sum(part.value for part in each.parts) == pytest.approx(each.score, abs=1e-9)
            told = suggestions.explain(each.item_id, suggestions.understand(text), person, NOON)
            assert told.score == pytest.approx(each.score, abs=1e-9)


def test_what_was_shown_and_opened_is_read_back_for_training(shop):
    suggestions = shop(a_course(90, "瑜伽"))
    first, second = ask(suggestions, "瑜伽"), ask(suggestions, "钢琴")

    def live(tx):
        suggestions.shown(tx, "o1", first, NOON)
        tx.events.add("o1", "click", NOON + timedelta(minutes=5), course_id=first[1].item_id)
        suggestions.shown(tx, "o2", second, NOON)
        tx.events.add("o2", "click", NOON + timedelta(hours=3), course_id=second[0].item_id)

    shop.store.write_now(live)
    lists = training.shown_lists(shop.store)

    assert [[card.opened for card in cards].count(True) for cards in lists] == [1, 0]
    assert lists[0][1].opened
    assert lists[0][0].shares["query"] == pytest.approx(first[0].shares()["query"], abs=1e-3)
    assert lists[0][0].price == 99.0


def in_force(tmp_path, factors):
    """Put a model in force that learned nothing but these factors."""
    artefacts = Artefacts(tmp_path / "models")
    artefacts.activate(artefacts.write(Live().save, {"factors": factors}, NOON).version)


def test_what_clicks_taught_weighs_the_voices_and_is_not_learnt_on_top_of(shop, tmp_path):
    plain = shop()
    profile = plain.profile("")
    profile.learn(Signal.CLICK, ["钢琴"], NOON.timestamp())
    before = ask(plain, "", Person(profile))[0].shares()["interest"]
    in_force(tmp_path, {"interest": 2.0})
    taught = shop()
    after = ask(taught, "", Person(profile))

    shop.store.write_now(lambda tx: taught.shown(tx, "o1", after, NOON))
    ((card, *_),) = training.shown_lists(shop.store)

    assert after[0].shares()["interest"] == pytest.approx(2 * before)
    assert card.shares["interest"] == pytest.approx(before, abs=1e-3)


def test_what_clicks_taught_weighs_the_courses_somebody_has(shop, tmp_path):
    suggestions = shop()
    catalogue = catalogue_of(suggestions.shelf.recommender.index, {})
    pairs = [(user, item) for user in range(40) for item in (user % 2, user % 2 + 2)]
    log = Log.of(*zip(*pairs, strict=True), [0.0] * len(pairs), width=len(catalogue))
    artefacts = Artefacts(tmp_path / "models")
    shares = []
    for factors in ({}, {"bought": 0.5}):
        made = artefacts.write(Live().fit(log, catalogue).save, {"factors": factors}, NOON)
        artefacts.activate(made.version)
        told = shop().explain("C02", suggestions.understand(""), Person(None, ("C00",)), NOON)
        shares.append(told.shares()["bought"])

    assert shares[0] > 0
    assert shares[1] == pytest.approx(shares[0] / 2)


def test_a_broken_model_is_looked_at_once_and_leaves_the_former_in_use(shop, tmp_path, caplog):
    in_force(tmp_path, {"interest": 2.0})
    suggestions = shop()
    artefacts = Artefacts(tmp_path / "models")
    bad = artefacts.write(Live().save, {}, NOON)
    artefacts.activate(bad.version)
    (bad.folder / "live.npz").write_bytes(b"noise")

    for _ in range(3):
        asyncio.run(suggestions.refresh(shop.store, NOON))

    assert [record.getMessage().partition(" ")[0] for record in caplog.records].count("model.not_loaded") == 1
    assert suggestions.shelf.companions is not None
    assert json.loads((tmp_path / "models" / "current.json").read_text())["version"] == bad.version


@pytest.mark.parametrize("factors", [{}, {"query": 2.0, "learned": 0.5}])
def test_shares_are_noted_by_kind_with_three_digits(factors):
    rng = Random(5)
    for _ in range(200):
        kinds = rng.sample(("query", "interest", "bought", "popular", "editor", "fresh"), rng.randrange(7))
        shares = {kind: rng.choice((0.0, 1.0, -0.0004, rng.uniform(-2, 2))) for kind in kinds}
        slowly = [f"{kind}={value / factors.get(kind, 1.0):.3f}" for kind, value in shares.items()]
        assert _logged("C%01", shares, factors) == " ".join(["C%01", *slowly])
