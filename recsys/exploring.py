"""One place of a list kept for a new course: which one is drawn by how well it fits and how it has fared so far.

Thompson sampling: draw each course's chance of being opened from what is known of it, and show the best draw.
Chapelle and Li, "An Empirical Evaluation of Thompson Sampling", NeurIPS 2011.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

PRIOR_TAKEN, PRIOR_PASSED = 1.0, 9.0  # before anything is known: one in ten is opened


def draw(fits: Sequence[tuple[str, float]], counts: Mapping[str, tuple[int, int]], rng: Random) -> str:
    """Return one of the ids in ``fits``, pairs of an id and how well it fits (above 0); ValueError for none.

    ``counts`` tells how often each was (shown, taken); of one that is missing nothing is known.
    """
    if not fits:
        raise ValueError("there is nothing to draw from")
    drawn = []
    for item_id, fit in fits:
        shown, taken = counts.get(item_id, (0, 0))
        passed = max(shown - taken, 0)
        drawn.append((fit * rng.betavariate(PRIOR_TAKEN + taken, PRIOR_PASSED + passed), item_id))
    return max(drawn)[1]
