import json

import numpy as np
import pandas as pd
import pytest

from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.evaluation.figures import plot_reliability
from tweet_sentiment.pipelines.evaluation.nodes import evaluate

TRAINING = {"texts": "raw", "n_train": 10, "trainable_parameters": 5, "seconds": 1.0}
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


def posts_of(predictions):
    """The posts of these predictions: the first of each tweet is its original, every tenth row resembles training."""
    posts = predictions[["row", "id", "label"]]
    return posts.assign(original=~posts["id"].duplicated(), resembles_training=posts["row"] % 10 == 0)


def test_metrics_say_how_sure_they_are(predictions, parameters):
    metrics = evaluate(predictions, posts_of(predictions), TRAINING, ACCOUNT, parameters, {"ms_per_post": 2.5})
    assert metrics["ms_per_post"] == 2.5
    assert json.loads(json.dumps(metrics)) == metrics
    assert set(metrics["intervals"]) == {"accuracy", "f1", "macro_f1"}
    for name, (low, high) in metrics["intervals"].items():
        assert low < metrics[name] < high
    assert 0 < metrics["calibration_noise"] < metrics["expected_calibration_error"] < 1  # labels given at random
    assert metrics["texts"] == "raw"


def test_accuracy_is_told_on_originals_and_where_nothing_resembles_training(predictions, parameters):
    posts, right = posts_of(predictions), predictions["label"] == predictions["predicted"]
    parts = evaluate(predictions, posts.sample(frac=1, random_state=1), TRAINING, ACCOUNT, parameters)["parts"]
    alike = posts["resembles_training"]
    for name, chosen, n in (
        ("originals", posts["original"], 50),
        ("resembling", alike, 20),
        ("not_resembling", ~alike, 180),
    ):
        assert (parts[name]["posts"], parts[name]["accuracy"]) == (n, pytest.approx(right[chosen].mean()))
        assert parts[name]["low"] <= parts[name]["accuracy"] <= parts[name]["high"]
    nothing = evaluate(predictions, posts.assign(resembles_training=False), TRAINING, ACCOUNT, parameters)["parts"]
    assert nothing["resembling"] == {"posts": 0, "accuracy": None, "low": None, "high": None}


def test_a_training_of_an_earlier_revision_is_named(predictions, parameters):
    earlier = {name: value for name, value in TRAINING.items() if name != "texts"}
    with pytest.raises(StudyError, match="earlier revision"):
        evaluate(predictions, posts_of(predictions), earlier, ACCOUNT, parameters)


def test_predictions_about_other_posts_are_refused(predictions, parameters):
    with pytest.raises(StudyError, match="split anew after predicting"):
        evaluate(predictions, posts_of(predictions).iloc[1:], TRAINING, ACCOUNT, parameters)


def test_intervals_are_those_of_level_and_seed(predictions, parameters):
    def intervals(**changes):
        return evaluate(predictions, posts_of(predictions), TRAINING, ACCOUNT, parameters.model_copy(update=changes))[
            "intervals"
        ]

    assert intervals() == intervals()
    assert intervals(seed=1) != intervals()
    low, high = intervals()["accuracy"]
    narrower = intervals(uncertainty=parameters.uncertainty.model_copy(update={"level": 0.6}))["accuracy"]
    assert low < narrower[0] < narrower[1] < high


def test_the_reliability_diagram_states_and_shows_what_the_metrics_say(predictions, parameters):
    figure = plot_reliability(predictions, parameters)
    metrics = evaluate(predictions, posts_of(predictions), TRAINING, ACCOUNT, parameters)
    title = figure.layout.title.text
    assert f"is right {metrics['accuracy']:.0%} of the time" in title
    assert (
        f"(ECE {metrics['expected_calibration_error']:.3f}, by chance {metrics['calibration_noise']:.3f}, leak_free)"
        in (title.replace("<br>", " "))
    )
    bars, diagonal = figure.data
    assert sum(int(posts) for posts in bars.text) == 200
    assert sum(int(n) * y for n, y in zip(bars.text, bars.y, strict=True)) / 200 == pytest.approx(metrics["accuracy"])
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]


def test_without_a_training_or_predictions_there_is_a_message(predictions, parameters):
    for given in ((predictions, {}), (predictions.head(0), TRAINING)):
        with pytest.raises(StudyError, match="nothing to evaluate yet"):
            evaluate(given[0], posts_of(given[0]), given[1], ACCOUNT, parameters)
