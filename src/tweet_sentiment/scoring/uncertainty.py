"""Uncertainty: intervals by resampling tweets, calibration, and the accuracy expected from more posts.

Copies of one tweet are judged alike, so an interval that treats every row as independent is too narrow. So whole
tweet ids are drawn, with all their rows (cluster bootstrap: C. A. Field, A. H. Welsh, "Bootstrapping clustered data",
Journal of the Royal Statistical Society B 69, 2007, 369-390). Where every id occurs once it is the ordinary bootstrap.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Study, UncertaintyParameters
from tweet_sentiment.scoring.metrics import FORMULAS, INTERVALS, PROBABILITY, Counts, Floats, score_table

Integers = NDArray[np.int64]

ENDS = ("low", "high")  # of an interval
BINS = 15  # of confidence, as in the source
SIMULATIONS = 500
STEEPEST = 1.0  # exponent; what is measured lies below it
_CELLS = 4_000_000  # numbers in one block of draws: 32 MB


def scores_of(predictions: pd.DataFrame, study: Study, uncertainty: UncertaintyParameters) -> dict[str, Any]:
    """Return all scores of a table of predictions, the intervals, and the calibration error."""
    confidence = confidence_of(predictions, study.labels)
    intervals = bootstrap_intervals(predictions, study.labels, seed=study.seed, **uncertainty.model_dump())
    return {
        **score_table(predictions, study.labels),
        "intervals": {name: list(ends) for name, ends in intervals.items()},
        "expected_calibration_error": expected_calibration_error(confidence, right_of(predictions)),
        "calibration_noise": calibration_noise(confidence, study.seed),
    }


def ends_of(intervals: dict[str, Any]) -> dict[str, float]:
    """Return the ends of intervals by their column: ``accuracy_low``, ``accuracy_high``, …"""
    return {f"{name}_{end}": at for name, pair in intervals.items() for end, at in zip(ENDS, pair, strict=True)}


# ---------------------------------------------------------------- bootstrap
def bootstrap_intervals(
    predictions: pd.DataFrame, labels: list[str], *, resamples: int, level: float, seed: int
) -> dict[str, tuple[float, float]]:
    """Return the percentile interval of each score in ``metrics.INTERVALS``.

    ``predictions`` has columns row, id, label and predicted. If every post is right, so is every resample, and the
    interval has no width: this is a limit of the method, not certainty.

    Raises:
        StudyError: there are fewer than two tweets to draw from.
        ValueError: a label is not among ``labels``.
    """
    size = len(labels)
    per_tweet = confusion_by_tweet(predictions, labels).reshape(-1, size * size)
    counts = Counts(resampled_sums(per_tweet, resamples, seed).reshape(-1, size, size))
    return {name: percentile_interval(FORMULAS[name].of(counts), level) for name in INTERVALS}


def tweet_codes(predictions: pd.DataFrame) -> Integers:
    """Return the number of each row's tweet, from 0; a post without an id is a tweet of its own."""
    alone = "row " + predictions["row"].astype("str")
    return pd.factorize(predictions["id"].where(predictions["id"] != "", alone))[0].astype(np.int64)


def sums_by_tweet(predictions: pd.DataFrame, values: Integers) -> Integers:
    """Add up the values of each tweet's rows: (rows, n) to (tweets, n)."""
    return pd.DataFrame(values).groupby(tweet_codes(predictions)).sum().to_numpy()


def confusion_by_tweet(predictions: pd.DataFrame, labels: list[str]) -> Integers:
    """Count, for each tweet, the rows of each label that were given each label: shape (tweets, labels, labels)."""
    true, given = (pd.Index(labels).get_indexer(pd.Index(predictions[name])) for name in ("label", "predicted"))
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
    generator, block = np.random.default_rng(seed), max(1, _CELLS // len(kinds))
    sums = [
        generator.multinomial(len(per_tweet), tweets / len(per_tweet), size=min(block, resamples - done)) @ kinds
        for done in range(0, resamples, block)
    ]
    return np.concatenate(sums)


def percentile_interval(values: Floats, level: float) -> tuple[float, float]:
    """Return the ends of the central interval that contains the share ``level`` of the resamples."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


# ---------------------------------------------------------------- calibration
def confidence_of(predictions: pd.DataFrame, labels: list[str]) -> Floats:
    """Return the probability of the label that was given, shape (posts,)."""
    probabilities = predictions[[f"{PROBABILITY}{label}" for label in labels]].to_numpy(dtype=np.float64)
    given = pd.Index(labels).get_indexer(pd.Index(predictions["predicted"]))
    return probabilities[np.arange(len(predictions)), given]


def right_of(predictions: pd.DataFrame) -> NDArray[np.bool_]:
    """Return whether the label that was given is the true one, shape (posts,)."""
    return (predictions["label"] == predictions["predicted"]).to_numpy(dtype=np.bool_)


def reliability_table(confidence: Floats, right: NDArray[np.bool_]) -> pd.DataFrame:
    """Return, for each of ``BINS`` bins that has posts: low, high (included), posts, mean confidence, accuracy.

    Both arrays have shape (posts,).

    Raises:
        ValueError: a confidence is not within 0 and 1.
    """
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("a confidence must lie within 0 and 1")
    edges = np.linspace(0, 1, BINS + 1)
    place = np.searchsorted(edges[1:-1], confidence, side="left")  # an edge belongs to the bin below it
    posts = pd.DataFrame({"place": place, "confidence": confidence, "right": right})
    table = posts.groupby("place").agg(
        posts=("right", "size"), confidence=("confidence", "mean"), accuracy=("right", "mean")
    )
    table.insert(0, "low", edges[table.index])
    table.insert(1, "high", edges[table.index + 1])
    return table.reset_index(drop=True)


def expected_calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return the mean distance of accuracy from confidence, over bins of equal width, weighted by their posts.

    With few posts per bin the error is too high, by chance alone. Source: C. Guo, G. Pleiss, Y. Sun,
    K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 2.
    """
    table = reliability_table(confidence, right)
    distance = (table["accuracy"] - table["confidence"]).abs()
    return float((distance * table["posts"]).sum() / table["posts"].sum())


def calibration_noise(confidence: Floats, seed: int) -> float:
    """Return the mean calibration error that a perfectly calibrated model has by chance.

    Each post is drawn as right or wrong ``SIMULATIONS`` times, with its confidence as the probability.
    """
    posts = reliability_table(confidence, np.zeros(len(confidence), dtype=np.bool_))["posts"]
    starts = np.concatenate([[0], np.cumsum(posts)[:-1]]).astype(np.int64)
    place = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence, side="left")
    by_bin, generator = confidence[np.argsort(place, kind="stable")], np.random.default_rng(seed)
    expected, at_once = np.add.reduceat(by_bin, starts), max(1, _CELLS // len(confidence))
    errors = [
        np.abs(np.add.reduceat(drawn.astype(np.float64), starts, axis=1) - expected).sum(axis=1)
        for done in range(0, SIMULATIONS, at_once)
        for drawn in [generator.random((min(at_once, SIMULATIONS - done), len(confidence))) < by_bin]
    ]
    return float(np.concatenate(errors).mean() / len(confidence))


# ---------------------------------------------------------------- more posts
@dataclass(frozen=True)
class PowerLaw:
    """The share of wrong posts after training on n posts: ``floor + excess * (n / most) ** -exponent``.

    Source: J. Hestness et al., "Deep learning scaling is predictable, empirically", 2017.
    """

    floor: float
    excess: float
    exponent: float
    most: int

    def error(self, n: float) -> float:
        """Return the share of wrong posts after training on ``n`` posts."""
        return float(self.floor + self.excess * (n / self.most) ** -self.exponent)


def fit_power_law(sizes: list[int], errors: Floats) -> PowerLaw:
    """Fit by least squares; floor and excess are not negative, so errors never grow with more posts.

    Raises:
        ValueError: there are fewer than three sizes for the three numbers.
    """
    from scipy.optimize import least_squares

    if len(sizes) < 3:
        raise ValueError(f"a power law needs three sizes; there are {len(sizes)}")
    most = max(sizes)
    share, last = np.asarray(sizes) / most, float(errors[int(np.argmax(sizes))])
    found = least_squares(
        lambda law: law[0] + law[1] * share ** -law[2] - errors,
        [0.5 * last, 0.5 * last, 0.3],
        bounds=([0, 0, 0], [1, 1, STEEPEST]),
    )
    floor, excess, exponent = map(float, found.x)
    return PowerLaw(floor, excess, exponent, most)


def extrapolate(
    predictions: dict[int, pd.DataFrame], n: int, *, resamples: int, level: float, seed: int
) -> tuple[PowerLaw, tuple[float, float]]:
    """Fit accuracy by the number of training posts; return the law and the interval of accuracy at ``n`` posts.

    The tables of predictions are for the same posts. Tweets are resampled with all their rows, the same for every size,
    and the law is fitted to each resample. So the interval covers the choice of test posts; not the randomness of
    the trainings, nor about whether a power law holds beyond the sizes that were measured.
    """
    sizes = sorted(predictions)
    tables = [predictions[size].sort_values("row", ignore_index=True) for size in sizes]
    wrong = np.stack([~right_of(table) for table in tables], axis=1).astype(np.int64)
    per_tweet = sums_by_tweet(tables[0], np.column_stack([wrong, np.ones(len(wrong), dtype=np.int64)]))
    sums = resampled_sums(per_tweet, resamples, seed)
    drawn = [fit_power_law(sizes, one).error(n) for one in sums[:, :-1] / sums[:, -1:]]
    low, high = percentile_interval(np.array(drawn), level)
    return fit_power_law(sizes, wrong.mean(axis=0)), (1 - high, 1 - low)
