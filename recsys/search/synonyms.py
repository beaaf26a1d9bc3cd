"""Groups of words that stand for each other, and finding such words in a running text.

The words themselves are data, in ``data/synonyms.txt``; what a synonym is worth is ``course_search.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from recsys.search.fold import fold

_LATIN_END = re.compile(r"[a-z0-9]$")
_LATIN_START = re.compile(r"[a-z0-9+#]")


class Synonyms:
    """What each word may be replaced by. Immutable. A word may stand in several groups; groups do not chain."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        """Read ``lines`` such as "PPT|幻灯片|演示文稿"; empty ones and those that begin with ``#`` say nothing."""
        self._others: dict[str, dict[str, None]] = {}
        for line in lines:
            words = [] if line.lstrip().startswith("#") else [fold(word) for word in line.split("|")]
            for word in filter(None, words):
                self._others.setdefault(word, {}).update(dict.fromkeys(words))
        for word, group in self._others.items():
            group.pop(word, None)
            group.pop("", None)
        self._beginning: dict[str, list[str]] = {}  # with a character, the longest first
        for word in sorted(self._others, key=len, reverse=True):
            self._beginning.setdefault(word[0], []).append(word)

    @property
    def words(self) -> Iterable[str]:
        """Every word of every group."""
        return self._others.keys()

    def of(self, word: str) -> Iterable[str]:
        """Return the words that mean about the same, in the order written; none for an unknown word."""
        return self._others.get(word, {}).keys()

    def within(self, text: str) -> Iterator[str]:
        """Yield the words of any group that stand in folded ``text``, from the left, the longest at each place."""
        at = 0
        while at < len(text):
            for word in self._beginning.get(text[at], ()):
                if text.startswith(word, at) and not _cuts_latin(text, at, at + len(word)):
                    yield word
                    at += len(word)
                    break
            else:
                at += 1


def _cuts_latin(text: str, start: int, end: int) -> bool:
    """Tell whether a piece of a longer Latin word would be taken: "py" in "pytest", "c" in "c++"."""
    before = start > 0 and _LATIN_END.search(text[:start][-1:]) and _LATIN_START.match(text[start])
    after = _LATIN_START.match(text[end : end + 1]) and _LATIN_END.search(text[end - 1])
    return bool(before or after)
