"""Trained models as folders of arrays and JSON: written whole, never changed, one of them in force.

A folder is complete before it gets its name, and the pointer to the one in force is replaced in one step, so a
reader sees the old model or the new one and never half of either. What is inside is the sources' own business.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
POINTER = "current.json"
NAME = re.compile(r"\d{8}T\d{6}Z(-\d+)?")


class BrokenArtefact(ValueError):
    """A model that is missing, incomplete or altered since it was written."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """One written model. ``facts`` is what its maker noted: figures of the check, counts, settings."""

    version: str
    folder: Path
    facts: Mapping[str, Any]


class Artefacts:
    """The models of one folder. Any number of processes may read; one writes at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, save: Callable[[Path], None], facts: Mapping[str, Any], now: datetime) -> Artefact:
        """Let ``save`` fill a new folder and keep it under a name made of ``now`` (UTC); nothing is in force yet.

        Whatever goes wrong leaves no trace. ``facts`` must be fit for JSON.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self._folder))
        try:
            save(draft)
            manifest = {"facts": dict(facts), "files": _digests(draft)}
            (draft / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), "utf-8")
            for file in draft.iterdir():
                _sync(file)
            version = self._free_name(now)
            draft.rename(self._folder / version)
            _sync(self._folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return Artefact(version, self._folder / version, dict(facts))

    def open(self, version: str) -> Artefact:
        """Return a model whose every file is as it was written. ``BrokenArtefact`` otherwise."""
        folder = self._folder / version
        if not NAME.fullmatch(version):
            raise BrokenArtefact(f"{version!r} is not the name of a model")
        try:
            manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
            wanted, facts = manifest["files"], manifest["facts"]
            found = _digests(folder)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BrokenArtefact(f"model {version} cannot be read: {error}") from None
        if found != wanted:
            wrong = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
            raise BrokenArtefact(f"model {version} was altered: {', '.join(wrong)}")
        return Artefact(version, folder, facts)

    def versions(self) -> list[str]:
        """Return the names of all models, oldest first."""
        if not self._folder.is_dir():
            return []
        return sorted(each.name for each in self._folder.iterdir() if NAME.fullmatch(each.name))

    def current(self) -> str | None:
        """Return the name of the model in force; None when there is none."""
        version = self._pointer().get("version")
        return version if isinstance(version, str) else None

    def activate(self, version: str) -> None:
        """Put a model in force, after looking that it is whole; the former one is remembered for ``roll_back``."""
        self.open(version)
        before = self.current()
        self._point(
            {"version": version, "previous": before if before != version else self._pointer().get("previous")}
        )

    def roll_back(self) -> str | None:
        """Put the former model back in force and return its name; None when there was none, which means no model.

        ``BrokenArtefact`` when nothing is in force, or the former model is broken.
        """
        pointer = self._pointer()
        if pointer.get("version") is None:
            raise BrokenArtefact("no model is in force")
        previous = pointer.get("previous")
        if previous is not None:
            self.open(previous)
        self._point({"version": previous, "previous": None})
        return previous

    def prune(self, keep: int) -> list[str]:
        """Delete all but the ``keep`` newest models, the one in force and the one before it; return their names."""
        pointer = self._pointer()
        spared = {*self.versions()[-keep:], pointer.get("version"), pointer.get("previous")}
        gone = [version for version in self.versions() if version not in spared]
        for version in gone:
            shutil.rmtree(self._folder / version, ignore_errors=True)
        return gone

    def _free_name(self, now: datetime) -> str:
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        taken, name, number = set(self.versions()), stamp, 2
        while name in taken:
            name, number = f"{stamp}-{number}", number + 1
        return name

    def _pointer(self) -> dict[str, Any]:
        try:
            pointer = json.loads((self._folder / POINTER).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return pointer if isinstance(pointer, dict) else {}

    def _point(self, pointer: Mapping[str, Any]) -> None:
        handle, name = tempfile.mkstemp(prefix=".pointer-", dir=self._folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(dict(pointer), file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._folder / POINTER)
        _sync(self._folder)


def _digests(folder: Path) -> dict[str, str]:
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest()
        for each in sorted(folder.iterdir())
        if each.name != MANIFEST
    }


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
