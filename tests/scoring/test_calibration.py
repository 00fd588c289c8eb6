import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scoring.tables import LABELS, predictions

from tweet_sentiment.scoring.uncertainty import (
    BINS,
    calibration_noise,
    confidence_of,
    expected_calibration_error,
    reliability_table,
    right_of,
)

POSTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def by_brute_force(confidence, right):
    """Guo et al., equation 3: a bin holds the confidences above its lower edge, up to its upper one."""
    total = 0.0
    for low, high in pairwise(np.linspace(0, 1, BINS + 1)):
        inside = [i for i, c in enumerate(confidence) if (low < c or low == 0) and c <= high]
        if inside:
            accuracy = sum(right[i] for i in inside) / len(inside)
            total += len(inside) * abs(accuracy - sum(confidence[i] for i in inside) / len(inside))
    return total / len(confidence)


@given(POSTS)
def test_the_error_is_what_a_loop_over_bins_finds_and_every_post_is_in_one_of_them(posts):
    confidence, right = (np.array(column) for column in zip(*posts, strict=True))
    assert expected_calibration_error(confidence, right) == pytest.approx(by_brute_force(confidence, right), abs=1e-12)
    table = reliability_table(confidence, right)
    assert table["posts"].sum() == len(posts)
    for column, values in (("confidence", confidence), ("accuracy", right)):
        mean = (table[column] * table["posts"]).sum() / len(posts)
        assert mean == pytest.approx(np.mean(values), abs=1e-12)


def test_an_edge_belongs_to_the_bin_below_and_0_to_the_first():
    edges = np.linspace(0, 1, BINS + 1)
    table = reliability_table(edges[[0, 1, 2, -1]], np.ones(4, dtype=bool))
    assert table["posts"].tolist() == [2, 1, 1]
    assert table["high"].tolist() == edges[[1, 2, -1]].tolist()


def test_the_error_is_the_distance_for_one_who_is_always_too_sure_and_near_0_for_one_who_is_not():
    right = np.arange(1000) % 10 < 6
    assert expected_calibration_error(np.full(1000, 0.9), right) == pytest.approx(0.3)
    assert expected_calibration_error(np.full(1000, 0.6), right) == pytest.approx(0.0)


def test_confidence_is_of_the_label_that_was_given_in_any_order_of_columns():
    table = predictions([0, 2, 1], [0, 1, 1]).assign(
        probability_Positive=[0.1, 0.3, 0.2], probability_Negative=[0.8, 0.3, 0.2], probability_Neutral=[0.1, 0.4, 0.6]
    )
    assert confidence_of(table, LABELS).tolist() == [0.8, 0.4, 0.6]
    assert right_of(table).tolist() == [True, False, True]


@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(confidence):
    with pytest.raises(ValueError, match="within 0 and 1"):
        expected_calibration_error(np.array([0.5, confidence]), np.array([True, True]))


def test_a_calibrated_model_has_the_error_that_is_told_as_noise_and_an_overconfident_one_more():
    generator = np.random.default_rng(1)
    confidence = generator.uniform(0.4, 1, 800)
    drawn = [expected_calibration_error(confidence, generator.random(800) < confidence) for _ in range(100)]
    noise = calibration_noise(confidence, seed=2)
    assert noise == pytest.approx(np.mean(drawn), rel=0.1)
    assert expected_calibration_error(confidence, generator.random(800) < confidence - 0.2) > 3 * noise
    assert noise > 1.7 * calibration_noise(np.repeat(confidence, 4), seed=2)  # half with four times the posts


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_who_is_certain_and_right_has_no_noise(confidence):
    assert calibration_noise(np.full(50, confidence), seed=0) == 0
