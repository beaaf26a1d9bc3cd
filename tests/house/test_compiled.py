"""Compiled code is taken only while it is of this very code; whoever changes a line runs what they wrote."""

import sys

import pytest

import run
from setup import COMPILED


@pytest.fixture
def house(tmp_path, monkeypatch):
    for floor in run.FLOORS:
        (tmp_path / floor).mkdir()
        (tmp_path / floor / "room.py").write_text("WALLS = 4\n")
    fast = tmp_path / "build" / "fast"
    fast.mkdir(parents=True)
    for name, path in {"HERE": tmp_path, "FAST": fast, "STAMP": fast / "STAMP"}.items():
        monkeypatch.setattr(run, name, path)
    monkeypatch.setattr(sys, "path", ["first"])
    return tmp_path


@pytest.mark.usefixtures("house")
def test_nothing_compiled_is_no_trouble(capsys):
    assert not run.take_compiled()
    assert sys.path == ["first"]
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("house")
def test_compiled_code_comes_before_the_sources_it_was_made_of():
    run.STAMP.write_text(run.fingerprint())
    assert run.take_compiled()
    assert sys.path == [str(run.FAST), "first"]


@pytest.mark.parametrize("change", ["edit", "add", "remove", "a page"])
def test_compiled_code_is_left_alone_once_anything_changed(house, change, capsys):
    run.STAMP.write_text(run.fingerprint())
    room = house / "bot" / "room.py"
    match change:
        case "edit":
            room.write_text("WALLS = 5\n")
        case "add":
            (house / "handlers" / "cellar.py").touch()
        case "remove":
            room.unlink()
        case "a page":
            (house / "handlers" / "page.html").touch()
    assert not run.take_compiled()
    assert sys.path == ["first"]
    assert "make fast" in capsys.readouterr().err


def test_what_python_keeps_for_itself_is_no_change(house):
    run.STAMP.write_text(run.fingerprint())
    (house / "bot" / "__pycache__").mkdir()
    (house / "bot" / "__pycache__" / "room.pyc").touch()
    assert run.take_compiled()


def test_every_module_to_be_compiled_is_there():
    assert [path for path in COMPILED if not (run.Path(run.__file__).parent / path).is_file()] == []
