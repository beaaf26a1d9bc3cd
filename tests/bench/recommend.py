"""What a recommendation and a training cost as the shop grows: the catalogue tenfold, then the log tenfold.

``python -m tests.bench.recommend [--quick]``. It prints two tables and asserts no timing: machines differ, so only
the ratios within one run say something. All times are processor times, as machines are shared. What is searched for
is in ``material.py``; what a message costs from end to end is ``run.py``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
from scipy.sparse import csr_array

from bot.suggestions import CANDIDATES, as_item
from recsys.index import CourseIndex
from recsys.recommender import Recommender
from recsys.search.course_search import CourseSearch
from recsys.sources.base import Catalogue, Log
from recsys.sources.ease import Ease, EaseSettings
from recsys.sources.walk import Walk
from recsys.text import Tokenizer
from tests.bench import material

COURSES = (1_000, 10_000, 100_000)
EVENTS = (100_000, 1_000_000, 10_000_000)
ITEMS = 3_000
EVENTS_EACH = 10  # of a learner, on average
KEEP = 100
ALONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # threads that wait for one another burn time too
SENTENCES = 1_000
WARM_UP = 100
LIKED = 20  # terms of a profile


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave the largest of each out")
    parser.add_argument("--train", type=int, metavar="EVENTS", help="only fit, and print the figures as JSON")
    options = parser.parse_args()
    logging.getLogger("jieba").setLevel(logging.WARNING)
    if options.train:
        print(json.dumps(trained(options.train)))  # noqa: T201 - this is the answer
        return
    many = -1 if options.quick else None
    say(serving(COURSES[:many]))
    say(training(EVENTS[:many]))


def say(rows: list[tuple[str, ...]]) -> None:
    """Print a table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
        sys.stdout.write(f"{line}\n")
    sys.stdout.write("\n")
    sys.stdout.flush()


# Serving -----------------------------------------------------------------------------------------------------


def serving(sizes: Sequence[int]) -> list[tuple[str, ...]]:
    """Return the table of microseconds a call, by catalogue size, with the ratio to the smallest."""
    rows: list[tuple[str, ...]] = [("courses", "call", "p50 us", "p99 us", f"x {sizes[0]:,}")]
    first: dict[str, float] = {}
    for size in sizes:
        sys.stderr.write(f"{size:,} courses ...\n")
        for call, waits in served(size).items():
            p50, p99 = np.quantile(waits, (0.5, 0.99)) / 1_000
            ratio = p50 / first.setdefault(call, p50)
            rows.append((f"{size:,}", call, f"{p50:,.0f}", f"{p99:,.0f}", f"{ratio:.2f}"))
    return rows


def served(size: int) -> dict[str, list[int]]:
    """Return how many nanoseconds each call took, sentence by sentence, in a catalogue of so many courses."""
    rng, tokenizer = Random(size), Tokenizer()
    items = [as_item(course) for course in courses(size)]
    index = CourseIndex.build(items, tokenizer)
    search = CourseSearch.build(items, tokenizer)
    popularity = np.random.default_rng(size).random(size)
    recommender = Recommender(index, popularity)
    waits: dict[str, list[int]] = {"recommend": [], "search": [], "rerank": [], "search + rerank": []}
    for turn in range(WARM_UP + SENTENCES):
        profile = liked(index, rng)
        sentence = material.sentence(rng)
        alone, _ = timed(lambda profile=profile: recommender.recommend(profile=profile))
        looked, found = timed(lambda sentence=sentence: search.search(sentence, k=CANDIDATES))
        chosen, _ = timed(lambda found=found, profile=profile: recommender.rerank(found.hits, profile=profile))
        if turn >= WARM_UP:
            for name, wait in zip(waits, (alone, looked, chosen, looked + chosen), strict=True):
                waits[name].append(wait)
    return waits


def courses(size: int) -> list:
    """Return so many of the bench's courses."""
    rng = Random(1)
    return [material._varied(number, rng) for number in range(size)]


def liked(index: CourseIndex, rng: Random) -> dict[str, float]:
    """Return the interests of somebody who looked at a few courses."""
    profile: dict[str, float] = {}
    for _ in range(4):
        for term, weight in index.terms_of(rng.choice(index.ids), LIKED // 4):
            profile[term] = profile.get(term, 0.0) + weight
    return profile


def timed(call: Callable) -> tuple[int, object]:
    """Return the nanoseconds a call took, and its result."""
    began = time.process_time_ns()
    result = call()
    return time.process_time_ns() - began, result


# Training ----------------------------------------------------------------------------------------------------


def training(sizes: Sequence[int]) -> list[tuple[str, ...]]:
    """Return the table of seconds and memory of fitting, each size in a process of its own, ratios row to row."""
    head = (
        "events",
        "learners",
        "EASE s",
        "walk s",
        "sum s",
        "peak MB",
        "x events",
        "x s",
        "x MB",
        "at most linear",
    )
    rows: list[tuple[str, ...]] = [head]
    before: dict[str, float] = {}
    for size in sizes:
        sys.stderr.write(f"{size:,} events ...\n")
        command = [sys.executable, "-m", "tests.bench.recommend", "--train", str(size)]
        answer = subprocess.run(command, cwd=material.ROOT, env=os.environ | ALONE, check=True, capture_output=True)
        now = json.loads(answer.stdout)
        now["sum"] = now["ease"] + now["walk"]
        growth = [now[name] / before[name] for name in ("events", "sum", "peak")] if before else []
        verdict = "-" if not growth else ("yes" if max(growth[1:]) <= growth[0] else "NO")
        cells = [f"{now['ease']:.2f}", f"{now['walk']:.2f}", f"{now['sum']:.2f}", f"{now['peak']:,.0f}"]
        ratios = [f"{each:.2f}" for each in growth] or ["-"] * 3
        rows.append((f"{now['events']:,}", f"{now['learners']:,}", *cells, *ratios, verdict))
        before = now
    return rows


def trained(size: int) -> dict[str, float]:
    """Fit both sources in this process; return seconds, and the highest memory in MB, the log's own included."""
    log = synthetic(size)
    nothing = csr_array((ITEMS, 0), dtype=np.float64)
    catalogue = Catalogue(tuple(map(str, range(ITEMS))), {}, nothing, nothing)
    unit = len(log.items) / ITEMS
    ease, _ = timed(lambda: Ease(settings=EaseSettings(l2=0.35 * unit, keep=KEEP)).fit(log, catalogue))
    walk, _ = timed(lambda: Walk(keep=KEEP).fit(log, catalogue))
    return {
        "events": len(log.items),
        "learners": log.people,
        "ease": ease / 1e9,
        "walk": walk / 1e9,
        "peak": peak_megabytes(),
    }


def peak_megabytes() -> float:
    """Return the most memory this process held; getrusage would count what its parent held when it was forked."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) / 1024


def synthetic(size: int) -> Log:
    """Return exactly so many events of learners with a taste each, among items of which few are popular."""
    rng = np.random.default_rng(1)
    people = size // EVENTS_EACH
    keys = np.empty(0, np.int64)
    while len(keys) < size:
        users = rng.integers(0, people, size // 2)
        places = np.minimum(rng.lognormal(4, 1.5, len(users)), ITEMS - 1).astype(np.int64)
        items = np.where(rng.random(len(users)) < 0.5, places, (places + users * 7) % ITEMS)
        keys = np.union1d(keys, users * ITEMS + items)
    keys = np.sort(rng.permutation(keys)[:size])
    starts = np.searchsorted(keys, np.arange(people + 1) * ITEMS)
    return Log(starts, keys % ITEMS, np.arange(size, dtype=np.float64), np.ones(size), ITEMS)


if __name__ == "__main__":
    main()
