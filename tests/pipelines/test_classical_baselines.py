"""The classical baselines: predictions like any technique's, dev scores of posts they have not seen, and no torch."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupShuffleSplit
from tests.conftest import PROJECT
from tests.trainings import ROW_COUNTS

from tweet_sentiment.classical import build, count_weights, probabilities_of
from tweet_sentiment.data.filtering import filter_posts
from tweet_sentiment.data.lines import RawFile
from tweet_sentiment.data.reading import read_posts
from tweet_sentiment.data.splitting import split_posts
from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.classical.nodes import fit_predict
from tweet_sentiment.scoring.metrics import PROBABILITY, score
from tweet_sentiment.techniques import TECHNIQUES

BASELINES = [name for name, one in TECHNIQUES.items() if one.classical]
LEARNERS = [name for name in BASELINES if name != "majority_class"]
CORRECTED = ROW_COUNTS | {"texts": "cleaned: corrected"}


def posts_of(part, parameters, folder="sample"):
    file = PROJECT / f"data/01_raw/{folder}_{part}.csv"
    return read_posts(RawFile(file.name, file.read_bytes()), parameters.data, parameters.labels)


@pytest.fixture
def sample(parameters):
    """The sample, split as the base environment says."""
    filtered = [
        filter_posts(posts_of(part, parameters), parameters.data, parameters.labels, 42)[0]
        for part in ("training", "validation")
    ]
    return split_posts(*filtered, "leak_free", parameters.data, 42)[:2]


def learn(technique, posts, parameters, cleaned=None, **changes):
    """Fit on the posts and predict them; ``cleaned`` are what the encoder would get."""
    section = parameters.classical.model_copy(update=changes)
    given = [one if "dev" in one else one.assign(dev=False) for one in (*posts, *(cleaned or posts))]
    return fit_predict(technique, *given, CORRECTED, parameters.study, section)


def accuracy(predictions):
    return (predictions["label"] == predictions["predicted"]).mean()


def table(*rows):
    return pd.DataFrame(list(rows), columns=["label", "post"]).assign(id="1", row=range(len(rows)))


@pytest.mark.parametrize("technique", BASELINES)
def test_a_row_a_post_with_probabilities_that_agree_the_same_each_time_and_better_than_the_majority(
    technique, sample, parameters
):
    predictions, _, figures, _ = learn(technique, sample, parameters)
    names = [f"{PROBABILITY}{label}" for label in parameters.labels]
    assert predictions.columns.tolist() == ["row", "id", "label", "predicted", *names]
    assert predictions["row"].tolist() == sample[1]["row"].tolist()
    probabilities = predictions[names].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities >= 0).all()
    assert [parameters.labels[i] for i in probabilities.argmax(axis=1)] == predictions["predicted"].tolist()
    codes = predictions["label"].map(parameters.labels.index).to_numpy()
    assert score(codes, probabilities, parameters.labels)["eval_loss"] < 3
    assert figures["n_train"] == len(sample[0])
    assert (figures["trainable_parameters"] > 3 * 1000) == (technique in ("linear_svc", "logistic_regression"))
    floor = sample[1]["label"].value_counts(normalize=True)[sample[0]["label"].mode()[0]]
    assert accuracy(predictions) > floor if technique in LEARNERS else accuracy(predictions) == floor
    pd.testing.assert_frame_equal(learn(technique, sample, parameters)[0], predictions)


@pytest.mark.parametrize(
    ("text", "expected", "said"), [("raw", "Positive", "raw"), ("cleaned", "Negative", "cleaned: corrected")]
)
def test_the_parameter_chooses_the_raw_or_the_cleaned_posts(text, expected, said, parameters):
    rows = table(("Negative", "bad bad"), ("Neutral", "so so"), ("Positive", "good good"))
    raw, cleaned = (rows, table(("Positive", "good good"))), (rows, table(("Positive", "bad bad")))
    predictions, _, figures, _ = learn("linear_svc", raw, parameters, cleaned, text=text)
    assert predictions["predicted"].tolist() == [expected]
    assert figures["texts"] == said


@pytest.mark.parametrize("technique", BASELINES)
def test_a_handful_of_posts_that_share_no_word_is_enough_and_posts_without_words_are_refused(technique, parameters):
    few = table(("Negative", "awful"), ("Neutral", "today"), ("Positive", "lovely"))
    predictions, *_ = learn(technique, (few, few), parameters)
    assert technique not in LEARNERS or accuracy(predictions) == 1
    if technique in ("linear_svc", "logistic_regression"):
        with pytest.raises(StudyError, match=rf"{technique}: the 3 training posts cannot be learnt from"):
            learn(technique, [few.assign(post="")] * 2, parameters)


def test_the_dev_split_is_scored_by_an_estimator_that_has_not_seen_it(parameters):
    """The marked posts have words of their own, under a label that the others never have."""
    rows = [("Negative", f"bad thing {i}", False) for i in range(6)] + [
        ("Positive", f"fine {i}", True) for i in range(4)
    ]
    training = pd.DataFrame(rows, columns=["label", "post", "dev"]).assign(id="1", row=range(10))
    predictions, on_dev, figures, _ = learn("nearest_neighbour", (training, training.tail(4)), parameters)
    assert accuracy(predictions) == 1
    assert figures["dev_accuracy"] == 0.0
    assert on_dev["row"].tolist() == training["row"].tail(4).tolist()
    assert (on_dev["predicted"] == "Negative").all()
    assert figures["n_train"] == 10
    assert figures["ms_per_post"] > 0
    _, on_dev, figures, _ = learn("nearest_neighbour", [training.assign(dev=False)] * 2, parameters)
    assert figures["dev_accuracy"] is None
    assert on_dev.empty


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
    np.testing.assert_allclose(
        probabilities_of(estimator, ["two words", "unheard of"]), [[0.005, 0.995], [0.505, 0.495]]
    )


def test_weights_are_counted_with_their_intercepts_and_an_unknown_baseline_is_an_error():
    estimator = build("linear_svc", seed=1, C=1.0, posts=3).fit(["ab", "cd", "ef"], np.array([0, 1, 2]))
    assert count_weights(estimator) == 3 * (len(estimator[0].get_feature_names_out()) + 1)
    with pytest.raises(ValueError, match="no classical model is called random_forest"):
        build("random_forest", seed=1, C=1.0, posts=3)


@pytest.mark.parametrize("names", [("pipelines.classical.pipeline", "classical"), ("pipelines.ensemble.pipeline",)])
def test_it_needs_no_torch(names):
    imports = "; ".join(f"import tweet_sentiment.{name}" for name in names)
    subprocess.run([sys.executable, "-c", f"import sys; {imports}; assert 'torch' not in sys.modules"], check=True)


@pytest.fixture
def study_posts(parameters):
    """The study's rows: empty posts dropped, blank ones kept; in the file's order."""
    posts = [posts_of(part, parameters, "twitter") for part in ("training", "validation")]
    return [side[(side["label"] != "Irrelevant") & (side["post"] != "")].reset_index(drop=True) for side in posts]


@pytest.mark.slow
@pytest.mark.real_data
def test_linear_svc_scores_on_the_real_posts_what_the_study_says(study_posts, parameters):
    training, test = study_posts
    without = training[~training["id"].isin(test["id"])]
    assert (len(training), len(without)) == (61_121, 56_200)
    ids = training["id"].astype(int)
    kept, out = next(GroupShuffleSplit(1, test_size=0.2, random_state=42).split(ids, groups=ids))
    for posts, expected in (((without, test), 0.6944), ((training.iloc[kept], training.iloc[out]), 0.6407)):
        assert accuracy(learn("linear_svc", posts, parameters)[0]) == pytest.approx(expected, abs=0.01)
