"""Which sources take part in a ranking, with which settings, and their scores as features of the blend.

Settings are relative to the log; what each source is worth is learned, ``ranker.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.blend import shapes
from recsys.fresh import Promise
from recsys.sources.base import Catalogue, Crowd, Log, Person, Singles, Source
from recsys.sources.content import Content
from recsys.sources.ease import Ease, EaseSettings
from recsys.sources.matrix import ItemMatrix
from recsys.sources.neighbours import Neighbours
from recsys.sources.popularity import Popularity
from recsys.sources.transitions import Transitions
from recsys.sources.walk import Walk
from recsys.sources.words import Words

_TELLING = ("ease", "ease-thrift", "walk")  # sources whose scores new items inherit

Lineup = Callable[[], list[Source]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Sources fitted on one log, and which items it shows."""

    sources: list[Source]
    log: Log
    catalogue: Catalogue

    @property
    def known(self) -> NDArray[np.bool_]:
        """Mark the items somebody took."""
        return self.log.counts() > 0

    def features(self, crowd: Crowd) -> list[Singles]:
        """Return every source's scores (people x items) in shapes fit for the blend."""
        found: list[Singles] = []
        for source in self.sources:
            scores = source.score_many(crowd)
            found += [scores] if isinstance(source, Popularity) else shapes(scores)
        return found

    def promises(self, crowd: Crowd, promise: Promise) -> list[Singles]:
        """Return the features of new items."""
        named = {source.name: source for source in self.sources}
        says = {name: source for name in ("text", "tags") if isinstance(source := named[name], ItemMatrix)}
        scores = {name: named[name].score_many(crowd) for name in _TELLING}
        level = named["popularity"].score(Person())
        return promise.features(crowd, says, scores, level)


def lineup(log: Log, *, spoken: bool) -> Lineup:
    """Return a maker of the unfitted sources that suit a log; strengths follow the mean count of an item.

    ``spoken`` says that people come with words.
    """
    counts = log.counts()
    unit = float(counts[counts > 0].mean()) if counts.any() else 1.0
    span = float(np.ptp(log.times)) if len(log.times) else 0.0

    def make() -> list[Source]:
        return [
            Popularity(),
            Popularity("popularity-thrift", thrift=1.0),
            Content("text"),
            Content("tags", by="tags"),
            *_common(unit),
            *(_timely(unit, span) if log.ordered else ()),
            *([Words()] if spoken else ()),
        ]

    return make


def fit(sources: Sequence[Source], log: Log, catalogue: Catalogue) -> Fitted:
    """Fit every source."""
    return Fitted([source.fit(log, catalogue) for source in sources], log, catalogue)


def _common(unit: float) -> list[Source]:
    return [
        Walk("walk"),
        Neighbours("cosine", shrink=0.35 * unit),
        Neighbours("share", own=1, other=0, shrink=5),
        Neighbours("share-thrift", own=1, other=0, shrink=5, thrift=1.0),
        Ease("ease", EaseSettings(l2=0.35 * unit)),
        Ease("ease-thrift", EaseSettings(l2=0.14 * unit, thrift=0.5)),
        Ease("ease-thrifty", EaseSettings(l2=0.035 * unit, thrift=1.0)),
        Ease("ease-text", EaseSettings(l2=0.35 * unit, text=0.14 * unit)),
        Ease("ease-words", EaseSettings(l2=0.14 * unit, thrift=0.5, text=0.07 * unit, tags=0.035 * unit)),
        Ease("ease-dropout", EaseSettings(l2=0.7 * unit, dropout=0.3, popularity=0.2)),
        Ease("ease-heavy", EaseSettings(l2=2.8 * unit, dropout=0.5)),
    ]


def _timely(unit: float, span: float) -> list[Source]:
    return [
        Popularity("popularity-lately", half_life=max(span, 1.0) / 10),
        Transitions("next", window=1, decay=0.01),
        Transitions("soon", window=3, decay=0.5),
        Neighbours("share-lately", own=1, other=0, shrink=5, decay=0.3),
        Ease("ease-lately", EaseSettings(l2=0.7 * unit, dropout=0.3, popularity=0.2, decay=0.7)),
        Ease("ease-text-lately", EaseSettings(l2=0.35 * unit, text=0.14 * unit, decay=0.8)),
    ]
