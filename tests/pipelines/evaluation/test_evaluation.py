"""Metrics say how sure they are, on which part of the posts, and are those of the posts that they are put beside."""

import json

import numpy as np
import pandas as pd
import pytest

from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.evaluation.nodes import evaluate
from tweet_sentiment.reports.figures import plot_reliability

TRAINING = {"texts": "raw", "n_train": 10, "trainable_parameters": 5, "seconds": 1.0}
COUNTS = {"files": {"training": {"sha256": "0"}}}


@pytest.fixture
def predictions(parameters):
    """200 posts of 50 tweets, given a label at random with a confidence at random."""
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([1, 1, 1], 200)
    labels = np.array(parameters.labels)
    table = pd.DataFrame({"row": range(1, 201), "id": [str(n // 4) for n in range(200)]})
    table["label"] = labels[generator.integers(0, 3, 200)]
    table["predicted"] = labels[probabilities.argmax(axis=1)]
    return table.assign(**{f"probability_{name}": probabilities[:, i] for i, name in enumerate(labels)})


def posts_of(predictions):
    """The posts of these predictions: the first of each tweet is its original, every tenth row resembles training."""
    posts = predictions[["row", "id", "label"]]
    return posts.assign(original=~posts["id"].duplicated(), resembles_training=posts["row"] % 10 == 0)


def evaluated(predictions, parameters, posts=None, training=TRAINING, speed=None, **changes):
    study = parameters.study.model_copy(update={"seed": changes.get("seed", parameters.seed)})
    uncertainty = parameters.uncertainty.model_copy(update={"level": changes.get("level", 0.95)})
    posts = posts_of(predictions) if posts is None else posts
    return evaluate(predictions, posts, training, COUNTS, study, parameters.model, uncertainty, speed)


def test_metrics_say_how_sure_they_are(predictions, parameters):
    metrics = evaluated(predictions, parameters, speed={"ms_per_post": 2.5})
    assert metrics["ms_per_post"] == 2.5
    assert json.loads(json.dumps(metrics)) == metrics
    assert set(metrics["intervals"]) == {"accuracy", "f1", "macro_f1"}
    for name, (low, high) in metrics["intervals"].items():
        assert low < metrics[name] < high
    assert 0 < metrics["calibration_noise"] < metrics["expected_calibration_error"] < 1  # labels given at random
    assert metrics["texts"] == "raw"


def test_accuracy_is_told_on_originals_and_where_nothing_resembles_training(predictions, parameters):
    posts, right = posts_of(predictions), predictions["label"] == predictions["predicted"]
    parts = evaluated(predictions, parameters, posts.sample(frac=1, random_state=1))["parts"]
    alike = posts["resembles_training"]
    for name, chosen, n in (
        ("originals", posts["original"], 50),
        ("resembling", alike, 20),
        ("not_resembling", ~alike, 180),
    ):
        assert (parts[name]["posts"], parts[name]["accuracy"]) == (n, pytest.approx(right[chosen].mean()))
        assert parts[name]["low"] <= parts[name]["accuracy"] <= parts[name]["high"]
    nothing = evaluated(predictions, parameters, posts.assign(resembles_training=False))["parts"]
    assert nothing["resembling"] == {"posts": 0, "accuracy": None, "low": None, "high": None}


def test_intervals_are_those_of_level_and_seed(predictions, parameters):
    def intervals(**changes):
        return evaluated(predictions, parameters, **changes)["intervals"]

    assert intervals() == intervals()
    assert intervals(seed=1) != intervals()
    low, high = intervals()["accuracy"]
    narrower = intervals(level=0.6)["accuracy"]
    assert low < narrower[0] < narrower[1] < high


def test_the_reliability_diagram_states_and_shows_what_the_metrics_say(predictions, parameters):
    figure, metrics = plot_reliability(predictions, parameters.study), evaluated(predictions, parameters)
    title = figure.layout.title.text.replace("<br>", " ")
    assert f"accuracy {metrics['accuracy']:.0%}" in title
    error, noise = metrics["expected_calibration_error"], metrics["calibration_noise"]
    assert f"(ECE {error:.3f}, by chance {noise:.3f}, leak_free)" in title
    bars, posts, diagonal = figure.data
    assert sum(posts.y) == 200
    assert sum(n * y for n, y in zip(posts.y, bars.y, strict=True)) / 200 == pytest.approx(metrics["accuracy"])
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]


def test_what_cannot_be_evaluated_is_said(predictions, parameters):
    for given, message in (
        ({"training": {}}, "nothing to evaluate yet"),
        ({"posts": posts_of(predictions).iloc[1:]}, "split again after predicting"),
    ):
        with pytest.raises(StudyError, match=message):
            evaluated(predictions, parameters, **given)
    with pytest.raises(StudyError, match="nothing to evaluate yet"):
        evaluated(predictions.head(0), parameters)
