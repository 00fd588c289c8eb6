"""Folders of classical models: weights as safetensors, words and classes as JSON; never a pickle.

skops, the known format for scikit-learn without pickles, was measured and not taken: on 20,000 posts it wrote 122 MB
in 13 seconds and needed 7 seconds and 1 GB to load, since it describes each of 144,000 n-grams by itself.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from tweet_sentiment.classical.models import build, probabilities_of
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import checked_manifest, write_manifest

SPECIFICATION = "classical.json"
WEIGHTS = "weights.safetensors"
Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class ClassicalModel:
    """A fitted estimator of :func:`tweet_sentiment.classical.models.build`, and where it comes from."""

    estimator: Any
    manifest: dict[str, Any]

    def probabilities(self, texts: list[str]) -> NDArray[np.float64]:
        """Return the probability of each label, shape (texts, labels); one that training did not have gets 0."""
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
    """Load a folder that :meth:`ClassicalModel.save` wrote.

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


def _taken_apart(technique: str, estimator: Any) -> tuple[dict[str, Any], Weights]:
    """Return what can be written as JSON, and the arrays."""
    classes = {"classes": estimator.classes_.tolist()}
    if technique == "majority_class":
        return classes, {"shares": estimator.shares_}
    if technique == "nearest_neighbour":
        return classes | {"texts": estimator.texts_, "codes": estimator.codes_.tolist()}, {}
    union, linear = estimator
    vectorizers = dict(union.transformer_list)
    vocabularies = {name: one.get_feature_names_out().tolist() for name, one in vectorizers.items()}
    inverse_frequencies = {f"{name}.idf": one.idf_ for name, one in vectorizers.items()}
    linear_weights = {"coefficients": np.ascontiguousarray(linear.coef_), "intercepts": linear.intercept_}
    return classes | {"vocabularies": vocabularies}, inverse_frequencies | linear_weights


def _put_together(technique: str, specification: dict[str, Any], weights: Weights) -> Any:
    """Return the estimator as it was when it was fitted."""
    estimator = build(technique, seed=0, C=1.0, posts=1)  # the three concern fitting alone
    classes = np.array(specification["classes"])
    if technique == "majority_class":
        return _fitted(estimator, classes_=classes, shares_=weights["shares"])
    if technique == "nearest_neighbour":
        return estimator.fit(specification["texts"], np.array(specification["codes"]))
    union, linear = estimator
    for name, vectorizer in union.transformer_list:
        words = specification["vocabularies"][name]
        _fitted(vectorizer, vocabulary_={word: position for position, word in enumerate(words)})
        vectorizer.idf_ = weights[f"{name}.idf"]
    _fitted(linear, classes_=classes, coef_=weights["coefficients"], intercept_=weights["intercepts"])
    return estimator


def _fitted(estimator: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(estimator, name, value)
    return estimator
