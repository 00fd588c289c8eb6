"""The one list of scores gives what scikit-learn gives, to the last digit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from tweet_sentiment.scoring import metrics
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
def test_scores_are_those_of_scikit_learn(logits, labels):
    probabilities = softmax(logits)
    assert np.allclose(probabilities.sum(axis=1), 1)
    scores, given_labels = score(labels, probabilities, NAMES), probabilities.argmax(axis=1)
    settings = {"labels": [0, 1, 2], "zero_division": 0}
    by_class = np.array(precision_recall_fscore_support(labels, given_labels, **settings))
    weighted = precision_recall_fscore_support(labels, given_labels, average="weighted", **settings)
    assert [scores[name] for name in ("precision", "recall", "f1")] == list(weighted[:3])
    assert scores["accuracy"] == scores["recall"] == accuracy_score(labels, given_labels)
    assert scores["macro_f1"] == by_class[2].mean()
    assert [list(one.values()) for one in scores["per_class"].values()] == by_class.T.tolist()


def test_of_the_time_that_a_post_takes_the_first_pass_warms_up_and_the_shortest_of_the_others_counts(monkeypatch):
    clock, cost = [0.0], iter([0.5, 9.0, 1.0, 2.0])  # seconds of each pass

    def work():
        clock[0] += next(cost)

    monkeypatch.setattr(metrics, "perf_counter", lambda: clock[0])
    assert metrics.ms_per_post(work, 4) == 250.0
