import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tweet_sentiment.scoring.metrics import score, softmax

NAMES = ["Negative", "Neutral", "Positive"]


def test_scores_of_a_case_counted_by_hand():
    labels = np.array([0, 0, 1, 2])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    scores = score(labels, probabilities, NAMES)
    assert scores["accuracy"] == 0.75
    assert scores["eval_loss"] == pytest.approx(-np.log([0.8, 0.2, 0.8, 0.4]).mean())
    assert scores["precision"] == pytest.approx((2 * 1 + 1 * 0.5 + 1 * 1) / 4)
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert scores["per_class"]["Negative"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "posts": 2}


@given(arrays(np.float64, (7, 3), elements=st.floats(-50, 50)), arrays(np.int64, 7, elements=st.integers(0, 2)))
def test_probabilities_add_up_and_recall_is_accuracy(logits, labels):
    probabilities = softmax(logits)
    assert np.allclose(probabilities.sum(axis=1), 1)
    scores = score(labels, probabilities, NAMES)
    assert scores["recall"] == pytest.approx(scores["accuracy"])
    assert sum(c["posts"] for c in scores["per_class"].values()) == 7
