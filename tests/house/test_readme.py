"""What the READMEs show exists."""

import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot import catalog
from handlers.cli import main

ROOT = Path(__file__).parents[2]
READMES = ["README.md", "README.zh-CN.md"]


@pytest.mark.parametrize("name", READMES)
def test_every_command_of_the_readme_exists(name):
    text = (ROOT / name).read_text("utf-8")
    commands = re.findall(r"python3 run\.py (\w+)(?: ([\w|]+))?", text)

    assert {noun for noun, _ in commands} == set(main.commands)
    for noun, verbs in commands:
        for verb in filter(None, verbs.split("|")) if noun not in {"serve", "demo"} else ["--help"]:
            assert CliRunner().invoke(main, [noun, verb, "--help"]).exit_code == 0, f"{noun} {verb}"


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_of_the_readme_exists(name):
    makefile = (ROOT / "Makefile").read_text("utf-8")

    for target in re.findall(r"make (demo|test|bench|check|fast)", (ROOT / name).read_text("utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_both_readmes_have_the_same_sections():
    sections = [re.findall(r"^## ", (ROOT / name).read_text("utf-8"), re.MULTILINE) for name in READMES]

    assert len(sections[0]) == len(sections[1])


@pytest.mark.parametrize("name", [*READMES, "data/README.md"])
def test_the_example_files_can_be_imported_and_every_column_is_explained(name):
    text = (ROOT / name).read_text("utf-8")
    rows = {columns: (catalog.File("example.csv", row.encode())) for columns, row in examples(text)}

    given = catalog.read_files(rows["courses"], rows["lessons"], ())

    assert given.courses[0].course.title == "Python零基础入门课"
    assert [each.position for each in given.lessons["EDU001"]] == [1]
    for column in {*catalog.COURSE_COLUMNS, *catalog.LESSON_COLUMNS}:
        assert f"`{column}`" in text or re.search(rf"^    .*\b{column}\b", text, re.MULTILINE), column


def examples(text):
    """Return the two files that the text shows, header and row."""
    for header, row in re.findall(r"^    (course_id,.+)\n    (.+)$", text, re.MULTILINE):
        yield "lessons" if "position" in header else "courses", f"{header}\n{row}\n"


def test_a_command_finds_the_virtual_environment_by_itself(tmp_path):
    """As the README writes it: with a python3 that has none of our packages."""
    bare, house = tmp_path / "bare", tmp_path / "house"
    house.mkdir()
    venv.create(bare, with_pip=False)
    (house / "run.py").write_bytes((ROOT / "run.py").read_bytes())
    command = [str(bare / "bin" / "python"), str(house / "run.py"), "--help"]
    without = subprocess.run(command, capture_output=True, text=True, check=False)
    (house / ".venv").symlink_to(sys.prefix)
    for floor in ("bot", "handlers", "recsys"):
        (house / floor).symlink_to(ROOT / floor)
    within = subprocess.run(command, capture_output=True, text=True, check=False)

    assert without.returncode == 1
    assert "先运行 make demo" in without.stderr
    assert "Traceback" not in without.stderr
    assert within.returncode == 0, within.stderr
    assert "courses" in within.stdout
