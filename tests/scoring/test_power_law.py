"""Power laws: found again where they hold, never below what is possible, and as sure as their posts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scoring.tables import LABELS

from tweet_sentiment.scoring.uncertainty import extrapolate, fit_power_law

SETTINGS = {"resamples": 100, "level": 0.95, "seed": 1}


def test_a_law_that_holds_is_found_again():
    sizes = [1000, 4000, 16000]
    errors = np.array([0.2 + 0.1 * (size / 16000) ** -0.4 for size in sizes])
    law = fit_power_law(sizes, errors)
    assert (law.floor, law.excess, law.exponent) == pytest.approx((0.2, 0.1, 0.4), abs=1e-3)
    assert law.error(64000) == pytest.approx(0.2 + 0.1 * 4**-0.4, abs=1e-4)


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=5))
def test_whatever_was_measured_errors_stay_shares_and_do_not_grow_with_posts(errors):
    sizes = [100 * 4**i for i in range(len(errors))]
    law = fit_power_law(sizes, np.array(errors))
    expected = [law.error(n) for n in (sizes[-1], 4 * sizes[-1], 1000 * sizes[-1])]
    assert expected == sorted(expected, reverse=True)
    assert expected[-1] >= 0


def test_two_sizes_are_not_enough():
    with pytest.raises(ValueError, match="three sizes; there are 2"):
        fit_power_law([1, 2], np.array([0.5, 0.4]))


def predictions(posts):
    """Return tables in which a larger training set is right more often, about the same posts."""
    luck = np.random.default_rng(0).random(posts)
    known = pd.DataFrame({"row": range(posts), "id": [str(i) for i in range(posts)], "label": LABELS[0]})
    rates = {100: 0.5, 400: 0.6, 1600: 0.66}
    return {
        n: known.assign(predicted=np.where(luck < rate, LABELS[0], LABELS[1])).sample(frac=1, random_state=n)
        for n, rate in rates.items()
    }


def test_the_interval_holds_what_the_law_gives_and_narrows_with_more_posts():
    widths = []
    for posts in (60, 2000):
        law, (low, high) = extrapolate(predictions(posts), 6400, **SETTINGS)
        assert low < 1 - law.error(6400) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
