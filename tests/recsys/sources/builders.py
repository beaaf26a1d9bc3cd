"""A board to learn from: four subjects of five courses; everybody stays with one and skips one course of it."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from recsys.sources.base import Catalogue, Log

SUBJECTS = ("excel", "python", "瑜伽", "钢琴")
EACH = 5


def a_catalogue(new: int = 0) -> Catalogue:
    """``new`` more courses of the first subject stand at the end."""
    subjects = [at // EACH for at in range(len(SUBJECTS) * EACH)] + [0] * new
    terms = {word: at for at, word in enumerate((*SUBJECTS, "入门", *(f"第{n}讲" for n in range(len(subjects)))))}
    text = np.zeros((len(subjects), len(terms)))
    for at, subject in enumerate(subjects):
        text[at, [subject, len(SUBJECTS), len(SUBJECTS) + 1 + at]] = 0.8, 0.36, 0.48
    tags = np.eye(len(SUBJECTS))[subjects]
    ids = tuple(f"{SUBJECTS[subject]}-{at:02d}" for at, subject in enumerate(subjects))
    return Catalogue(ids, terms, csr_array(text), csr_array(tags))


def a_log(catalogue: Catalogue, people: int = 120, *, ordered: bool = False) -> Log:
    users, items, times = [], [], []
    for user in range(people):
        subject, skipped = user % len(SUBJECTS), user // len(SUBJECTS) % EACH
        taken = [subject * EACH + n for n in range(EACH) if n != skipped]
        users += [user] * len(taken)
        items += taken
        times += range(len(taken))
    return Log.of(users, items, times, width=len(catalogue), ordered=ordered)


def subject_of(position: int) -> int:
    return min(position // EACH, len(SUBJECTS) - 1) if position < len(SUBJECTS) * EACH else 0
