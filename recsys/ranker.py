"""The ranker of known and of new items, and how it learns from held-out questions what to trust.

Files and questions are ``ranking.py``; the held-out questions ``holdout.py``; the form of the blend ``blend.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from recsys.blend import GROUPS, Examples, Logit, gather, groups_of, pooled
from recsys.fresh import Promise
from recsys.holdout import Shape, Trial, ask_new_items, ask_people
from recsys.lineup import Fitted, Lineup, fit
from recsys.sources.base import Catalogue, Crowd, Ints, Log, Person, Singles, Source, best
from recsys.sources.popularity import Popularity

SEED = 20_240_501
TRIALS = 3
STEPS = 2 * TRIALS + 1  # how often ``learn`` tells of its progress
BATCH = 256
HIDDEN = 0.1  # the share of items that a trial hides
NEWS = 0.25  # how much the answers to people who take new items weigh, against all the others
_SHARES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)  # what attention a new item gets, against the average item
_LEAST = 1e-9  # a share that puts unseen items behind all others, yet in order

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class News:
    """How new items are scored, and what share of attention they get together, above 0 and below 1."""

    promise: Promise
    blend: Logit
    share: float


@dataclass(frozen=True, slots=True)
class Ranker:
    """Everything learned: how known items are scored, and how new ones if there are any."""

    fitted: Fitted
    blend: Logit
    news: News | None = None

    def scores(self, crowd: Crowd, strangers: Flags) -> Singles:
        """Return log-chances, people x items; minus infinity for items that a person has.

        Without learned news, items that nobody took come after all others.
        """
        known = self.known(crowd, strangers)
        if self.news is None:
            known[:, ~self.fitted.known] = -1e6
        else:
            known = mixed(known, self.new(crowd, strangers, self.news), self.news.promise.fresh, self.news.share)
        known[crowd.seen()] = -np.inf
        return known

    def known(self, crowd: Crowd, strangers: Flags) -> Singles:
        """Return the log-chances of known items, people x all items; minus infinity elsewhere."""
        utility = self.blend.utility(self.fitted.features(crowd), groups_of(crowd, strangers))
        return _log_chances(utility, crowd.seen() | ~self.fitted.known)

    def new(self, crowd: Crowd, strangers: Flags, news: News) -> Singles:
        """Return the log-chances among new items, people x new items."""
        features = self.fitted.promises(crowd, news.promise)
        utility = news.blend.utility(features, groups_of(crowd, strangers))
        return _log_chances(utility, crowd.seen()[:, news.promise.fresh])


@dataclass(frozen=True, slots=True)
class _Answers:
    """What one batch of a trial needs to be judged, without the sources, which are a hundred times as large."""

    known: Singles
    features: list[Singles]
    groups: Singles
    barred: Flags
    targets: list[Ints]

    def new(self, blend: Logit) -> Singles:
        """Return the log-chances among new items, people x new items."""
        return _log_chances(blend.utility(self.features, self.groups), self.barred)


@dataclass(frozen=True, slots=True)
class _World:
    """A log with some items hidden: which, what their takers teach, and the answers to people of both kinds."""

    fresh: Ints
    examples: Examples
    warm: list[_Answers]
    cold: list[_Answers]


def mixed(known: Singles, new: Singles, fresh: Ints, share: float) -> Singles:
    """Return log((1 − share) P(known) + share P(new)), people x all items."""
    together = known + np.float32(np.log1p(-share))
    together[:, fresh] = new + np.float32(np.log(share))
    return together


def learn(log: Log, catalogue: Catalogue, shape: Shape, lineup: Lineup, tell: Callable[[], None]) -> Ranker:
    """Return the ranker of a log, its settings chosen by hold-outs, then fitted on all of it.

    ``shape`` says what will be asked. ``tell()`` is called ``STEPS`` times.
    """
    rng = np.random.default_rng(SEED)
    parts: list[Examples] = []
    for _ in range(TRIALS):
        trial = ask_people(log, shape, rng)
        if trial.people:
            parts.append(_examples(fit(lineup(), trial.log, catalogue), trial, rng))
        tell()
    blend = Logit.fit(parts) if parts else _untaught(lineup())
    learned = _learn_news(log, catalogue, shape, lineup, blend, rng, tell)
    fitted = fit(lineup(), log, catalogue)
    news = None
    if learned is not None:
        judge, worth = learned
        promise = Promise(catalogue, np.flatnonzero(fitted.known), np.flatnonzero(~fitted.known))
        news = News(promise, judge, min(max(worth * _surplus(log) / len(catalogue), _LEAST), 0.9))
    tell()
    return Ranker(fitted, blend, news)


def _examples(fitted: Fitted, trial: Trial, rng: np.random.Generator) -> Examples:
    parts = []
    for crowd, targets, strangers in _batches(trial, fitted.catalogue):
        taken = _marks(targets, len(fitted.catalogue)) & fitted.known
        allowed = fitted.known & ~crowd.seen()
        parts.append(gather(fitted.features(crowd), taken, allowed, groups_of(crowd, strangers), rng))
    return pooled(parts)


def _learn_news(
    log: Log,
    catalogue: Catalogue,
    shape: Shape,
    lineup: Lineup,
    blend: Logit,
    rng: np.random.Generator,
    tell: Callable[[], None],
) -> tuple[Logit, float] | None:
    """Return how to score new items, and the share of attention of one against the average item.

    None when the log shows every item, or too little to learn from.
    """
    unseen = bool((log.counts() == 0).any())
    worlds: list[_World] = []
    for _ in range(TRIALS):
        if unseen and (world := _world(log, catalogue, shape, lineup, blend, rng)) is not None:
            worlds.append(world)
        tell()
    if not worlds:
        return None
    judge = Logit.fit([world.examples for world in worlds])
    gains = np.sum([_gains(judge, world, len(catalogue)) for world in worlds], axis=0)
    return judge, _SHARES[int(np.argmax(gains))]


def _world(
    log: Log,
    catalogue: Catalogue,
    shape: Shape,
    lineup: Lineup,
    blend: Logit,
    rng: np.random.Generator,
    most: int = 3_000,
) -> _World | None:
    """Hide items, then events, and ask sources that saw neither; None when nobody can be asked.

    Of the sources themselves nothing is kept: at 3,000 items they are 0.6 GB.
    """
    rest, fresh, takers = ask_new_items(log, HIDDEN, rng)
    warm = ask_people(rest, replace(shape, most=1_500), rng)
    users = [user for user in takers if warm.log.starts[user + 1] > warm.log.starts[user]]
    users = [users[at] for at in np.sort(rng.permutation(len(users))[:most])]
    people = [Person(tuple(warm.log.history(user).tolist())) for user in users]
    cold = Trial(warm.log, people, [takers[user] for user in users], np.zeros(len(users), np.bool_))
    fitted = fit(lineup(), warm.log, catalogue)
    if not (warm.people and cold.people):
        return None
    promise = Promise(catalogue, np.flatnonzero(fitted.known), fresh)
    examples = _new_examples(fitted, promise, cold, rng)
    ranker = Ranker(fitted, blend)
    return _World(fresh, examples, _answers(ranker, promise, warm), _answers(ranker, promise, cold))


def _new_examples(fitted: Fitted, promise: Promise, cold: Trial, rng: np.random.Generator) -> Examples:
    parts = []
    for crowd, targets, strangers in _batches(cold, fitted.catalogue):
        taken = _marks(targets, len(fitted.catalogue))[:, promise.fresh]
        features, groups = fitted.promises(crowd, promise), groups_of(crowd, strangers)
        parts.append(gather(features, taken, np.ones(taken.shape, np.bool_), groups, rng, thin=1.0))
    return pooled(parts)


def _answers(ranker: Ranker, promise: Promise, trial: Trial) -> list[_Answers]:
    """Return what the sources say to the questions of a trial, batch by batch."""
    return [
        _Answers(
            known=ranker.known(crowd, strangers),
            features=ranker.fitted.promises(crowd, promise),
            groups=groups_of(crowd, strangers),
            barred=crowd.seen()[:, promise.fresh],
            targets=targets,
        )
        for crowd, targets, strangers in _batches(trial, ranker.fitted.catalogue)
    ]


def _gains(judge: Logit, world: _World, width: int) -> list[float]:
    """Return for each of ``_SHARES`` the NDCG of people's next items and of new ones, weighed by ``NEWS``."""
    gains = [0.0] * len(_SHARES)
    for batches, weight in ((world.warm, 1 - NEWS), (world.cold, NEWS)):
        people = sum(len(batch.targets) for batch in batches)
        for batch in batches:
            new = batch.new(judge)
            for at, worth in enumerate(_SHARES):
                share = min(max(worth * len(world.fresh) / width, _LEAST), 0.9)
                rows = mixed(batch.known, new, world.fresh, share)
                gains[at] += weight * sum(map(_ndcg, rows, batch.targets)) / people
    return gains


def _surplus(log: Log) -> float:
    """Return how many items are unseen because they are new, not because they are rare: 0 or more.

    How many rare ones to expect is read off the numbers of items seen once, twice and three times, carried on flat
    or as steeply as they fall, whichever foretells more; two standard deviations are given to chance.
    """
    unseen, once, twice, thrice = np.bincount(np.minimum(log.counts(), 4).astype(np.intp), minlength=4)[:4]
    expected = float(max((once + twice + thrice) / 3, once * once / max(twice, 1)))
    return max(float(unseen - expected - 2 * expected**0.5), 0.0)


def _ndcg(scores: Singles, wanted: Ints, k: int = 10) -> float:
    discount = 1 / np.log2(np.arange(2, k + 2))
    hits = np.isin(best(scores, k), wanted)
    return float((hits * discount[: len(hits)]).sum() / discount[: len(wanted)].sum())


def _log_chances(utility: Singles, barred: Flags) -> Singles:
    utility[barred] = -np.inf
    utility[barred.all(axis=1)] = 0  # nothing left to choose: any finite number will do
    chances = np.asarray(log_softmax(utility, axis=1), np.float32)
    chances[barred] = -np.inf
    return chances


def _batches(trial: Trial, catalogue: Catalogue) -> list[tuple[Crowd, list[Ints], Flags]]:
    spans = [slice(start, start + BATCH) for start in range(0, len(trial.people), BATCH)]
    return [(Crowd(trial.people[span], catalogue), trial.targets[span], trial.strangers[span]) for span in spans]


def _marks(targets: Sequence[Ints], width: int) -> Flags:
    marks = np.zeros((len(targets), width), np.bool_)
    marks[np.repeat(np.arange(len(targets)), [len(each) for each in targets]), np.concatenate(targets)] = True
    return marks


def _untaught(sources: Sequence[Source]) -> Logit:
    """Return the weights for a log in which nobody took two items: popularity alone, which comes first."""
    weights = np.zeros((sum(1 if isinstance(source, Popularity) else 2 for source in sources), GROUPS))
    weights[0, 0] = 1.0
    return Logit(weights)
