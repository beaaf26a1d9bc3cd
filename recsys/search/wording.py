"""From a subject as typed to the words a catalogue uses for it, each with a weight and what it stands for.

A subject is read part by part, as spaces and commas part it: the parts come again and again, wholes hardly ever.
Corrections are proposed by ``spelling.py``; how often items say a word, and where, is ``course_search.py``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import sub
from typing import NamedTuple

from recsys.search.spelling import Spelling
from recsys.search.synonyms import Synonyms
from recsys.text import Tokenizer

# What another form of a word is worth beside the word itself.
PIECE = 0.4  # 数据 for 数据分析
PAIR = 0.25  # two neighbouring characters
SYNONYM = 0.75
SOUND = 0.8  # 数据分析 for 数剧分析
SLIP = 0.8  # python for pyhton, 八段锦 for 八段绵
PINYIN = 0.9
INITIALS = 0.6

PAIR_MARK = "~"  # keeps pairs of characters apart from words of two characters
_CJK = re.compile("[\u3400-\u9fff]+")
_LETTER = re.compile("[a-z]")
_CHUNK = re.compile("[\u3400-\u9fff]+|[a-z0-9+#.]+")
_COMMAS = ",、"  # part a subject, as spaces do
_LONGEST_WINDOW = 6
_LONGEST_CORRECTED = 60  # characters; whoever writes more says enough without its slips
_LONG = 3  # characters; of a shorter word nothing may be known, and only its sound is trusted
_WORDS = 8_192  # whose other forms are kept at hand: 10 MB at most
_PARTS = 16_384  # a word or two each, with what was typed around them: 12 MB
_REMEMBERED = 16_384  # windows of characters whose corrections are kept: 5 MB
_REAL_WORD = 20  # jieba's count (of 60 million) from which a word is no typing error


class Asked(NamedTuple):
    """A term to look up. ``typed`` is what the follower wrote; ``says`` the word it was taken for."""

    term: str
    weight: float
    typed: str
    says: str


def pairs(word: str) -> Iterator[str]:
    """Yield the pairs of neighbouring Chinese characters of a word, marked."""
    for run in _CJK.findall(word):
        yield from (PAIR_MARK + run[at : at + 2] for at in range(len(run) - 1))


class _Part(NamedTuple):
    """A part of a subject and what it asks for: by words of groups, by its other words, by what was meant.

    ``bound`` tells that what follows may change it: it may begin a name, or it has letters that nobody says.
    """

    text: str
    words: tuple[str, ...]
    bound: bool
    asked: tuple[Mapping[str, Asked], ...]


class Wording:
    """Reads subjects for one catalogue: ``terms`` are all it says, ``spelling`` knows its titles and tags.

    Safe to share between threads; what a word or a part stands for is worked out once. Names that the tokenizer
    takes later need a new one.
    """

    def __init__(self, tokenizer: Tokenizer, terms: Container[str], synonyms: Synonyms, spelling: Spelling) -> None:
        self.tokenizer, self.terms, self.synonyms, self.spelling = tokenizer, terms, synonyms, spelling
        self._openings = frozenset(_openings((*tokenizer.named, *synonyms.words)))
        self._forms = lru_cache(_WORDS)(self._forms_of)
        self._meant = lru_cache(_REMEMBERED)(self._meant_by)
        self._part = lru_cache(_PARTS)(self._whole)

    def read(self, subject: str) -> list[Asked]:
        """Return the terms that a folded subject asks for, each once, at its best weight."""
        parts = self._parts(subject)
        return list(_together(chain.from_iterable(zip(*[part.asked for part in parts], strict=True))).values())

    def prepare(self, subject: str) -> None:
        """Cut a folded subject into words where ``read`` will look for them; nothing is put right yet."""
        for text in [subject] if len(subject) > _LONGEST_CORRECTED else _parted(subject):
            self.tokenizer.words(text)

    def _parts(self, subject: str) -> Sequence[_Part]:
        """Return the parts of a subject, or all of it as one where a part depends on another."""
        if len(subject) > _LONGEST_CORRECTED:
            return [self._whole(subject)]
        parts = [self._part(text) for text in _parted(subject)]
        return parts if len(parts) == 1 or _independent(parts) else [self._part(subject)]

    def _whole(self, text: str) -> _Part:
        """Read a text in one; ``_part`` is the same, remembered for the next subject that holds it."""
        words = tuple(dict.fromkeys(self.tokenizer.words(text)))
        said = dict.fromkeys(self.synonyms.within(text))
        meant = tuple([word for word in said if len(word) > 1 or not _inside(word, words)])
        known = tuple(dict.fromkeys((*meant, *[word for word in words if self._knows(word)])))
        others = [word for word in words if word not in meant]
        asked = (
            [self._forms(word, PIECE if _inside(word, meant) else 1.0, word) for word in meant],
            [self._forms(word, PIECE if _inside(word, meant) else 1.0, word) for word in others],
            [self._forms(*correction) for correction in self._corrections(text, words, known)],
        )
        opens = any(text[at:] in self._openings for at in range(len(text)))
        bound = opens or any(self._is_strange(chunk, known) for chunk in _CHUNK.findall(text))
        return _Part(text, (*meant, *others), bound, tuple(map(_together, asked)))

    def _forms_of(self, word: str, weight: float, typed: str) -> Mapping[str, Asked]:
        """Return the catalogue's terms for a word, each weighed beside it, and the word each is taken for."""
        forms = [
            (word, 1.0, word),
            *((piece, PIECE, piece) for piece in self.tokenizer.pieces(word)),
            *((pair, PAIR, word) for pair in pairs(word)),
            *((other, SYNONYM, other) for other in self.synonyms.of(word)),
        ]
        found: dict[str, Asked] = {}
        for term, share, says in forms:
            asked = Asked(term, weight * share, typed, says)
            if term in self.terms and (term not in found or found[term].weight < asked.weight):
                found[term] = asked
        return found

    def _corrections(
        self, subject: str, words: tuple[str, ...], known: tuple[str, ...]
    ) -> Iterator[tuple[str, float, str]]:
        """Yield words meant, how much to trust each, and what was typed for it."""
        if _LETTER.search(subject):
            yield from self._latin(subject, known)
        for run in _CJK.findall(subject[:_LONGEST_CORRECTED]):
            if run not in known:
                inside = tuple([word for word in known if word in run])
                others = tuple([word for word in words if word in run and word not in known])
                yield from self._chinese(run, inside, others)

    def _knows(self, word: str) -> bool:
        return word in self.terms

    def _latin(self, subject: str, known: Collection[str]) -> Iterator[tuple[str, float, str]]:
        """Correct Latin words that nobody says: as pinyin, over spaces too, else as slips, else as initials."""
        run: list[str] = []
        for chunk in [*_CHUNK.findall(subject), ""]:
            if self._is_strange(chunk, known):
                run.append(chunk)
                continue
            if run:
                yield from self._latin_run(run)
                run = []

    def _is_strange(self, chunk: str, known: Collection[str]) -> bool:
        """Tell whether a chunk is a Latin word that nobody says."""
        return chunk.isascii() and chunk.isalpha() and chunk not in known and not self._knows(chunk)

    def _latin_run(self, run: list[str]) -> Iterator[tuple[str, float, str]]:
        if spoken := self._spoken("".join(run)):
            yield from spoken
            return
        for token in run:
            near = self.spelling.latin(token)
            yield from ((word, SLIP, token) for word in near)
            if not near:
                yield from self._spoken(token)
                yield from ((word, INITIALS, token) for word in self.spelling.initials(token))

    def _spoken(self, letters: str) -> list[tuple[str, float, str]]:
        groups: dict[str, list[str]] = {}
        for word, key in self.spelling.pinyin(letters):
            groups.setdefault(key, []).append(word)
        return [(word, PINYIN, key) for key, words in groups.items() for word in self._said(words)]

    def _chinese(
        self, run: str, known: tuple[str, ...], others: tuple[str, ...]
    ) -> Sequence[tuple[str, float, str]]:
        """Correct what is not known, the longest first; known words only if together they sound like one."""
        stretches = _Stretches(run, known, others)
        if stretches.all_well():
            return ()
        told = [
            (start - end, start, end, meant)
            for start, end, strange in stretches.windows()
            if (meant := self._meant(run[start:end], strange))
        ]
        done: set[int] = set()
        corrections: list[tuple[str, float, str]] = []
        for _, start, end, meant in sorted(told):
            if done.isdisjoint(range(start, end)):
                done.update(range(start, end))
                corrections += [(word, weight, run[start:end]) for word, weight in meant]
        return corrections

    def _meant_by(self, text: str, strange: int) -> Sequence[tuple[str, float]]:
        """Return what a text may be meant for, ``strange`` of whose characters belong to no known word."""
        if self._knows(text) or self._is_real(text):
            return ()
        if alike := self.spelling.same_sound(text):
            return [(word, SOUND) for word in self._said(alike)]
        # 学日语 is no slip of another three; of four characters and more, half may be a word that was typed well.
        if strange == len(text) or (len(text) > _LONG and strange * 2 >= len(text)):
            return [(word, SLIP) for word in self._said(self.spelling.one_character_off(text))]
        return ()

    def _said(self, words: Sequence[str]) -> Sequence[str]:
        """Return the words that some item says, if any does: rather those than what has to be translated first."""
        return [word for word in words if self._knows(word)] or words

    def _is_real(self, word: str) -> bool:
        """Tell whether the dictionary knows the word well: 滑雪 is not meant to be 化学."""
        return self.tokenizer.frequency(word) >= _REAL_WORD


def _inside(word: str, words: Iterable[str]) -> bool:
    """Tell whether ``word`` is but a part of one of the others: 工作 of 找工作."""
    return any(word != other and word in other for other in words)


def _parted(subject: str) -> list[str]:
    for comma in _COMMAS:
        subject = subject.replace(comma, " ")
    return subject.split()


def _openings(names: Iterable[str]) -> Iterator[str]:
    """Yield how names begin that hold what parts a subject: "power" of "power bi"."""
    for name in names:
        parts = _parted(name)
        if len(parts) > 1:
            yield parts[0]


def _independent(parts: Sequence[_Part]) -> bool:
    """Tell whether each part says beside the others what it says alone.

    Nothing is cut, or put right, across what parts them, but for what is ``bound``; and one word changes what
    another is worth, or how a run is put right, only where it stands in it.
    """
    for part in parts:
        if part.bound:
            return False
        for word in part.words:
            for other in parts:
                if word in other.text and other is not part:
                    return False
    return True


def _together(asked: Iterable[Mapping[str, Asked]]) -> dict[str, Asked]:
    """Return all terms asked for, each at its best weight."""
    found: dict[str, Asked] = {}
    for forms in asked:
        if found.keys().isdisjoint(forms):
            found.update(forms)
            continue
        for term, each in forms.items():
            before = found.get(term)
            if before is None or before.weight < each.weight:
                found[term] = each
    return found


class _Stretches:
    """A run of Chinese cut into known words, unknown words, and the single characters between them."""

    def __init__(self, run: str, known: Sequence[str], others: Sequence[str]) -> None:
        """Take the words that stand in the run, known ones and others."""
        self._ends = [0]
        self._strange = [0]  # how many characters up to each end belong to no known word
        for _, _, word in sorted([(run.find(word), -len(word), word) for word in (*known, *others)]):
            start = run.find(word, self._ends[-1])
            if start >= 0:
                self._add_singles(start)
                self._ends.append(start + len(word))
                self._strange.append(self._strange[-1] + (0 if word in known else len(word)))
        self._add_singles(len(run))

    def _add_singles(self, until: int) -> None:
        end, strange = self._ends[-1], self._strange[-1]
        self._ends += range(end + 1, until + 1)
        self._strange += range(strange + 1, strange + until - end + 1)

    def all_well(self) -> bool:
        """Tell whether nothing looks misspelt: known words, and between them at most single characters (和, 的)."""
        strange = self._strange
        return max(map(sub, strange[2:], strange), default=strange[-1]) <= 1  # of any two in a row

    def windows(self) -> Iterator[tuple[int, int, int]]:
        """Yield where those of two to six characters begin and end that may be misspelt, and how many are strange.

        Never one known word alone, nor a short text of which something is known.
        """
        ends, strange = self._ends, self._strange
        for first, start in enumerate(ends):
            for last in range(first + 1, len(ends)):
                length = ends[last] - start
                if length > _LONGEST_WINDOW:
                    break
                odd = strange[last] - strange[first]
                if length == odd > 1 or (length >= _LONG and (odd or last - first > 1)):
                    yield start, ends[last], odd
