"""The classical models as scikit-learn estimators: texts in, one probability a class out."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.svm import LinearSVC

from tweet_sentiment.data.lookup import Lookup
from tweet_sentiment.scoring.metrics import softmax

_FEW = 200  # posts; with fewer, hardly a word comes twice, so every one counts


class MajorityClass(ClassifierMixin, BaseEstimator):
    """The most frequent class of training, whatever the text; each class is as probable as it was frequent."""

    def fit(self, texts: Sequence[str], codes: NDArray[np.integer]) -> Self:
        """Count the classes."""
        self.classes_, counts = np.unique(codes, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of shape (texts, classes)."""
        return np.tile(self.shares_, (len(texts), 1))


class NearestNeighbour(ClassifierMixin, BaseEstimator):
    """The label of the most similar training text (``text.lookup``); learns nothing, keeps everything."""

    def fit(self, texts: Sequence[str], codes: NDArray[np.integer]) -> Self:
        """Keep the texts and their classes."""
        self.classes_ = np.unique(codes)
        self.texts_, self.codes_ = list(texts), np.asarray(codes)
        self.lookup_ = Lookup(self.texts_, self.codes_.astype(str).tolist())
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of shape (texts, classes): a reading of similarity, not calibrated.

        The found class gets its even share of 1 and, of what is left of 1, as much as the similarity says, kept
        within 0.01 and 0.99: so it is always ahead, and cross-entropy stays finite. The others share the rest.
        """
        found, similarity = self.lookup_(list(texts))
        even = 1 / len(self.classes_)
        ahead = even + (1 - even) * similarity.clip(0.01, 0.99)
        rest = (1 - ahead) / max(1, len(self.classes_) - 1)
        chosen = found[:, None] == self.classes_.astype(str)
        return np.where(chosen, ahead[:, None], rest[:, None])


def build(name: str, seed: int, C: float, posts: int) -> Any:
    """Return the estimator of a classical model, to be fitted on texts and codes; ``posts`` is how many it will see.

    ``C`` is the inverse strength of regularisation of the two linear models.
    """
    if name == "majority_class":
        return MajorityClass()
    if name == "nearest_neighbour":
        return NearestNeighbour()
    if name == "linear_svc":
        return make_pipeline(_tf_idf(posts), LinearSVC(C=C, random_state=seed))
    if name == "logistic_regression":
        return make_pipeline(_tf_idf(posts), LogisticRegression(C=C, solver="newton-cg", random_state=seed))
    raise ValueError(f"no classical model is called {name}")


def _tf_idf(posts: int) -> FeatureUnion:
    """Words and pairs of words, and pieces of 2 to 5 characters within words, of the lower-cased text.

    A word counts if it stands in two posts, a piece if in three. The study's figures are of these settings.
    """
    many = posts >= _FEW
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2 if many else 1, sublinear_tf=True)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3 if many else 1, sublinear_tf=True)
    return FeatureUnion([("words", words), ("pieces", pieces)])


def probabilities_of(estimator: Any, texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the probability of each class, shape (texts, classes).

    LinearSVC has none: the softmax of its margins stands in, which orders the classes rightly but is not calibrated.
    """
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(texts)
    margins = estimator.decision_function(texts)
    return softmax(margins if margins.ndim == 2 else np.column_stack([-margins, margins]))


def count_weights(estimator: Any) -> int:
    """Return how many weights were learnt, intercepts included; 0 where nothing is."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    return int(last.coef_.size + last.intercept_.size) if hasattr(last, "coef_") else 0
