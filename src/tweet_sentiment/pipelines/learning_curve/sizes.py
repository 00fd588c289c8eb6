"""The posts of a size, and the rows of the table."""

from typing import Any

import pandas as pd

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.scoring.bootstrap import bootstrap_intervals
from tweet_sentiment.scoring.calibration import (
    calibration_noise,
    confidence_of,
    expected_calibration_error,
    right_of,
)
from tweet_sentiment.scoring.metrics import PROBABILITY, score
from tweet_sentiment.scoring.power_law import extrapolate

TOLD = ["encoder", "texts", "n_train", "trainable_parameters", "seconds", "dev_accuracy", "chosen_on"]
TOLD += ["device", "dtype"]


def at_size(technique: str, size: int, every: int, parameters: StudyParameters) -> StudyParameters:
    """Return the parameters for ``size`` of ``every`` posts: as many rows, and a warm-up of the same share."""
    tuning = getattr(parameters, technique)
    hyperparameters = tuning.hyperparameters
    if isinstance(hyperparameters.warmup_steps, int):
        fewer = hyperparameters.warmup_steps * size // every
        hyperparameters = hyperparameters.model_copy(update={"warmup_steps": fewer})
    changes: dict[str, Any] = {"row_limit": size, "hyperparameters": hyperparameters}
    if hasattr(tuning, "hold_out_dev_split"):
        changes["hold_out_dev_split"] = True
    return parameters.model_copy(update={technique: tuning.model_copy(update=changes)})


def measured(
    technique: str, figures: dict[str, Any], predictions: pd.DataFrame, parameters: StudyParameters
) -> dict[str, Any]:
    """Return the row of a fit, in the columns of the comparison."""
    labels = parameters.labels
    probabilities = predictions[[f"{PROBABILITY}{label}" for label in labels]].to_numpy()
    scores = score(predictions["label"].map(labels.index).to_numpy(), probabilities, labels)
    intervals = bootstrap_intervals(predictions, labels, **_settings(parameters))
    ends = {
        f"{name}_{end}": value
        for name, pair in intervals.items()
        for end, value in zip(("low", "high"), pair, strict=True)
    }
    return {
        "technique": technique,
        "protocol": parameters.protocol,
        "n_validation": len(predictions),
        **{name: figures.get(name) for name in TOLD},
        **{name: value for name, value in scores.items() if name != "per_class"},
        **ends,
        "expected_calibration_error": expected_calibration_error(
            confidence_of(predictions, labels), right_of(predictions)
        ),
        "calibration_noise": calibration_noise(confidence_of(predictions, labels), parameters.seed),
        "selected": False,
        "measured": True,
        "seed": parameters.seed,
    }


def extrapolated(
    last: dict[str, Any], predictions: dict[int, pd.DataFrame], every: int, parameters: StudyParameters
) -> dict[str, Any]:
    """Return the row of all posts, by a power law of the sizes; ``last`` is the row of the largest."""
    law, (low, high) = extrapolate(predictions, every, **_settings(parameters))
    same = ("technique", "protocol", "encoder", "n_validation", "trainable_parameters", "texts", "seed")
    return {
        **{name: last[name] for name in same},
        "n_train": every,
        "accuracy": 1 - law.error(every),
        "accuracy_low": low,
        "accuracy_high": high,
        "selected": False,
        "measured": False,
        "error_floor": law.floor,
        "error_excess": law.excess,
        "exponent": law.exponent,
    }


def _settings(parameters: StudyParameters) -> dict[str, Any]:
    return {**parameters.uncertainty.model_dump(include={"resamples", "level"}), "seed": parameters.seed}
