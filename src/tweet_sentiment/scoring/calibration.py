"""Is a technique right as often as it says? Confidence is the probability of the label that was given.

Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 2.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.scoring.metrics import PROBABILITY, Floats

BINS = 15  # as in the source
SIMULATIONS = 500
_CELLS = 4_000_000  # numbers drawn at a time


def expected_calibration_error(
    confidence: Floats, right: NDArray[np.bool_] | NDArray[np.integer], bins: int = BINS
) -> float:
    """Return the mean distance of accuracy from confidence, over bins of equal width, weighted by their posts.

    Both arrays have shape (posts,). With few posts a bin the error is overstated: chance alone keeps them apart.

    Raises:
        ValueError: a confidence is not within 0 and 1.
    """
    table = _by_bin(confidence, right, bins)
    distance = (table["accuracy"] - table["confidence"]).abs()
    return float((distance * table["posts"]).sum() / table["posts"].sum())


def calibration_noise(confidence: Floats, seed: int, bins: int = BINS) -> float:
    """Return the error that chance alone makes: the mean for a model which is right as often as it says.

    ``confidence`` has shape (posts,). Whether each post is right is drawn ``SIMULATIONS`` times with its confidence as
    the chance, and the error computed anew.

    Raises:
        ValueError: a confidence is not within 0 and 1.
    """
    table = _by_bin(confidence, np.zeros(len(confidence), dtype=np.bool_), bins)  # checks them
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left")
    order = np.argsort(place, kind="stable")
    starts = np.concatenate([[0], np.cumsum(table["posts"])[:-1]]).astype(np.int64)
    sorted_confidence, generator = confidence[order], np.random.default_rng(seed)
    expected, at_once = np.add.reduceat(sorted_confidence, starts), max(1, _CELLS // len(confidence))
    errors = [
        np.abs(np.add.reduceat(drawn.astype(np.float64), starts, axis=1) - expected).sum(axis=1)
        for done in range(0, SIMULATIONS, at_once)
        for drawn in [generator.random((min(at_once, SIMULATIONS - done), len(confidence))) < sorted_confidence]
    ]
    return float(np.concatenate(errors).mean() / len(confidence))


def reliability_table(predictions: pd.DataFrame, labels: list[str], bins: int = BINS) -> pd.DataFrame:
    """Return, for each bin that has posts: low, high (included), posts, mean confidence, accuracy.

    Raises:
        ValueError: a confidence is not within 0 and 1.
    """
    return _by_bin(confidence_of(predictions, labels), right_of(predictions), bins)


def confidence_of(predictions: pd.DataFrame, labels: list[str]) -> Floats:
    """Return the probability of the label that was given, shape (posts,)."""
    probabilities = predictions[[f"{PROBABILITY}{label}" for label in labels]].to_numpy(dtype=np.float64)
    given = pd.Index(labels).get_indexer(pd.Index(predictions["predicted"]))
    return probabilities[np.arange(len(predictions)), given]


def right_of(predictions: pd.DataFrame) -> NDArray[np.bool_]:
    """Return whether the label that was given is the true one, shape (posts,)."""
    return (predictions["label"] == predictions["predicted"]).to_numpy(dtype=np.bool_)


def _by_bin(confidence: Floats, right: NDArray[np.bool_] | NDArray[np.integer], bins: int) -> pd.DataFrame:
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("a confidence must lie within 0 and 1")
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], confidence, side="left")  # an edge belongs to the bin below it
    posts = pd.DataFrame({"place": place, "confidence": confidence, "right": right})
    table = posts.groupby("place").agg(
        posts=("right", "size"), confidence=("confidence", "mean"), accuracy=("right", "mean")
    )
    table.insert(0, "low", edges[table.index])
    table.insert(1, "high", edges[table.index + 1])
    return table.reset_index(drop=True)
