"""Is a technique right as often as it says? Confidence is the probability of the label that was given.

Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 2.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.uncertainty.bootstrap import Floats

BINS = 15  # as in the source


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


def reliability_table(predictions: pd.DataFrame, labels: list[str], bins: int = BINS) -> pd.DataFrame:
    """Return, for each bin that has posts: low, high (included), posts, mean confidence, accuracy.

    Raises:
        ValueError: a confidence is not within 0 and 1.
    """
    return _by_bin(confidence_of(predictions, labels), right_of(predictions), bins)


def confidence_of(predictions: pd.DataFrame, labels: list[str]) -> Floats:
    """Return the probability of the label that was given, shape (posts,)."""
    probabilities = predictions[[f"probability_{label}" for label in labels]].to_numpy(dtype=np.float64)
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
