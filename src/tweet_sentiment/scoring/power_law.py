"""How accuracy grows with the posts that are learnt from, and what it would be with more."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.scoring.bootstrap import percentile_interval, resampled_sums, sums_by_tweet
from tweet_sentiment.scoring.calibration import right_of
from tweet_sentiment.scoring.metrics import Floats

START = (0.5, 0.5, 0.3)  # of the search for floor and excess, as shares of the error at the most posts; and exponent
STEEPEST = 1.0  # exponent; what is measured lies below it


@dataclass(frozen=True)
class PowerLaw:
    """The share of wrong posts after learning from n: ``floor + excess * (n / most) ** -exponent``.

    Source: J. Hestness et al., "Deep learning scaling is predictable, empirically", 2017.
    """

    floor: float
    excess: float
    exponent: float
    most: int

    def error(self, n: float) -> float:
        """Return the share of wrong posts after learning from ``n``."""
        return float(self.floor + self.excess * (n / self.most) ** -self.exponent)


def fit_power_law(sizes: list[int], errors: Floats) -> PowerLaw:
    """Fit by least squares; neither floor nor excess is negative, so errors never grow with more posts.

    Raises:
        ValueError: there are fewer than three sizes for the three numbers.
    """
    from scipy.optimize import least_squares

    if len(sizes) < 3:
        raise ValueError(f"a power law needs three sizes; there are {len(sizes)}")
    most = max(sizes)
    share, last = np.asarray(sizes) / most, float(errors[int(np.argmax(sizes))])
    start = [START[0] * last, START[1] * last, START[2]]
    found = least_squares(
        lambda law: law[0] + law[1] * share ** -law[2] - errors, start, bounds=([0, 0, 0], [1, 1, STEEPEST])
    )
    floor, excess, exponent = map(float, found.x)
    return PowerLaw(floor, excess, exponent, most)


def extrapolate(
    predictions: dict[int, pd.DataFrame], n: int, *, resamples: int, level: float, seed: int
) -> tuple[PowerLaw, tuple[float, float]]:
    """Fit accuracy by the number of posts learnt from; return the law and the interval of accuracy at ``n`` posts.

    The tables of predictions are about the same posts. Tweets are drawn anew with all their rows, the same for every
    size, and the law is fitted to each draw. So the interval is about which posts were measured; not about the luck of
    the trainings, nor about whether a power law holds beyond the sizes that were measured.
    """
    sizes = sorted(predictions)
    tables = [predictions[size].sort_values("row", ignore_index=True) for size in sizes]
    wrong = np.stack([~right_of(table) for table in tables], axis=1).astype(np.int64)
    law = fit_power_law(sizes, wrong.mean(axis=0))
    per_tweet = sums_by_tweet(tables[0], np.column_stack([wrong, np.ones(len(wrong), dtype=np.int64)]))
    sums = resampled_sums(per_tweet, resamples, seed)
    drawn: NDArray[np.float64] = sums[:, :-1] / sums[:, -1:]
    low, high = percentile_interval(np.array([fit_power_law(sizes, one).error(n) for one in drawn]), level)
    return law, (1 - high, 1 - low)
