import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scoring.tables import LABELS, predictions

from tweet_sentiment.scoring import calibration
from tweet_sentiment.scoring.calibration import (
    calibration_noise,
    confidence_of,
    expected_calibration_error,
    reliability_table,
    right_of,
)

POSTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def by_brute_force(confidence, right, bins):
    """Guo et al., equation 3: a bin holds the confidences above its lower edge, up to its upper one."""
    total, edges = 0.0, np.linspace(0, 1, bins + 1)
    for low, high in pairwise(edges):
        inside = [i for i, c in enumerate(confidence) if (low < c or low == 0) and c <= high]
        if inside:
            accuracy = sum(right[i] for i in inside) / len(inside)
            total += len(inside) * abs(accuracy - sum(confidence[i] for i in inside) / len(inside))
    return total / len(confidence)


@given(POSTS, st.sampled_from([1, 2, 10, 15]))
def test_the_error_is_what_a_loop_over_bins_finds(posts, bins):
    confidence, right = (list(column) for column in zip(*posts, strict=True))
    found = expected_calibration_error(np.array(confidence), np.array(right), bins)
    assert found == pytest.approx(by_brute_force(confidence, right, bins), abs=1e-12)


def test_an_edge_belongs_to_the_bin_below_and_0_to_the_first():
    table = reliability_table(with_confidence([0.25, 0.5, 1.0], [True, True, True]), ["wrong", "right"], bins=4)
    assert table[["low", "high", "posts"]].to_numpy().tolist() == [[0, 0.25, 1], [0.25, 0.5, 1], [0.75, 1, 1]]
    assert expected_calibration_error(np.array([0.0]), np.array([False]), 4) == 0


def with_confidence(confidence, right):
    """Return predictions of the label "right", with this confidence."""
    table = predictions(np.array(right).astype(int), [1] * len(right), labels=["wrong", "right"])
    return table.assign(probability_right=confidence, probability_wrong=1 - np.array(confidence))


@given(POSTS)
def test_every_post_is_in_one_bin_and_means_are_kept(posts):
    confidence, right = zip(*posts, strict=True)
    table = reliability_table(with_confidence(confidence, right), ["wrong", "right"])
    assert table["posts"].sum() == len(posts)
    assert (table["confidence"] >= table["low"] - 1e-12).all()
    assert (table["confidence"] <= table["high"] + 1e-12).all()
    for column, values in (("confidence", confidence), ("accuracy", right)):
        mean = (table[column] * table["posts"]).sum() / len(posts)
        assert mean == pytest.approx(np.mean(values), abs=1e-12)


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
    drawn = [expected_calibration_error(confidence, generator.random(800) < confidence) for _ in range(300)]
    noise = calibration_noise(confidence, seed=2)
    assert noise == pytest.approx(np.mean(drawn), rel=0.05)
    assert expected_calibration_error(confidence, generator.random(800) < confidence - 0.2) > 3 * noise
    assert noise > 2 * calibration_noise(np.repeat(confidence, 9), seed=2)  # a third with nine times the posts


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_who_is_certain_and_right_has_no_noise(confidence):
    assert calibration_noise(np.full(50, confidence), seed=0) == 0


def test_the_noise_does_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch):
    confidence = np.random.default_rng(3).uniform(0.3, 1, 40)
    whole = calibration_noise(confidence, seed=5)
    monkeypatch.setattr(calibration, "_CELLS", 100)
    assert calibration_noise(confidence, seed=5) == whole
