"""The lines of a list: why each course is there as a slow reference says it, and links that a tap understands."""

from random import Random
from types import SimpleNamespace

import pytest

from bot.models import Course
from bot.texts.markup import tap
from handlers.chat.answers import Silence, Text, Transfer, render
from handlers.chat.replies_lists import course_line, reason
from recsys.base import Part, Recommendation

WORDS = ("数据", "数据分析", "分析", "python", "py", "零基础", "入门", "aa", "a", "健康", "健康饮食", "饮食")
LEVELS = ((), ("零基础",), ("入门", "零基础"))


class Shelf(SimpleNamespace):
    """A shelf that says and spells what a test wants."""

    def spell(self, word):
        return self.spelling.get(word, word)


def a_shelf(said, spelling):
    words = {course_id: [word for other, word in said if other == course_id] for course_id, _ in said}
    return Shelf(words=lambda course_id: words.get(course_id, ()), spelling=spelling, learners={"C1": 7})


def reason_said_slowly(found, mode, shelf, levels):
    """Say why a course is there by the book: sort what was asked, keep what the course says, drop pieces, quote."""
    if mode == "new":
        return "新上架"
    asked = [part for part in found.parts if part.kind == "query" and part.value > 0]
    if not asked:
        return "已有 7 人在学"
    asked.sort(key=lambda part: part.term in levels)
    held = [part for part in asked if part.term in shelf.words(found.item_id)]
    if not held:
        return f"和「{shelf.spell(asked[0].term)}」沾点边"
    wrote = [part.typed or part.term for part in held]
    said = [
        part.term
        for part in held
        if not part.typed
        and (
            len(held) == 1 or part.term.isascii() or not any(part.term != one and part.term in one for one in wrote)
        )
    ]
    if said and not (held[0].typed and said[0] in levels):
        return f"因为你提到「{'」「'.join(shelf.spell(word) for word in said[:2])}」"
    return f"这门讲「{shelf.spell(held[0].term)}」"


def found_by(course_id, *matches):
    return Recommendation(course_id, 1.0, matches, 0.5, rest=(Part("popular", "", 0.1),))


def random_matches(rng):
    terms = rng.sample(WORDS, rng.randrange(6))
    return [Part("query", term, 0.5, rng.choice(("", "", *WORDS))) for term in terms]


@pytest.mark.parametrize("seed", range(20))
def test_the_reason_is_what_a_slow_reference_says(seed):
    rng = Random(seed)
    for _ in range(200):
        said = {("C1", word) for word in WORDS if rng.random() < 0.7}
        spelling = {"python": rng.choice(("Python", "PYTHON"))} if rng.random() < 0.5 else {}
        shelf, levels = a_shelf(said, spelling), rng.choice(LEVELS)
        found, mode = found_by("C1", *random_matches(rng)), rng.choice(("find", "find", "new"))
        assert reason(found, mode, shelf, levels) == reason_said_slowly(found, mode, shelf, levels)


def test_a_catalogue_that_spells_a_word_otherwise_is_followed_at_once():
    found = found_by("C1", Part("query", "python", 1.0))
    before, after = (a_shelf({("C1", "python")}, {"python": word}) for word in ("python", "Python"))
    assert reason(found, "find", before) == "因为你提到「python」"
    assert reason(found, "find", after) == "因为你提到「Python」"


def test_the_same_words_are_no_reason_for_a_course_that_does_not_use_them():
    shelf = a_shelf({("C1", "健康"), ("C1", "饮食")}, {})
    matches = [Part("query", "饮食", 0.9), Part("query", "健康", 0.8)]
    assert reason(found_by("C1", *matches), "find", shelf) == "因为你提到「饮食」「健康」"
    assert reason(found_by("C2", *matches), "find", shelf) == "和「饮食」沾点边"
    assert reason(found_by("C1", *matches), "find", shelf, ("饮食",)) == "因为你提到「健康」「饮食」"


@pytest.mark.parametrize("title", ["瑜伽", "a<b>c & ]]>", "Python《一》"])
def test_a_tap_on_a_line_names_the_number_and_whose_list_it_is(title):
    line = course_line(3, Course("C1", title, 100), "因为", 12, "¥1")
    assert line == f"{tap('3', f'3. {title}', 's:12:3')} ¥1\n   因为"


HEAD = "<xml><ToUserName><![CDATA[o1]]></ToUserName><FromUserName><![CDATA[gh]]></FromUserName><CreateTime>7"


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        (Text("好]]>的\x01"), "<![CDATA[text]]></MsgType><Content><![CDATA[好]]]]><![CDATA[>的]]></Content></xml>"),
        (Transfer(), "<![CDATA[transfer_customer_service]]></MsgType></xml>"),
    ],
)
def test_an_answer_is_the_xml_that_wechat_documents(answer, rest):
    assert render(answer, to="o1", sender="gh", at=7) == f"{HEAD}</CreateTime><MsgType>{rest}"


def test_silence_is_the_bare_word_that_wechat_takes_for_it():
    assert render(Silence(), to="o1", sender="gh", at=7) == "success"
