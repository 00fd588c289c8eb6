"""Classical models: scikit-learn on the CPU, without torch; each is stored in a model folder without a pickle.

A folder has weights as safetensors, words and classes as JSON. skops, the known format for scikit-learn without
pickles, was measured and rejected: on 20,000 posts it wrote 122 MB in 13 seconds and needed 7 seconds and 1 GB to
load, since it describes each of 144,000 n-grams separately.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.svm import LinearSVC

from tweet_sentiment.data.leakage import Lookup
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import checked_manifest, write_manifest
from tweet_sentiment.scoring.metrics import softmax

SPECIFICATION = "classical.json"
WEIGHTS = "weights.safetensors"
_FEW = 200  # posts; with fewer, hardly a word comes twice, so every one counts


class NearestNeighbour(ClassifierMixin, BaseEstimator):
    """A look-up: the label of the most similar training text (``leakage.Lookup``); it keeps all training texts."""

    def fit(self, texts: Sequence[str], codes: NDArray[np.integer]) -> Self:
        """Keep the texts and their classes."""
        self.classes_ = np.unique(codes)
        self.texts_, self.codes_ = list(texts), np.asarray(codes)
        self.lookup_ = Lookup(self.texts_, self.codes_.astype(str).tolist())
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of shape (texts, classes), derived from similarity, not calibrated.

        The found class gets an even share of 1, plus the rest of 1 times the similarity, limited to 0.01 to 0.99: so
        it is always the largest, and cross-entropy stays finite. The other classes share what is left.
        """
        found, similarity = self.lookup_(list(texts))
        even = 1 / len(self.classes_)
        ahead = even + (1 - even) * similarity.clip(0.01, 0.99)
        rest = (1 - ahead) / max(1, len(self.classes_) - 1)
        chosen = found[:, None] == self.classes_.astype(str)
        return np.where(chosen, ahead[:, None], rest[:, None])


def build(name: str, seed: int, C: float, posts: int, class_weight: Any = None) -> Any:
    """Return the unfitted estimator of a classical model; ``posts`` is the number of posts it will be fitted on.

    Of the two linear models ``C`` is the inverse strength of regularisation, ``class_weight`` scikit-learn's.
    """
    if name == "majority_class":
        return DummyClassifier(strategy="prior")
    if name == "nearest_neighbour":
        return NearestNeighbour()
    if name == "linear_svc":
        return make_pipeline(_tf_idf(posts), LinearSVC(C=C, random_state=seed, class_weight=class_weight))
    if name == "logistic_regression":
        settings: dict[str, Any] = {"C": C, "random_state": seed, "class_weight": class_weight}
        return make_pipeline(_tf_idf(posts), LogisticRegression(solver="newton-cg", **settings))
    raise ValueError(f"no classical model is called {name}")


def _tf_idf(posts: int) -> FeatureUnion:
    """TF-IDF of words and pairs of words, and of pieces of 2 to 5 characters within words, of the lower-cased text.

    A word counts if it is in two posts, a piece if it is in three. The study's figures use these settings.
    """
    many = posts >= _FEW
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2 if many else 1, sublinear_tf=True)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3 if many else 1, sublinear_tf=True)
    return FeatureUnion([("words", words), ("pieces", pieces)])


def probabilities_of(estimator: Any, texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the probability of each class, shape (texts, classes).

    LinearSVC has none: the softmax of its margins is used, which ranks the classes correctly but is not calibrated.
    """
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(texts)
    margins = estimator.decision_function(texts)
    return softmax(margins if margins.ndim == 2 else np.column_stack([-margins, margins]))


def count_weights(estimator: Any) -> int:
    """Return the number of trained weights, including intercepts."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    return int(last.coef_.size + last.intercept_.size) if hasattr(last, "coef_") else 0


@dataclass(frozen=True)
class ClassicalModel:
    """A fitted estimator of ``build``, and its manifest."""

    estimator: Any
    manifest: dict[str, Any]

    def probabilities(self, texts: list[str]) -> NDArray[np.float64]:
        """Return the probability of each label, shape (texts, labels); 0 for a label that was not in training."""
        probabilities = np.zeros((len(texts), len(self.manifest["labels"])))
        if texts:
            probabilities[:, self.estimator.classes_] = probabilities_of(self.estimator, texts)
        return probabilities

    def save(self, folder: Path) -> None:
        """Write weights, specification, and last the manifest with each file's sha256."""
        folder.mkdir(parents=True)
        specification, weights = _taken_apart(self.manifest["technique"], self.estimator)
        save_file(weights, folder / WEIGHTS)
        (folder / SPECIFICATION).write_text(json.dumps(specification, ensure_ascii=False), encoding="utf-8")
        write_manifest(folder, self.manifest)


def load_classical(folder: Path) -> ClassicalModel:
    """Load a folder that ``ClassicalModel.save`` wrote.

    Raises:
        StudyError: a file is missing, changed or unreadable, or the files do not go together.
    """
    manifest = checked_manifest(folder)
    try:
        weights = load_file(folder / WEIGHTS)
        specification = json.loads((folder / SPECIFICATION).read_text(encoding="utf-8"))
        estimator = _put_together(manifest["technique"], specification, weights)
        model = ClassicalModel(estimator, manifest)
        model.probabilities(["a first text"])  # shapes that do not go together are found now
    except Exception as error:
        raise StudyError(
            f"{folder}: {SPECIFICATION} and {WEIGHTS} do not make a classical model ({error}); train it again."
        ) from error
    if broken := [name for name, values in weights.items() if not np.isfinite(values).all()]:
        raise StudyError(f"{folder}: the weights '{broken[0]}' are not finite; train the model again.")
    return model


def _taken_apart(technique: str, estimator: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    classes = {"classes": estimator.classes_.tolist()}
    if technique == "majority_class":
        return classes, {"shares": estimator.class_prior_}
    if technique == "nearest_neighbour":
        return classes | {"texts": estimator.texts_, "codes": estimator.codes_.tolist()}, {}
    union, linear = estimator
    vectorizers = dict(union.transformer_list)
    vocabularies = {name: one.get_feature_names_out().tolist() for name, one in vectorizers.items()}
    inverse_frequencies = {f"{name}.idf": one.idf_ for name, one in vectorizers.items()}
    linear_weights = {"coefficients": np.ascontiguousarray(linear.coef_), "intercepts": linear.intercept_}
    return classes | {"vocabularies": vocabularies}, inverse_frequencies | linear_weights


def _put_together(technique: str, specification: dict[str, Any], weights: dict[str, NDArray[Any]]) -> Any:
    estimator = build(technique, seed=0, C=1.0, posts=1)  # the three concern fitting alone
    classes = np.array(specification["classes"])
    if technique == "majority_class":
        estimator.fit(classes, classes).class_prior_ = weights["shares"]
        return estimator
    if technique == "nearest_neighbour":
        return estimator.fit(specification["texts"], np.array(specification["codes"]))
    union, linear = estimator
    for name, vectorizer in union.transformer_list:
        words = specification["vocabularies"][name]
        vectorizer.vocabulary_ = {word: position for position, word in enumerate(words)}
        vectorizer.idf_ = weights[f"{name}.idf"]
    linear.classes_, linear.coef_, linear.intercept_ = classes, weights["coefficients"], weights["intercepts"]
    return estimator
