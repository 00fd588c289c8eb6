"""Fitting and predicting with a classical rival, in one node each; scikit-learn on the processor, no torch."""

from time import perf_counter
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.metrics import PROBABILITY
from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.timing import POSTS, milliseconds_a_post

ENCODERS = {"majority_class": "none", "linear_svc": "TF-IDF", "logistic_regression": "TF-IDF"}
ENCODERS |= {"nearest_neighbour": "TF-IDF"}


def fit_predict(
    technique: str,
    raw_training: pd.DataFrame,
    raw_validation: pd.DataFrame,
    cleaned_training: pd.DataFrame,
    cleaned_validation: pd.DataFrame,
    parameters: StudyParameters,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Learn from the training posts, raw or cleaned as ``rivals.text`` says, and predict the validation posts.

    The predictions have one row a post: row, id, label, predicted, and one probability a class.

    Raises:
        StudyError: the training posts hold nothing to learn from.
    """
    from .models import build, count_weights, probabilities_of

    raw = parameters.rivals.text == "raw"
    training, validation = (raw_training, raw_validation) if raw else (cleaned_training, cleaned_validation)
    start = perf_counter()
    estimator = build(technique, parameters.seed, parameters.rivals.C, len(training))
    _fit(estimator, technique, training, parameters.labels)
    probabilities = probabilities_of(estimator, validation["post"].tolist())
    seconds = perf_counter() - start
    timed = validation["post"].tolist()[:POSTS]
    return _table(validation, probabilities, parameters.labels), {
        "n_train": len(training),
        "selection_accuracy": _selection_accuracy(technique, training, parameters),
        "seconds": seconds,
        "milliseconds_a_post": milliseconds_a_post(lambda: probabilities_of(estimator, timed), len(timed)),
        "trainable_parameters": count_weights(estimator),
        "device": "cpu",
        "arithmetic": "fp64",
        "encoder": ENCODERS[technique],
        "cleaning": "none" if raw else parameters.data.cleaning,
    }


def _fit(estimator: Any, technique: str, training: pd.DataFrame, labels: list[str]) -> None:
    try:
        estimator.fit(training["post"].tolist(), training["label"].map(labels.index).to_numpy())
    except ValueError as error:
        raise StudyError(
            f"{technique}: the {len(training)} training posts cannot be learnt from ({error}).\n"
            "  Expected posts with words in them; look at the file, at data.columns and at data.cleaning."
        ) from error


def _selection_accuracy(technique: str, training: pd.DataFrame, parameters: StudyParameters) -> float | None:
    """Learn from the training posts but those to choose on, and return the accuracy on these; None without any."""
    from .models import build, probabilities_of

    if "selection" not in training or not training["selection"].any():
        return None
    marked = training["selection"]
    learning, chosen = training[~marked], training[marked]
    estimator = build(technique, parameters.seed, parameters.rivals.C, len(learning))
    _fit(estimator, technique, learning, parameters.labels)
    predicted = probabilities_of(estimator, chosen["post"].tolist()).argmax(axis=1)
    return float((predicted == chosen["label"].map(parameters.labels.index).to_numpy()).mean())


def _table(posts: pd.DataFrame, probabilities: Any, labels: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": posts["row"],
            "id": posts["id"],
            "label": posts["label"],
            "predicted": [labels[i] for i in probabilities.argmax(axis=1)],
            **{f"{PROBABILITY}{label}": probabilities[:, i] for i, label in enumerate(labels)},
        }
    )
