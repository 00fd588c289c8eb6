"""The learning curve's sizes, and the rows of its table."""

from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Study, UncertaintyParameters
from tweet_sentiment.scoring.bootstrap import bootstrap_intervals
from tweet_sentiment.scoring.calibration import (
    calibration_noise,
    confidence_of,
    expected_calibration_error,
    right_of,
)
from tweet_sentiment.scoring.metrics import score_table
from tweet_sentiment.scoring.power_law import extrapolate

FEWEST = 3  # sizes that a power law needs
TOLD = (
    "encoder",
    "texts",
    "n_train",
    "trainable_parameters",
    "seconds",
    "dev_accuracy",
    "chosen_on",
    "device",
    "dtype",
)


def below(sizes: list[int], every: int) -> list[int]:
    """Return the sizes below the number of training posts.

    Raises:
        StudyError: they are fewer than three.
    """
    possible = [size for size in sizes if size < every]
    if len(possible) < FEWEST:
        raise StudyError(
            f"learning_curve.sizes: {len(possible)} of {sizes} are below the {every} training posts; "
            f"give {FEWEST} or more."
        )
    return possible


def at_size(parameters: Any, size: int, every: int) -> Any:
    """Return a technique's parameters for ``size`` of ``every`` posts: as many rows, a warm-up of the same share."""
    hyperparameters = parameters.hyperparameters
    if isinstance(hyperparameters.warmup_steps, int):
        fewer = hyperparameters.warmup_steps * size // every
        hyperparameters = hyperparameters.model_copy(update={"warmup_steps": fewer})
    changes = {"row_limit": size, "hyperparameters": hyperparameters, "hold_out_dev_split": True}
    return parameters.model_copy(update={name: value for name, value in changes.items() if hasattr(parameters, name)})


def measured(
    technique: str, figures: dict[str, Any], predictions: pd.DataFrame, study: Study, uncertainty: UncertaintyParameters
) -> dict[str, Any]:
    """Return the row of a fit, in the columns of the comparison."""
    intervals = bootstrap_intervals(
        predictions, study.labels, **uncertainty.model_dump(include={"resamples", "level"}), seed=study.seed
    )
    ends = {
        f"{name}_{end}": value
        for name, pair in intervals.items()
        for end, value in zip(("low", "high"), pair, strict=True)
    }
    confidence = confidence_of(predictions, study.labels)
    scores = score_table(predictions, study.labels)
    return {
        "technique": technique,
        "protocol": study.protocol,
        "n_validation": len(predictions),
        **{name: figures.get(name) for name in TOLD},
        **{name: value for name, value in scores.items() if name != "per_class"},
        **ends,
        "expected_calibration_error": expected_calibration_error(confidence, right_of(predictions)),
        "calibration_noise": calibration_noise(confidence, study.seed),
        "selected": False,
        "measured": True,
        "seed": study.seed,
    }


def extrapolated(
    last: dict[str, Any], predictions: dict[int, pd.DataFrame], every: int, resampling: dict[str, Any]
) -> dict[str, Any]:
    """Return the row of all posts, by a power law of the sizes; ``last`` is the row of the largest."""
    law, (low, high) = extrapolate(predictions, every, **resampling)
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
