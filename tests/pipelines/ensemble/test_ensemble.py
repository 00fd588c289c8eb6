"""The mean of predictions: by row, whatever the order, of posts that are the same."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.ensemble.nodes import MEMBERS, average
from tweet_sentiment.scoring.metrics import PROBABILITY

ACCOUNT = {"files": {"training": {"file": "mine.csv", "sha256": "0", "rows": 9}}, "training_posts": 5}
TRAINING = {"texts": "raw", "n_train": 5, "trainable_parameters": 7, "seconds": 2.0, "encoder": "e", "device": "cpu"}
TRAINING |= {"dtype": "fp32"}


def predictions(labels, probabilities, rows=None):
    table = pd.DataFrame({"row": rows or range(len(probabilities)), "id": "1", "label": labels[0]})
    table["predicted"] = [labels[int(np.argmax(row))] for row in probabilities]
    return table.assign(
        **{f"{PROBABILITY}{label}": [row[i] for row in probabilities] for i, label in enumerate(labels)}
    )


def averaged(parameters, given, on_dev=None, training=TRAINING, speeds=None):
    nothing = pd.DataFrame()
    tables = [given.get(name, nothing) for name in MEMBERS]
    chosen = [(on_dev or {}).get(name, nothing) for name in MEMBERS]
    each = [training if name in given else {} for name in MEMBERS]
    found = average(*tables, *chosen, *each, *((speeds or {}).get(name, {}) for name in MEMBERS), ACCOUNT, parameters)
    return found[:2]


@pytest.fixture
def two(parameters):
    one = predictions(parameters.labels, [[0.6, 0.4, 0.0], [0.1, 0.2, 0.7]])
    other = predictions(parameters.labels, [[0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    return {"lora": one, "full_fine_tuning": other.iloc[::-1]}


def test_probabilities_are_averaged_row_by_row(parameters, two):
    mean, figures = averaged(parameters, two)
    found = mean[[f"{PROBABILITY}{label}" for label in parameters.labels]].to_numpy()
    np.testing.assert_allclose(found, [[0.35, 0.6, 0.05], [0.15, 0.2, 0.65]])
    assert list(mean["predicted"]) == [parameters.labels[1], parameters.labels[2]]
    assert list(mean.columns) == list(two["lora"].columns)
    assert (figures["trainable_parameters"], figures["seconds"], figures["n_train"]) == (14, 4.0, 5)
    assert figures["dev_accuracy"] is None


def test_a_post_takes_as_long_as_all_members_take_and_is_not_known_if_one_is_not(parameters, two):
    of_lora, of_full = {"ms_per_post": 1.5}, {"ms_per_post": 2.0}
    both = averaged(parameters, two, speeds={"lora": of_lora, "full_fine_tuning": of_full})[1]
    assert both["ms_per_post"] == 3.5
    assert averaged(parameters, two, speeds={"lora": of_lora})[1]["ms_per_post"] is None


def test_it_is_measured_on_the_posts_to_choose_on_if_all_members_are(parameters, two):
    assert averaged(parameters, two, on_dev=two)[1]["dev_accuracy"] == 0.0
    assert averaged(parameters, two, on_dev={"lora": two["lora"]})[1]["dev_accuracy"] is None


def test_a_member_that_was_not_run_and_members_of_other_posts_are_named(parameters, two):
    with pytest.raises(StudyError, match="kedro run --pipeline=full_fine_tuning"):
        averaged(parameters, {"lora": two["lora"]})
    other = two["full_fine_tuning"].assign(row=[7, 8])
    with pytest.raises(StudyError, match="not about the same posts"):
        averaged(parameters, two | {"full_fine_tuning": other})


def test_it_needs_no_torch():
    code = "import sys, tweet_sentiment.pipelines.ensemble.pipeline; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
