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
    """Return the label of the most similar training text, and the similarity (0-1), both of shape (texts,).

    Similarity is the cosine of TF-IDF vectors of the lower-cased words and pairs of words. Of equally similar training
    texts the first counts. A text that shares no word with training (similarity 0) gets the most frequent label.

    Raises:
        ValueError: there are no training texts.
    """
    labels = np.array(list(training_labels), dtype=str)
    names, counts = np.unique(labels, return_counts=True)
    nearest, similarity = _nearest(training_texts, texts)
    return np.where(similarity > 0, labels[nearest], names[counts.argmax()]), similarity


def _nearest(training_texts: Sequence[str], texts: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the position of the most similar training text, and the similarity."""
    nearest, similarity = np.zeros(len(texts), dtype=np.intp), np.zeros(len(texts))
    vectors = _vectors(training_texts, texts)
    if vectors is None:
        return nearest, similarity
    known, asked = vectors[0].T.tocsr(), vectors[1]
    for start in range(0, len(texts), _CHUNK):
        rows = slice(start, start + _CHUNK)
        cosines = (asked[rows] @ known).toarray()
        nearest[rows], similarity[rows] = cosines.argmax(axis=1), cosines.max(axis=1)
    return nearest, similarity.clip(0, 1)


def _vectors(training_texts: Sequence[str], texts: Sequence[str]) -> tuple[Any, Any] | None:
    """Return both sides as sparse vectors of length 1, or None if no training text has a word of two letters."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2))
    known = vectorizer.build_analyzer()
    if not len(texts) or not any(known(text) for text in training_texts):
        return None
    return vectorizer.fit_transform(training_texts), vectorizer.transform(texts)
