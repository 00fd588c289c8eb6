"""Accuracy on parts of the test posts: originals, and those that resemble a training post or do not."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.errors import StudyError
from tweet_sentiment.schema import StudyParameters
from tweet_sentiment.scoring.bootstrap import bootstrap_intervals, tweet_codes
from tweet_sentiment.scoring.calibration import right_of


def with_posts(predictions: pd.DataFrame, posts: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Put these columns of the posts beside the predictions; row, id and label must agree.

    Raises:
        StudyError: the predictions are not about these posts.
    """
    merged = predictions.merge(posts[["row", "id", "label", *columns]], on=["row", "id", "label"], how="inner")
    if not len(merged) == len(predictions) == len(posts):
        raise StudyError(
            f"{len(predictions)} predictions, {len(posts)} test posts, {len(merged)} of them the same; expected "
            "a prediction for each post.\n"
            "  The data were split anew after predicting: run the technique's pipeline again."
        )
    return merged


def accuracy_by_part(
    predictions: pd.DataFrame, split_test_posts: pd.DataFrame, parameters: StudyParameters
) -> dict[str, dict[str, Any]]:
    """Return posts, accuracy, low and high of each part: ``originals``, ``resembling`` and ``not_resembling``.

    An original is the first wording of a tweet; ``resembling`` is what ``text.resemblance.RULE`` says. A figure that
    cannot be measured is None.
    """
    posts = with_posts(predictions, split_test_posts, ["original", "resembles_training"])
    alike = posts["resembles_training"].to_numpy(dtype=np.bool_)
    parts = {"originals": posts["original"].to_numpy(dtype=np.bool_), "resembling": alike, "not_resembling": ~alike}
    return {name: _accuracy(posts[chosen], parameters) for name, chosen in parts.items()}


def _accuracy(predictions: pd.DataFrame, parameters: StudyParameters) -> dict[str, Any]:
    right: NDArray[np.bool_] = right_of(predictions)
    found: dict[str, Any] = {"posts": len(right), "accuracy": float(right.mean()) if len(right) else None}
    if len(predictions) < 2 or len(set(tweet_codes(predictions))) < 2:  # nothing to draw from
        return found | {"low": None, "high": None}
    uncertainty = parameters.uncertainty
    intervals = bootstrap_intervals(
        predictions,
        parameters.labels,
        resamples=uncertainty.resamples,
        level=uncertainty.level,
        seed=parameters.seed,
    )
    return found | dict(zip(("low", "high"), intervals["accuracy"], strict=True))
