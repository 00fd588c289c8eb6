"""Intervals of scores by resampling tweets.

Copies of one tweet are judged alike: an interval that takes every row for an independent post is too narrow. So whole
tweet ids are drawn, with all their rows (cluster bootstrap: C. A. Field, A. H. Welsh, "Bootstrapping clustered data",
Journal of the Royal Statistical Society B 69, 2007, 369-390). Where every id occurs once it is the ordinary bootstrap.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Study, UncertaintyParameters
from tweet_sentiment.scoring.calibration import calibration_noise, confidence_of, expected_calibration_error, right_of
from tweet_sentiment.scoring.metrics import FORMULAS, INTERVALS, Counts, Floats, score_table

Integers = NDArray[np.int64]

ENDS = ("low", "high")  # of an interval
_CELLS = 4_000_000  # numbers in one block of draws: 32 MB


def scores_of(predictions: pd.DataFrame, study: Study, uncertainty: UncertaintyParameters) -> dict[str, Any]:
    """Return all scores of a table of predictions, the intervals, and how far its confidence is off.

    ``calibration_noise`` is the calibration error to be expected of a perfectly calibrated model with these
    confidences.
    """
    confidence = confidence_of(predictions, study.labels)
    return {
        **score_table(predictions, study.labels),
        "intervals": {name: list(ends) for name, ends in intervals_of(predictions, study, uncertainty).items()},
        "expected_calibration_error": expected_calibration_error(confidence, right_of(predictions)),
        "calibration_noise": calibration_noise(confidence, study.seed),
    }


def ends_of(intervals: dict[str, Any]) -> dict[str, float]:
    """Return the ends of intervals by their column: ``accuracy_low``, ``accuracy_high``, …"""
    return {f"{name}_{end}": at for name, pair in intervals.items() for end, at in zip(ENDS, pair, strict=True)}


def intervals_of(
    predictions: pd.DataFrame, study: Study, uncertainty: UncertaintyParameters
) -> dict[str, tuple[float, float]]:
    """Return the intervals of a table of predictions as the study asks for them; see :func:`bootstrap_intervals`."""
    resamples, level = uncertainty.resamples, uncertainty.level
    return bootstrap_intervals(predictions, study.labels, resamples=resamples, level=level, seed=study.seed)


def bootstrap_intervals(
    predictions: pd.DataFrame, labels: list[str], *, resamples: int, level: float, seed: int
) -> dict[str, tuple[float, float]]:
    """Return the percentile interval of each score in ``metrics.INTERVALS``.

    ``predictions`` has columns row, id, label and predicted. If every post is right, every resample says so, and the
    interval has no width: that is the method's limit, no certainty.

    Raises:
        StudyError: there are fewer than two tweets to draw from.
        ValueError: a label is not among ``labels``.
    """
    size = len(labels)
    per_tweet = confusion_by_tweet(predictions, labels).reshape(-1, size * size)
    counts = Counts(resampled_sums(per_tweet, resamples, seed).reshape(-1, size, size))
    return {name: percentile_interval(FORMULAS[name].of(counts), level) for name in INTERVALS}


def tweet_codes(predictions: pd.DataFrame) -> Integers:
    """Number the tweets from 0, one number a row; a post without an id stands for itself."""
    alone = "row " + predictions["row"].astype("str")
    return pd.factorize(predictions["id"].where(predictions["id"] != "", alone))[0].astype(np.int64)


def sums_by_tweet(predictions: pd.DataFrame, values: Integers) -> Integers:
    """Add up the values of each tweet's rows: (rows, n) to (tweets, n)."""
    tweets = tweet_codes(predictions)
    sums = np.zeros((int(tweets.max()) + 1, values.shape[1]), dtype=np.int64)
    np.add.at(sums, tweets, values)
    return sums


def confusion_by_tweet(predictions: pd.DataFrame, labels: list[str]) -> Integers:
    """Count, for each tweet, the rows of each label that were given each label: shape (tweets, labels, labels).

    Raises:
        ValueError: a label is not among ``labels``.
    """
    known = pd.Index(labels)
    true, given = (known.get_indexer(pd.Index(predictions[name])) for name in ("label", "predicted"))
    if min(true.min(), given.min()) < 0:
        found = sorted({*predictions["label"], *predictions["predicted"]})
        raise ValueError(f"the predictions hold the labels {found}; expected {labels}")
    tweets = tweet_codes(predictions)
    shape = (int(tweets.max()) + 1, len(labels), len(labels))
    cells = np.ravel_multi_index((tweets, true, given), shape)
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)


def resampled_sums(per_tweet: Integers, resamples: int, seed: int) -> Integers:
    """Draw as many tweets as there are, with replacement, and add up their rows: (tweets, n) to (resamples, n).

    Tweets with the same counts are interchangeable: how often each kind is drawn is one multinomial draw, so the work
    grows with the kinds of tweets, of which there are few, and not with the tweets.

    Raises:
        StudyError: there are fewer than two tweets to draw from.
    """
    if len(per_tweet) < 2:
        raise StudyError(
            f"The predictions are about {len(per_tweet)} tweet id(s); an interval needs two or more.\n"
            "  Add test posts, or set data.columns.id to null if the column does not identify tweets."
        )
    kinds, tweets = np.unique(per_tweet, axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS // len(kinds))
    sums = [
        generator.multinomial(len(per_tweet), tweets / len(per_tweet), size=min(block, resamples - done)) @ kinds
        for done in range(0, resamples, block)
    ]
    return np.concatenate(sums)


def percentile_interval(values: Floats, level: float) -> tuple[float, float]:
    """Return the two values between which the share ``level`` of the resamples lies, as much above as below."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
