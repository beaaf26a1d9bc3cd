"""Cutting Chinese characters into words, as jieba does it and by its dictionary, at a third of its cost.

What the words are good for is ``text.py``.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import lru_cache
from math import inf, log
from typing import Any

_HAN = re.compile("[\u4e00-\u9fd5]+|.")  # what jieba cuts, and the rarer characters, each for itself
_NAME_FREQUENCY = 1_000  # of 60 million: enough for 短视频|剪辑 to win over the dictionary's rare 短|视频剪辑
_GUESSES = 8_192  # remembered, of a few characters each


class Cutter:
    """Cuts Chinese characters by the dictionary of a jieba tokenizer. Safe to share between threads."""

    def __init__(self, jieba: Any) -> None:
        self._jieba = jieba
        self._log_total = log(jieba.total)

    def frequency(self, word: str) -> int:
        """Return how often the dictionary counted a word, of 60 million; 0 for one it does not know."""
        return int(self._jieba.FREQ.get(word, 0))

    def teach(self, name: str) -> None:
        """Keep a name whole. Like jieba's add_word, but text without the name is cut as before: the total stays."""
        frequencies = self._jieba.FREQ
        frequencies[name] = max(self._jieba.suggest_freq(name), _NAME_FREQUENCY)
        for end in range(1, len(name)):
            frequencies.setdefault(name[:end], 0)

    def cut(self, run: str) -> Iterator[str]:
        """Yield the words of Chinese characters in a row, all of them: what jieba's ``cut`` yields."""
        for block in _HAN.findall(run):
            singles, at = "", 0
            for end in self._best_ends(block):
                if end - at == 1:
                    singles += block[at]
                else:
                    yield from self._loose(singles)
                    yield block[at:end]
                    singles = ""
                at = end
            yield from self._loose(singles)

    def halves(self, word: str) -> list[str]:
        """Cut ``word`` as though the dictionary did not know it as a whole."""
        last, ends = len(word) - 1, self._jieba.get_DAG(word)
        route: dict[int, tuple[float, int]] = {}
        ends[0] = [end for end in ends[0] if end != last] or [0]
        self._jieba.calc(word, ends, route)
        parts, at = [], 0
        while at <= last:
            stop = route[at][1] + 1
            parts.append(word[at:stop])
            at = stop
        return parts

    def _best_ends(self, block: str) -> Iterator[int]:
        """Yield where the words of the likeliest cut end; of equally likely ones, of that with the longer word.

        The dictionary holds every beginning of its words too, with a count of 0.
        """
        count_of, log_total, size = self._jieba.FREQ.get, self._log_total, len(block)
        scores, ends = [0.0] * (size + 1), [0] * size
        for start in range(size - 1, -1, -1):
            best, best_end, end = -inf, 0, start + 1
            count = count_of(block[start])
            while count is not None:
                if count:
                    score = log(count) - log_total + scores[end]
                    if score >= best:
                        best, best_end = score, end
                end += 1
                count = count_of(block[start:end]) if end <= size else None
            if not best_end:  # no word begins here
                best, best_end = scores[start + 1] - log_total, start + 1
            scores[start], ends[start] = best, best_end
        at = 0
        while at < size:
            at = ends[at]
            yield at

    def _loose(self, singles: str) -> Iterable[str]:
        """Return what characters in a row are that belong to no word: words the dictionary lacks, perhaps."""
        if len(singles) < 2 or self._jieba.FREQ.get(singles):  # noqa: PLR2004
            return singles
        return _guess(singles)


@lru_cache(_GUESSES)
def _guess(singles: str) -> tuple[str, ...]:
    """Return what jieba's model of single characters makes of them; it does not look into the dictionary."""
    from jieba import finalseg  # noqa: PLC0415 - not at import, as jieba itself

    return tuple(finalseg.cut(singles))


def load_jieba() -> Any:
    """Return a jieba tokenizer of our own, its dictionary read straight from the package (a second, 80 MB).

    jieba's own ``initialize()`` would load a marshalled cache from the shared temporary folder, where anyone on
    the machine may have put it; reading the dictionary itself costs a fifth of a second more, once.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba 0.42 imports pkg_resources, which newer setuptools warn about
        import jieba  # noqa: PLC0415 - 0.3 s and a log handler: not at import

    log = logging.getLogger("jieba")
    for handler in tuple(log.handlers):
        log.removeHandler(handler)  # jieba writes its DEBUG lines to stderr by itself; let ours decide
    log.setLevel(logging.NOTSET)
    cutter = jieba.Tokenizer()
    with closing(cutter.get_dict_file()) as file:
        cutter.FREQ, cutter.total = cutter.gen_pfdict(file)
    cutter.initialized = True
    return cutter
