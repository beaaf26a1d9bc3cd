"""A file of courses is imported whole or not at all, and each bad row is named."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot import catalog
from bot.errors import ImportRefused
from bot.models import CourseStatus, Lesson
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
    assert "第 3 行：价格 'abc' 不是金额" in found
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


PRICES = [
    ("99.00", 9900),
    ("0", 0),
    ("19.9", 1990),
    (" 0.01 ", 1),
    ("¥9.9", 990),
    ("￥ 9.90", 990),
    ("1,299", 129_900),
    ("99 元", 9900),
]


@pytest.mark.parametrize(("yuan", "fen"), PRICES)
def test_yuan_become_fen_exactly(yuan, fen):
    assert catalog.price_fen(yuan) == fen


@pytest.mark.parametrize(
    "yuan", ["", "-1", "1.001", "NaN", "1e9", "1e3", "inf", "一百", "免费", "1,29", "12,99.0", "100001", "9.", "½"]
)
def test_what_is_no_price_is_refused(yuan):
    with pytest.raises(ValueError, match="价格"):
        catalog.price_fen(yuan)


def test_lessons_of_an_unknown_course_are_refused_and_nothing_is_kept(store):
    put(store, GOOD)
    lessons = catalog.read_lessons("course_id,position,title\nA1,1,开始\nB9,1,别的\n".encode(), "l.csv")

    with pytest.raises(ImportRefused, match="没有课程 B9"):
        store.write_now(lambda tx: catalog.store_lessons(tx, lessons, "l.csv"))
    assert store.write_now(lambda tx: tx.lessons.of("A1")) == []


FULL = (
    "course_id,title,subtitle,teacher,category,tags,description,price,level,minutes,cover_url,status\n"
    "A1,瑜伽入门,慢慢来,林老师,健康管理,瑜伽|减脂,第一行,99,入门,90,https://a.cn/1.png,retired\n"
)


def bring(store, text, name="c.csv"):
    known = store.write_now(lambda tx: {course.course_id for course in tx.courses.all()})
    given = catalog.read_files(catalog.File(name, text.encode()), None, known)
    return store.write_now(lambda tx: catalog.store_entries(tx, given.courses, NOON))


def kept(store):
    return store.write_now(lambda tx: tx.courses.get("A1"))


def test_columns_that_the_file_does_not_have_stay_as_they_are_stored(store):
    bring(store, FULL)
    before = kept(store)
    done = bring(store, "course_id,title,price\nA1,瑜伽入门,89\nA2,手冲咖啡,9\n")

    assert kept(store) == replace(before, price_fen=8900)
    assert (before.teacher, before.status) == ("林老师", CourseStatus.RETIRED)
    assert (done.added, done.changed, done.reopened) == (1, 1, 0)


def test_lessons_keep_the_columns_that_the_file_does_not_have(store):
    put(store, GOOD)
    for text in ("A1,1,开始,30,1,正文\nA1,2,然后,5,,\n", "A1,1,开头\nA1,3,最后\n"):
        header = "course_id,position,title,minutes,free,body\n" if "正文" in text else "course_id,position,title\n"
        given = catalog.read_files(None, catalog.File("l.csv", (header + text).encode()), {"A1"})
        store.write_now(
            lambda tx, given=given: catalog.store_lessons(tx, given.lessons, "l.csv", silent=given.silent)
        )

    assert store.write_now(lambda tx: tx.lessons.of("A1")) == [
        Lesson("A1", 1, "开头", 30, free=True, body="正文"),
        Lesson("A1", 3, "最后"),
    ]


def test_an_empty_cell_empties_its_field_but_never_the_status(store):
    bring(store, FULL)
    bring(store, "course_id,title,price,teacher,tags,status\nA1,瑜伽入门,99,,,\n")

    assert (kept(store).teacher, kept(store).tags, kept(store).category) == ("", (), "健康管理")
    assert kept(store).status is CourseStatus.RETIRED


def test_a_retired_course_is_on_sale_again_only_when_the_file_says_so(store):
    bring(store, FULL)
    done = bring(store, "course_id,title,price,status\nA1,瑜伽入门,99,published\n")

    assert (done.changed, done.reopened) == (1, 1)
    assert kept(store).on_sale


def test_what_spreadsheets_add_is_tolerated(store):
    bring(store, "\ufeffcourse_id,title,price,,\nA1,瑜伽入门,99,,\n,,,,\nA2,手冲咖啡,9,,,,\n")

    assert store.write_now(lambda tx: [course.course_id for course in tx.courses.all()]) == ["A1", "A2"]


def test_a_title_is_one_line(store):
    bring(store, 'course_id,title,price,description\nA1,"瑜伽\r\n 入门",99,"第一行\n第二行"\n')

    assert (kept(store).title, kept(store).description) == ("瑜伽 入门", "第一行\n第二行")


def test_all_faults_of_both_files_are_told_in_one_go():
    courses = "course_id,title,price,cover_url\nA1,,x,javascript:alert(1)\nA2,咖啡,9\nA3,花艺,9,//a.cn\n"
    lessons = "course_id,position,title\nA1,0,开始\nA2,1,开始\nB9,1,\nB9,1,别的,多了\n"
    with pytest.raises(ImportRefused) as caught:
        catalog.read_files(catalog.File("c.csv", courses.encode()), catalog.File("l.csv", lessons.encode()), ())

    assert [problem.partition("：")[0] for problem in caught.value.problems] == [
        "c.csv 第 2 行",
        "c.csv 第 3 行有 3 格，表头有 4 格",
        "c.csv 第 4 行",
        "l.csv 第 2 行",
        "l.csv 第 4 行",
        "l.csv 第 5 行有 4 格，表头有 3 格",
    ]
    told = "\n".join(caught.value.problems)
    assert "title 不能为空；价格 'x' 不是金额，应形如 99.00；cover_url" in told
    assert "l.csv 第 4 行：title 不能为空；没有课程 B9" in told


PLACED = "course_id,title,price,mini_program_appid,mini_program_path,article_url\n"


def test_a_mini_program_and_an_article_are_imported_and_kept_by_files_without_their_columns(store):
    bring(store, PLACED + "A1,瑜伽,9,wx0123456789abcdef,pages/a?id=1&b=2,https://mp.weixin.qq.com/s/x\n")
    bring(store, "course_id,title,price\nA1,瑜伽课,9\n")
    course = store.write_now(lambda tx: tx.courses.get("A1"))

    assert course.title == "瑜伽课"
    assert (course.mini_program_appid, course.mini_program_path) == ("wx0123456789abcdef", "pages/a?id=1&b=2")
    assert course.article_url == "https://mp.weixin.qq.com/s/x"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("wx1,pages/a,", "应是小程序的 AppID"),
        ("wx0123456789abcdef,/pages/a,", "不以 / 开头"),
        ('wx0123456789abcdef,"pages/a""><b",', "应形如 pages/course/index"),
        (f"wx0123456789abcdef,{'p' * 257},", "最多 256 个字符"),
        ("wx0123456789abcdef,,", "要一起填"),
        (",pages/a,", "要一起填"),
        (",,javascript:alert(1)", "article_url"),
        (",,https://a.cn/<b>", "article_url"),
        (f",,https://a.cn/{'x' * 512}", "太长"),
    ],
)
def test_a_wrong_mini_program_or_article_imports_nothing(store, cells, told):
    with pytest.raises(ImportRefused) as refused:
        bring(store, f"{PLACED}A1,瑜伽,9,{cells}\n")

    assert told in str(refused.value)
    assert store.write_now(lambda tx: tx.courses.get("A1")) is None
