"""A model is written whole, found whole, put in force in one step, and taken back in another."""

from datetime import UTC, datetime, timedelta

import pytest

from recsys.artefacts import Artefacts, BrokenArtefact

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def saver(text):
    return lambda folder: (folder / "weights.json").write_text(text, "utf-8")


@pytest.fixture
def shelf(tmp_path):
    return Artefacts(tmp_path / "models")


def test_what_was_written_is_read_back_with_its_facts(shelf):
    made = shelf.write(saver("[1]"), {"events": 12}, NOON)

    found = shelf.open(made.version)

    assert (found.folder / "weights.json").read_text("utf-8") == "[1]"
    assert found.facts == {"events": 12}


def test_writing_alone_puts_nothing_in_force(shelf):
    shelf.write(saver("[1]"), {}, NOON)

    assert shelf.current() is None


def test_a_save_that_fails_leaves_nothing_behind(shelf, tmp_path):
    def fail(folder):
        saver("[1]")(folder)
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        shelf.write(fail, {}, NOON)

    assert list((tmp_path / "models").iterdir()) == []


def test_two_models_of_one_second_have_two_names(shelf):
    names = [shelf.write(saver("[1]"), {}, NOON).version for _ in range(3)]

    assert sorted(set(names)) == names == shelf.versions()


@pytest.mark.parametrize("harm", ["changed", "missing", "added", "no manifest"])
def test_a_model_that_was_touched_is_not_put_in_force(shelf, harm):
    made = shelf.write(saver("[1]"), {}, NOON)
    file = made.folder / "weights.json"
    match harm:
        case "changed":
            file.write_text("[2]", "utf-8")
        case "missing":
            file.unlink()
        case "added":
            (made.folder / "more.json").write_text("[]", "utf-8")
        case _:
            (made.folder / "manifest.json").unlink()

    with pytest.raises(BrokenArtefact, match=made.version):
        shelf.activate(made.version)

    assert shelf.current() is None


@pytest.mark.parametrize("name", ["../elsewhere", "", "current.json", "20261124T040000Z"])
def test_a_name_that_is_no_model_is_refused(shelf, name):
    with pytest.raises(BrokenArtefact):
        shelf.activate(name)


def test_rolling_back_restores_the_former_model_and_then_none(shelf):
    first, second = (shelf.write(saver(text), {}, NOON).version for text in ("[1]", "[2]"))
    shelf.activate(first)
    shelf.activate(second)
    shelf.activate(second)

    assert (shelf.roll_back(), shelf.current()) == (first, first)
    assert (shelf.roll_back(), shelf.current()) == (None, None)
    with pytest.raises(BrokenArtefact, match="in force"):
        shelf.roll_back()


def test_pruning_spares_the_newest_and_what_is_in_force(shelf):
    made = [shelf.write(saver("[1]"), {}, NOON + timedelta(days=day)).version for day in range(5)]
    shelf.activate(made[0])
    shelf.activate(made[1])

    gone = shelf.prune(keep=1)

    assert gone == [made[2], made[3]]
    assert shelf.versions() == [made[0], made[1], made[4]]


def test_a_pointer_full_of_noise_means_that_nothing_is_in_force(shelf, tmp_path):
    shelf.write(saver("[1]"), {}, NOON)
    (tmp_path / "models" / "current.json").write_text("[broken", "utf-8")

    assert shelf.current() is None
