"""Offline evaluation: figures that can be worked out by hand, and the rules that no source may bend."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.sparse import csr_array

from recsys.evaluation import BATCH, FEWEST, WEEK, Case, Exam, compare, split_at, time_split
from recsys.sources.base import Catalogue, Log, Person
from recsys.sources.content import Content
from recsys.sources.ease import Ease
from recsys.sources.matrix import ItemMatrix
from recsys.sources.popularity import Popularity
from recsys.sources.walk import Walk
from tests.recsys.builders import DAY, NOON


class Says(ItemMatrix):
    """A source that learns nothing: item i speaks for item j as the matrix says."""

    def __init__(self, matrix):
        super().__init__("says")
        self.matrix = np.array(matrix, np.float32)

    def weigh(self, log, catalogue):  # noqa: ARG002 - it learns nothing
        return self.matrix


def a_catalogue(width):
    nothing = csr_array((width, 0), dtype=np.float64)
    return Catalogue(tuple(f"C{at}" for at in range(width)), {}, nothing, nothing)


def a_log(histories, width, *, every=DAY):
    """Return a log in which user u takes the items of ``histories[u]``, one each ``every`` seconds."""
    events = [(user, item, at) for user, items in enumerate(histories) for at, item in enumerate(items)]
    users, items, steps = zip(*events, strict=True)
    return Log.of(users, items, [NOON + every * step for step in steps], width=width)


def asked(*cases):
    return Exam(tuple(Case(Person(tuple(history)), tuple(targets)) for history, targets in cases))


def a_crowd(seed, people=60, width=12):
    """Return a log with favourites, questions to its people and to strangers, and a source with opinions."""
    rng = np.random.default_rng(seed)
    liking = np.linspace(3, 0.2, width)
    liking[-2:] = 0  # two items nobody took yet
    liking /= liking.sum()
    histories = [rng.choice(width, rng.integers(1, 6), replace=False, p=liking).tolist() for _ in range(people)]
    cases = []
    for history in histories:
        known = history[: rng.integers(0, len(history) + 1)]
        others = np.setdiff1d(np.arange(width), known)
        cases.append((known, rng.choice(others, rng.integers(1, 4), replace=False).tolist()))
    return a_log(histories, width), asked(*cases), Says(rng.integers(0, 4, (width, width)))


def by_hand(matrix, train, exam, k):
    """Return, a case a row, the list and its recall, NDCG, hit and novelty, in plain loops."""
    users = sum(len(train.history(user)) > 0 for user in range(train.people))
    counts = [sum(item in train.history(user) for user in range(train.people)) for item in range(train.width)]
    rows = []
    for case in exam.cases:
        score = [sum(float(matrix[held][item]) for held in case.person.history) for item in range(train.width)]
        free = [item for item in range(train.width) if item not in case.person.history]
        shown = sorted(free, key=lambda item: (-score[item], -counts[item], item))[:k]
        hits = [item in case.targets for item in shown]
        dcg = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits) if hit)
        ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(case.targets))))
        novelty = sum(-math.log2(max(counts[item], 1) / users) for item in shown) / len(shown)
        rows.append((shown, sum(hits) / len(case.targets), dcg / ideal, float(any(hits)), novelty))
    return rows


def mean_and_error(values):
    middle = sum(values) / len(values)
    return middle, math.sqrt(sum((value - middle) ** 2 for value in values)) / len(values)


class TestFigures:
    def test_a_target_in_second_place_is_worth_its_logarithm(self):
        train = a_log([[0], [0], [0, 1], [2]], 4)  # most popular first: 0, 1, 2, 3

        line = compare({}, train, asked(([], [1])), a_catalogue(4), k=3).line("popularity")

        assert line.recall.value == 1
        assert line.hit.value == 1
        assert line.ndcg.value == pytest.approx(1 / math.log2(3))
        assert line.coverage.value == 3 / 4

    def test_recall_counts_targets_and_ndcg_the_best_that_k_allows(self):
        train = a_log([[0], [0], [0, 1], [2]], 5)
        exam = asked(([], [0, 2, 3]))

        line = compare({}, train, exam, a_catalogue(5), k=2).line("popularity")

        assert line.recall.value == pytest.approx(1 / 3)
        assert line.ndcg.value == pytest.approx(1 / (1 + 1 / math.log2(3)))

    def test_novelty_is_the_surprise_of_meeting_somebody_with_the_item(self):
        train = a_log([[0], [0], [0, 1], [1]], 3)

        line = compare({}, train, asked(([], [0])), a_catalogue(3), k=3).line("popularity")

        assert line.novelty.value == pytest.approx((-math.log2(3 / 4) + 1 + 2) / 3)  # nobody's counts as one's

    def test_users_without_events_do_not_water_novelty_down(self):
        train = Log.of([0, 5], [0, 0], [0, 0], width=2)

        line = compare({}, train, asked(([], [0])), a_catalogue(2), k=1).line("popularity")

        assert line.novelty.value == 0

    @pytest.mark.parametrize("k", [1, 3, 10, 40])
    @pytest.mark.parametrize("seed", range(4))
    def test_every_figure_agrees_with_plain_loops(self, seed, k):
        train, exam, source = a_crowd(seed)
        expected = by_hand(source.matrix, train, exam, k)
        bar = by_hand(np.zeros((12, 12)), train, exam, k)

        line = compare({"says": lambda: source}, train, exam, a_catalogue(12), k=k).line("says")

        for at, measure in ((1, line.recall), (2, line.ndcg), (3, line.hit), (4, line.novelty)):
            assert measure == pytest.approx(mean_and_error([row[at] for row in expected]))
        assert line.coverage.value == pytest.approx(len({item for row in expected for item in row[0]}) / 12)
        gains = [ours[2] - theirs[2] for ours, theirs in zip(expected, bar, strict=True)]
        assert line.gain == pytest.approx(mean_and_error(gains))

    def test_the_error_of_coverage_is_that_of_leaving_people_out(self):
        train, exam, source = a_crowd(7, people=9, width=30)
        lists = [set(row[0]) for row in by_hand(source.matrix, train, exam, 3)]
        without = [len(set().union(*lists[:at], *lists[at + 1 :])) / 30 for at in range(len(lists))]
        spread = sum((each - sum(without) / 9) ** 2 for each in without)

        line = compare({"says": lambda: source}, train, exam, a_catalogue(30), k=3).line("says")

        assert line.coverage.error == pytest.approx(math.sqrt(8 / 9 * spread))

    def test_figures_do_not_depend_on_how_people_are_batched(self):
        train, exam, source = a_crowd(3)
        many = Exam(exam.cases * (BATCH // len(exam) + 2))

        one = compare({"says": lambda: source}, train, exam, a_catalogue(12)).line("says")
        all_of_them = compare({"says": lambda: source}, train, many, a_catalogue(12)).line("says")

        assert len(many) > BATCH
        assert all_of_them.ndcg.value == pytest.approx(one.ndcg.value)
        assert all_of_them.recall.value == pytest.approx(one.recall.value)


class TestRules:
    def test_nothing_a_person_has_is_recommended(self):
        train = a_log([[0, 1, 2]] * 3, 4)
        loves_what_it_has = Says(np.eye(4) * 9)

        line = compare(
            {"says": lambda: loves_what_it_has}, train, asked(([0, 1, 2], [3])), a_catalogue(4), k=4
        ).line("says")

        assert line.ndcg.value == 1  # 3 is all there is left, so it comes first
        assert line.coverage.value == 1 / 4

    def test_a_silent_source_gives_strangers_the_popular_list(self):
        log, _, _ = a_crowd(5)
        exam = asked(*[([], [item]) for item in range(12)])
        sources = {"ease": Ease, "walk": Walk, "says": lambda: Says(np.ones((12, 12)))}

        report = compare(sources, log, exam, a_catalogue(12), k=4)

        for name in sources:
            line, bar = report.line(name, "strangers"), report.line("popularity", "strangers")
            assert (line.recall, line.ndcg, line.novelty) == (bar.recall, bar.ndcg, bar.novelty)
            assert line.gain == (0, 0)
            assert line.verdict == "no clear difference"
            assert line.coverage.value == 4 / 12

    def test_ties_go_to_the_more_popular_item(self):
        train = a_log([[0], [2], [2], [1]], 3)
        undecided = Says(np.ones((3, 3)))

        line = compare({"says": lambda: undecided}, train, asked(([0], [2])), a_catalogue(3), k=1).line("says")

        assert line.hit.value == 1

    def test_all_items_are_candidates_also_those_nobody_took(self):
        train = a_log([[0], [0], [1]], 50)
        foretells = np.zeros((50, 50))
        foretells[0, 49] = 1

        line = compare({"says": lambda: Says(foretells)}, train, asked(([0], [49])), a_catalogue(50)).line(
            "says", "new"
        )

        assert line.ndcg.value == 1

    def test_equal_input_gives_equal_reports(self):
        log, exam, source = a_crowd(11)
        sources = {"says": lambda: source, "ease": Ease, "walk": Walk}

        first = compare(sources, log, exam, a_catalogue(12))
        again = compare(sources, log, exam, a_catalogue(12))

        assert first == again

    def test_sources_learn_from_the_past_alone(self):
        seen = []

        class Curious(Says):
            def weigh(self, log, catalogue):
                seen.append(log)
                return super().weigh(log, catalogue)

        log, exam, source = a_crowd(2)

        compare({"curious": lambda: Curious(source.matrix)}, log, exam, a_catalogue(12))

        assert seen == [log]

    def test_a_popularity_of_ones_own_becomes_the_bar(self):
        train = a_log([[0], [0], [1, 2], [3]], 4)

        report = compare(
            {"popularity": lambda: Popularity(thrift=5.0)}, train, asked(([], [3])), a_catalogue(4), k=2
        )

        assert report.sources == ("popularity",)
        assert report.line("popularity").hit.value == 1  # 3 counts whole, 1 and 2 hardly

    @pytest.mark.parametrize(
        ("exam", "width", "k"), [(asked(), 3, 10), (asked(([], [1])), 3, 0), (asked(([], [1])), 4, 10)]
    )
    def test_what_cannot_be_answered_is_refused(self, exam, width, k):
        with pytest.raises(ValueError, match=r"evaluation needs|the log knows"):
            compare({}, a_log([[0, 1, 2]], 3), exam, a_catalogue(width), k=k)

    @pytest.mark.parametrize(("history", "targets"), [((), ()), ((1,), (1,)), ((), (2, 2))])
    def test_a_question_has_targets_that_are_news(self, history, targets):
        with pytest.raises(ValueError, match="targets are"):
            Case(Person(history), targets)


class TestVerdicts:
    def report_of(self, people, right):
        """Let a source foretell ``right`` of the people's second item where popularity never does."""
        train = a_log([[0], [0], [1], [1], [2], [2], [3]], 5)
        foretells = np.zeros((5, 5))
        foretells[0, 4] = 1
        exam = asked(*[([0], [4])] * right, *[([3], [4])] * (people - right))
        return compare({"says": lambda: Says(foretells)}, train, exam, a_catalogue(5), k=1)

    def test_a_steady_gain_is_better(self):
        assert self.report_of(100, 50).line("says").verdict == "better"

    def test_a_steady_loss_is_worse(self):
        train = a_log([[0], [0], [1]], 3)
        misled = Says([[0, 0, 1], [0, 0, 1], [0, 0, 0]])
        exam = asked(*[([1], [0])] * 20)

        line = compare({"says": lambda: misled}, train, exam, a_catalogue(3), k=1).line("says")

        assert line.verdict == "worse"
        assert line.gain.value == -1

    def test_a_gain_within_two_errors_is_no_clear_difference(self):
        line = self.report_of(100, 3).line("says")

        assert line.gain.value == pytest.approx(0.03)
        assert line.verdict == "no clear difference"

    def test_a_handful_of_people_proves_nothing(self):
        assert self.report_of(FEWEST - 1, FEWEST - 1).line("says").verdict == "no clear difference"
        assert self.report_of(FEWEST, FEWEST).line("says").verdict == "better"


class TestReport:
    def test_strangers_few_and_many_add_up_to_all(self):
        log, exam, source = a_crowd(4, people=200)

        report = compare({"says": lambda: source}, log, exam, a_catalogue(12))

        for name in report.sources:
            parts = [report.line(name, part) for part in ("strangers", "few", "many")]
            whole = report.line(name)
            assert sum(part.users for part in parts) == whole.users == 200
            for figure in ("recall", "ndcg", "hit", "novelty", "gain"):
                sums = sum(getattr(part, figure).value * part.users for part in parts)
                assert sums == pytest.approx(getattr(whole, figure).value * 200)

    def test_new_courses_are_asked_for_alone(self):
        train = a_log([[0], [0], [1]], 4)
        exam = asked(([1], [0, 3]), ([1], [0]))

        report = compare({}, train, exam, a_catalogue(4), k=2)

        new = report.line("popularity", "new")
        assert new.users == 1
        assert new.recall.value == 0  # popularity found 0, which is not new
        assert report.line("popularity").recall.value == 0.75

    def test_an_empty_slice_has_no_line(self):
        report = compare({}, a_log([[0], [0, 1]], 2), asked(([0], [1])), a_catalogue(2))

        assert report.slices == ("all", "few")
        assert report.line("popularity", "strangers") is None

    def test_rows_are_json_with_an_error_for_each_figure(self):
        log, exam, source = a_crowd(6)

        report = compare({"says": lambda: source}, log, exam, a_catalogue(12))

        rows = json.loads(json.dumps(report.rows(), allow_nan=False))
        assert len(rows) == len(report.lines)
        assert rows[0]["slice"] == "all"
        assert rows[0]["source"] == "popularity"
        for row in rows:
            for name in ("recall", "ndcg", "hit", "coverage", "novelty", "gain"):
                assert row[f"{name}_se"] >= 0
                assert math.isfinite(row[name])


class TestSplitting:
    def test_what_came_after_the_cut_is_asked_and_not_learned(self):
        log = Log.of(
            [0, 0, 0, 1, 1, 2, 3, 3, 3, 0],
            [0, 1, 2, 0, 1, 3, 0, 1, 2, 4],
            [NOON + day * DAY for day in (0, 1, 40, 2, 3, 4, 5, 6, 7, 41)],
            width=5,
        )

        train, exam = time_split(log, 0.2)

        assert exam.cut == NOON + 40 * DAY
        assert exam.cases == (Case(Person((0, 1)), (2, 4)),)
        assert len(train.items) == 8
        assert train.times.max() < exam.cut

    def test_no_event_of_the_people_asked_is_lost(self):
        rng = np.random.default_rng(3)
        times = NOON + rng.random(400) * 90 * DAY
        log = Log.of(rng.integers(0, 80, 400), rng.integers(0, 30, 400), times, width=30)

        train, exam = time_split(log)

        future = log.times >= exam.cut
        asked = np.unique(log.owners[future])
        assert future.sum() == pytest.approx(0.2 * len(log.items), abs=1)
        assert len(train.items) == (~future).sum()
        assert sum(len(case.person.history) + len(case.targets) for case in exam.cases) == log.lengths[asked].sum()

    def test_strangers_take_turns_in_how_much_they_tell(self):
        old = [(0, item, NOON) for item in range(6)] + [(1, item, NOON) for item in range(6)]
        young = [(user, item, NOON + 30 * DAY + item) for user in range(2, 6) for item in range(4)]
        brief = [(6, 0, NOON + 30 * DAY), (7, 0, NOON + 30 * DAY)]
        users, items, times = zip(*old, *young, *brief, strict=True)
        log = Log.of(users, items, times, width=6)

        train, exam = time_split(log, 0.6)

        assert [len(case.person.history) for case in exam.cases] == [0, 1, 2, 0, 0, 0]
        assert [case.targets for case in exam.cases][:3] == [(0, 1, 2, 3), (1, 2, 3), (2, 3)]
        assert train.lengths.tolist()[:2] == [6, 6]
        assert train.lengths[2:].sum() == 0

    def test_when_most_events_share_the_first_instant_the_future_begins_after_it(self):
        log = Log.of([0, 0, 0, 0, 0], [0, 1, 2, 3, 4], [NOON] * 4 + [NOON + 30 * DAY], width=5)

        train, exam = time_split(log, 0.5)

        assert train.items.tolist() == [0, 1, 2, 3]
        assert exam.cases == (Case(Person((0, 1, 2, 3)), (4,)),)

    def test_a_log_of_a_few_days_loses_everybodys_last_event(self):
        log = a_log([[2, 0, 1], [3], [1, 3]], 4, every=WEEK / 3)

        train, exam = time_split(log)

        assert exam.cut is None
        assert exam.cases == (Case(Person((2, 0)), (1,)), Case(Person((1,)), (3,)))
        assert [train.history(user).tolist() for user in range(3)] == [[2, 0], [3], [1]]

    def test_a_log_of_a_week_is_split_by_time(self):
        _, exam = time_split(a_log([[2, 0, 1, 3]], 4, every=WEEK / 3))

        assert exam.cut == NOON + WEEK

    def test_an_event_at_the_given_instant_belongs_to_the_future(self):
        log = a_log([[0, 1, 2]], 3)

        train, exam = split_at(log, NOON + DAY)

        assert train.items.tolist() == [0]
        assert exam == Exam((Case(Person((0,)), (1, 2)),), NOON + DAY)

    def test_an_instant_after_everything_leaves_nobody_to_ask(self):
        train, exam = split_at(a_log([[0, 1], [2]], 3), NOON + 99 * DAY)

        assert len(exam) == 0
        assert len(train.items) == 3

    @pytest.mark.parametrize("log", [Log.of([], [], [], width=3), a_log([[0], [1], [2]], 3)])
    def test_nobody_to_ask_is_an_exam_without_questions(self, log):
        train, exam = time_split(log)

        assert len(exam) == 0
        assert len(train.items) == len(log.items)

    @pytest.mark.parametrize("share", [0, 1, -0.2, 1.5, math.nan])
    def test_a_share_that_leaves_no_past_or_no_future_is_refused(self, share):
        with pytest.raises(ValueError, match="between 0 and 1"):
            time_split(a_log([[0, 1]], 2), share)

    def test_a_board_of_two_camps_is_won_by_item_to_item(self):
        """Everybody takes the items of one camp; the camps are equally popular, so popularity cannot tell."""
        rng = np.random.default_rng(0)
        histories = [(10 * (user % 2) + rng.permutation(10)).tolist()[:6] for user in range(120)]
        log = a_log(histories, 20, every=10 * DAY)

        train, exam = time_split(log)
        report = compare({"ease": Ease, "content": Content}, train, exam, a_catalogue(20), k=4)

        assert report.line("ease").verdict == "better"
        assert report.line("content").verdict == "no clear difference"  # no texts: it is popularity
