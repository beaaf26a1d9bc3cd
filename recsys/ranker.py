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
    share: float = 0.0


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
    news = _learn_news(log, catalogue, shape, lineup, blend, rng, tell)
    fitted = fit(lineup(), log, catalogue)
    if news is not None:
        fresh = np.flatnonzero(~fitted.known)
        share = news.share * _surplus(log) / len(catalogue)
        news = replace(
            news,
            promise=Promise(catalogue, np.flatnonzero(fitted.known), fresh),
            share=min(max(share, _LEAST), 0.9),
        )
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
) -> News | None:
    """Return how to score new items; its ``share`` is what one is worth against the average item.

    None when the log shows every item, or too little to learn from.
    """
    unseen = bool((log.counts() == 0).any())
    parts: list[Examples] = []
    worlds: list[tuple[Ranker, Promise, Trial, Trial]] = []
    for _ in range(TRIALS):
        if unseen:
            fitted, fresh, warm, cold = _world(log, catalogue, shape, lineup, rng)
            if warm.people and cold.people:
                promise = Promise(catalogue, np.flatnonzero(fitted.known), fresh)
                parts.append(_new_examples(fitted, promise, cold, rng))
                worlds.append((Ranker(fitted, blend), promise, warm, cold))
        tell()
    if not parts:
        return None
    judge = Logit.fit(parts)
    gains = np.sum(
        [_gains(ranker, News(promise, judge), warm, cold) for ranker, promise, warm, cold in worlds], axis=0
    )
    return News(worlds[0][1], judge, _SHARES[int(np.argmax(gains))])


def _world(
    log: Log, catalogue: Catalogue, shape: Shape, lineup: Lineup, rng: np.random.Generator, most: int = 3_000
) -> tuple[Fitted, Ints, Trial, Trial]:
    """Hide items, then events; return sources that saw neither, the items, and who is asked about which."""
    rest, fresh, takers = ask_new_items(log, HIDDEN, rng)
    warm = ask_people(rest, replace(shape, most=1_500), rng)
    users = [user for user in takers if warm.log.starts[user + 1] > warm.log.starts[user]]
    users = [users[at] for at in np.sort(rng.permutation(len(users))[:most])]
    people = [Person(tuple(warm.log.history(user).tolist())) for user in users]
    cold = Trial(warm.log, people, [takers[user] for user in users], np.zeros(len(users), np.bool_))
    return fit(lineup(), warm.log, catalogue), fresh, warm, cold


def _new_examples(fitted: Fitted, promise: Promise, cold: Trial, rng: np.random.Generator) -> Examples:
    parts = []
    for crowd, targets, strangers in _batches(cold, fitted.catalogue):
        taken = _marks(targets, len(fitted.catalogue))[:, promise.fresh]
        features, groups = fitted.promises(crowd, promise), groups_of(crowd, strangers)
        parts.append(gather(features, taken, np.ones(taken.shape, np.bool_), groups, rng, thin=1.0))
    return pooled(parts)


def _gains(ranker: Ranker, news: News, warm: Trial, cold: Trial) -> list[float]:
    """Return for each of ``_SHARES`` the NDCG of people's next items and of new ones, weighed by ``NEWS``."""
    gains = [0.0] * len(_SHARES)
    width = len(ranker.fitted.catalogue)
    for trial, weight in ((warm, 1 - NEWS), (cold, NEWS)):
        for crowd, targets, strangers in _batches(trial, ranker.fitted.catalogue):
            known, new = ranker.known(crowd, strangers), ranker.new(crowd, strangers, news)
            for at, worth in enumerate(_SHARES):
                share = min(max(worth * len(news.promise.fresh) / width, _LEAST), 0.9)
                rows = mixed(known, new, news.promise.fresh, share)
                gains[at] += weight * sum(map(_ndcg, rows, targets)) / len(trial.people)
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
