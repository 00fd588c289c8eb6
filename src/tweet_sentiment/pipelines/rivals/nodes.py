"""Fitting and predicting with a classical rival, in one node each; scikit-learn on the processor, no torch."""

from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.metrics import PROBABILITY
from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.parameters.data import RAW
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
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Learn from the training posts, raw or cleaned as ``rivals.text`` says, and predict the validation posts.

    Return predictions (one row a post: row, id, label, predicted, and one probability a class), the same of the posts
    to choose on by a rival that has not learnt from these (empty without any), and figures.

    Raises:
        StudyError: the training posts hold nothing to learn from.
    """
    from .models import count_weights, probabilities_of

    raw = parameters.rivals.text == "raw"
    training, validation = (raw_training, raw_validation) if raw else (cleaned_training, cleaned_validation)
    start = perf_counter()
    estimator = _fit(technique, training, parameters)
    predictions = _predict(estimator, validation, parameters.labels)
    seconds = perf_counter() - start
    on_selection = _selection_predictions(technique, training, parameters)
    right = on_selection["label"] == on_selection["predicted"]
    timed = validation["post"].tolist()[:POSTS]
    figures = {
        "n_train": len(training),
        "selection_accuracy": float(right.mean()) if len(right) else None,
        "seconds": seconds,
        "milliseconds_a_post": milliseconds_a_post(lambda: probabilities_of(estimator, timed), len(timed)),
        "trainable_parameters": count_weights(estimator),
        "device": "cpu",
        "arithmetic": "fp64",
        "encoder": ENCODERS[technique],
        "texts": RAW if raw else parameters.data.texts,
    }
    return predictions, on_selection, figures


def _fit(technique: str, training: pd.DataFrame, parameters: StudyParameters) -> Any:
    from .models import build

    estimator = build(technique, parameters.seed, parameters.rivals.C, len(training))
    try:
        return estimator.fit(training["post"].tolist(), training["label"].map(parameters.labels.index).to_numpy())
    except ValueError as error:
        raise StudyError(
            f"{technique}: the {len(training)} training posts cannot be learnt from ({error}).\n"
            "  Expected posts with words in them; look at the file, at data.columns and at data.cleaning."
        ) from error


def _selection_predictions(technique: str, training: pd.DataFrame, parameters: StudyParameters) -> pd.DataFrame:
    if "selection" not in training or not training["selection"].any():
        return pd.DataFrame(columns=["row", "id", "label", "predicted"])
    marked = training["selection"]
    estimator = _fit(technique, training[~marked], parameters)
    return _predict(estimator, training[marked].reset_index(drop=True), parameters.labels)


def _predict(estimator: Any, posts: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    from .models import probabilities_of

    probabilities = np.zeros((len(posts), len(labels)))
    probabilities[:, estimator.classes_] = probabilities_of(estimator, posts["post"].tolist())
    return pd.DataFrame(
        {
            "row": posts["row"],
            "id": posts["id"],
            "label": posts["label"],
            "predicted": [labels[i] for i in probabilities.argmax(axis=1)],
            **{f"{PROBABILITY}{label}": probabilities[:, i] for i, label in enumerate(labels)},
        }
    )
