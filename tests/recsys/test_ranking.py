"""From files to ranked lists: what the lists promise, what is refused, and that settings are found in the data."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recsys import ranking
from recsys.files import FileRefused
from recsys.holdout import Shape, ask_new_items, ask_people, carries_order
from recsys.ranker import _surplus
from recsys.sources.base import Log
from recsys.text import Tokenizer

SUBJECTS = ("表格", "编程", "瑜伽", "钢琴", "英语", "摄影")
EACH = 8
CUTTER = Tokenizer()  # loading its dictionary takes a second; every folder has the same tags


def an_item(subject: int, n: int) -> str:
    return f"{SUBJECTS[subject]}{n}"


def a_folder(tmp_path, *, queries: list[str], people: int = 300, hidden: tuple[str, ...] = (), order=None):
    """People who take four courses of one subject, in files as the command reads them."""
    rng = np.random.default_rng(3)
    lines = ["item_id\ttitle\ttags\ttext"]
    lines += [
        f"{an_item(s, n)}\t{SUBJECTS[s]}第{n}课\t{SUBJECTS[s]}\t" for s in range(len(SUBJECTS)) for n in range(EACH)
    ]
    (tmp_path / "items.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    events = ["user_id\titem_id\tt"]
    for user in range(people):
        subject = user % len(SUBJECTS)
        taken = rng.permutation(EACH)[:4] if order is None else order(rng)
        kept = [an_item(subject, n) for n in taken if an_item(subject, n) not in hidden]
        events += [f"U{user}\t{item}\t{at}" for at, item in enumerate(kept)]
    (tmp_path / "train.tsv.gz").write_bytes(gzip.compress(("\n".join(events) + "\n").encode()))
    (tmp_path / "queries.tsv").write_text("".join(f"{query}\n" for query in queries), encoding="utf-8")
    return tmp_path


def ranked(folder, *, out="ranked.tsv", candidates=None, k=5):
    told: list[tuple[int, int]] = []
    ranking.rank(
        folder / "items.tsv",
        folder / "train.tsv.gz",
        folder / "queries.tsv",
        folder / out,
        candidates=candidates,
        k=k,
        tokenizer=CUTTER,
        tell=lambda done, of: told.append((done, of)),
    )
    assert told[-1][0] == told[-1][1]
    assert told == sorted(told)
    raw = (folder / out).read_bytes()
    text = (gzip.decompress(raw) if out.endswith(".gz") else raw).decode()
    return [line.split("\t") for line in text.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    queries = [
        "new\t编程0\t",
        "U3\t\t",
        "nobody\t\t",
        "says\t\t瑜伽",
        "both\t英语1|英语2\t钢琴",
        "stranger words\t\t量子",
    ]
    return a_folder(tmp_path_factory.mktemp("rank"), queries=queries)


@pytest.fixture(scope="module")
def lists(folder):
    return ranked(folder)


def test_every_question_is_answered_in_its_order(lists):
    assert [row[0] for row in lists] == ["new", "U3", "nobody", "says", "both", "stranger words"]
    assert all(len(row) == 6 == len(set(row)) for row in lists)


def test_one_course_shows_the_subject(lists):
    assert all(item.startswith("编程") for item in lists[0][1:])
    assert "编程0" not in lists[0]


def test_a_known_person_without_a_listed_history_is_still_known(folder, lists):
    """U3 took four courses of 钢琴; they are not offered again, the other four are."""
    rows = gzip.decompress((folder / "train.tsv.gz").read_bytes()).decode().split("\n")
    had = {row.split("\t")[1] for row in rows if row.startswith("U3\t")}

    assert not had & set(lists[1])
    assert {an_item(3, n) for n in range(EACH)} - had == set(lists[1][1:5])


def test_words_alone_are_enough(lists):
    assert all(item.startswith("瑜伽") for item in lists[3][1:])


def test_the_same_files_give_the_same_bytes(folder, lists):
    assert ranked(folder, out="again.tsv.gz") == lists
    first = (folder / "again.tsv.gz").read_bytes()
    assert ranked(folder, out="again.tsv.gz") == lists
    assert (folder / "again.tsv.gz").read_bytes() == first


def test_the_number_of_threads_changes_no_byte(tmp_path):
    """People of no clear taste: their courses score almost alike, and the last digit of a sum decides."""
    queries = [f"U{n}\t\t" for n in range(600)]
    folder = a_folder(tmp_path, queries=queries, people=600, order=lambda rng: rng.integers(EACH, size=3))
    call = "ranking.rank(*map(Path, sys.argv[1:]), tell=lambda *_: None)"
    work = f"import sys; from pathlib import Path; from recsys import ranking; {call}"
    found = set()
    for threads in ("1", "4"):
        paths = [str(folder / name) for name in ("items.tsv", "train.tsv.gz", "queries.tsv", f"by{threads}.tsv")]
        few = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED"), threads)
        subprocess.run([sys.executable, "-c", work, *paths], check=True, env={**os.environ, **few})
        found.add(Path(paths[-1]).read_bytes())
    assert len(found) == 1


def test_only_candidates_are_recommended(folder):
    (folder / "only.txt").write_text("瑜伽1\n瑜伽2\n编程0\n编程3\n", encoding="utf-8")

    rows = ranked(folder, candidates=folder / "only.txt", out="only.tsv")

    assert rows[0][1:] == ["编程3", *rows[0][2:]]
    assert set(rows[0][1:]) == {"编程3", "瑜伽1", "瑜伽2"}


@pytest.mark.parametrize("head", ["item_id\n", "\ufeffitem_id\ttitle\n", "since\titem_id\n"])
def test_candidates_may_have_a_header(folder, head):
    before = "2026\t" if head.startswith("since") else ""
    (folder / "headed.tsv").write_text(head + f"{before}瑜伽1\n{before}编程3\n", encoding="utf-8")

    rows = ranked(folder, candidates=folder / "headed.tsv", out="headed.out")

    assert all(set(row[1:]) == {"瑜伽1", "编程3"} for row in rows)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("course\n瑜伽1\n", 1, "要叫 item_id"),
        ("item_id\n瑜伽1\n瑜伽99\n", 3, "'瑜伽99' 不在课程表里"),
        ("瑜伽1\nitem_id\n", 2, "'item_id' 不在课程表里"),
        ("since\titem_id\n瑜伽1\n", 2, "没有课程编号"),
        ("item_id\n", 1, "没有一门课程"),
        ("", 1, "没有一门课程"),
    ],
)
def test_other_candidates_are_refused_by_line(folder, text, line, says):
    (folder / "bad.tsv").write_text(text, encoding="utf-8")

    with pytest.raises(FileRefused, match=says) as refused:
        ranked(folder, candidates=folder / "bad.tsv", out="never.tsv")

    assert refused.value.line == line
    assert not (folder / "never.tsv").exists()


def test_courses_that_nobody_took_yet_are_found_by_their_words(tmp_path):
    """A quarter of the courses is new: those of one's own subject are shown, and first among the new."""
    hidden = tuple(an_item(s, n) for s in range(len(SUBJECTS)) for n in (6, 7))
    folder = a_folder(tmp_path, queries=["a\t编程0\t", "b\t钢琴1|钢琴2\t"], hidden=hidden)
    (folder / "new.txt").write_text("\n".join(hidden) + "\n", encoding="utf-8")

    everything = ranked(folder, k=8)
    new = ranked(folder, candidates=folder / "new.txt", k=2, out="new.tsv")

    assert {"编程6", "编程7"} & set(everything[0])
    assert [set(row[1:]) for row in new] == [{"编程6", "编程7"}, {"钢琴6", "钢琴7"}]


def test_a_log_of_single_events_falls_back_on_popularity(tmp_path):
    folder = a_folder(tmp_path, queries=["a\t\t", "b\t瑜伽1\t"], people=0)
    rows = ["user_id\titem_id\tt", *(f"u{n}\t{an_item(2, min(n, 3) % 4)}\t0" for n in range(10))]
    (folder / "train.tsv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))

    rows = ranked(folder, k=3)

    assert rows[0][1] == an_item(2, 3)
    assert rows[1][1] == an_item(2, 3)
    assert all(len(row) == 4 for row in rows)


def test_without_events_there_are_still_lists(tmp_path):
    folder = a_folder(tmp_path, queries=["a\t\t", "b\t瑜伽1\t瑜伽"], people=0)

    assert [len(row) for row in ranked(folder, k=3)] == [4, 4]


def test_real_order_is_found_and_used(tmp_path):
    """Everybody goes up the numbers from a random start: after 2 comes 3, whatever else was taken."""

    def upward(rng):
        start = int(rng.integers(0, EACH))
        return [(start + step) % EACH for step in range(4)]

    folder = a_folder(
        tmp_path, queries=["a\t编程0|编程1|编程2\t", "b\t编程6|编程7|编程0\t"], people=900, order=upward
    )

    rows = ranked(folder, k=1)

    assert [row[1] for row in rows] == ["编程3", "编程1"]


BROKEN = [
    ("items.tsv", "title\ttags\nA\tB\n", "第 1 行：表头缺少 item_id"),
    ("items.tsv", "item_id\ttitle\nA\tx\nA\ty\n", "第 3 行：课程编号 A 重复"),
    ("items.tsv", "item_id\ttitle\n\tx\n", "第 2 行：没有课程编号"),
    ("items.tsv", "item_id\ttitle\n", "没有一门课程"),
    ("train.tsv.gz", "user_id\titem_id\n", "第 1 行：表头缺少 t"),
    ("train.tsv.gz", "user_id\titem_id\tt\nu\t编程0\tx\n", "第 2 行：时间 t 应是整数，而不是 'x'"),
    ("train.tsv.gz", "user_id\titem_id\tt\nu\t编程0\t1\nu\tgone\t1\n", "第 3 行：课程 'gone' 不在课程表里"),
    ("train.tsv.gz", "user_id\titem_id\tt\nu\t编程0\n", "第 2 行：应有 3 列，只有 2 列"),
    ("queries.tsv", "u\t编程0\t\nv\tgone\t\n", "第 2 行：课程 'gone' 不在课程表里"),
    ("queries.tsv", "\t编程0\t\n", "第 1 行：没有用户编号"),
]


@pytest.mark.parametrize(("name", "content", "sentence"), BROKEN)
def test_a_bad_line_is_named_and_nothing_is_written(tmp_path, name, content, sentence):
    folder = a_folder(tmp_path, queries=["a\t\t"], people=12)
    raw = content.encode()
    (folder / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)

    with pytest.raises(FileRefused) as refused:
        ranked(folder)

    assert sentence in str(refused.value)
    assert str(folder / name) in str(refused.value)
    assert not (folder / "ranked.tsv").exists()


def test_bytes_that_are_no_text_or_half_a_gzip_are_refused(tmp_path):
    folder = a_folder(tmp_path, queries=["a\t\t"], people=12)
    (folder / "queries.tsv").write_bytes(b"a\t\t\n\xff\xfe\n")
    with pytest.raises(FileRefused, match="UTF-8"):
        ranked(folder)

    whole = (folder / "train.tsv.gz").read_bytes()
    (folder / "train.tsv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileRefused, match="gzip"):
        ranked(folder)


def test_a_failure_while_writing_leaves_the_old_file(tmp_path):
    folder = a_folder(tmp_path, queries=["a\t\t"], people=12)
    (folder / "ranked.tsv").write_text("old", encoding="utf-8")

    def stop(done, of):
        if done == of:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ranking.rank(
            folder / "items.tsv",
            folder / "train.tsv.gz",
            folder / "queries.tsv",
            folder / "ranked.tsv",
            tokenizer=CUTTER,
            tell=stop,
        )

    assert (folder / "ranked.tsv").read_text(encoding="utf-8") == "old"
    assert not list(folder.glob(".ranked*"))


def a_log(order, people=400, *, same_time=False) -> Log:
    rng = np.random.default_rng(1)
    users, items, times = [], [], []
    for user in range(people):
        taken = order(rng)
        users += [user] * len(taken)
        items += list(taken)
        times += [0] * len(taken) if same_time else list(range(len(taken)))
    return Log.of(users, items, times, width=12)


def test_shuffled_lists_and_ties_carry_no_order():
    assert not carries_order(a_log(lambda rng: rng.permutation(12)[:6]))
    assert not carries_order(a_log(lambda rng: np.sort(rng.permutation(12)[:6]), same_time=True))
    assert not carries_order(Log.of([], [], [], width=3))


def test_a_tendency_is_order():
    assert carries_order(a_log(lambda rng: np.argsort(np.arange(12) + rng.normal(0, 6, 12))[:6]))


def test_what_is_asked_for_is_not_in_the_log():
    log = a_log(lambda rng: rng.permutation(12)[:7])
    trial = ask_people(log, Shape(), np.random.default_rng(5))
    left = {(user, item) for user, item in zip(trial.log.owners.tolist(), trial.log.items.tolist(), strict=True)}

    assert trial.strangers.any()
    assert not trial.strangers.all()
    for person, wanted in zip(trial.people, trial.targets, strict=True):
        assert not set(person.history) & set(wanted.tolist())
    known = sum(
        len(wanted) for wanted, stranger in zip(trial.targets, trial.strangers, strict=True) if not stranger
    )
    out = np.flatnonzero(trial.log.lengths == 0)
    assert len(left) == len(log.items) - known - 7 * len(out)


def test_hidden_items_leave_no_trace():
    log = a_log(lambda rng: rng.permutation(12)[:7])
    rest, fresh, takers = ask_new_items(log, 0.2, np.random.default_rng(5))

    assert len(fresh) == 2
    assert not np.isin(rest.items, fresh).any()
    assert sum(map(len, takers.values())) + len(rest.items) == len(log.items)
    assert all(set(taken.tolist()) <= set(log.history(user).tolist()) for user, taken in takers.items())


def test_rare_items_are_not_taken_for_new_ones():
    """Ten items each seen once, twice, three times: ten unseen ones are no wonder, fifty are."""
    counts = [1] * 10 + [2] * 10 + [3] * 10 + [50] * 20
    items = [item for item, count in enumerate(counts) for _ in range(count)]
    columns = (range(len(items)), items, [0] * len(items))

    assert _surplus(Log.of(*columns, width=len(counts) + 10)) == 0
    assert _surplus(Log.of(*columns, width=len(counts) + 50)) == pytest.approx(40 - 2 * 10**0.5)
