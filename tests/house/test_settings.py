"""Every setting is in config.toml with a word of explanation, and somebody reads it."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from bot.config import SECTIONS, load

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "config.toml").read_text("utf-8")
KEYS = [(section, item.name) for section, kind in SECTIONS.items() for item in fields(kind)]
SOURCES = [
    path.read_text("utf-8")
    for floor in ("bot", "handlers", "recsys")
    for path in (ROOT / floor).rglob("*.py")
    if path.name != "config.py" and "simulator" not in path.parts
]


def test_the_shipped_settings_are_the_defaults():
    shipped = load(ROOT / "config.toml", environ={})

    for section, kind in SECTIONS.items():
        for item in fields(kind):
            given = tomllib.loads(TEXT)[section][item.name]
            default = list(item.default) if isinstance(item.default, tuple) else item.default
            assert given == default, f"[{section}] {item.name}"
    assert shipped.server.port == 8000


@pytest.mark.parametrize(("section", "key"), KEYS, ids=".".join)
def test_every_setting_is_explained_and_read(section, key):
    line = next(line for line in TEXT.split(f"[{section}]")[1].splitlines() if line.startswith(f"{key} ="))
    assert re.search(r"# .*[\u4e00-\u9fff]", line), f"{key} has no comment in Chinese"
    read = key if (section, key) != ("store", "url") else "path"
    assert any(re.search(rf"\.{read}\b|\"{read}\"", source) for source in SOURCES), (
        f"nobody reads [{section}] {key}"
    )
