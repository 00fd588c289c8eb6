"""The classical baselines: probabilities that agree with the labels, raw or cleaned texts, the study's figures."""

import numpy as np
import pandas as pd
import pytest
from tests.conftest import PROJECT
from tests.trainings import ROW_COUNTS

from tweet_sentiment.classical import build, count_weights, probabilities_of
from tweet_sentiment.data.filtering import filter_posts
from tweet_sentiment.data.lines import Source
from tweet_sentiment.data.reading import read_posts
from tweet_sentiment.data.splitting import split_posts
from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.technique.classical import fit_predict
from tweet_sentiment.scoring.metrics import PROBABILITY, score
from tweet_sentiment.techniques import TECHNIQUES

BASELINES = [name for name, one in TECHNIQUES.items() if one.classical]
TRAINED = [name for name in BASELINES if name != "majority_class"]


def posts_of(part, parameters, folder="sample"):
    file = PROJECT / f"data/01_raw/{folder}_{part}.csv"
    return read_posts(Source.of(file.name, file.read_bytes()), parameters.data, parameters.labels)


@pytest.fixture
def sample(parameters):
    """The sample, split as the base environment says."""
    filtered = [
        filter_posts(posts_of(part, parameters), parameters.data, parameters.labels, 42)[0]
        for part in ("training", "validation")
    ]
    return split_posts(*filtered, "leak_free", parameters.data, 42)[:2]


def fitted(technique, posts, parameters, cleaned=None):
    tables = [table if "dev" in table else table.assign(dev=False) for table in (*posts, *(cleaned or posts))]
    return fit_predict(technique, *tables, ROW_COUNTS, parameters.study, parameters.classical, parameters.training)


def accuracy(predictions):
    return (predictions["label"] == predictions["predicted"]).mean()


def tiny(*rows, **more):
    return pd.DataFrame(list(rows), columns=["label", "post"]).assign(id="1", row=range(len(rows)), **more)


def test_each_baseline_gives_probabilities_that_agree_with_its_labels_the_same_each_time(sample, parameters):
    names, accuracies = [f"{PROBABILITY}{label}" for label in parameters.labels], {}
    for technique in BASELINES:
        predictions, _, training, _ = fitted(technique, sample, parameters)
        assert predictions.columns.tolist() == ["row", "id", "label", "predicted", *names]
        assert predictions["row"].tolist() == sample[1]["row"].tolist()
        probabilities = predictions[names].to_numpy()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert (probabilities >= 0).all()
        assert [parameters.labels[i] for i in probabilities.argmax(axis=1)] == predictions["predicted"].tolist()
        codes = predictions["label"].map(parameters.labels.index).to_numpy()
        assert score(codes, probabilities, parameters.labels)["eval_loss"] < 3
        assert training["n_train"] == len(sample[0])
        assert (training["trainable_parameters"] > 3000) == (technique in ("linear_svc", "logistic_regression"))
        pd.testing.assert_frame_equal(fitted(technique, sample, parameters)[0], predictions)
        accuracies[technique] = accuracy(predictions)
    floor = accuracies["majority_class"]
    assert floor == sample[1]["label"].value_counts(normalize=True)[sample[0]["label"].mode()[0]]
    assert all(accuracies[technique] > floor for technique in TRAINED)


@pytest.mark.parametrize(("text", "expected"), [("raw", "Positive"), ("cleaned", "Negative")])
def test_the_parameter_chooses_the_raw_or_the_cleaned_posts(text, expected, parameters):
    chosen = parameters.model_copy(update={"classical": parameters.classical.model_copy(update={"text": text})})
    rows = [("Negative", "bad bad"), ("Neutral", "so so"), ("Positive", "good good")]
    raw, cleaned = ((tiny(*rows), tiny(("Positive", said))) for said in ("good good", "bad bad"))
    predictions, _, training, _ = fitted("linear_svc", raw, chosen, cleaned)
    assert predictions["predicted"].tolist() == [expected]
    assert training["texts"] == "raw"  # what row_counts says of both


@pytest.mark.parametrize("technique", BASELINES)
def test_a_handful_of_posts_that_share_no_word_is_enough(technique, parameters):
    training = tiny(("Negative", "awful"), ("Neutral", "today"), ("Positive", "lovely"))
    predictions, *_ = fitted(technique, (training, training), parameters)
    if technique in TRAINED:
        assert predictions["predicted"].tolist() == training["label"].tolist()


@pytest.mark.parametrize("technique", ["linear_svc", "logistic_regression"])
def test_posts_without_a_word_are_refused_by_name(technique, parameters):
    nothing = tiny(("Negative", ""), ("Neutral", ""), ("Positive", ""))
    with pytest.raises(StudyError, match=rf"{technique}: the 3 training posts cannot be learnt from"):
        fitted(technique, (nothing, nothing), parameters)


@pytest.mark.parametrize("technique", ["linear_svc", "logistic_regression"])
def test_class_weights_are_those_of_the_training(technique, parameters):
    posts = tiny(*[("Negative", "meh")] * 8, *[("Positive", "meh")] * 2), tiny(("Positive", "meh"))
    weights = {"Negative": 1.0, "Neutral": 1.0, "Positive": 9.0}
    for given, expected in ((None, "Negative"), (weights, "Positive")):
        training = parameters.training.model_copy(update={"class_weights": given})
        predictions, *_, model = fitted(technique, posts, parameters.model_copy(update={"training": training}))
        assert predictions["predicted"].tolist() == [expected]
        assert model.manifest["parameters"]["training"] == {"class_weights": given}
    balanced = parameters.training.model_copy(update={"class_weights": "balanced"})
    predictions, *_ = fitted(technique, posts, parameters.model_copy(update={"training": balanced}))
    assert predictions["probability_Negative"].item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("technique", BASELINES)
def test_two_classes_have_two_probabilities(technique):
    texts, codes = ["bad bad", "worse", "good good", "best"], np.array([0, 0, 1, 1])
    estimator = build(technique, seed=1, C=1.0, posts=4).fit(texts, codes)
    probabilities = probabilities_of(estimator, ["bad", "best"])
    np.testing.assert_allclose(probabilities.sum(axis=1), [1, 1])
    if technique == "linear_svc":
        assert probabilities.argmax(axis=1).tolist() == estimator.predict(["bad", "best"]).tolist() == [0, 1]


def test_the_nearest_neighbour_is_never_certain_and_always_ahead():
    estimator = build("nearest_neighbour", seed=1, C=1.0, posts=3).fit(["one word", "two words"], np.array([0, 1]))
    probabilities = probabilities_of(estimator, ["two words", "unheard of"])
    assert probabilities[0].tolist() == pytest.approx([0.005, 0.995])
    assert probabilities[1].tolist() == pytest.approx([0.505, 0.495])


def test_weights_are_counted_with_their_intercepts():
    estimator = build("linear_svc", seed=1, C=1.0, posts=3).fit(["ab", "cd", "ef"], np.array([0, 1, 2]))
    assert count_weights(estimator) == 3 * (len(estimator[0].get_feature_names_out()) + 1)


def test_the_dev_split_is_scored_by_an_estimator_that_was_not_fitted_on_it(parameters):
    """Its posts have words of their own under a label that the others never have."""
    rows = [("Negative", f"bad thing {i}") for i in range(6)] + [("Positive", f"lovely {i}") for i in range(4)]
    training = tiny(*rows, dev=[False] * 6 + [True] * 4)
    predictions, on_dev, figures, _ = fitted("nearest_neighbour", (training, training.tail(4)), parameters)
    assert accuracy(predictions) == 1
    assert figures["dev_accuracy"] == 0.0
    assert on_dev["row"].tolist() == [6, 7, 8, 9]
    assert (on_dev["predicted"] == "Negative").all()
    assert figures["n_train"] == 10
    assert figures["ms_per_post"] > 0
    _, on_dev, figures, _ = fitted("majority_class", [training.assign(dev=False)] * 2, parameters)
    assert figures["dev_accuracy"] is None
    assert on_dev.empty


@pytest.fixture
def study_posts(parameters):
    """The study's rows: empty posts dropped, blank ones kept; in the file's order."""
    posts = [posts_of(part, parameters, "twitter") for part in ("training", "validation")]
    return [side[(side["label"] != "Irrelevant") & (side["post"] != "")].reset_index(drop=True) for side in posts]


@pytest.mark.real_data
def test_linear_svc_scores_what_the_study_says(study_posts, parameters):
    training, test = study_posts
    without = training[~training["id"].isin(test["id"])]
    assert (len(training), len(without)) == (61_121, 56_200)
    assert accuracy(fitted("linear_svc", (without, test), parameters)[0]) == pytest.approx(0.6944, abs=0.01)
