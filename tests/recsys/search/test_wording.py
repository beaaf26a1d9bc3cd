"""Reading a subject remembers its pieces, and must read it as though it remembered nothing."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from recsys.search.fold import fold
from recsys.search.spelling import Spelling, _blur, _readings
from recsys.search.synonyms import Synonyms
from recsys.search.wording import Wording
from tests.recsys.search.report import queries

SEPARATORS = ("", " ", "和", "、", ",最好讲到", "入门 ", "怎么学好", "a", "1")
SLIPS = 2


class Plain(Wording):
    """The same, all in one and window by window, from the definition; nothing is remembered."""

    def _parts(self, subject):
        return [self._whole(subject)]

    def _corrections(self, subject, words, known):
        yield from self._latin(subject, known)
        for run in plain_runs(subject[:60]):
            yield from self._plainly(cut(run, words, known))

    def _plainly(self, stretches):
        strange = [0 if known else len(text) for text, known in stretches]
        if max(strange, default=0) <= 1 and not any(one and other for one, other in pairwise(strange)):
            return
        done: set[int] = set()
        for first, last in windows(stretches):
            text = "".join(text for text, _ in stretches[first:last])
            odd = sum(strange[first:last])
            nothing = (last - first == 1 and not odd) or (len(text) < 3 and odd < len(text))
            if nothing or not done.isdisjoint(range(first, last)):
                continue
            meant = self._meant_by(text, odd)
            if meant:
                done.update(range(first, last))
            yield from ((word, weight, text) for word, weight in meant)


def plain_runs(text: str) -> list[str]:
    return "".join(char if "\u3400" <= char <= "\u9fff" else " " for char in text).split()


def cut(run, words, known) -> list[tuple[str, bool]]:
    stretches, at = [], 0
    for _, _, word in sorted((run.find(word), -len(word), word) for word in {*words, *known} if word in run):
        start = run.find(word, at)
        if start >= 0:
            stretches += [(char, False) for char in run[at:start]]
            stretches.append((word, word in known))
            at = start + len(word)
    return stretches + [(char, False) for char in run[at:]]


def windows(stretches) -> list[tuple[int, int]]:
    found = []
    for first in range(len(stretches)):
        for last in range(first + 1, len(stretches) + 1):
            length = sum(len(text) for text, _ in stretches[first:last])
            if 1 < length <= 6:
                found.append((-length, first, last))
    return [(first, last) for _, first, last in sorted(found)]


def subjects(rng: Random, words: list[str], count: int) -> list[str]:
    """Return subjects of one to three words or of parts of them, some misspelt."""
    chars = sorted({char for word in words for char in word})
    made = []
    for _ in range(count):
        text = list(rng.choice(SEPARATORS).join(rng.choices(words, k=rng.randint(1, 3))))
        for _ in range(rng.randint(0, SLIPS)):
            at = rng.randrange(len(text))
            text[at : at + rng.randint(0, 1)] = rng.choice((rng.choice(chars), "", rng.choice(SEPARATORS)))
            text = text or ["学"]
        made.append("".join(text))
    return made


@pytest.mark.parametrize("seed", range(4))
def test_a_subject_is_read_as_though_nothing_was_remembered(sample, seed) -> None:
    ours = sample.wording
    plain = Plain(ours.tokenizer, ours.terms, ours.synonyms, ours.spelling)
    words = sorted({name for cut in sample.cuts.values() for name in cut.names} | set(ours.synonyms.words))
    asked = [*subjects(Random(seed), words, 400), *(fold(query.text) for query in queries()[seed::4])]

    for text in asked + asked[::-1]:
        assert ours.read(text) == plain.read(text), text


@pytest.mark.parametrize("seed", range(4))
def test_parts_of_a_subject_say_together_what_it_says_as_a_whole(sample, seed) -> None:
    ours = sample.wording
    plain = Plain(ours.tokenizer, ours.terms, ours.synonyms, ours.spelling)
    rng = Random(seed)
    words = sorted({name for cut in sample.cuts.values() for name in cut.names} | set(ours.synonyms.words))
    typed = [*words, *subjects(rng, words, 200), *(fold(query.text) for query in queries())]
    asked = [rng.choice((" ", "、", ",", ", ")).join(rng.choices(typed, k=rng.randint(2, 4))) for _ in range(400)]
    parted = 0

    for text in asked:
        parted += len(ours._parts(text)) > 1
        assert ours.read(text) == plain.read(text), text

    assert parted > len(asked) / 3


@pytest.mark.parametrize(
    "text",
    ["power bi", "excel power bi", "shuju fenxi", "找工作 工作", "工作、找工作", "shuju、fenxi", "数据 数据分析"],
)
def test_parts_that_change_each_other_are_read_as_one(sample, text) -> None:
    assert len(sample.wording._parts(text)) == 1
    assert len(sample.wording._parts("python、数据分析,瑜伽")) == 3


def test_what_is_prepared_need_not_be_cut_again(sample) -> None:
    ours = sample.wording
    for text in ("我从没提过的甲乙丙 python", "丁戊己、庚辛壬", "癸子丑寅卯" * 13):
        ours.prepare(text)
        cut = ours.tokenizer._cached_words.cache_info().misses
        ours.read(text)
        assert ours.tokenizer._cached_words.cache_info().misses == cut


def test_no_two_words_that_sound_alike_are_missed(sample) -> None:
    """What is said of the beginning of a word only spares looking for what is not there."""
    names = sorted({name for cut in sample.cuts.values() for name in cut.names if plain_runs(name) == [name]})
    words = [name for name in names if 1 < len(name) <= 8]
    spelling = Spelling(words)
    rng = Random(5)
    chars = sorted({char for word in words for char in word})
    heard = {word: {_blur("".join(each)) for each in _readings(word)} for word in words}

    for word in rng.choices(words, k=300):
        at = rng.randrange(len(word))
        text = word[:at] + rng.choice(chars) + word[at + 1 :]
        sounds = {_blur("".join(each)) for each in _readings(text)}
        alike = {other for other in words if len(other) == len(text) and heard[other] & sounds}
        assert bool(spelling.same_sound(text)) == bool(alike), text
        assert set(spelling.same_sound(text)) <= alike


def test_the_longest_synonym_wins_wherever_it_stands() -> None:
    words = ("猫", "养猫", "养猫咪", "py", "c", "c++")
    synonyms = Synonyms(["|".join(words)])
    rng = Random(7)

    for _ in range(500):
        text = "".join(rng.choices("养猫咪py c+1", k=rng.randint(0, 9)))
        assert list(synonyms.within(text)) == plain_within(words, text), text


def plain_within(words, text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        here = [word for word in words if text.startswith(word, at) and not cuts(text, at, at + len(word))]
        found += [max(here, key=len)] if here else []
        at += len(found[-1]) if here else 1
    return found


def cuts(text: str, start: int, end: int) -> bool:
    latin, more = "abcdefghijklmnopqrstuvwxyz0123456789", "+#"
    before, first = text[start - 1 : start], text[start]
    last, after = text[end - 1], text[end : end + 1]
    left = before != "" and before in latin and first in latin + more
    right = after != "" and after in latin + more and last in latin
    return left or right
