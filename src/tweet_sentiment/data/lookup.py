"""A look-up that knows posts by heart: the label of the most similar training post, and nothing learnt."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

_CHUNK = 128  # texts at a time: 128 similarities to 61,000 training posts are 62 MB


def nearest_neighbour(
    training_texts: Sequence[str], training_labels: Sequence[str], texts: Sequence[str]
) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Return the label of the most similar training text, and the similarity; see :class:`Lookup`.

    Raises:
        ValueError: there are no training texts.
    """
    return Lookup(training_texts, training_labels)(texts)


class Lookup:
    """Training texts and their labels, to be asked for the most similar one; the texts are read once.

    Similarity is the cosine of TF-IDF vectors of the lower-cased words and pairs of words. Of equally similar training
    texts the first counts. A text that shares no word with training (similarity 0) gets the most frequent label.
    """

    def __init__(self, training_texts: Sequence[str], training_labels: Sequence[str]) -> None:
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
            asked = self._vectorizer.transform(texts)
            for start in range(0, len(texts), _CHUNK):
                rows = slice(start, start + _CHUNK)
                cosines = (asked[rows] @ self._known).toarray()
                nearest[rows], similarity[rows] = cosines.argmax(axis=1), cosines.max(axis=1)
        similarity = similarity.clip(0, 1)
        return np.where(similarity > 0, self._labels[nearest], self._most_frequent), similarity
