"""Similar posts: near-duplicates, templates, the nearest post; and which training posts leak test posts.

Near-duplicates are found without comparing every pair in full, and without missing one. Similarity is rapidfuzz's
``fuzz.ratio``: 100 * (1 - d / (m + n)), where d is the least number of characters to insert and delete between texts
of m and n characters. How often each character occurs in the two texts then differs by at most d in all, which is seen
much faster than d; what that leaves over is scored. Source: rapidfuzz, Indel distance.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from tweet_sentiment.parameters import LeakFreeRules

SHORTEST_NEAR_DUPLICATE = 10  # normalised characters; below, one letter decides: "good" and "food"
SHARED = 0.5  # of a post's pairs of words
RESEMBLANCE = (
    f"{SHARED:.0%} or more of its pairs of neighbouring words stand in one training post, or only links, numbers and "
    "punctuation tell it from one"
)
_PAIRS = 2_000_000  # looked at at a time: 16 MB of distances
_KINDS = 39  # of characters told apart: a to z and 0 to 9 get a kind each, others share
_CHUNK = 128  # posts at a time: 128 similarities to 61,000 training posts are 62 MB
_LINK = re.compile(r"(?:https?://|www\.|pic\.twitter\.com)\S*")
_NO_LETTER = re.compile(r"[\W\d_]+")
_UNRELATED = 0.95  # of pairs of posts of different ids are less alike than wordings of one post are
_SAMPLED = 2000  # of different ids that are looked at
ALL_DIFFER = "no two posts share one"
_EXPONENT = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+\d{1,3}")  # as a spreadsheet shows a long number: 1.23457E+17
_ZEROS = re.compile(r"\d{5,}000|\d{15}0+")  # as it saves one, of which it knows 15 digits
_SHOWN = 60  # characters of an example


def normalise(text: str) -> str:
    """Fold case and keep letters and digits only, of any script; "Don't!" -> "dont", "🤣" -> ""."""
    return re.sub(r"[\W_]+", "", text.casefold())


def most_similar(texts: Iterable[str], others: Iterable[str], threshold: float) -> dict[str, str]:
    """Return, for each of ``texts`` with a near-duplicate among ``others``, the one that is most similar to it.

    The texts are normalised (``normalise``). Texts of fewer than ``SHORTEST_NEAR_DUPLICATE`` characters have
    none. Of equally similar texts the shortest is taken, then the first in the alphabet.
    """
    mine, theirs = _long_enough(texts), _long_enough(others)
    found: dict[str, str] = {}
    for i, j in _candidate_pairs(mine, theirs, threshold):
        scores = _similarities(mine, theirs, i, j, threshold)
        i, j, scores = i[scores > 0], j[scores > 0], scores[scores > 0]
        best = np.lexsort((-j, scores, i))  # the last of each i stays in the dictionary
        found.update((mine[a], theirs[b]) for a, b in zip(i[best].tolist(), j[best].tolist(), strict=True))
    return found


def near_duplicate_groups(posts: "pd.Series[str]", threshold: float) -> NDArray[np.intp]:
    """Return the group number of each post, shape (posts,): a chain of near-duplicates joins posts into a group.

    ``posts`` are raw texts; two are near-duplicates if their normalised texts are equal, or both long enough
    (``SHORTEST_NEAR_DUPLICATE``) and similar by ``threshold`` (50-100) or more. A post that normalises to nothing is
    alone. Numbers count from 0 in the order of the posts. Pairs that a chain joins already are not scored.
    """
    texts = posts.map(normalise)
    distinct = _long_enough(texts)
    groups = np.arange(len(distinct))
    for i, j in _candidate_pairs(distinct, distinct, threshold, once=True):
        apart = groups[i] != groups[j]
        i, j = i[apart], j[apart]
        near = _similarities(distinct, distinct, i, j, threshold) > 0
        groups = joined(groups[i[near]], groups[j[near]], len(groups))[groups]
    first: dict[int, str] = {}
    stands_for = {text: first.setdefault(group, text) for text, group in zip(distinct, groups.tolist(), strict=True)}
    keys = [stands_for.get(text, text) or position for position, text in enumerate(texts)]
    return pd.factorize(pd.Series(keys, dtype=object))[0]


def joined(i: NDArray[np.intp], j: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Return the group number of each of ``size`` nodes, shape (size,); each ``i`` is joined to its ``j``."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(i), dtype=bool), (i, j)), shape=(size, size))
    groups: NDArray[np.intp] = connected_components(graph, directed=False)[1]
    return groups


def _long_enough(texts: Iterable[str]) -> list[str]:
    """Return the distinct texts that can have a near-duplicate, the shortest first."""
    return sorted({text for text in texts if len(text) >= SHORTEST_NEAR_DUPLICATE}, key=lambda text: (len(text), text))


def _candidate_pairs(
    texts: list[str], others: list[str], threshold: float, once: bool = False
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the positions in ``texts`` and ``others``, sorted by length, of all pairs that may reach the threshold.

    The pairs of one text come in one block. ``once``: the lists are the same; (j, i) is left out after (i, j).
    """
    from scipy.spatial.distance import cdist

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
    counts = np.zeros((len(texts), _KINDS))
    for row, text in enumerate(texts):
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        counts[row] = np.bincount(codes % _KINDS, minlength=_KINDS)
    return counts


def _similarities(
    texts: list[str], others: list[str], i: NDArray[np.intp], j: NDArray[np.intp], threshold: float
) -> NDArray[np.float32]:
    mine, theirs = [texts[k] for k in i.tolist()], [others[k] for k in j.tolist()]
    return process.cpdist(mine, theirs, scorer=fuzz.ratio, score_cutoff=threshold, dtype=np.float32)


def resembles(posts: "pd.Series[str]", training: "pd.Series[str]") -> NDArray[np.bool_]:
    """Tell for each of ``posts`` whether it resembles a ``training`` post by ``RESEMBLANCE``, shape (posts,).

    Examples are templates, and headlines with another link. An empty text resembles nothing. In a script without spaces
    between words there are no pairs of words, so only whole texts are compared.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    mine, theirs = posts.map(_letters), training.map(_letters).drop_duplicates()
    same = (mine.isin(theirs) & (mine != "")).to_numpy()
    if not mine.str.contains(" ").any():
        return same
    counter = CountVectorizer(ngram_range=(2, 2), binary=True, lowercase=False, token_pattern=r"\S+", dtype=np.int32)
    known = counter.fit_transform(mine)
    most = _largest(known, counter.transform(theirs).T.tocsr())[1]
    pairs = np.diff(known.indptr)
    return same | ((pairs > 0) & (most >= SHARED * pairs))


def _letters(text: str) -> str:
    return _NO_LETTER.sub(" ", _LINK.sub(" ", text.casefold())).strip()


def _largest(rows: Any, columns: Any) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return position and value of the largest entry in each row of a product of sparse matrices, chunk by chunk."""
    where, largest = np.zeros(rows.shape[0], dtype=np.intp), np.zeros(rows.shape[0])
    for start in range(0, rows.shape[0], _CHUNK):
        part = slice(start, start + _CHUNK)
        product = (rows[part] @ columns).toarray()
        where[part], largest[part] = product.argmax(axis=1), product.max(axis=1)
    return where, largest


class Lookup:
    """A look-up of training texts: it returns the label of the most similar one, and learns nothing.

    Similarity is the cosine of TF-IDF vectors of the lower-cased words and pairs of words. Of equally similar training
    texts the first counts. A text that shares no word with training (similarity 0) gets the most frequent label.

    Raises:
        ValueError: there are no training texts.
    """

    def __init__(self, training_texts: Sequence[str], training_labels: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._labels = np.array(list(training_labels), dtype=str)
        names, counts = np.unique(self._labels, return_counts=True)
        self._most_frequent = names[counts.argmax()]
        self._vectorizer = TfidfVectorizer(ngram_range=(1, 2))
        words = self._vectorizer.build_analyzer()
        has_words = any(words(text) for text in training_texts)  # of two letters
        self._known: Any = self._vectorizer.fit_transform(training_texts).T.tocsr() if has_words else None

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        """Return the label of the most similar training text, and the similarity (0-1), both of shape (texts,)."""
        nearest, similarity = np.zeros(len(texts), dtype=np.intp), np.zeros(len(texts))
        if self._known is not None and len(texts):
            nearest, similarity = _largest(self._vectorizer.transform(texts), self._known)
        similarity = similarity.clip(0, 1)
        return np.where(similarity > 0, self._labels[nearest], self._most_frequent), similarity


# ---------------------------------------------------------------- what training gives away
def text_key(text: str) -> str:
    """Return the key by which texts are equal: ``normalise``, or the text itself if that leaves nothing ("🤣")."""
    return normalise(text) or text.strip().casefold()


def leaking_rows(
    training: pd.DataFrame, validation: pd.DataFrame, rules: LeakFreeRules, ids_known: bool
) -> pd.DataFrame:
    """Tell for each training row which enabled rules apply to it; a disabled rule applies to none.

    Both frames have columns ``id`` and ``post``, the text as the models read it. Returns columns ``tweet_id``,
    ``normalised_text`` and ``near_duplicate`` (bool) on ``training``'s index. Near-duplicates are looked for only
    among rows that no earlier rule has caught. Texts are compared by ``text_key``; an empty text or id matches nothing,
    and a short text (``exempt``) only itself. Ids count only if ``ids_known``: not made up by the reader.
    """
    nothing = pd.Series(False, index=training.index)
    texts, others = training["post"].map(text_key), validation["post"].map(text_key)
    by_id = _shared(training["id"], validation["id"]) if rules.tweet_id and ids_known else nothing
    by_text = _shared(texts, others) if rules.normalised_text else nothing
    near = nothing
    if rules.near_duplicate:
        rest = ~(by_id | by_text)
        alike = set(most_similar(texts[rest], others, rules.near_duplicate_threshold))
        near = rest & texts.isin(alike | set(texts[rest]) & set(others) - {""})
    return pd.DataFrame({"tweet_id": by_id, "normalised_text": by_text, "near_duplicate": near})


def _shared(values: pd.Series, others: pd.Series) -> "pd.Series[bool]":
    return values.isin(others) & (values != "")


def exempt(training: pd.DataFrame, validation: pd.DataFrame, threshold: float) -> dict[str, int]:
    """Count the posts whose texts are too short for the near-duplicate rule.

    Keys: ``short_training_posts``, ``short_validation_posts``, and ``short_but_similar``: the training posts among them
    that are not equal to a test post and would count as its near-duplicate if length did not matter.
    """
    texts, others = (posts["post"].map(text_key) for posts in (training, validation))
    short, others_short = (keys[(keys.str.len() < SHORTEST_NEAR_DUPLICATE) & (keys != "")] for keys in (texts, others))
    mine, theirs = sorted(set(short) - set(others)), sorted(set(others_short))
    scores = process.cdist(mine, theirs, scorer=fuzz.ratio, score_cutoff=threshold)
    similar = [text for text, row in zip(mine, scores, strict=True) if row.any()]
    return {
        "short_training_posts": len(short),
        "short_validation_posts": len(others_short),
        "short_but_similar": int(short.isin(similar).sum()),
    }


def overlap(training: pd.DataFrame, validation: pd.DataFrame, ids_known: bool) -> dict[str, float]:
    """Return how many test posts are known from training: a count and a share for each kind.

    Kinds: ``text`` (word for word, as in column ``post``), ``normalised_text``, and, if ``ids_known``, ``id``; keys
    are "<kind>_count" and "<kind>_share", and ``posts``, the number of test posts.
    """
    texts, others = training["post"].map(normalise), validation["post"].map(normalise)
    found = {"text": _shared(validation["post"], training["post"]), "normalised_text": _shared(others, texts)}
    if ids_known:
        found["id"] = _shared(validation["id"], training["id"])
    counts = {f"{kind}_count": float(rows.sum()) for kind, rows in found.items()}
    shares = {f"{kind}_share": float(rows.mean()) if len(rows) else 0.0 for kind, rows in found.items()}
    return {"posts": float(len(validation))} | counts | shares


def conflicting_labels(posts: pd.DataFrame) -> int:
    """Count the normalised texts, except the empty one, that have two labels or more."""
    texts = posts["post"].map(normalise)
    labels_of = posts["label"].groupby(texts).nunique()
    return int((labels_of[labels_of.index != ""] > 1).sum())


def without_untrusted(tables: list[pd.DataFrame]) -> tuple[list[pd.DataFrame], str | None]:
    """Return the tables, and why their ids are not trusted (None: they are); untrusted ids become row numbers.

    The tables have columns ``row``, ``id`` and ``post`` (raw text). An id must identify a post and its wordings. Ids
    are not trusted if a spreadsheet has rounded them, or if most ids with several texts join unlike ones. Ids that all
    differ (``ALL_DIFFER``) are no fault, but say of no two posts that they are wordings of one.
    """
    posts = pd.concat([table[["id", "post"]] for table in tables], ignore_index=True)
    reason = distrust(posts) or (ALL_DIFFER if posts["id"].is_unique else None)
    if reason is None:
        return tables, None
    return [table.assign(id="row-" + table["row"].astype("str")) for table in tables], reason


def distrust(posts: pd.DataFrame) -> str | None:
    """Say why the ids of these posts, columns ``id`` and ``post``, cannot be trusted; None if they can."""
    given = posts.astype("str")[lambda rows: rows["id"].str.strip() != ""]
    ids = given["id"].str.strip()
    rounded = ids[ids.str.fullmatch(_EXPONENT)]
    if rounded.empty:
        zeros = ids[ids.str.fullmatch(_ZEROS)]
        rounded = zeros if len(zeros) >= 10 and len(zeros) > len(ids) / 2 else rounded
    if len(rounded):
        return f"{len(rounded):,} of {len(ids):,} are rounded, as a spreadsheet does, such as {rounded.iloc[0]}"
    texts = given.assign(post=given["post"].str.casefold()).drop_duplicates(["id", "post"])
    pairs = texts.groupby("id", sort=False)["post"].agg(list)
    pairs = pairs[pairs.map(len) > 1]
    if pairs.empty:
        return None
    most = _likeness_of_others(texts)
    unlike = pairs[[fuzz.ratio(one[0], one[1]) <= most for one in pairs]]
    if len(unlike) * 2 <= len(pairs):
        return None
    first, second, *_ = unlike.iloc[0]
    return (
        f"{len(unlike):,} of the {len(pairs):,} that stand beside several texts join unlike ones, such as "
        f"{unlike.index[0]}: {first[:_SHOWN]!r} and {second[:_SHOWN]!r}"
    )


def _likeness_of_others(texts: pd.DataFrame) -> float:
    """Return the highest similarity (0-100, ``fuzz.ratio``) of posts of different ids, except for a few pairs."""
    others = texts.sample(min(len(texts), _SAMPLED), random_state=0)
    shifted = others.shift(len(others) // 2)
    apart = (others["id"] != shifted["id"]) & shifted["id"].notna()
    pairs = zip(others.loc[apart, "post"], shifted.loc[apart, "post"], strict=True)
    likeness = [fuzz.ratio(one, other) for one, other in pairs]
    return float(np.quantile(likeness, _UNRELATED)) if likeness else 100.0
