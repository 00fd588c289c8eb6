import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupShuffleSplit
from tests.conftest import PROJECT

from tweet_sentiment.classical import build, count_weights, probabilities_of
from tweet_sentiment.data.filtering import filter_posts
from tweet_sentiment.data.lines import RawFile
from tweet_sentiment.data.reading import read_posts
from tweet_sentiment.data.splitting import split_posts
from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.classical.nodes import fit_predict
from tweet_sentiment.pipelines.classical.pipeline import OUTPUTS, RIVALS, create_pipeline
from tweet_sentiment.scoring.metrics import PROBABILITY, score

ACCOUNT = {"files": {}, "training_posts": 1}
LEARNERS = [name for name in RIVALS if name != "majority_class"]


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


def learn(technique, posts, parameters, cleaned=None):
    return fit_predict(technique, *posts, *(cleaned or posts), ACCOUNT, parameters)


def accuracy(predictions):
    return (predictions["label"] == predictions["predicted"]).mean()


def tiny(*rows):
    return pd.DataFrame(list(rows), columns=["label", "post"]).assign(id="1", row=range(len(rows)))


@pytest.mark.parametrize("technique", RIVALS)
def test_predictions_have_a_row_a_post_and_probabilities_that_agree_with_them(technique, sample, parameters):
    predictions, _, training, _ = learn(technique, sample, parameters)
    names = [f"{PROBABILITY}{label}" for label in parameters.labels]
    assert predictions.columns.tolist() == ["row", "id", "label", "predicted", *names]
    assert predictions["row"].tolist() == sample[1]["row"].tolist()
    probabilities = predictions[names].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities >= 0).all()
    assert [parameters.labels[i] for i in probabilities.argmax(axis=1)] == predictions["predicted"].tolist()
    codes = predictions["label"].map(parameters.labels.index).to_numpy()
    assert score(codes, probabilities, parameters.labels)["eval_loss"] < 3
    assert training["n_train"] == len(sample[0])


def test_every_learner_beats_the_majority_class_on_the_sample(sample, parameters):
    floor = accuracy(learn("majority_class", sample, parameters)[0])
    assert floor == sample[1]["label"].value_counts(normalize=True)[sample[0]["label"].mode()[0]]
    assert all(accuracy(learn(technique, sample, parameters)[0]) > floor for technique in LEARNERS)


def test_only_the_linear_models_learn_weights(sample, parameters):
    weights = {name: learn(name, sample, parameters)[2]["trainable_parameters"] for name in RIVALS}
    assert weights["majority_class"] == weights["nearest_neighbour"] == 0
    assert weights["linear_svc"] == weights["logistic_regression"] > 3 * 1000


@pytest.mark.parametrize("technique", RIVALS)
def test_the_same_seed_gives_the_same_predictions(technique, sample, parameters):
    first, again = (learn(technique, sample, parameters)[0] for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.parametrize(("text", "expected"), [("raw", "Positive"), ("cleaned", "Negative")])
def test_the_parameter_chooses_the_raw_or_the_cleaned_posts(text, expected, parameters):
    data = parameters.data.model_copy(update={"cleaning": "corrected"})
    chosen = parameters.model_copy(
        update={"classical": parameters.classical.model_copy(update={"text": text}), "data": data}
    )
    rows = [("Negative", "bad bad"), ("Neutral", "so so"), ("Positive", "good good")]
    raw = tiny(*rows), tiny(("Positive", "good good"))
    cleaned = tiny(*rows), tiny(("Positive", "bad bad"))
    predictions, _, training, _ = learn("linear_svc", raw, chosen, cleaned)
    assert predictions["predicted"].tolist() == [expected]
    assert training["texts"] == ("raw" if text == "raw" else "cleaned: corrected")


@pytest.mark.parametrize("technique", RIVALS)
def test_a_handful_of_posts_that_share_no_word_is_enough(technique, parameters):
    training = tiny(("Negative", "awful"), ("Neutral", "today"), ("Positive", "lovely"))
    predictions, *_ = learn(technique, (training, training), parameters)
    if technique in LEARNERS:
        assert predictions["predicted"].tolist() == training["label"].tolist()


@pytest.mark.parametrize("technique", ["linear_svc", "logistic_regression"])
def test_posts_without_a_word_are_refused_by_name(technique, parameters):
    nothing = tiny(("Negative", ""), ("Neutral", ""), ("Positive", ""))
    with pytest.raises(StudyError, match=rf"{technique}: the 3 training posts cannot be learnt from"):
        learn(technique, (nothing, nothing), parameters)


@pytest.mark.parametrize("technique", RIVALS)
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


def test_an_unknown_rival_is_an_error():
    with pytest.raises(ValueError, match="no classical model is called random_forest"):
        build("random_forest", seed=1, C=1.0, posts=3)


def test_each_rival_is_one_node_that_writes_what_the_ensemble_reads():
    pipeline = create_pipeline()
    assert {node.name for node in pipeline.nodes} == {f"{name}.fit_predict" for name in RIVALS}
    assert pipeline.all_outputs() == {f"{name}.{what}" for name in RIVALS for what in OUTPUTS}
    posts = {f"{prefix}{part}_posts" for prefix in ("", "split_") for part in ("training", "validation")}
    assert pipeline.inputs() == posts | {"row_counts", "parameters"}


def test_the_classical_baselines_need_no_torch():
    names = ("pipelines.classical.nodes", "pipelines.classical.pipeline", "classical")
    imports = "; ".join(f"import tweet_sentiment.{name}" for name in names)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {imports}; assert 'torch' not in sys.modules"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def study_posts(parameters):
    """The study's rows: empty posts dropped, blank ones kept; in the file's order."""
    posts = [posts_of(part, parameters, "twitter") for part in ("training", "validation")]
    return [side[(side["label"] != "Irrelevant") & (side["post"] != "")].reset_index(drop=True) for side in posts]


def svc_accuracy(training, validation, parameters):
    return accuracy(learn("linear_svc", (training, validation), parameters)[0])


@pytest.mark.real_data
def test_linear_svc_without_the_validation_ids_scores_what_the_study_says(study_posts, parameters):
    training, validation = study_posts
    without = training[~training["id"].isin(validation["id"])]
    assert (len(training), len(without)) == (61_121, 56_200)
    assert svc_accuracy(without, validation, parameters) == pytest.approx(0.6944, abs=0.01)


@pytest.mark.real_data
def test_linear_svc_on_a_split_by_tweet_id_scores_what_the_study_says(study_posts, parameters):
    training, _ = study_posts
    ids = training["id"].astype(int)
    kept, out = next(GroupShuffleSplit(1, test_size=0.2, random_state=42).split(ids, groups=ids))
    assert svc_accuracy(training.iloc[kept], training.iloc[out], parameters) == pytest.approx(0.6407, abs=0.01)


def test_weights_are_counted_with_their_intercepts():
    estimator = build("linear_svc", seed=1, C=1.0, posts=3).fit(["ab", "cd", "ef"], np.array([0, 1, 2]))
    features = len(estimator[0].get_feature_names_out())
    assert count_weights(estimator) == 3 * (features + 1)
