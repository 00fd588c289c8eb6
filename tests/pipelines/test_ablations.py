"""Experiments that vary one setting: a row a value, judged against the first, kept when they are run again."""

import numpy as np
import pandas as pd
import pytest
from tests.trainings import encoded, examples, few, node_inputs, setup_of, small

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.pipelines.ablation.nodes import (
    at_size,
    by_tweet,
    compare_trainings,
    measure_sizes,
    sweep_blocks,
    sweep_heads,
)
from tweet_sentiment.pipelines.reporting.nodes import COLUMNS
from tweet_sentiment.reports.figures import learning_figure
from tweet_sentiment.techniques import TUNABLE

TRAININGS = ("training_ablation", "data", "uncertainty", "full_fine_tuning", "lora")
SIZES = ("learning_curve", "uncertainty", *TUNABLE)


def changed(sections, name, **changes):
    """Return the sections with other values in one of them."""
    return sections.model_copy(update={name: getattr(sections, name).model_copy(update=changes)})


@pytest.fixture
def sections(parameters, encoder):
    """All experiments, small."""
    variants = {
        "plain": {},
        "entity": {"second_segment": "entity"},
        "mean": {"pooling": "mean", "hyperparameters": {"num_train_epochs": 2}},
    }
    one_epoch = {name: few(getattr(parameters, name), num_train_epochs=1, row_limit=20) for name in TUNABLE}
    return small(
        parameters,
        encoder,
        **one_epoch,
        uncertainty=parameters.uncertainty.model_copy(update={"resamples": 100}),
        unfreezing_sweep=few(parameters.unfreezing_sweep, top_blocks=[0, 1, 2], num_train_epochs=2, row_limit=20),
        training_ablation=parameters.training_ablation.model_copy(
            update={"variants": variants, "technique": "lora", "row_limit": 20}
        ),
        learning_curve=parameters.learning_curve.model_copy(
            update={"techniques": ["lora", "prompt_tuning"], "sizes": [8, 16, 24, 1000]}
        ),
    )


def posts():
    given = examples()
    return {"training_posts": given.training, "test_posts": given.evaluation}


def blocks(sections, folder):
    given = encoded(examples(), setup_of(sections, folder))
    names = ("training_tokens", "test_tokens", "training_features", "test_features")
    parts = (given.training, given.evaluation, given.training_features, given.evaluation_features)
    own = node_inputs(sections, folder, "unfreezing_sweep", "layer_unfreezing", "uncertainty")
    return sweep_blocks(**dict(zip(names, parts, strict=True)), **own)


def trainings(sections, folder):
    return compare_trainings(**posts(), **node_inputs(sections, folder, *TRAININGS))


def sizes(sections, folder):
    return measure_sizes(**posts(), **node_inputs(sections, folder, *SIZES))


def test_each_number_of_blocks_is_a_row_and_is_kept_for_a_longer_sweep_but_not_under_other_settings(
    sections, encoder, tmp_path
):
    first = blocks(changed(sections, "unfreezing_sweep", top_blocks=[0]), tmp_path)
    table = blocks(sections, tmp_path)
    assert table["seconds"][0] == first["seconds"][0]
    assert list(table["top_blocks"]) == [0, 1, 2]
    assert list(table["encoder_cached"]) == [True, False, False]
    assert set(table["n_train"]) == {20}
    block = load_classifier(str(encoder), sections.labels, 1).distilbert.transformer.layer[0]
    size = sum(parameter.numel() for parameter in block.parameters())
    assert list(table["trainable_parameters"].diff()[1:]) == [size, size]
    assert (table["low"].le(table["accuracy"]) & table["high"].ge(table["accuracy"])).all()
    other = blocks(changed(sections, "unfreezing_sweep", top_blocks=[0], row_limit=12), tmp_path)
    assert other["n_train"][0] == 12
    narrow = blocks(changed(sections, "uncertainty", level=0.5), tmp_path)
    assert narrow["seconds"][0] == first["seconds"][0]
    assert narrow["high"][0] - narrow["low"][0] < first["high"][0] - first["low"][0]


@pytest.mark.slow
def test_each_head_beside_the_prompt_is_a_row_and_alone_the_prompt_is_trained_only(sections, tmp_path):
    sections = changed(sections, "prompt_tuning", num_virtual_tokens=3, row_limit=16)
    given = posts() | node_inputs(sections, tmp_path, "prompt_tuning", "uncertainty")
    table = sweep_heads(**given)
    assert list(table["trainable_head"]) == ["none", "classifier", "head"]
    prompt, classifier, pre_classifier = 3 * 32, 32 * 3 + 3, 32 * 32 + 32
    assert list(table["trainable_parameters"]) == list(np.cumsum([prompt, classifier, pre_classifier]))
    assert set(table["n_train"]) == {16}
    assert list(sweep_heads(**given)["seconds"]) == list(table["seconds"])


@pytest.mark.slow
def test_each_training_is_a_row_that_is_compared_with_the_first_and_only_a_changed_one_is_made_again(
    sections, tmp_path
):
    table = trainings(sections, tmp_path)
    assert list(table["variant"]) == ["plain", "entity", "mean"]
    assert set(table["n_train"]) == {20}
    assert list(table["steps"]) == [3, 3, 6]
    np.testing.assert_allclose(table["difference"][1:], table["accuracy"][1:] - table["accuracy"][0])
    assert table.loc[0, ["difference", "p_value", "p_adjusted"]].isna().all()
    assert (table["p_adjusted"] >= table["p_value"])[1:].all()
    variants = {**sections.training_ablation.variants, "entity": {"second_segment": "entity", "lora_alpha": 4}}
    again = trainings(changed(sections, "training_ablation", variants=variants), tmp_path)
    assert list(table["seconds"] == again["seconds"]) == [True, False, True]


def test_a_missing_encoder_is_found_before_anything_is_trained(sections, tmp_path):
    lacking = changed(sections, "training_ablation", variants={"plain": {}, "adapted": {"checkpoint": "./nowhere"}})
    with pytest.raises(StudyError, match="nowhere"):
        trainings(lacking, tmp_path)
    assert not list(tmp_path.glob("finished-*"))


def test_a_variant_that_reads_a_column_the_file_lacks_is_skipped_and_without_another_it_is_a_message(
    sections, tmp_path, caplog
):
    columns = sections.data.columns.model_copy(update={"entity": None})
    lacking = changed(sections, "data", columns=columns)
    some = {"plain": {}, "entity": {"second_segment": "entity"}}
    table = trainings(changed(lacking, "training_ablation", variants=some), tmp_path)
    assert list(table["variant"]) == ["plain"]
    assert "Skipped: training_ablation.variants.entity: second_segment is entity" in caplog.text
    with pytest.raises(StudyError, match=r"Each of training_ablation\.variants reads a column"):
        trainings(changed(lacking, "training_ablation", variants={"entity": some["entity"]}), tmp_path)


@pytest.mark.slow
def test_each_size_is_a_row_and_what_all_posts_would_give_is_not_called_measured(sections, tmp_path):
    table = sizes(sections, tmp_path)
    assert list(table["n_train"]) == [8, 16, 24, 30] * 2
    assert list(table["measured"]) == [True, True, True, False] * 2
    assert list(table["technique"]) == ["lora"] * 4 + ["prompt_tuning"] * 4
    assert not table["selected"].any()
    expected = table[~table["measured"]]
    assert expected["accuracy"].between(expected["accuracy_low"] - 0.2, expected["accuracy_high"] + 0.2).all()
    assert expected[["seconds", "dev_accuracy", "eval_loss"]].isna().all(axis=None)
    assert table.loc[table["measured"], ["dev_accuracy", "accuracy", "seconds"]].notna().all(axis=None)
    assert set(table) - {"error_floor", "error_excess", "exponent"} <= set(COLUMNS) | {"expected_calibration_error"}
    figure = learning_figure(table, sections.study)
    assert "not measured" in "".join(trace.name or "" for trace in figure.data)
    assert figure.layout.title.text.startswith("Expected from all posts: lora ")
    more = sizes(changed(sections, "learning_curve", sizes=[8, 16, 20, 24], techniques=["lora"]), tmp_path)
    assert list(more["n_train"]) == [8, 16, 20, 24, 30]
    assert list(more["seconds"].iloc[[0, 1, 3]]) == list(table["seconds"].iloc[:3])


def test_too_few_sizes_below_the_posts_there_are_is_a_message(sections, tmp_path):
    with pytest.raises(StudyError, match=r"2 of \[8, 16, 40\] are below the 30 training posts"):
        sizes(changed(sections, "learning_curve", sizes=[8, 16, 40]), tmp_path)


def test_sets_are_nested_and_a_tweet_comes_with_its_paraphrases(tmp_path):
    given = examples()
    ordered = by_tweet(given, seed=7).training
    assert sorted(ordered["row"]) == sorted(given.training["row"])
    assert (ordered["id"] != ordered["id"].shift()).sum() == given.training["id"].nunique()
    assert list(ordered["id"]) != list(by_tweet(given, seed=8).training["id"])
    pd.testing.assert_frame_equal(ordered, by_tweet(given, seed=7).training)
    given.training["id"] = ""  # without ids each post is drawn alone
    assert not np.array_equal(by_tweet(given, seed=7).training["row"], given.training["row"])


def test_warm_up_is_the_same_share_of_a_shorter_training(parameters):
    quarter = at_size(few(parameters.lora, warmup_steps=200), 250, 1000)
    assert (quarter.row_limit, quarter.hyperparameters.warmup_steps, quarter.hold_out_dev_split) == (250, 50, True)
