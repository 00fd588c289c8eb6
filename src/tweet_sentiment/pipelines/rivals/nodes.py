"""Fitting and predicting with a classical rival, in one node each; scikit-learn on the processor, no torch."""

from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import CLASSICAL
from tweet_sentiment.parameters import InputSettings, StudyParameters
from tweet_sentiment.parameters.data import RAW
from tweet_sentiment.provenance import manifest
from tweet_sentiment.scoring.metrics import PROBABILITY, dev_scores, score_table
from tweet_sentiment.scoring.speed import POSTS, ms_per_post

ENCODERS = {"majority_class": "none", "linear_svc": "TF-IDF", "logistic_regression": "TF-IDF"}
ENCODERS |= {"nearest_neighbour": "TF-IDF"}


def fit_predict(
    technique: str,
    raw_training: pd.DataFrame,
    raw_validation: pd.DataFrame,
    cleaned_training: pd.DataFrame,
    cleaned_validation: pd.DataFrame,
    row_counts: dict[str, Any],
    parameters: StudyParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any], Any]:
    """Learn from the training posts, raw or cleaned as ``rivals.text`` says, and predict the test posts.

    Return predictions (one row a post: row, id, label, predicted, and one probability a class), the same of the posts
    to choose on by a rival that has not learnt from these (empty without any), figures, and the model.

    Raises:
        StudyError: the training posts hold nothing to learn from.
    """
    from tweet_sentiment.classical import ClassicalModel, count_weights, probabilities_of

    raw = parameters.rivals.text == "raw"
    training, validation = (raw_training, raw_validation) if raw else (cleaned_training, cleaned_validation)
    start = perf_counter()
    estimator = _fit(technique, training, parameters)
    predictions = _predict(estimator, validation, parameters.labels)
    seconds = perf_counter() - start
    on_dev = _dev_predictions(technique, training, parameters)
    timed = validation["post"].tolist()[:POSTS]
    figures = {
        "n_train": len(training),
        **dev_scores(score_table(on_dev, parameters.labels) if len(on_dev) else None),
        "seconds": seconds,
        "ms_per_post": ms_per_post(lambda: probabilities_of(estimator, timed), len(timed)),
        "trainable_parameters": count_weights(estimator),
        "device": "cpu",
        "dtype": "fp64",
        "encoder": ENCODERS[technique],
        "texts": RAW if raw else parameters.data.texts,
    }
    reads = {"format": CLASSICAL, "input": _input_settings(raw, parameters)}
    settings = parameters.model_dump(include={"labels", "protocol", "seed", "data", "dev_split", "rivals"})
    model = ClassicalModel(estimator, manifest(technique, parameters, row_counts, figures | reads, settings))
    return predictions, on_dev, figures, model


def _input_settings(raw: bool, parameters: StudyParameters) -> dict[str, Any]:
    cleaned = {name: getattr(parameters.data, name) for name in ("cleaning", "remove_stop_words", "lemmatize")}
    as_posted = {"cleaning": "none", "remove_stop_words": False, "lemmatize": False}
    settings: dict[str, Any] = (as_posted if raw else cleaned) | {"max_length": None}
    return dict(InputSettings(**settings).model_dump())


def _fit(technique: str, training: pd.DataFrame, parameters: StudyParameters) -> Any:
    from tweet_sentiment.classical import build

    estimator = build(technique, parameters.seed, parameters.rivals.C, len(training))
    try:
        return estimator.fit(training["post"].tolist(), training["label"].map(parameters.labels.index).to_numpy())
    except ValueError as error:
        raise StudyError(
            f"{technique}: the {len(training)} training posts cannot be learnt from ({error}).\n"
            "  Expected posts with words in them; look at the file, at data.columns and at data.cleaning."
        ) from error


def _dev_predictions(technique: str, training: pd.DataFrame, parameters: StudyParameters) -> pd.DataFrame:
    if "dev" not in training or not training["dev"].any():
        return pd.DataFrame(columns=["row", "id", "label", "predicted"])
    marked = training["dev"]
    estimator = _fit(technique, training[~marked], parameters)
    return _predict(estimator, training[marked].reset_index(drop=True), parameters.labels)


def _predict(estimator: Any, posts: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    from tweet_sentiment.classical import probabilities_of

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
