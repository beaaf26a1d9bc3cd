"""From a sentence to its content words: normalising, jieba segmentation, filler and names.

Words come in as arguments; no file of ours is opened here. What the words are worth is ``index.py``.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

from recsys.cutting import Cutter, load_jieba

# Said when asking for a course, whatever the course is about; single characters are dropped by rule.
_ASKING_WORDS = """
    我想学 我要学 想学 要学 想要 需要 打算 希望 学习 学会 学学 学点 有没有 有没 有什么
    有哪些 有无 什么 哪些 怎么 怎样 如何 请问 你好 您好 谢谢 老师 课程 课 教程 网课
    上课 听课 报名 报个 推荐 介绍 看看 了解 一下 一点 一些 一个 一门 适合 便宜 划算
    多少钱 可以 帮我 给我 这个 那个 相关 方面 的话 我们 你们
"""
FILLER = frozenset(_ASKING_WORDS.split())
# "我想学剪映": left alone, jieba's guesser glues such openings to each other and to unknown words.
_ASKING = re.compile(
    r"(?:^|我们?)(?:还|也|就|正)?(?:想要?|要|需要|打算|希望|准备)去?"
    r"(?:学习|学(?![前校生科历])|报名|报(?!关)|买(?!卖)|找|了解|看看|听听)(?:一?[下点个些门])?"
)
_COURSE_TAILS = ("课程", "课", "班")
_LATIN = "a-z0-9à-öø-ÿ"
_CJK = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_TOKEN = re.compile(
    rf"\.net(?![{_LATIN}])"
    rf"|(?P<latin>[{_LATIN}]+(?:[.\-&'][{_LATIN}]+)*(?:\+\+|\#)?)"
    rf"|(?P<cjk>[{_CJK}]+)"
    r"|[^\W\d_]{2,}"
)
_NUMBER = re.compile(r"[\d.\-]+")
_JOINT = re.compile(r"[ .\-&']")
_CACHE_ENTRIES = 16_384  # parts of messages, and short texts of courses: 300 bytes each
_CACHE_PIECES = 65_536  # about the words of a large catalogue
_CACHE_RUNS = 8_192  # of Chinese characters, some 200 bytes each: openings and subjects that others have typed too
_CACHE_CHARACTERS = 120  # longer texts are descriptions: seen once, and they would crowd messages out
_LONGEST_NAME = 12


def normalise(text: str) -> str:
    """Return ``text`` in Unicode NFKC and lower case, white space collapsed to single spaces and stripped."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


class Tokenizer:
    """Cuts text into content words. Safe to share between threads; ``warm()`` it, or the first cut waits a second.

    ``stop_words`` are dropped. ``user_words`` are names that stay whole: "自媒体", "power bi", "c语言", "1688".
    """

    def __init__(self, stop_words: Iterable[str] = (), user_words: Iterable[str] = ()) -> None:
        self._stop = FILLER | {normalise(word) for word in _several(stop_words)}
        self._lock = threading.RLock()
        self._cutter: Cutter | None = None
        self._waiting = tuple(_several(user_words))
        self._names: set[str] = set()
        self._named: list[str] = []
        self._phrases: dict[str, tuple[str, ...]] = {}
        self._fresh_caches()

    @property
    def named(self) -> tuple[str, ...]:
        """Every name taken so far, in order. Text without a newer name is cut as before."""
        with self._lock:
            return tuple(self._named)

    def warm(self) -> None:
        """Load jieba and its dictionary (about a second, 80 MB). Later calls return at once."""
        self._warmed()

    def _warmed(self) -> Cutter:
        if self._cutter is not None:
            return self._cutter
        with self._lock:
            if self._cutter is None:
                cutter = Cutter(load_jieba())
                self._take(cutter, self._waiting)
                self._cutter = cutter
                self._fresh_caches()
            return self._cutter

    def add_words(self, words: Iterable[str]) -> int:
        """Keep the catalogue's tags and short names whole from now on; return how many were new.

        Not taken: long ones (over 12 Chinese or 24 Latin characters), and a Latin word followed by Chinese, which
        is two words ("excel技巧"); after a single letter it is a name ("c语言").
        """
        cutter = self._warmed()
        with self._lock:
            added = self._take(cutter, _several(words))
            if added:
                self._fresh_caches()
        return added

    def words(self, text: str) -> tuple[str, ...]:
        """Return the content words of ``text`` in order, normalised; repeated words stay repeated.

        Gone are stop words, filler ("有没有…课程"), punctuation, bare numbers, and single Chinese or Latin
        characters, unless they are names. Latin and mixed terms stay whole: c++, .net, node.js, 3d.
        """
        self.warm()
        return self._cut(text) if len(text) > _CACHE_CHARACTERS else self._cached_words(text)

    def frequency(self, word: str) -> int:
        """Return how often the dictionary counted a word, of 60 million; 0 for one it does not know."""
        return self._warmed().frequency(word)

    def pieces(self, word: str) -> tuple[str, ...]:
        """Return the shorter words inside a word, so that "数据" finds "数据分析" and "node" finds "node.js"."""
        self.warm()
        return self._cached_pieces(word)

    def terms(self, text: str) -> tuple[str, ...]:
        """Return the words and their pieces, each once: the form to search an index with."""
        self.warm()
        return self._terms_of(text) if len(text) > _CACHE_CHARACTERS else self._cached_terms(text)

    def _fresh_caches(self) -> None:
        # New caches rather than cleared ones: a cut begun with the old names ends up in the old cache. In this
        # order: what is remembered of a whole is never made from parts of an older cache.
        self._cached_runs: Callable[[str], tuple[str, ...]] = lru_cache(_CACHE_RUNS)(self._cut_run)
        self._cached_pieces: Callable[[str], tuple[str, ...]] = lru_cache(_CACHE_PIECES)(self._pieces_of)
        self._cached_words: Callable[[str], tuple[str, ...]] = lru_cache(_CACHE_ENTRIES)(self._cut)
        self._cached_terms: Callable[[str], tuple[str, ...]] = lru_cache(_CACHE_ENTRIES)(self._terms_of)

    def _take(self, cutter: Cutter, words: Iterable[str]) -> int:
        added = 0
        for name in dict.fromkeys(normalise(word) for word in words):
            if name in self._names or not self._fits(name):
                continue
            if _all_cjk(name):
                cutter.teach(name)
            elif head := _TOKEN.match(name):
                known = (*self._phrases.get(head[0], ()), name)
                self._phrases[head[0]] = tuple(sorted(known, key=len, reverse=True))
            self._names.add(name)
            self._named.append(name)
            added += 1
        return added

    def _fits(self, name: str) -> bool:
        token = _TOKEN.match(name)
        if token is None or len(name) > _LONGEST_NAME * (1 if _all_cjk(name) else 2) or name in self._stop:
            return False
        mixed = re.search(f"[{_CJK}]", name) is not None and not _all_cjk(name)
        return not mixed or (token.lastgroup == "latin" and len(token[0]) == 1)

    def _cut(self, text: str) -> tuple[str, ...]:
        plain, found, at = normalise(text), [], 0
        cut_run = self._cut_run if len(text) > _CACHE_CHARACTERS else self._cached_runs
        while token := _TOKEN.search(plain, at):
            at = token.end()
            if token.lastgroup == "cjk":
                found += [word for run in _ASKING.split(token[0]) if run for word in cut_run(run)]
                continue
            word = self._phrase_at(plain, token.start(), token[0])
            at = token.start() + len(word)
            if self._tells(word):
                found.append(word)
        return tuple(found)

    def _terms_of(self, text: str) -> tuple[str, ...]:
        found = dict.fromkeys(self.words(text))
        for word in tuple(found):
            found.update(dict.fromkeys(self._cached_pieces(word)))
        return tuple(found)

    def _phrase_at(self, plain: str, start: int, head: str) -> str:
        for phrase in self._phrases.get(head, ()):
            end = start + len(phrase)
            split_word = phrase[-1:].isascii() and re.match(f"[{_LATIN}]", plain[end : end + 1])
            if plain.startswith(phrase, start) and not split_word:
                return phrase
        return head

    def _cut_run(self, run: str) -> tuple[str, ...]:
        """Return the content words of Chinese characters in a row, whatever stands around them."""
        found: list[str] = []
        for raw in self._warmed().cut(run):
            word = self._bare(raw) if raw.endswith(_COURSE_TAILS) else raw
            if word not in self._stop and (len(word) > 1 or word in self._names):
                found.append(word)
        return tuple(found)

    def _bare(self, word: str) -> str:
        """Return "钢琴" for "钢琴课": the dictionary knows both, and the tail says nothing."""
        stem = next(word.removesuffix(tail) for tail in _COURSE_TAILS if word.endswith(tail))
        return stem if len(stem) > 1 and word not in self._names and self._warmed().frequency(stem) else word

    def _tells(self, word: str) -> bool:
        if word in self._stop:
            return False
        return word in self._names or (len(word) > 1 and _NUMBER.fullmatch(word) is None)

    def _pieces_of(self, word: str) -> tuple[str, ...]:
        if _all_cjk(word):
            parts = self._warmed().halves(word) if word[2:] else []
        else:
            parts = [part for part in _JOINT.split(word) if part != word]
        found: dict[str, None] = {}
        for part in parts:
            if len(part) > 1:
                found.update(dict.fromkeys((part, *self._pieces_of(part))))
        return tuple(part for part in found if self._tells(part))


def _several(words: Iterable[str]) -> Iterable[str]:
    if isinstance(words, str):
        raise ValueError("words are an iterable of strings, not one string")  # noqa: TRY004 - one kind of refusal
    return words


def _all_cjk(word: str) -> bool:
    return re.fullmatch(f"[{_CJK}]+", word) is not None
