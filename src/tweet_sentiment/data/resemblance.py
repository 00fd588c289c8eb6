"""Test posts that still resemble a training post when its copies are out: templates, headlines with another link."""

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

SHARED = 0.5  # of a post's pairs of words
RULE = (
    f"{SHARED:.0%} or more of its pairs of neighbouring words stand in one training post, or only links, numbers and "
    "punctuation tell it from one"
)
_LINK = re.compile(r"(?:https?://|www\.|pic\.twitter\.com)\S*")
_NO_LETTER = re.compile(r"[\W\d_]+")
_CHUNK = 128  # posts at a time: their shared pairs with each of 60,000 training posts are some megabytes


def resembles(posts: "pd.Series[str]", training: "pd.Series[str]") -> NDArray[np.bool_]:
    """Tell of each of ``posts`` whether it resembles one of the ``training`` posts by ``RULE``, shape (posts,).

    Texts are compared in lower case. One of which nothing is left resembles nothing. Where words are not parted by
    spaces there are no pairs, and only whole texts are compared.
    """
    mine = posts.map(_words)
    theirs = training.map(_words).drop_duplicates()
    same = (mine.isin(theirs) & (mine != "")).to_numpy()
    if not mine.str.contains(" ").any():
        return same
    counter = CountVectorizer(ngram_range=(2, 2), binary=True, lowercase=False, token_pattern=r"\S+", dtype=np.int32)
    known = counter.fit_transform(mine)
    others = counter.transform(theirs).T.tocsr()
    pairs = np.diff(known.indptr)
    most = np.zeros(len(mine), dtype=np.int32)
    for start in range(0, len(mine), _CHUNK):
        rows = slice(start, start + _CHUNK)
        most[rows] = (known[rows] @ others).max(axis=1).toarray().ravel()
    return same | ((pairs > 0) & (most >= SHARED * pairs))


def _words(text: str) -> str:
    return _NO_LETTER.sub(" ", _LINK.sub(" ", text.casefold())).strip()
