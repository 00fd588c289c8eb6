"""Groups of posts that are reworded copies of each other, found by their texts: for files without tweet ids."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tweet_sentiment.data.leakage import normalise
from tweet_sentiment.data.similarity import candidate_pairs, long_enough, similarities


def near_duplicate_groups(posts: "pd.Series[str]", threshold: float) -> NDArray[np.intp]:
    """Number the groups, shape (posts,): posts are together if a chain of near-duplicates joins them.

    ``posts`` are raw texts; two are near-duplicates if their normalised texts are equal, or both long enough
    (``SHORTEST_NEAR_DUPLICATE``) and similar by ``threshold`` (50-100) or more. A post that normalises to nothing is
    alone. Numbers count from 0 in the order of the posts. Memory stays small however alike the posts are: pairs that
    a chain joins already are not scored.
    """
    texts = posts.map(normalise)
    distinct = long_enough(texts)
    groups = np.arange(len(distinct))
    for i, j in candidate_pairs(distinct, distinct, threshold, once=True):
        apart = groups[i] != groups[j]
        i, j = i[apart], j[apart]
        near = similarities(distinct, distinct, i, j, threshold) > 0
        groups = _joined(groups, i[near], j[near])
    first: dict[int, str] = {}
    stands_for = {text: first.setdefault(group, text) for text, group in zip(distinct, groups.tolist(), strict=True)}
    keys = [stands_for.get(text, text) or position for position, text in enumerate(texts)]
    return pd.factorize(pd.Series(keys, dtype=object))[0]


def _joined(groups: NDArray[np.intp], i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the groups after those of the positions ``i`` and ``j`` have become one, pair by pair."""
    if not len(i):
        return groups
    size = len(groups)
    graph = coo_array((np.ones(len(i), dtype=bool), (groups[i], groups[j])), shape=(size, size))
    return connected_components(graph, directed=False)[1][groups]
