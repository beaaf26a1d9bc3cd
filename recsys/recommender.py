"""Which items to show, in which order, and why: look-up in the index, plus a little popularity, plus variety.

Everything is read from immutable arrays, so one recommender serves all threads and is replaced, not changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.base import Kind, Part, Recommendation
from recsys.evidence import Evidence, Voice
from recsys.index import CourseIndex, Flags, Floats, Ints
from recsys.search.course_search import Hit

_SMALL = 32  # up to here repeated argmax beats sorting all items (1 µs each at 10,000)


@dataclass(frozen=True, slots=True)
class RecommenderSettings:
    """How much each voice counts. What is asked now counts most; popularity only breaks near-ties.

    ``variety`` is 1 − λ of MMR: 0 is pure relevance; 0.3 made lists 14–28 % less alike for up to 2 % of NDCG on
    real enrolments. ``found_variety`` is the same among courses that were asked for: there the question decides.
    ``pool`` is how many of the best take part in it.
    """

    query_weight: float = 1.0
    interest_weight: float = 0.3
    popular_weight: float = 0.05
    variety: float = 0.3
    found_variety: float = 0.1
    pool: int = 20

    def __post_init__(self) -> None:
        voices = (self.query_weight, self.interest_weight, self.popular_weight)
        if not all(math.isfinite(weight) and weight >= 0 for weight in voices):
            raise ValueError(f"weights are finite and not negative: {voices}")
        if not (0 <= self.variety < 1 and 0 <= self.found_variety < 1) or self.pool < 1:
            varieties = f"{self.variety}, {self.found_variety}"
            raise ValueError(f"0 <= variety < 1 and pool >= 1, not {varieties} and {self.pool}")


class Recommender:
    """Ranks the items of one index. ``popularity`` is in [0, 1], by id or by the index's positions.

    ``editor`` is what the house adds to each position's score, or takes from it.
    """

    def __init__(
        self,
        index: CourseIndex,
        popularity: Mapping[str, float] | Floats | None = None,
        settings: RecommenderSettings | None = None,
        editor: Floats | None = None,
        ties: Floats | None = None,
    ) -> None:
        self.index = index
        self.settings = settings or RecommenderSettings()
        self._popular = _by_position(index, {} if popularity is None else popularity)
        self._priors: dict[Kind, Floats] = {"popular": self._popular * self.settings.popular_weight}
        if editor is not None:
            self._priors["editor"] = np.array(editor, np.float64)
        self._prior = sum(self._priors.values(), np.zeros(len(index)))
        self._ties = np.zeros(len(index)) if ties is None else ties

    def recommend(
        self,
        *,
        query: Sequence[str] = (),
        profile: Mapping[str, float] | None = None,
        voices: Sequence[Voice] = (),
        exclude: Iterable[str] = (),
        allow: Flags | None = None,
        k: int = 5,
    ) -> list[Recommendation]:
        """Return up to ``k`` distinct items, best first, none of ``exclude``, only positions that ``allow`` marks.

        ``voices`` are further signals of the follower, such as courses they have (``live.Companions``).

        With a query only items that say one of its terms are candidates, so there may be fewer than ``k``. When no
        candidate does, or nothing is asked, the profile (term -> weight, negative for disliked) chooses, and
        popularity fills up what is missing. ``Recommendation.basis`` tells which it was.
        Ties go to the more popular item, then to the smaller id.
        """
        _check_call(query, k)
        barred = self._barred(exclude, allow)
        liked = [*self._liked(profile), *voices]
        if asked := self._asked(query):
            evidence = self._evidence(asked + liked)
            if len(candidates := _open(evidence.said_by(len(asked)), barred)):
                return evidence.explain(self._choose(candidates, evidence.total, k))
        evidence = self._evidence(liked)
        chosen: list[int] = []
        if evidence.total is not self._prior:
            chosen = self._choose(_open(evidence.total > self._prior, barred), evidence.total, k)
        return evidence.explain(chosen + self._fill(evidence.total, barred, chosen, k))

    def rerank(
        self,
        hits: Sequence[Hit],
        *,
        profile: Mapping[str, float] | None = None,
        voices: Sequence[Voice] = (),
        k: int = 5,
        keep_order: bool = False,
    ) -> list[Recommendation]:
        """Return up to ``k`` of a search's ``hits``, which are known items, in the order that fits the follower.

        The best hit counts ``query_weight``, the others in proportion; the profile, popularity and variety move
        them from there, unless the search's order is to be kept. What the hits matched are parts of kind "query".
        """
        at = [self._known(hit.item_id) for hit in hits]
        if not at:
            return []
        share = self.settings.query_weight / (max([hit.score for hit in hits]) or 1.0)
        if keep_order:
            del at[k:]
        liked = self._interests(at, profile)
        rests = self._evidence(voices)
        if not keep_order and len(at) > 1:
            wanted = self._rearranged(at, [hit.score * share for hit in hits], liked, rests.total, k)
            at, hits, liked = (
                [at[each] for each in wanted],
                [hits[each] for each in wanted],
                [liked[each] for each in wanted],
            )
        told = zip(hits, liked, rests.parts(at), strict=False)
        return [_joined(hit, share, likes, rest) for hit, likes, rest in told]

    def _rearranged(
        self,
        at: Sequence[int],
        found: Sequence[float],
        liked: Sequence[Sequence[tuple[str, float]]],
        rest: Floats,
        k: int,
    ) -> list[int]:
        """Return which ``k`` hits, worth what was ``found``, to show, best first, by all and for variety."""
        popular = self._popular.item
        order = [
            (-(score + sum([value for _, value in likes]) + rest.item(place)), -popular(place), place, each)
            for each, (place, score, likes) in enumerate(zip(at, found, liked, strict=True))
        ]
        order.sort()
        del order[max(k, self.settings.pool) :]
        best = [place for _, _, place, _ in order]
        chosen = self._varied(best, [-loss for loss, _, _, _ in order], k, self.settings.found_variety)
        return [order[each][3] for each in chosen]

    def _interests(self, at: Sequence[int], profile: Mapping[str, float] | None) -> list[list[tuple[str, float]]]:
        """Return what a profile says of a few items, looked up from the items' side."""
        profile = profile or {}
        scale = _scale(profile, self.settings.interest_weight)
        return self.index.shares(at, profile, scale) if scale else [[]] * len(at)

    def explain_found(
        self,
        item_id: str,
        hit: Hit | None,
        best_score: float,
        profile: Mapping[str, float] | None = None,
        voices: Sequence[Voice] = (),
    ) -> Recommendation:
        """Return the score ``rerank`` gives an item, in parts; ``hit`` is what it matched, if anything."""
        rest = self.explain(item_id, (), profile, voices)
        if hit is None or best_score <= 0:
            return rest
        return _joined(hit, self.settings.query_weight / best_score, (), rest.parts)

    def popular(self, k: int = 5, exclude: Iterable[str] = (), allow: Flags | None = None) -> list[Recommendation]:
        """Return the ``k`` most popular items, for a stranger; by id where nobody bought anything yet."""
        return self.recommend(exclude=exclude, allow=allow, k=k)

    def explain(
        self,
        item_id: str,
        query: Sequence[str] = (),
        profile: Mapping[str, float] | None = None,
        voices: Sequence[Voice] = (),
    ) -> Recommendation:
        """Return the score ``recommend`` gives the item, in parts. ValueError for an unknown item."""
        _check_call(query, 1)
        at = self._known(item_id)
        return self._evidence([*self._asked(query), *self._liked(profile), *voices]).explain([at])[0]

    def _known(self, item_id: str) -> int:
        at = self.index.position(item_id)
        if at is None:
            raise ValueError(f"no item {item_id!r} in this index")
        return at

    def _asked(self, query: Sequence[str]) -> list[Voice]:
        """Return the known terms of the query as a vector of length ``query_weight``, rarer terms longer."""
        weights = {term: weight for term in query if (weight := self.index.idf(term)) > 0}
        length = math.hypot(*weights.values())
        return self._voices(
            "query", {term: self.settings.query_weight * weight / length for term, weight in weights.items()}
        )

    def _liked(self, profile: Mapping[str, float] | None) -> list[Voice]:
        profile = profile or {}
        scale = _scale(profile, self.settings.interest_weight)
        return self._voices("interest", {term: value * scale for term, value in profile.items()} if scale else {})

    def _voices(self, kind: Kind, weights: Mapping[str, float]) -> list[Voice]:
        posting = self.index.posting
        return [Voice(kind, term, *found, weight) for term, weight in weights.items() if (found := posting(term))]

    def _evidence(self, voices: Sequence[Voice]) -> Evidence:
        return Evidence(self.index.ids, self._priors, self._prior, voices)

    def _barred(self, exclude: Iterable[str], allow: Flags | None) -> Flags | None:
        if isinstance(exclude, str):
            raise ValueError("exclude is several ids, not one string")  # noqa: TRY004 - one kind of refusal
        if allow is not None and (allow.shape != (len(self.index),) or allow.dtype != np.bool_):
            raise ValueError(f"allow must be {len(self.index)} booleans, not {allow.dtype} {allow.shape}")
        out = [at for item_id in exclude if (at := self.index.position(item_id)) is not None]
        if allow is None and not out:
            return None
        barred = np.zeros(len(self.index), np.bool_) if allow is None else ~allow
        barred[out] = True
        return barred

    def _choose(self, candidates: Ints, scores: Floats, k: int) -> list[int]:
        best = self._best(candidates, scores, max(k, self.settings.pool))
        return [best[each] for each in self._varied(best, scores[best].tolist(), k, self.settings.variety)]

    def _best(self, candidates: Ints, scores: Floats, n: int) -> list[int]:
        """Return the ``n`` best of the ascending ``candidates``; ties by popularity, then position."""
        values = scores[candidates]
        if len(candidates) > n:
            keep = values >= np.partition(values, len(values) - n)[len(values) - n]
            candidates, values = candidates[keep], values[keep]
        order = np.lexsort((-self._popular[candidates], -values))[:n]
        best: list[int] = candidates[order].tolist()
        return best

    def _varied(self, best: Sequence[int], values: Sequence[float], k: int, variety: float) -> Sequence[int]:
        """Choose ``k`` of ``best``, worth ``values``, by maximal marginal relevance: good, but not alike.

        Return where in ``best`` they stand.
        """
        wanted = min(k, len(best))
        if variety == 0 or wanted <= 1:
            return range(wanted)
        rows = self.index.sketches(best)
        alike = rows @ rows.copy().T  # without the copy numpy sees a symmetric product, which takes twice as long
        scale = (1 - variety) / variety / max(abs(values[0]), abs(values[-1]), 1e-12)
        gains = [value * scale for value in values]
        latest, picked = 0, [0]
        nearest: list[float] = alike[0].tolist()
        while True:
            gains[latest] = -math.inf
            worth = [gain - near for gain, near in zip(gains, nearest, strict=True)]
            latest = worth.index(max(worth))
            picked.append(latest)
            if len(picked) == wanted:
                return picked
            nearest = [
                one if one > other else other  # noqa: FURB136 - max() takes thrice as long
                for one, other in zip(nearest, alike[latest].tolist(), strict=True)
            ]

    def _fill(self, scores: Floats, barred: Flags | None, chosen: Sequence[int], k: int) -> list[int]:
        """Return the best of all the others, up to ``k`` in all: the popular ones, the disliked last."""
        missing = min(k, len(self.index)) - len(chosen)
        if missing <= 0:
            return []
        left = scores + self._ties
        if barred is not None:
            left[barred] = -np.inf
        left[list(chosen)] = -np.inf
        if missing > _SMALL:
            order = np.lexsort((-self._popular, -left))[:missing].tolist()
            return [at for at in order if left[at] > -np.inf]
        found: list[int] = []
        while len(found) < missing and left[at := int(left.argmax())] > -np.inf:
            found.append(at)
            left[at] = -np.inf
        return found


def _joined(hit: Hit, share: float, liked: Sequence[tuple[str, float]], rest: Sequence[Part]) -> Recommendation:
    """Return a score from what a search matched, what the follower likes, and the rest."""
    score = hit.score * share + sum([value for _, value in liked]) + sum([part.value for part in rest])
    return Recommendation(hit.item_id, score, hit.matches, share, liked, rest)


def _check_call(query: Sequence[str], k: int) -> None:
    if isinstance(query, str):
        raise ValueError("query is several terms, not one string")  # noqa: TRY004 - one kind of refusal
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")


def _by_position(index: CourseIndex, popularity: Mapping[str, float] | Floats) -> Floats:
    if isinstance(popularity, Mapping):
        scores = np.array([popularity.get(item_id, 0.0) for item_id in index.ids], np.float64)
    else:
        scores = np.array(popularity, np.float64)
    if scores.shape != (len(index),) or not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError(f"popularity must be {len(index)} numbers from 0 to 1")
    return scores


def _scale(profile: Mapping[str, float], weight: float) -> float:
    """Return what makes a profile ``weight`` long; one shorter than a mention stays shorter, as little is known.

    0.0 for a profile of nothing.
    """
    length = math.hypot(*profile.values())
    if not math.isfinite(length):
        raise ValueError("a profile's weights must be finite numbers")
    return weight / max(length, 1.0) if length else 0.0


def _open(candidates: Flags, barred: Flags | None) -> Ints:
    """Return the positions of the candidates that are not barred, ascending."""
    return np.flatnonzero(candidates if barred is None else candidates & ~barred)
