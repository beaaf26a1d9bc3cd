"""What the READMEs show exists."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from handlers.cli import main

ROOT = Path(__file__).parents[2]
READMES = ["README.md", "README.zh-CN.md"]


@pytest.mark.parametrize("name", READMES)
def test_every_command_of_the_readme_exists(name):
    text = (ROOT / name).read_text("utf-8")
    commands = re.findall(r"python run\.py (\w+)(?: ([\w|]+))?", text)

    assert {noun for noun, _ in commands} == set(main.commands)
    for noun, verbs in commands:
        for verb in filter(None, verbs.split("|")) if noun not in {"serve", "demo"} else ["--help"]:
            assert CliRunner().invoke(main, [noun, verb, "--help"]).exit_code == 0, f"{noun} {verb}"


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_of_the_readme_exists(name):
    makefile = (ROOT / "Makefile").read_text("utf-8")

    for target in re.findall(r"make (demo|test|bench|check)", (ROOT / name).read_text("utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_both_readmes_have_the_same_sections():
    sections = [re.findall(r"^## ", (ROOT / name).read_text("utf-8"), re.MULTILINE) for name in READMES]

    assert len(sections[0]) == len(sections[1])
