import json

import numpy as np
import pandas as pd
import pytest

from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.evaluation.figures import plot_reliability
from tweet_sentiment.pipelines.evaluation.nodes import evaluate

TRAINING = {"n_train": 10, "trainable_parameters": 5, "seconds": 1.0}
ACCOUNT = {"files": {"training": {"sha256": "0"}}}


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


def test_metrics_say_how_sure_they_are(predictions, parameters):
    metrics = evaluate(predictions, TRAINING, ACCOUNT, parameters, {"milliseconds_a_post": 2.5})
    assert metrics["milliseconds_a_post"] == 2.5
    assert json.loads(json.dumps(metrics)) == metrics
    assert set(metrics["intervals"]) == {"accuracy", "f1", "macro_f1"}
    for name, (low, high) in metrics["intervals"].items():
        assert low < metrics[name] < high
    assert 0 < metrics["expected_calibration_error"] < 1


def test_intervals_are_those_of_level_and_seed(predictions, parameters):
    def intervals(**changes):
        return evaluate(predictions, TRAINING, ACCOUNT, parameters.model_copy(update=changes))["intervals"]

    assert intervals() == intervals()
    assert intervals(seed=1) != intervals()
    low, high = intervals()["accuracy"]
    narrower = intervals(uncertainty=parameters.uncertainty.model_copy(update={"level": 0.6}))["accuracy"]
    assert low < narrower[0] < narrower[1] < high


def test_the_reliability_diagram_states_and_shows_what_the_metrics_say(predictions, parameters):
    figure = plot_reliability(predictions, parameters)
    metrics = evaluate(predictions, TRAINING, ACCOUNT, parameters)
    title = figure.layout.title.text
    assert f"is right {metrics['accuracy']:.0%} of the time" in title
    assert f"(ECE {metrics['expected_calibration_error']:.2f}, leak_free)" in title
    bars, diagonal = figure.data
    assert sum(int(posts) for posts in bars.text) == 200
    assert sum(int(n) * y for n, y in zip(bars.text, bars.y, strict=True)) / 200 == pytest.approx(metrics["accuracy"])
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]


def test_without_a_training_or_predictions_there_is_a_message(predictions, parameters):
    for given in ((predictions, {}), (predictions.head(0), TRAINING)):
        with pytest.raises(StudyError, match="nothing to evaluate yet"):
            evaluate(*given, ACCOUNT, parameters)
