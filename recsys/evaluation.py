"""Offline evaluation: sources learn the past, are asked what people did next, and stand beside popularity.

The rules: every item is a candidate, none are sampled; what a person has is taken out; where a source is silent, or
ties, the more popular item comes first, as in serving. ± is one standard error over people. Questions to learn a
blend from are ``holdout.py``; the picture is ``picture.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.sources.base import Catalogue, Crowd, Floats, Ints, Log, Person, Source, best, check_fit
from recsys.sources.popularity import Popularity

BAR = "popularity"
BATCH = 1_000  # people scored together
WEEK = 7 * 86_400.0  # shops have weekly rhythms; a shorter log has no past and future worth the name
TOLD = 3  # strangers take turns: none of their events is told, the first one, the first two
SURE = 1.96  # standard errors: wrong once in twenty
FEWEST = 6  # below so many people even unanimity is no evidence at 5 % (2 × ½⁵ = 0.06)

Slice = Literal["all", "strangers", "few", "many", "new"]
Verdict = Literal["better", "worse", "no clear difference"]
SLICES: tuple[Slice, ...] = ("all", "strangers", "few", "many", "new")


@dataclass(frozen=True, slots=True)
class Case:
    """One question: what is known of a person, and the positions they took next, each once, none known before."""

    person: Person
    targets: tuple[int, ...]

    def __post_init__(self) -> None:
        distinct = set(self.targets)
        if not distinct or len(distinct) != len(self.targets) or distinct & set(self.person.history):
            raise ValueError("targets are one item or more, each once, and none in the history")


@dataclass(frozen=True, slots=True)
class Exam:
    """All questions, one a person. ``cut`` is the instant between past and future; None: everybody's last event."""

    cases: tuple[Case, ...]
    cut: float | None = None

    def __len__(self) -> int:
        return len(self.cases)


class Measure(NamedTuple):
    """A mean over people and its standard error."""

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Line:
    """What one source reached in one slice. All but ``novelty`` (bits) lie in [0, 1].

    ``gain`` is NDCG less popularity's for the same people, person by person; ``verdict`` says whether that is more
    than chance.
    """

    slice: Slice
    source: str
    users: int
    recall: Measure
    ndcg: Measure
    hit: Measure
    coverage: Measure
    novelty: Measure
    gain: Measure
    verdict: Verdict

    def row(self) -> dict[str, Any]:
        """Return the line as plain values fit for JSON; the error of ``ndcg`` is ``ndcg_se``."""
        found: dict[str, Any] = {"slice": self.slice, "source": self.source, "users": self.users}
        for name in ("recall", "ndcg", "hit", "coverage", "novelty", "gain"):
            measure: Measure = getattr(self, name)
            found |= {name: measure.value, f"{name}_se": measure.error}
        return found | {"verdict": self.verdict}


@dataclass(frozen=True, slots=True)
class Report:
    """The lines by slice in the order of ``SLICES``, popularity first in each; a slice without people has none.

    "strangers" had no history, "few" one or two events, "many" more: together they are "all". "new" are those who
    took items that training never saw, with only these as targets. ``k`` is the length of the lists.
    """

    lines: tuple[Line, ...]
    k: int
    cut: float | None

    def rows(self) -> list[dict[str, Any]]:
        """Return every line as plain values."""
        return [line.row() for line in self.lines]

    def line(self, source: str, part: Slice = "all") -> Line | None:
        """Return one line; None when there is none."""
        return next((each for each in self.lines if (each.source, each.slice) == (source, part)), None)

    @property
    def slices(self) -> tuple[Slice, ...]:
        """Return the slices that have people."""
        return tuple(dict.fromkeys(line.slice for line in self.lines))

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the sources' names, popularity first."""
        return tuple(dict.fromkeys(line.source for line in self.lines))


# Asking ------------------------------------------------------------------------------------------------------


def time_split(log: Log, share: float = 0.2, *, least: float = WEEK) -> tuple[Log, Exam]:
    """Return the past, and the questions about the last ``share`` of the events (by number; ties stay together).

    People known before the cut are asked with their history. People first seen after it are strangers, who take
    turns in how many of their first events are told: none, one, two, always fewer than they have. A log that spans
    less than ``least`` (in its own units of time: seconds here) is split by taking everybody's last event away; its
    exam has no ``cut``. There may be nobody to ask. ValueError unless 0 < share < 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"the future's share is between 0 and 1, not {share}")
    if len(log.items) > 1 and 0 < float(np.ptp(log.times)) >= least:
        return _cut(log, share)
    return _last_out(log)


def _cut(log: Log, share: float) -> tuple[Log, Exam]:
    instants = np.sort(log.times)
    cut = instants[min(int((1 - share) * len(instants)), len(instants) - 1)]
    if cut == instants[0]:  # the first instant holds most events: the future begins at the next one
        cut = instants[np.searchsorted(instants, cut, "right")]
    return split_at(log, float(cut))


def split_at(log: Log, cut: float) -> tuple[Log, Exam]:
    """Return the events before an instant, and the questions about the others, as ``time_split`` asks them."""
    past = log.times < cut
    asked = np.unique(log.owners[~past]).tolist()
    before = np.bincount(log.owners[past], minlength=log.people)
    cases, strangers = [], 0
    for user in asked:
        items, told = log.history(user).tolist(), int(before[user])
        if not told:
            told = min(strangers % TOLD, len(items) - 1)
            strangers += 1
        cases.append(Case(Person(tuple(items[:told])), tuple(items[told:])))
    return log.only(past), Exam(tuple(cases), cut)


def _last_out(log: Log) -> tuple[Log, Exam]:
    several = np.flatnonzero(log.lengths > 1)
    kept = np.ones(len(log.items), np.bool_)
    kept[log.starts[several + 1] - 1] = False
    histories = (tuple(log.history(user).tolist()) for user in several.tolist())
    return log.only(kept), Exam(tuple(Case(Person(items[:-1]), items[-1:]) for items in histories))


# Comparing ---------------------------------------------------------------------------------------------------


def compare(
    sources: Mapping[str, Callable[[], Source]], train: Log, tests: Exam, catalogue: Catalogue, k: int = 10
) -> Report:
    """Fit each source on ``train``, ask it every question, and return the figures beside popularity's.

    Popularity is ``sources["popularity"]``, or the plain count. One source is held at a time, and scores of a
    thousand people. Equal input gives equal figures. ValueError with nobody to ask, k below 1, or a log of another
    catalogue.
    """
    check_fit(train, catalogue)
    if not tests.cases or k < 1:
        raise ValueError(f"evaluation needs people to ask and k of at least 1, not {len(tests)} and {k}")
    makers: dict[str, Callable[[], Source]] = {BAR: Popularity, **sources}
    bar = makers.pop(BAR)().fit(train, catalogue)
    popular_first = np.argsort(-bar.score(Person()), kind="stable")
    lists = {BAR: _lists(bar, tests.cases, catalogue, popular_first, k)}
    for name, make in makers.items():
        lists[name] = _lists(make().fit(train, catalogue), tests.cases, catalogue, popular_first, k)
    return Report(tuple(_lines(lists, train, tests.cases)), k, tests.cut)


def _lists(source: Source, cases: Sequence[Case], catalogue: Catalogue, order: Ints, k: int) -> Ints:
    """Return cases x k positions, best first; -1 where there is nothing left to recommend."""
    lists = np.full((len(cases), k), -1, np.intp)
    place = np.argsort(order)
    for start in range(0, len(cases), BATCH):
        people = [case.person for case in cases[start : start + BATCH]]
        scores = source.score_many(Crowd(people, catalogue))[:, order]
        for at, (person, row) in enumerate(zip(people, scores, strict=True), start):
            row[place[list(person.history)]] = -np.inf
            found = order[best(row, k)]
            lists[at, : len(found)] = found
    return lists


def _lines(lists: Mapping[str, Ints], train: Log, cases: Sequence[Case]) -> Iterator[Line]:
    surprise = _surprise(train)
    for name, members, targets in _slices(train, cases):
        bar = _grades(lists[BAR][members], targets, surprise)
        for source, shown in lists.items():
            grades = bar if source == BAR else _grades(shown[members], targets, surprise)
            gain = _mean(grades[:, 1] - bar[:, 1])
            yield Line(
                slice=name,
                source=source,
                users=len(members),
                recall=_mean(grades[:, 0]),
                ndcg=_mean(grades[:, 1]),
                hit=_mean(grades[:, 2]),
                coverage=_coverage(shown[members], train.width),
                novelty=_mean(grades[:, 3]),
                gain=gain,
                verdict=_verdict(gain, len(members)),
            )


def _slices(train: Log, cases: Sequence[Case]) -> Iterator[tuple[Slice, Ints, list[tuple[int, ...]]]]:
    """Give the slices that have people: name, which cases, and what counts as their targets."""
    told = np.array([len(case.person.history) for case in cases])
    unseen = train.counts() == 0
    fresh = [tuple(item for item in case.targets if unseen[item]) for case in cases]
    marks: dict[Slice, NDArray[np.bool_]] = {
        "all": told >= 0,
        "strangers": told == 0,
        "few": (told > 0) & (told <= 2),  # noqa: PLR2004 - the slice's definition
        "many": told > 2,  # noqa: PLR2004 - the slice's definition
        "new": np.array([bool(items) for items in fresh]),
    }
    for name in SLICES:
        members = np.flatnonzero(marks[name])
        if len(members):
            yield name, members, [fresh[at] if name == "new" else cases[at].targets for at in members.tolist()]


def _surprise(train: Log) -> Floats:
    """Return −log2 of the share of train users who have each item; one nobody has counts as if one had it."""
    users = max(int((train.lengths > 0).sum()), 1)
    surprise: Floats = -np.log2(np.maximum(train.counts(), 1) / users)
    return surprise


def _grades(lists: Ints, targets: Sequence[tuple[int, ...]], surprise: Floats) -> Floats:
    """Return a person a row: recall, NDCG with the ideal of min(k, targets), any hit, mean surprise of the list."""
    people, width = len(lists), len(surprise)
    counts = np.array([len(each) for each in targets])
    wanted = np.repeat(np.arange(people) * width, counts) + np.concatenate(targets)
    shown = lists >= 0
    hits = np.isin(np.arange(people)[:, None] * width + lists, wanted) & shown
    discount = 1 / np.log2(np.arange(2, lists.shape[1] + 2))
    ideal = np.cumsum(discount)[np.minimum(counts, lists.shape[1]) - 1]
    news = (surprise[lists] * shown).sum(axis=1) / np.maximum(shown.sum(axis=1), 1)
    return np.stack([hits.sum(axis=1) / counts, hits @ discount / ideal, hits.any(axis=1), news], axis=1)


def _mean(values: Floats) -> Measure:
    return Measure(float(values.mean()), float(values.std() / np.sqrt(len(values))))


def _coverage(lists: Ints, width: int) -> Measure:
    """Return the share of items that stand in some list; the error is the jackknife's, by leaving people out."""
    people = len(lists)
    shown = lists >= 0
    often = np.bincount(lists[shown], minlength=width)
    alone = ((often[lists] == 1) & shown).sum(axis=1) / width  # what would be missing without the person
    return Measure(float((often > 0).sum() / width), float(np.sqrt((people - 1) * alone.var())))


def _verdict(gain: Measure, users: int) -> Verdict:
    if users < FEWEST or abs(gain.value) <= SURE * gain.error:
        return "no clear difference"
    return "better" if gain.value > 0 else "worse"
