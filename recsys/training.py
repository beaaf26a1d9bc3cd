"""From a log of events to a model worth putting in force: fit, check on what the log held back, fit on everything.

Where the events come from and where the model goes is the caller's; the figures for people are ``evaluation.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from recsys.evaluation import BAR, Exam, compare, split_at, time_split
from recsys.evidence import Voice
from recsys.live import TERMS, Companions, Live
from recsys.sources.base import Arrays, Catalogue, Crowd, Floats, Log, Person, Singles, Source, Term, check_fit

FEWEST = 30  # people who took two courses or more; fewer teach nothing and test nothing
MOST_ASKED = 3_000
SEED = 20_240_501
STEPS = 4

Tell = Callable[[int, int], None]


class TooLittle(ValueError):
    """So few events that nothing can be learnt from them. ``people`` have at least two courses."""

    def __init__(self, people: int) -> None:
        super().__init__(f"only {people} people have two courses or more; {FEWEST} are needed")
        self.people = people


@dataclass(frozen=True, slots=True)
class Check:
    """How the new model did on people it had not seen the last of: NDCG@10, and by how much it beats each rival.

    ``lost_to`` names a rival ("popularity", "former") that was better beyond chance; empty when none was.
    """

    people: int
    ndcg: float
    gains: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    lost_to: str = ""


def train(
    log: Log, catalogue: Catalogue, former: Live | None, former_until: float, tell: Tell
) -> tuple[Live, Check]:
    """Return a model fitted on the whole log, and how the same recipe did on what was held back from it.

    The former model is asked only about what happened after ``former_until``, which it cannot have seen, and only
    when enough happened since. ``TooLittle`` when the log teaches nothing.
    """
    check_fit(log, catalogue)
    several = int((log.lengths > 1).sum())
    if several < FEWEST:
        raise TooLittle(several)
    past, exam = time_split(log)
    line = compare({"live": Live}, past, _thin(exam), catalogue).line("live")
    assert line is not None, "somebody was asked, and the live source answered"
    gains = {BAR: (line.gain.value, line.gain.error)}
    lost_to = BAR if line.verdict == "worse" else ""
    tell(2, STEPS)
    if former is not None:
        past, since = split_at(
            log, float(np.nextafter(former_until, np.inf))
        )  # it saw what happened at that moment
        if len(since) >= FEWEST:
            rivals: dict[str, Callable[[], Source]] = {BAR: lambda: Frozen(former), "live": Live}
            against = compare(rivals, past, _thin(since), catalogue).line("live")
            assert against is not None, "somebody was asked, and the live source answered"
            gains["former"] = (against.gain.value, against.gain.error)
            lost_to = lost_to or ("former" if against.verdict == "worse" else "")
    tell(3, STEPS)
    fitted = Live().fit(log, catalogue)
    tell(4, STEPS)
    return fitted, Check(line.users, line.ndcg.value, gains, lost_to)


def _thin(exam: Exam) -> Exam:
    if len(exam) <= MOST_ASKED:
        return exam
    drawn = np.sort(np.random.default_rng(SEED).permutation(len(exam))[:MOST_ASKED])
    return Exam(tuple(exam.cases[at] for at in drawn.tolist()), exam.cut)


class Frozen(Source):
    """A model as it was trained, asked about a catalogue that may have changed; fitting teaches it nothing."""

    name = "former"

    def __init__(self, live: Live) -> None:
        self._live = live
        self._ids: tuple[str, ...] = ()
        self._companions = Companions(live, ())

    def fit(self, log: Log, catalogue: Catalogue) -> Self:
        """Take note of the catalogue alone."""
        check_fit(log, catalogue)
        self._ids, self._companions = catalogue.ids, Companions(self._live, catalogue.ids)
        return self

    def score(self, person: Person) -> Floats:
        """Return the sum of the voices."""
        total = np.zeros(len(self._ids))
        for voice in self._voices(person):
            total[voice.positions] += voice.weight * voice.values
        return total

    def score_many(self, crowd: Crowd) -> Singles:
        """Return what ``score`` says of each."""
        return np.stack([self.score(person) for person in crowd.people]).astype(np.float32)

    def explain(self, person: Person, item: int) -> tuple[Term, ...]:
        """Return one part a voice."""
        return tuple(
            Term(TERMS[voice.kind], voice.term, value)
            for voice in self._voices(person)
            if (value := voice.weight * float(voice.values[voice.positions == item].sum()))
        )

    def similar(self, item: int, k: int = 10) -> list[tuple[int, float]]:
        """Return what the model says, in the positions of its own training."""
        return self._live.similar(item, k)

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return the model's own state."""
        return self._live.state()

    def restore(self, arrays: Arrays, settings: dict[str, Any]) -> None:
        """Restore the model."""
        self._live.restore(arrays, settings)

    def _voices(self, person: Person) -> list[Voice]:
        return self._companions.voices([self._ids[at] for at in person.history], person.words, 1.0)
