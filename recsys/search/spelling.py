"""Which known words a mistyped one may mean: the same sound, one wrong character, swapped letters, pinyin.

It proposes words; whether a word needs correcting, and what a correction is worth, is ``wording.py``.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

_CJK_WORD = re.compile("[\u3400-\u9fff]{2,8}")
_LATIN_WORD = re.compile(r"[a-z][a-z0-9.]*")
_READINGS = 3  # of one character; the dictionary lists the common ones first
_LONGEST_KEY = 40
_SHORTEST_NEAR_KEY = 6  # letters of pinyin; a shorter one is near to too many others
_REMEMBERED = 16_384  # pairs of characters whose sounds are kept at hand, 4 MB
_PROPOSALS = 4
_FINALS = {
    "": "a ai an ang ao e ei en eng er o ou yi ya yan yang yao ye yin ying yo yong you yu yuan yue yun"
    " wu wa wai wan wang wei wen weng wo",
    "b": "a ai an ang ao ei en eng i ian iao ie in ing o u",
    "p": "a ai an ang ao ei en eng i ian iao ie in ing o ou u",
    "m": "a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u",
    "f": "a an ang ei en eng o ou u",
    "d": "a ai an ang ao e ei en eng i ian iao ie ing iu ong ou u uan ui un uo",
    "t": "a ai an ang ao e eng i ian iao ie ing ong ou u uan ui un uo",
    "n": "a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan uo v ve",
    "l": "a ai an ang ao e ei eng i ia ian iang iao ie in ing iu ong ou u uan un uo v ve",
    "g": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "k": "a ai an ang ao e en eng ong ou u ua uai uan uang ui un uo",
    "h": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "j": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "q": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "x": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "zh": "a ai an ang ao e ei en eng i ong ou u ua uai uan uang ui un uo",
    "ch": "a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo",
    "sh": "a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo",
    "r": "an ang ao e en eng i ong ou u uan ui un uo",
    "z": "a ai an ang ao e ei en eng i ong ou u uan ui un uo",
    "c": "a ai an ang ao e en eng i ong ou u uan ui un uo",
    "s": "a ai an ang ao e en eng i ong ou u uan ui un uo",
}
_SYLLABLES = frozenset(initial + final for initial, finals in _FINALS.items() for final in finals.split())


class Spelling:
    """The words of one catalogue, to be found by how they sound or almost are written. Immutable."""

    def __init__(self, words: Iterable[str]) -> None:
        """Take folded ``words``; the first of two equal candidates is proposed first. Needs 0.3 s for pypinyin."""
        ordered = list(dict.fromkeys(words))
        chinese = [word for word in ordered if _CJK_WORD.fullmatch(word)]
        self._sounds: dict[str, list[str]] = {}
        self._blurred: dict[str, list[str]] = {}
        self._initials: dict[str, list[str]] = {}
        self._holes: dict[str, list[str]] = {}
        for word in chinese:
            self._listen(word)
            for hole in _holes(word):
                self._holes.setdefault(hole, []).append(word)
        self._latin = _Near(word for word in ordered if _LATIN_WORD.fullmatch(word))
        self._keys = _Near(key for key in self._sounds if len(key) >= _SHORTEST_NEAR_KEY)
        self._longest = max(map(len, self._sounds), default=0)
        self._in_order = sorted(self._blurred)
        self._begins = lru_cache(_REMEMBERED)(self._begins_with)

    def _listen(self, word: str) -> None:
        for syllables in _readings(word):
            key = "".join(syllables)
            self._sounds.setdefault(key, []).append(word)
            self._blurred.setdefault(_blur(key), []).append(word)
        initials = "".join(each[0][0] for each in map(readings, word) if each)
        if len(initials) > 2:  # noqa: PLR2004 - two letters abbreviate everything
            self._initials.setdefault(initials, []).append(word)

    def same_sound(self, text: str) -> Sequence[str]:
        """Return the words that sound like the Chinese ``text``, tones aside: 数据分析 for 数剧分析.

        Where none does, those that a southern ear takes for the same: 月嫂 for 月少.
        """
        if not self._begins(text[:2]):
            return ()
        keys = ["".join(syllables) for syllables in _readings(text)]
        exact = [word for key in keys for word in self._sounds.get(key, ())]
        near = exact or [word for key in keys for word in self._blurred.get(_blur(key), ())]
        return tuple(word for word in dict.fromkeys(near) if len(word) == len(text))[:_PROPOSALS]

    def _begins_with(self, opening: str) -> bool:
        """Tell whether any word begins to the southern ear like one or two characters; most windows end here."""
        for syllables in product(*map(readings, opening)):
            sound = _blur("".join(syllables))
            at = bisect_left(self._in_order, sound)
            if at < len(self._in_order) and self._in_order[at].startswith(sound):
                return True
        return False

    def one_character_off(self, text: str) -> Sequence[str]:
        """Return the words of three characters or more in which one differs: 八段锦 for 八段绵."""
        found = dict.fromkeys([word for hole in _holes(text) for word in self._holes.get(hole, ())])
        return tuple(found)[:_PROPOSALS]

    def latin(self, text: str) -> Sequence[str]:
        """Return the Latin words one slip away (two from seven letters on): python for pyhton."""
        return self._latin.to(text, 2 if len(text) > 6 else 1)[:_PROPOSALS]  # noqa: PLR2004 - said above

    def pinyin(self, letters: str) -> Sequence[tuple[str, str]]:
        """Return the words spoken in ``letters``, each with the letters that say it.

        "shujufenxi" is 数据分析; "woxiangxuehuazhuang" says 化妆 among much else. Nothing unless all of it reads as
        pinyin, one slip in a known word forgiven.
        """
        if not letters.isascii() or not letters.isalpha() or len(letters) > _LONGEST_KEY:
            return ()
        keys = self._spoken(letters) or self._keys.to(letters, 1)[:1]
        return [(word, key) for key in keys for word in self._sounds[key][:_PROPOSALS]]

    def initials(self, letters: str) -> Sequence[str]:
        """Return the words of three characters or more whose syllables begin so: 数据分析 for sjfx."""
        return tuple(self._initials.get(letters, ()))[:_PROPOSALS]

    def _spoken(self, letters: str) -> list[str]:
        """Return the known keys that cover most of ``letters``, long ones preferred; the rest are syllables."""
        best: list[tuple[int, list[str]] | None] = [(0, []), *[None] * len(letters)]
        for start in range(len(letters)):
            reached = best[start]
            if reached is None:
                continue
            for end in range(start + 1, min(len(letters), start + max(self._longest, 6)) + 1):
                piece = letters[start:end]
                known = piece in self._sounds
                if not known and piece not in _SYLLABLES:
                    continue
                worth = reached[0] + (len(piece) ** 2 if known else 0)
                there = best[end]
                if there is None or worth > there[0]:
                    best[end] = (worth, [*reached[1], piece] if known else reached[1])
        last = best[-1]
        return last[1] if last is not None else []


class _Near:
    """Words to be found by edit distance: letter counts sort out nearly all of them before any is compared."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = list(words)
        self._counts = np.array([_letters(word) for word in self._words], np.int8).reshape(-1, 32)

    def to(self, text: str, distance: int) -> list[str]:
        """Return the words at most ``distance`` slips from ``text``, the nearest first; not ``text`` itself."""
        apart = np.abs(self._counts - np.array(_letters(text), np.int8)).sum(axis=1)
        near = [self._words[at] for at in np.flatnonzero(apart <= 2 * distance)]
        measured = [(slips(text, word), word) for word in near if abs(len(word) - len(text)) <= distance]
        ranked = [pair for pair in measured if 0 < pair[0] <= distance and _plausible(text, pair[1])]
        return [word for _, word in sorted(ranked, key=lambda pair: pair[0])]


def _letters(word: str) -> NDArray[np.int8]:
    counts = np.zeros(32, np.int8)
    for char in word[:100]:
        counts[ord(char) % 32] += 1
    return counts


def _plausible(text: str, word: str) -> bool:
    """Refuse "ocr" for "okr" and "ad" for "cad": in short words only swapped or doubled letters are slips."""
    shorter = min(len(text), len(word))
    return shorter > 3 or (shorter > 2 and set(text) == set(word))  # noqa: PLR2004 - letters


def slips(one: str, other: str) -> int:
    """Return how many letters to put in, leave out, replace or swap with the next to turn one into other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        before, above, row = row, before, [i]
        for j, letter in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != letter))
            if above and j > 1 and char == other[j - 2] and one[i - 2] == letter:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _holes(word: str) -> Sequence[str]:
    if len(word) <= 2:  # noqa: PLR2004 - in a pair the one that is left means anything
        return ()
    return [f"{word[:at]}?{word[at + 1 :]}" for at in range(len(word))]


def _readings(word: str) -> Iterator[tuple[str, ...]]:
    """Yield how ``word`` may be spoken: as usual, then with one rarer reading; nothing if a character has none."""
    choices = [readings(char) for char in word]
    if not all(choices):
        return
    usual = tuple(each[0] for each in choices)
    yield usual
    for at, others in enumerate(choices):
        for rarer in others[1:]:
            yield (*usual[:at], rarer, *usual[at + 1 :])


def _blur(key: str) -> str:
    """Return pinyin without what many speakers do not tell apart: zh and z, ch and c, sh and s, ng and n."""
    for thick, thin in (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n")):
        key = key.replace(thick, thin)
    return key


@lru_cache(32_768)
def readings(char: str) -> tuple[str, ...]:
    """Return how a Chinese character is spoken, without tones, the commonest first; nothing for others."""
    from pypinyin import Style, pinyin  # noqa: PLC0415 - reads its dictionaries (0.3 s): not at import

    spoken = pinyin(char, style=Style.NORMAL, heteronym=True, errors="ignore")
    return tuple(dict.fromkeys(spoken[0]))[:_READINGS] if spoken else ()
