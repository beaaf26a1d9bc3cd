"""From a course index to the plain data that sources are fitted on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from recsys.index import CourseIndex
from recsys.sources.base import Catalogue


def catalogue_of(index: CourseIndex, tags: Mapping[str, tuple[str, ...]]) -> Catalogue:
    """Return what the sources need of an index; ``tags`` by item id, a tag that n items bear weighs 1/√n."""
    rows = [index.row(at) for at in range(len(index))]
    starts = np.cumsum([0, *map(len, rows)])
    columns = np.array([index.term_ids[term] for row in rows for term, _ in row], np.int32)
    data = np.array([value for row in rows for _, value in row], np.float64)
    text = csr_array((data, columns, starts), shape=(len(rows), len(index.term_ids)))
    return Catalogue(index.ids, index.term_ids, text, _tag_rows([tags.get(item_id, ()) for item_id in index.ids]))


def _tag_rows(tags: list[tuple[str, ...]]) -> csr_array:
    """Return unit rows in which a tag of n items weighs 1/√n."""
    codes: dict[str, int] = {}
    columns = np.array([codes.setdefault(tag, len(codes)) for row in tags for tag in dict.fromkeys(row)], np.int32)
    starts = np.cumsum([0, *(len(dict.fromkeys(row)) for row in tags)])
    often = np.maximum(np.bincount(columns, minlength=len(codes)), 1)
    data = often[columns] ** -0.5
    owners = np.repeat(np.arange(len(tags)), np.diff(starts))
    length = np.sqrt(np.bincount(owners, data**2, len(tags)))
    return csr_array((data / length[owners], columns, starts), shape=(len(tags), len(codes)))
