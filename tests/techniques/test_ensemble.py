"""The mean of predictions: by row, whatever the order, of posts that are the same."""

import numpy as np
import pandas as pd
import pytest

from tweet_sentiment.errors import StudyError
from tweet_sentiment.scoring.metrics import PROBABILITY
from tweet_sentiment.techniques.ensemble import average

MEMBERS, LABELS = ["lora", "full_fine_tuning"], ["Negative", "Neutral", "Positive"]
METRICS = {"texts": "raw", "n_train": 5, "trainable_parameters": 7, "seconds": 2.0, "encoder": "e", "device": "cpu"}
METRICS |= {"dtype": "fp32"}


def predictions(probabilities):
    table = pd.DataFrame({"row": range(len(probabilities)), "id": "1", "label": LABELS[0]})
    table["predicted"] = [LABELS[int(np.argmax(row))] for row in probabilities]
    return table.assign(**{f"{PROBABILITY}{name}": [row[i] for row in probabilities] for i, name in enumerate(LABELS)})


TWO = dict(
    zip(
        MEMBERS,
        (
            predictions([[0.6, 0.4, 0.0], [0.1, 0.2, 0.7]]),
            predictions([[0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]).iloc[::-1],
        ),
        strict=True,
    )
)


def averaged(given, on_dev=None, milliseconds=(1.5, 2.0)):
    metrics = {name: METRICS | {"ms_per_post": ms} for name, ms in zip(MEMBERS, milliseconds, strict=True)}
    return average(given, on_dev or {}, metrics, MEMBERS, LABELS)


def test_probabilities_are_averaged_row_by_row_and_costs_added():
    mean, figures = averaged(TWO)
    found = mean[[f"{PROBABILITY}{label}" for label in LABELS]].to_numpy()
    np.testing.assert_allclose(found, [[0.35, 0.6, 0.05], [0.15, 0.2, 0.65]])
    assert list(mean["predicted"]) == ["Neutral", "Positive"]
    assert list(mean.columns) == list(TWO["lora"].columns)
    assert (figures["trainable_parameters"], figures["seconds"], figures["n_train"]) == (14, 4.0, 5)
    assert figures["ms_per_post"] == 3.5
    assert averaged(TWO, milliseconds=(1.5, None))[1]["ms_per_post"] is None


def test_it_is_measured_on_the_dev_split_if_all_members_are():
    assert averaged(TWO, on_dev=TWO)[1]["dev_accuracy"] == 0.0
    for on_dev in ({}, {"lora": TWO["lora"]}):
        assert averaged(TWO, on_dev)[1]["dev_accuracy"] is None


def test_a_member_that_was_not_run_and_members_of_other_posts_are_named():
    with pytest.raises(StudyError, match="kedro run --pipelines=full_fine_tuning"):
        averaged({"lora": TWO["lora"]})
    with pytest.raises(StudyError, match="not for the same posts"):
        averaged(TWO | {"full_fine_tuning": TWO["full_fine_tuning"].assign(row=[7, 8])})
