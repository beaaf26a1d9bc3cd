"""A file of courses is imported whole or not at all, and each bad row is named."""

from datetime import UTC, datetime

import pytest

from bot import catalog
from bot.errors import ImportRefused
from bot.store import SqliteStore

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
GOOD = "course_id,title,price,tags\nA1,瑜伽入门,99.00,瑜伽|减脂\nA2,手冲咖啡,0.00,咖啡\n"


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    yield store
    store.close()


def put(store, text):
    courses = catalog.read_courses(text.encode(), "c.csv")
    return store.write_now(lambda tx: catalog.store_courses(tx, courses, NOON))


def problems(text):
    with pytest.raises(ImportRefused) as caught:
        catalog.read_courses(text if isinstance(text, bytes) else text.encode(), "c.csv")
    return "\n".join(caught.value.problems)


def test_a_second_import_of_the_same_file_changes_nothing(store):
    first, version = put(store, GOOD), store.write_now(lambda tx: tx.versions.get("catalogue"))
    second = put(store, GOOD)

    assert (first.added, second.added, second.changed, second.same) == (2, 0, 0, 2)
    assert store.write_now(lambda tx: tx.versions.get("catalogue")) == version


def test_an_import_tells_how_far_it_has_come(store):
    rows = "".join(f"C{number},课程 {number},9\n" for number in range(450))
    courses = catalog.read_courses(f"course_id,title,price\n{rows}".encode(), "courses.csv")
    steps = []

    store.write_now(lambda tx: catalog.store_courses(tx, courses, NOON, steps.append))

    assert len(steps) > 2
    assert sum(steps) == 450


def test_an_edit_is_counted_and_announced(store):
    put(store, GOOD)
    done = put(store, GOOD.replace("99.00", "89.90"))

    assert (done.added, done.changed, done.same) == (0, 1, 1)
    assert store.write_now(lambda tx: tx.courses.get("A1").price_fen) == 8990
    assert store.write_now(lambda tx: tx.versions.get("catalogue")) == 2


def test_every_bad_row_is_named_with_what_is_wrong():
    found = problems(
        "course_id,title,price,status\nA1,,99,draft\nA2,咖啡,abc,draft\nA3,花艺,1.999,sold\n,瑜伽,1,\n"
    )

    assert "第 2 行：title 不能为空" in found
    assert "第 3 行：价格 'abc' 不是数字" in found
    assert "第 4 行" in found
    assert "第 5 行：course_id" in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"", "空的"),
        ("course_id,title\nA1,x\n", "缺少列 price"),
        ("course_id,title,price,prise\n", "不认识的列"),
        ("course_id,title,price\nA1,x,1,9\n", "第 2 行有 4 格"),
        ('course_id,title,price\nA1,"x,1\n', "不是合法的 CSV"),
        (GOOD + "A1,重复,1,\n", "前面已经出现过"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_with_a_sentence(text, said):
    assert said in problems(text)


@pytest.mark.parametrize(("yuan", "fen"), [("99.00", 9900), ("0", 0), ("19.9", 1990), (" 0.01 ", 1)])
def test_yuan_become_fen_exactly(yuan, fen):
    assert catalog.price_fen(yuan) == fen


@pytest.mark.parametrize("yuan", ["", "-1", "1.001", "NaN", "1e9", "inf", "一百"])
def test_what_is_no_price_is_refused(yuan):
    with pytest.raises(ValueError, match="价格"):
        catalog.price_fen(yuan)


def test_lessons_of_an_unknown_course_are_refused_and_nothing_is_kept(store):
    put(store, GOOD)
    lessons = catalog.read_lessons("course_id,position,title\nA1,1,开始\nB9,1,别的\n".encode(), "l.csv")

    with pytest.raises(ImportRefused, match="没有课程 B9"):
        store.write_now(lambda tx: catalog.store_lessons(tx, lessons, "l.csv"))
    assert store.write_now(lambda tx: tx.lessons.of("A1")) == []
