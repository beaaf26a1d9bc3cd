"""One follower's interests: terms with weights that fade. Learning, fading and forgetting; no scores.

This is the first form of the course formula (Rocchio). Maximising Σⱼ αⱼ (rⱼ − δ) ⟨w, E(vⱼ)⟩ − (λ/2)‖w‖² over w,
with the items' vectors E(vⱼ) held fixed, gives w = (1/λ) Σⱼ αⱼ (rⱼ − δ) E(vⱼ): unique, and a plain sum over events.
So an event is learnt by adding to a few terms, no refit; (rⱼ − δ) is the signal's strength, negative for a
dislike; αⱼ is the decay by age; 1/λ only scales, and the recommender normalises scale away.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import orjson

from recsys.base import Signal, checked_half_life, decay

_FAINT = 0.01  # a hundredth of a mention: gone
_UNIT = 10_000  # stored weights are integers of this part: shorter than decimals, and written twice as fast
_NEWEST = 8  # words asked for last that are remembered in their order
_REFUSED = 20  # things wanted no more; beyond them the oldest go


class Profile:
    """Weights by term, all as of one moment, halving every ``half_life_days``; at most ``limit`` terms.

    One common moment is exact: with the same half-life for all, a term keeps its share of the sum wherever the
    clock of the sum stands. Not shared between threads: read, learn, write back.

    ``newest`` are the words asked for last, the latest first; ``refused`` is what is wanted no more: it does not
    fade.
    """

    __slots__ = ("_at", "_half_life_days", "_limit", "_weights", "newest", "refused")

    def __init__(self, *, half_life_days: float = 30.0, limit: int = 60) -> None:
        if limit < 1:
            raise ValueError(f"a profile keeps at least 1 term, not {limit}")
        self._half_life_days = checked_half_life(half_life_days)
        self._limit = limit
        self._at = 0.0
        self._weights: dict[str, float] = {}
        self.newest: tuple[str, ...] = ()
        self.refused: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self._weights)

    def learn(self, signal: Signal, terms: Mapping[str, float] | Iterable[str], now: float) -> None:
        """Add an event at ``now`` (epoch seconds), which may be older than what is known already.

        ``terms`` is an item's vector (``dict(index.terms_of(item_id))``), or bare words, which count as a vector of
        length 1. Beyond the limit the weakest of the other terms go.
        """
        vector = _vector(terms)
        if not math.isfinite(now):
            raise ValueError(f"now is epoch seconds, not {now!r}")
        if vector:
            self._add(signal.strength, vector, now)

    def _add(self, gain: float, vector: Mapping[str, float], now: float) -> None:
        if now > self._at:
            self._advance(now)
        else:
            gain *= decay(self._at - now, self._half_life_days)
        weights = self._weights
        for term, value in vector.items():
            weights[term] = weights.get(term, 0.0) + gain * value
        if len(weights) > self._limit:
            self._prune(vector)

    def weights(self, now: float) -> dict[str, float]:
        """Return every term's weight at ``now``; disliked ones are negative."""
        if now <= self._at:
            return dict(self._weights)
        share = decay(now - self._at, self._half_life_days)
        return {term: weight * share for term, weight in self._weights.items()}

    def top(self, n: int, now: float) -> list[tuple[str, float]]:
        """Return up to ``n`` liked terms with their weights at ``now``, strongest first."""
        liked = [(term, weight) for term, weight in self.weights(now).items() if weight > 0]
        return sorted(liked, key=lambda pair: (-pair[1], pair[0]))[:n]

    def forget(self, term: str) -> bool:
        """Drop a term, liked or disliked; False when it was not there."""
        self.newest = tuple(each for each in self.newest if each != term)
        self.refused = tuple(each for each in self.refused if each != term)
        return self._weights.pop(term, None) is not None

    def ask(self, words: Sequence[str], now: float) -> None:
        """Learn from a mention; whoever asks for something dislikes and refuses it no longer."""
        for word in words:
            if self._weights.get(word, 0.0) < 0:
                del self._weights[word]
        if self.refused:
            self.refused = tuple(
                each for each in self.refused if not any(word in each or each in word for word in words)
            )
        self.newest = tuple(dict.fromkeys((*words, *self.newest)))[:_NEWEST]
        self.learn(Signal.MENTION, words, now)

    def refuse(self, things: Sequence[str], words: Sequence[str], now: float) -> None:
        """Remember ``things`` as wanted no more, and dislike the ``words`` they are made of."""
        for word in words:
            self.forget(word)
        self.learn(Signal.DISLIKE, words, now)
        self.refused = tuple(dict.fromkeys((*self.refused, *things)))[-_REFUSED:]

    def to_json(self) -> str:
        """Return the profile as one short line: ``{"at":seconds,"w":{term:ten-thousandths},"new":[],"no":[]}``.

        The newest words and the refused things are left out where there are none.
        """
        weights = {term: round(weight * _UNIT) for term, weight in self._weights.items()}
        stored: dict[str, Any] = {"at": self._at, "w": weights}
        if self.newest:
            stored["new"] = self.newest
        if self.refused:
            stored["no"] = self.refused
        return orjson.dumps(stored).decode()

    @classmethod
    def from_json(cls, text: str, *, half_life_days: float = 30.0, limit: int = 60) -> Self:
        """Return the profile that ``to_json`` wrote; ValueError when the text is anything else."""
        profile = cls(half_life_days=half_life_days, limit=limit)
        profile._at, profile._weights, profile.newest, profile.refused = _read(text)
        if len(profile._weights) > limit:
            profile._prune(())
        return profile

    def _advance(self, now: float) -> None:
        share = decay(now - self._at, self._half_life_days)
        self._weights = {
            term: faded
            for term, weight in self._weights.items()
            if not -_FAINT < (faded := weight * share) < _FAINT
        }
        self._at = now

    def _prune(self, spared: Iterable[str]) -> None:
        """Keep the strongest; an event's own terms go last, or a full profile could learn nothing new."""
        fresh = frozenset(spared)
        ranked = sorted(self._weights.items(), key=lambda pair: (pair[0] not in fresh, -abs(pair[1]), pair[0]))
        self._weights = dict(ranked[: self._limit])


def _vector(terms: Mapping[str, float] | Iterable[str]) -> Mapping[str, float]:
    if isinstance(terms, str):
        raise ValueError("terms are a mapping or several strings, not one string")  # noqa: TRY004 - one kind of refusal
    if isinstance(terms, Mapping):
        if not all(map(math.isfinite, terms.values())):
            raise ValueError("a term's weight must be a finite number")
        return terms
    words = dict.fromkeys(terms)
    share = 1.0 / math.sqrt(len(words)) if words else 0.0
    return dict.fromkeys(words, share)


def _read(text: str) -> tuple[float, dict[str, float], tuple[str, ...], tuple[str, ...]]:
    try:
        raw: Any = orjson.loads(text)
        at, weights = raw["at"], raw["w"]
        if math.isfinite(at) and math.isfinite(sum(weights.values())):
            known = {term: weight / _UNIT for term, weight in weights.items()}
            return float(at), known, tuple(map(str, raw.get("new", ()))), tuple(map(str, raw.get("no", ())))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        pass
    raise ValueError("this text is not a profile")
