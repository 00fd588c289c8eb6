"""Texts that are almost the same, found without comparing every pair in full, and without missing one.

Similarity is rapidfuzz's ``fuzz.ratio``: 100 * (1 - d / (m + n)), where d is the least number of characters to insert
and delete between texts of m and n characters. How often each character occurs in the two texts then differs by at
most d in all, which is seen much faster than d; what that leaves over is scored. Source: rapidfuzz, Indel distance.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from scipy.spatial.distance import cdist

SHORTEST_NEAR_DUPLICATE = 10  # normalised characters; below, one letter decides: "good" and "food"
_PAIRS = 2_000_000  # looked at at a time: 16 MB of distances
_KINDS = 39  # of characters told apart: a to z and 0 to 9 get a kind each, others share


def long_enough(texts: Iterable[str]) -> list[str]:
    """Return the distinct texts that can have a near-duplicate, the shortest first."""
    return sorted({text for text in texts if len(text) >= SHORTEST_NEAR_DUPLICATE}, key=lambda text: (len(text), text))


def candidate_pairs(
    texts: list[str], others: list[str], threshold: float, once: bool = False
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the positions in ``texts`` and ``others`` of pairs that may reach the threshold; no other pair does.

    Both lists are sorted by length. The pairs of one text of ``texts`` all come in the same block. ``once``: the
    lists are one and the same, and (j, i) is left out where (i, j) has come in a block before.
    """
    counts, other_counts = _character_counts(texts), _character_counts(others)
    lengths, other_lengths = counts.sum(axis=1), other_counts.sum(axis=1)
    reach = threshold / (200 - threshold)  # the shorter of two texts is at least so long, measured by the longer
    size = max(1, _PAIRS // max(1, len(others)))
    for start in range(0, len(texts), size):
        mine = slice(start, start + size)
        ends = [lengths[start] * reach - 1, lengths[mine][-1] / reach + 1]
        low, high = np.searchsorted(other_lengths, ends)
        low = max(low, start) if once else low
        distances = cdist(counts[mine], other_counts[low:high], "cityblock")
        limits = (1 - threshold / 100) * np.add.outer(lengths[mine], other_lengths[low:high]) + 1e-6
        i, j = np.nonzero(distances <= limits)
        yield i + start, j + low


def _character_counts(texts: list[str]) -> NDArray[np.float64]:
    """Return how many characters of each kind each text has: shape (texts, kinds)."""
    counts = np.zeros((len(texts), _KINDS))
    for row, text in enumerate(texts):
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        counts[row] = np.bincount(codes % _KINDS, minlength=_KINDS)
    return counts


def similarities(
    texts: list[str], others: list[str], i: NDArray[np.intp], j: NDArray[np.intp], threshold: float
) -> NDArray[np.float32]:
    """Return the similarity (0-100) of each pair of positions, 0 where it is below the threshold."""
    return process.cpdist(
        [texts[k] for k in i.tolist()],
        [others[k] for k in j.tolist()],
        scorer=fuzz.ratio,
        score_cutoff=threshold,
        dtype=np.float32,
    )


def most_similar(texts: Iterable[str], others: Iterable[str], threshold: float) -> dict[str, str]:
    """Return, for each of ``texts`` with a near-duplicate among ``others``, the one that is most similar to it.

    The texts are normalised (``leakage.normalise``). Those of fewer than ``SHORTEST_NEAR_DUPLICATE`` characters have
    none. Of equally similar ones the shortest is taken, then the first in the alphabet.
    """
    mine, theirs = long_enough(texts), long_enough(others)
    found: dict[str, str] = {}
    for i, j in candidate_pairs(mine, theirs, threshold):
        scores = similarities(mine, theirs, i, j, threshold)
        i, j, scores = i[scores > 0], j[scores > 0], scores[scores > 0]
        best = np.lexsort((-j, scores, i))  # the last of each i stays in the dictionary
        found.update((mine[a], theirs[b]) for a, b in zip(i[best].tolist(), j[best].tolist(), strict=True))
    return found
