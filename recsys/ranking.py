"""``rank``: from files of items, events and questions to ranked lists, with all settings learned from the events.

What the files look like is ``files.py``; what is learned, and how, ``ranker.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from recsys.files import Query, Task, read_task, write_ranked
from recsys.holdout import Sampler, Shape, carries_order
from recsys.lineup import lineup
from recsys.ranker import BATCH, STEPS, Ranker, learn
from recsys.sources.base import Catalogue, Crowd, Ints, best
from recsys.text import Tokenizer

Tell = Callable[[int, int], None]


def rank(
    items: Path,
    train: Path,
    queries: Path,
    out: Path,
    *,
    tell: Tell,
    candidates: Path | None = None,
    k: int = 20,
    tokenizer: Tokenizer | None = None,
) -> None:
    """Answer the questions of a file with ranked lists. FileRefused for a bad file; then nothing is written.

    ``tell(done, of)`` is called as the work goes on. Equal files give equal bytes, however many cores there are, as
    linear algebra keeps to one thread. The tokenizer learns the tags.
    """
    with threadpool_limits(1):
        _rank(items, train, queries, out, tell=tell, candidates=candidates, k=k, tokenizer=tokenizer or Tokenizer())


def _rank(
    items: Path,
    train: Path,
    queries: Path,
    out: Path,
    *,
    tell: Tell,
    candidates: Path | None,
    k: int,
    tokenizer: Tokenizer,
) -> None:
    task = read_task(items, train, queries, candidates, tokenizer)
    log = replace(task.log, ordered=carries_order(task.log))
    spans = [slice(start, start + BATCH) for start in range(0, len(task.queries), BATCH)]
    steps = iter(range(1, STEPS + len(spans) + 1))

    def step() -> None:
        tell(next(steps), STEPS + len(spans))

    spoken = any(query.person.words for query in task.queries)
    ranker = learn(log, task.catalogue, _shape(task), lineup(log, spoken=spoken), step)

    def lists() -> Iterator[tuple[str, list[str]]]:
        for span in spans:
            yield from _answers(ranker, task, task.queries[span], k)
            step()

    write_ranked(out, lists())


def _shape(task: Task) -> Shape:
    spoken = [query.person.words for query in task.queries if query.person.words]
    blank = any(not query.person.words and not query.person.history for query in task.queries)
    strangers = sum(query.stranger for query in task.queries) / max(len(task.queries), 1)
    return Shape(strangers, words=_sampler(task.catalogue, spoken) if spoken else None, blank=blank)


def _sampler(catalogue: Catalogue, spoken: Sequence[Mapping[str, float]]) -> Sampler:
    """Return a drawer of words that a taker of some items might say: as many as people say, of those they say."""
    said = {term for saying in spoken for term in saying}
    names = list(catalogue.terms)
    sayable = np.array([name in said for name in names], np.bool_)
    sizes = np.array([len(saying) for saying in spoken])
    text = catalogue.text

    def draw(items: Ints, rng: np.random.Generator) -> dict[str, float]:
        spans = [slice(text.indptr[item], text.indptr[item + 1]) for item in items]
        terms = np.concatenate([text.indices[span] for span in spans])
        weights = np.concatenate([text.data[span] for span in spans])
        open_to, where = np.unique(terms[sayable[terms]], return_inverse=True)
        if not len(open_to):
            return {}
        chance = np.bincount(where, weights[sayable[terms]])
        count = min(int(rng.choice(sizes)), len(open_to))
        drawn = rng.choice(open_to, count, replace=False, p=chance / chance.sum())
        return dict.fromkeys([names[term] for term in drawn], count**-0.5)

    return draw


def _answers(ranker: Ranker, task: Task, queries: Sequence[Query], k: int) -> Iterator[tuple[str, list[str]]]:
    crowd = Crowd([query.person for query in queries], task.catalogue)
    scores = ranker.scores(crowd, np.array([query.stranger for query in queries], np.bool_))
    scores[:, ~task.candidates] = -np.inf
    for query, row in zip(queries, scores, strict=True):
        row[list(query.barred)] = -np.inf
        yield query.user_id, [task.catalogue.ids[at] for at in best(row, k)]
