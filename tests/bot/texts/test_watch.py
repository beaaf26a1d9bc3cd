"""An edit gets into force without a restart, a wrong one changes nothing, and a half-written one waits."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from bot.config import ChatSettings
from bot.store import SqliteStore
from bot.texts import Texts
from bot.texts.watch import LOOK_SECONDS

GOOD = '[texts]\nthanks = "不谢"\n'
BETTER = '[texts]\nthanks = "别客气"\n'
WRONG = '[texts]\nthanks = "{x}"\n'


class Noon:
    def now(self):
        return datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "texts.toml"


@pytest.fixture
def opened(tmp_path, file):
    """Return what opens the texts of one more worker."""
    store = SqliteStore(str(tmp_path / "zhike.db"))
    yield lambda: Texts(ChatSettings(texts_file=str(file)), store, Noon())
    store.close()


def thanks(texts):
    return texts.word("thanks", "自带的", {})


async def edit(texts, file, content):
    """Save the file and let the running process look, as often as it takes."""
    if content is None:
        file.unlink()
    else:
        file.write_text(content, "utf-8")
    return [await texts.look(), await texts.look(), await texts.look()]


def test_an_edit_is_in_force_after_two_looks_which_take_less_than_two_seconds(opened, file):
    file.write_text(GOOD, "utf-8")
    texts = opened()

    looks = asyncio.run(edit(texts, file, BETTER))

    assert looks == [False, True, False]
    assert thanks(texts) == "别客气"
    assert 3 * LOOK_SECONDS < 2  # the edit may come just after a look


def test_an_edit_of_the_same_length_and_time_is_seen_too(opened, file):
    file.write_text(GOOD, "utf-8")
    texts = opened()

    looks = asyncio.run(edit(texts, file, GOOD.replace("不谢", "好说")))

    assert looks == [False, True, False]
    assert thanks(texts) == "好说"


@pytest.mark.parametrize("content", [WRONG, "[texts", "\x00", None], ids=["field", "syntax", "binary", "deleted"])
def test_a_wrong_edit_changes_nothing_and_is_named_once(opened, file, caplog, content):
    file.write_text(GOOD, "utf-8")
    texts = opened()

    with caplog.at_level(logging.INFO, "zhike.texts"):
        looks = asyncio.run(edit(texts, file, content))

    assert not any(looks)
    assert thanks(texts) == "不谢"
    assert len(texts.wrong.problems) == 1
    refused = [each.getMessage() for each in caplog.records if "texts.refused" in each.getMessage()]
    assert len(refused) == 1
    line, why = texts.wrong.problems[0]
    assert f"line={line} why={why}" in refused[0]


def test_mending_a_wrong_edit_is_enough(opened, file):
    file.write_text(WRONG, "utf-8")
    texts = opened()

    asyncio.run(edit(texts, file, BETTER))

    assert (thanks(texts), texts.wrong) == ("别客气", None)


def test_going_back_to_what_is_in_force_clears_the_fault(opened, file):
    file.write_text(GOOD, "utf-8")
    texts = opened()

    async def story():
        await edit(texts, file, WRONG)
        await edit(texts, file, GOOD)

    asyncio.run(story())

    assert (thanks(texts), texts.wrong) == ("不谢", None)


def test_a_half_written_file_is_not_believed(opened, file):
    file.write_text(GOOD, "utf-8")
    texts = opened()

    async def story():
        file.write_text("", "utf-8")
        first = await texts.look()
        file.write_text(BETTER, "utf-8")
        return first, thanks(texts), await texts.look(), await texts.look()

    assert asyncio.run(story()) == (False, "不谢", False, True)


def test_a_worker_that_starts_while_the_file_is_wrong_says_what_was_last_right(opened, file):
    file.write_text(GOOD, "utf-8")
    texts = opened()
    asyncio.run(edit(texts, file, BETTER))
    file.write_text(WRONG, "utf-8")

    late = opened()

    assert thanks(late) == "别客气"
    assert late.wrong is not None


def test_the_first_worker_of_all_starts_with_the_defaults_when_the_file_is_wrong(opened, file):
    file.write_text(WRONG, "utf-8")

    texts = opened()

    assert thanks(texts) == "自带的"
    assert texts.wrong.problems[0][0] == 2


def test_without_a_file_the_defaults_are_said(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    texts = Texts(ChatSettings(texts_file=""), store, Noon())

    looked = asyncio.run(texts.look())
    store.close()

    assert (looked, thanks(texts), texts.wrong) == (False, "自带的", None)


def test_one_that_follows_ends_when_told_to_and_outlives_a_fault_of_the_store(opened, file, monkeypatch, caplog):
    file.write_text(GOOD, "utf-8")
    texts = opened()
    looks = asyncio.Event()

    async def broken():
        looks.set()
        raise OSError

    async def story():
        monkeypatch.setattr(texts, "look", broken)
        monkeypatch.setattr("bot.texts.watch.LOOK_SECONDS", 0)
        following = asyncio.create_task(texts.follow())
        await looks.wait()
        looks.clear()
        await looks.wait()
        following.cancel()
        await asyncio.wait([following])
        return following.cancelled()

    assert asyncio.run(story())
    assert "texts.look_failed" in caplog.text
