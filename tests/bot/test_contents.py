"""Files that hold bundles and memberships: whole or not at all, with every fault named by its line."""

from datetime import UTC, datetime

import pytest

from bot import catalog
from bot.errors import ImportRefused
from bot.models import Kind, Plan
from bot.store import SqliteStore

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
HEAD = "course_id,title,price,category,kind,includes,months,opens"
GOOD = f"""{HEAD}
BOX,甲乙,99,,bundle,A|B,,
A,甲,60,职场,,,,
B,乙,70,健康,course,,,
VIP,会员,30,,membership,,1,职场
ALL,年卡,300,,membership,,12,
"""


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(str(tmp_path / "zhike.db"))
    yield store
    store.close()


def load(store, text):
    def work(tx):
        known = {each.course_id for each in tx.courses.all()}
        given = catalog.read_files(catalog.File("x.csv", text.encode()), None, known)
        return catalog.store_entries(tx, given.courses, NOW, name="x.csv")

    return store.write_now(work)


def held(store):
    return store.write_now(lambda tx: (tx.bundles.all(), tx.memberships.plans()))


def test_bundles_and_memberships_come_with_their_courses_in_any_order_of_rows(store):
    done = load(store, GOOD)

    assert (done.added, done.changed, done.same) == (5, 0, 0)
    assert held(store) == (
        {"BOX": ("A", "B")},
        {"ALL": Plan("ALL", 12), "VIP": Plan("VIP", 1, ("职场",))},
    )
    assert store.write_now(lambda tx: tx.courses.get("BOX").kind) is Kind.BUNDLE


def test_the_same_file_again_changes_nothing_and_says_so(store):
    load(store, GOOD)
    before = store.write_now(lambda tx: tx.versions.get("catalogue"))

    done = load(store, GOOD)

    assert (done.added, done.changed, done.same) == (0, 0, 5)
    assert store.write_now(lambda tx: tx.versions.get("catalogue")) == before


def test_other_courses_in_a_bundle_count_as_a_change_and_running_servers_hear_of_it(store):
    load(store, GOOD)
    before = store.write_now(lambda tx: tx.versions.get("catalogue"))

    done = load(store, GOOD.replace("A|B", "B"))

    assert (done.changed, done.same) == (1, 4)
    assert store.write_now(lambda tx: tx.versions.get("catalogue")) > before


def test_a_file_without_the_columns_leaves_kinds_and_contents_as_they_are(store):
    load(store, GOOD)
    before = held(store)

    done = load(store, "course_id,title,price\nBOX,新名字,88\nVIP,会员,35\n")

    assert done.changed == 2
    assert held(store) == before
    assert store.write_now(lambda tx: tx.courses.get("VIP").kind) is Kind.MEMBERSHIP


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("X,x,9,,bundle,,,", "第 2 行：专栏要在 includes 里写有哪些课"),
        ("X,x,9,,bundle,NOPE,,", "第 2 行：没有课程 NOPE"),
        ("X,x,9,,bundle,A|A,,", "第 2 行：A 写了两次"),
        ("X,x,9,,bundle,X,,", "第 2 行：X 不是课程"),
        ("X,x,9,,bundle,BOX,,", "第 2 行：BOX 不是课程"),
        ("A,甲,60,职场,bundle,B,,", "第 2 行：kind 不能从 course 改成 bundle"),
        ("X,x,9,,course,A,,", "第 2 行：includes 只有专栏"),
        ("X,x,9,,course,,3,", "第 2 行：months 和 opens 只有会员"),
        ("X,x,9,,membership,,,", "第 2 行：会员要在 months 里写几个月"),
        ("X,x,9,,membership,,0,", "第 2 行：会员的月数应在 1 到 120 之间"),
        ("X,x,9,,membership,,很久,", "第 2 行：months '很久' 应是 1 到 120 的整数"),
        ("X,x,0,,membership,,1,", "第 2 行：会员的价格要大于 0"),
        ("X,x,9,,membership,,1,天文", "第 2 行：没有课程属于分类 天文"),
        ("X,x,9,,box,,,", "第 2 行：kind 'box' 应是 course、bundle、membership 之一"),
    ],
)
def test_what_cannot_be_is_named_by_its_line_and_nothing_is_imported(store, row, why):
    load(store, GOOD)
    before = store.write_now(lambda tx: tx.courses.all()), held(store)

    with pytest.raises(ImportRefused) as refused:
        load(store, f"{HEAD}\n{row}\nNEW,新的,5,,,,,\n")

    assert refused.value.problems[0].startswith(why)
    assert (store.write_now(lambda tx: tx.courses.all()), held(store)) == before
