"""Techniques that read what others have made: the ensemble, distillation's soft labels, the adapted encoder."""

import numpy as np
import pandas as pd
import pytest
from tests.trainings import LABELS, ROW_COUNTS, examples, few, node_inputs, setup_of, small

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoders import load_classifier, load_encoder, load_tokenizer
from tweet_sentiment.modeling.model_folder import TrainedModel
from tweet_sentiment.modeling.prediction import predictions_table
from tweet_sentiment.modeling.tokenization import tokens_as_trained
from tweet_sentiment.pipelines.distillation.nodes import make_soft_labels
from tweet_sentiment.pipelines.domain_adaptation.nodes import adapt, collect_posts
from tweet_sentiment.pipelines.ensemble.nodes import average
from tweet_sentiment.scoring.metrics import PROBABILITY

COLUMNS = [f"{PROBABILITY}{label}" for label in LABELS]
METRICS = {"texts": "raw", "n_train": 5, "trainable_parameters": 7, "seconds": 2.0, "encoder": "e", "device": "cpu"}
METRICS |= {"dtype": "fp32"}


def predictions(*probabilities):
    predicted = [LABELS[int(np.argmax(row))] for row in probabilities]
    table = pd.DataFrame({"row": range(len(probabilities)), "id": "1", "label": LABELS[0], "predicted": predicted})
    return table.assign(**dict(zip(COLUMNS, zip(*probabilities, strict=True), strict=True)))


TWO = {
    "lora": predictions([0.6, 0.4, 0.0], [0.1, 0.2, 0.7]),
    "full_fine_tuning": predictions([0.1, 0.8, 0.1], [0.2, 0.2, 0.6]).iloc[::-1],
}


def averaged(parameters, given=TWO, on_dev=None, **speeds):
    ensemble = parameters.ensemble.model_copy(update={"members": list(TWO)})
    loaders = [{name: lambda one=one: one for name, one in tables.items()} for tables in (given, on_dev or {})]
    metrics = {name: METRICS | ({"ms_per_post": speeds[name]} if name in speeds else {}) for name in given}
    return average(*loaders, ROW_COUNTS, parameters.study, parameters.model, ensemble, **metrics)


def test_probabilities_are_averaged_row_by_row_whatever_the_order(parameters):
    mean, figures, model = averaged(parameters)
    np.testing.assert_allclose(mean[COLUMNS], [[0.35, 0.6, 0.05], [0.15, 0.2, 0.65]])
    assert list(mean["predicted"]) == LABELS[1:]
    assert list(mean.columns) == list(TWO["lora"].columns)
    assert (figures["trainable_parameters"], figures["seconds"], figures["n_train"]) == (14, 4.0, 5)
    assert model.members == list(TWO)


def test_time_and_dev_scores_are_known_only_if_every_member_s_are(parameters):
    assert averaged(parameters, lora=1.5, full_fine_tuning=2.0)[1]["ms_per_post"] == 3.5
    assert averaged(parameters, lora=1.5)[1]["ms_per_post"] is None
    assert averaged(parameters, on_dev=TWO)[1]["dev_accuracy"] == 0.0
    assert averaged(parameters, on_dev={"lora": TWO["lora"]})[1]["dev_accuracy"] is None


def test_a_member_that_was_not_run_and_members_of_other_posts_are_named(parameters):
    with pytest.raises(StudyError, match="kedro run --pipeline=full_fine_tuning"):
        averaged(parameters, {"lora": TWO["lora"]})
    other = TWO["full_fine_tuning"].assign(row=[7, 8])
    with pytest.raises(StudyError, match="not about the same posts"):
        averaged(parameters, TWO | {"full_fine_tuning": other})


def test_soft_labels_are_the_mean_of_what_each_teacher_says_through_its_own_inputs(parameters, encoder, tmp_path):
    sections, posts = small(parameters, encoder), examples().training
    setup = setup_of(sections, tmp_path)

    def teacher(seed, **manifest):
        classifier, tokenizer = load_classifier(str(encoder), LABELS, seed), load_tokenizer(str(encoder))
        return lambda: TrainedModel(classifier, tokenizer, {"labels": LABELS, **manifest})

    models = {"lora": teacher(1), "full_fine_tuning": teacher(2, second_segment="entity")}

    def said(models=models, **changes):
        chosen = sections.distillation.model_copy(update={"teachers": ["lora", "full_fine_tuning"], **changes})
        return make_soft_labels(models, posts, chosen, **node_inputs(sections, tmp_path), lora={}, full_fine_tuning={})

    found = said(hard_label_weight=0.0)
    each = [
        predictions_table(model(), tokens_as_trained(model(), posts, 128), setup.device, setup.model)[COLUMNS]
        for model in models.values()
    ]
    assert not np.allclose(each[0], each[1])
    np.testing.assert_allclose(found[COLUMNS], sum(each) / 2)
    assert found["row"].tolist() == posts["row"].tolist()
    hard = said(hard_label_weight=1.0)[COLUMNS].to_numpy()
    assert [LABELS[i] for i in hard.argmax(axis=1)] == posts["label"].tolist()
    assert set(hard.ravel()) == {0.0, 1.0}
    with pytest.raises(StudyError, match="kedro run --pipeline=lora"):
        said({})


def read(*rows):
    return pd.DataFrame(list(rows), columns=["id", "label", "post"])


TRAINING = read(
    ("1", "Positive", "a lovely long sentence about this and that"),
    ("2", "Irrelevant", "nothing to do with any of it, at all"),
    ("3", "Negative", "an id of the test posts"),
    ("4", "Neutral", "the very words of a test post"),
    ("5", "Neutral", "almost the words of a test post, every one"),
    ("6", "Neutral", "to choose on"),
    ("6", "Irrelevant", "a paraphrase of what is chosen on"),
    ("7", "Negative", "   "),
    ("8", "Negative", "A lovely, long sentence about this and that"),
)
TEST = read(
    ("3", "Negative", "other"),
    ("90", "Neutral", "The very words of a test post!"),
    ("91", "Neutral", "Almost the words of a test post, every  onee"),
)
SPLIT = TRAINING.assign(dev=TRAINING["post"] == "to choose on")


def collected(parameters, row_limit=None, **changes):
    study = parameters.study.model_copy(update=changes)
    chosen = parameters.domain_adaptation.model_copy(update={"row_limit": row_limit})
    return collect_posts(TRAINING, SPLIT, TEST, parameters.data, study, chosen)


def test_an_encoder_is_adapted_to_posts_of_any_label_but_none_that_is_held_out_or_tied_to_one(parameters):
    posts = collected(parameters)
    assert {"2"} <= set(posts["id"]) <= {"1", "2", "8"}
    assert posts["post"].is_unique
    assert list(posts) == ["id", "post"]
    assert set(collected(parameters, protocol="grouped")["id"]) == set(posts["id"])
    assert {"3", "4", "5", "6"} <= set(collected(parameters, protocol="published")["id"])
    assert len(collected(parameters, row_limit=1)) == 1


def test_the_adapted_folder_is_an_encoder(parameters, encoder, tmp_path):
    sections, posts = small(parameters, encoder), collected(parameters)
    chosen = few(parameters.domain_adaptation, num_train_epochs=1)
    trained, curves, figures = adapt(posts, chosen, **node_inputs(sections, tmp_path / "work"))
    assert figures["n_adapted"] == len(posts) - 1
    assert curves["eval_loss"].notna().sum() == 1
    trained.save(tmp_path / "adapted")
    assert load_encoder(str(tmp_path / "adapted")).config.dim == 32
