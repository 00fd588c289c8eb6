"""What every fit shares: which rows it is trained and measured on, seeds, class weights, fits that are kept."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.trainings import LABELS, ROW_COUNTS, encoded, examples, few, fit, node_inputs, setup_of, small

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoders import load_encoder, load_tokenizer
from tweet_sentiment.modeling.fitting import (
    class_weights,
    from_inputs,
    new_classifier,
    refuse_adapted_to_other_posts,
)
from tweet_sentiment.modeling.model_folder import TrainedModel
from tweet_sentiment.modeling.series import SEED_COLUMNS, StoredFit, repeat_with_seeds
from tweet_sentiment.modeling.trainer import training_loss
from tweet_sentiment.pipelines.domain_adaptation.nodes import adapt
from tweet_sentiment.pipelines.technique import nodes
from tweet_sentiment.techniques import POSTS, TECHNIQUES, layer_unfreezing

FILES = {"files": {"training": "a"}}


@pytest.fixture
def sections(parameters, encoder):
    unfreezing, lora = few(parameters.layer_unfreezing, learning_rate=1e-2), few(parameters.lora, r=2)
    return small(parameters, encoder, layer_unfreezing=unfreezing, lora=lora)


@pytest.fixture
def head(sections, tmp_path):
    """Layer unfreezing on cached features: its fit, examples, section and setup."""
    setup = setup_of(sections, tmp_path)
    return layer_unfreezing.fit, encoded(examples(), setup), sections.layer_unfreezing, setup


def test_choices_are_made_on_the_dev_split_and_nothing_is_trained_on_it(head):
    _, given, _, _ = head
    for whole in (examples(), given):
        chosen, marked = whole.with_dev_split(), np.asarray(whole.training["dev"])
        assert marked.sum() == 6
        assert list(chosen.training["row"]) == list(np.asarray(whole.training["row"])[~marked])
        assert list(chosen.evaluation["row"]) == list(np.asarray(whole.training["row"])[marked])
        assert len(chosen.limited(5).training) == 5
        assert chosen.limited(None) is chosen
    assert np.array_equal(chosen.training_features, given.training_features[~marked])
    assert np.array_equal(chosen.evaluation_features, given.training_features[marked])
    assert np.array_equal(chosen.limited(5).training_features, given.training_features[~marked][:5])


def test_without_a_dev_split_choices_are_made_on_the_test_posts():
    given = examples()
    given.training["dev"] = False
    assert given.with_dev_split() is given


@pytest.mark.parametrize("technique", ["layer_unfreezing", pytest.param("lora", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("best", "held_out", "n_train"), [(1, 0, 30), (0, 1, 30), (0, 0, 36)])
def test_the_dev_split_is_trained_on_only_if_nothing_is_chosen_on_it(
    sections, tmp_path, technique, best, held_out, n_train
):
    changes = {"load_best_model_at_end": bool(best), "hold_out_dev_split": bool(held_out)}
    section = few(getattr(sections, technique), num_train_epochs=1, **changes)
    fitted = fit(technique, sections.model_copy(update={technique: section}), tmp_path)
    figures, held = fitted.figures, n_train == 30
    assert figures["n_train"] == n_train
    assert ("dev_accuracy" in figures) == held
    assert set(fitted.curves["measured_on"]) == {"dev split" if held else "test posts"}
    assert figures.get("chosen_on") == ("dev split" if best else None)


@pytest.mark.parametrize("limit", [None, 12])
def test_a_head_that_was_trained_on_the_dev_split_is_scored_on_it_by_another_that_was_not(head, limit):
    fit_head, given, section, setup = head
    section = section.model_copy(update={"row_limit": limit})
    fitted = fit_head(given, section.model_copy(update={"load_best_model_at_end": False}), setup)
    apart = fit_head(
        given, section.model_copy(update={"hold_out_dev_split": True, "load_best_model_at_end": False}), setup
    )
    figures = layer_unfreezing.with_dev_scores(fitted, given, section, setup)
    assert "dev_accuracy" not in fitted.figures
    assert {name: figures[name] for name in figures if name.startswith("dev_")} == {
        name: value for name, value in apart.figures.items() if name.startswith("dev_")
    }
    through_encoder = section.model_copy(update={"top_blocks": 1, "load_best_model_at_end": False})
    trained = fit_head(given, few(through_encoder, num_train_epochs=1), setup)
    assert layer_unfreezing.with_dev_scores(trained, given, through_encoder, setup)["dev_accuracy"] is None


def test_a_fit_that_was_finished_is_taken_and_not_made_again(head):
    fit_head, given, section, setup = head
    first = StoredFit("layer_unfreezing", fit_head, given, section, setup, keep_model=True).result()
    again = StoredFit("layer_unfreezing", None, given, section, setup).result()
    assert again.figures == first.figures
    pd.testing.assert_frame_equal(again.curves, first.curves)
    pd.testing.assert_frame_equal(again.predictions, first.predictions)
    assert list(again.predictions["row"]) == list(given.evaluation["row"])
    assert (again.model / "model.safetensors").is_file()


@pytest.mark.parametrize("content", [b'{"dev": {"accuracy": 1.0}}', b""])
def test_a_finished_fit_that_was_edited_or_damaged_is_made_again(head, content):
    fit_head, given, section, setup = head
    first = StoredFit("layer_unfreezing", fit_head, given, section, setup).result()
    (first.model.parent / "figures.json").write_bytes(content)
    again = StoredFit("layer_unfreezing", fit_head, given, section, setup).result()
    assert again.figures | {"seconds": 0} == first.figures | {"seconds": 0}
    pd.testing.assert_frame_equal(again.predictions, first.predictions)


def test_each_further_seed_is_a_row_that_is_the_same_again_and_the_run_s_own_is_none(head):
    one, again = (repeat_with_seeds("layer_unfreezing", *head, [42, 5, 6]) for _ in range(2))
    assert list(one["seed"]) == [5, 6]
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), again.drop(columns="seconds"))
    assert not np.isclose(one["eval_loss"][0], one["eval_loss"][1])
    alone = repeat_with_seeds("layer_unfreezing", *head, [42])
    assert alone.empty
    assert list(alone.columns) == SEED_COLUMNS


@pytest.mark.parametrize(("asked", "seeds"), [(True, [5]), (False, [])])
def test_of_costly_techniques_further_seeds_are_trained_only_if_they_are_asked_for(sections, tmp_path, asked, seeds):
    given, lora = examples(), few(sections.lora, num_train_epochs=1, repeat_seeds=asked)
    table = nodes.repeat_with_seeds(
        "lora",
        parameters=lora,
        seeds=[sections.seed, 5],
        training_posts=given.training,
        test_posts=given.evaluation,
        **node_inputs(sections, tmp_path),
    )
    assert list(table["seed"]) == seeds


def test_balanced_class_weights_make_each_class_weigh_the_same():
    weights = class_weights("balanced", LABELS, [0] * 6 + [1] * 3 + [2])
    assert weights == pytest.approx([10 / 18, 10 / 9, 10 / 3])
    assert np.multiply(weights, [6, 3, 1]).tolist() == pytest.approx([10 / 3] * 3)
    assert class_weights({"Positive": 3.0, "Negative": 1.0, "Neutral": 2.0}, LABELS, []) == [1.0, 2.0, 3.0]


def test_a_class_that_a_limit_of_rows_left_out_has_no_balanced_weight():
    labels = torch.tensor([0, 0, 0, 2])
    weights = class_weights("balanced", LABELS, labels.tolist())
    assert weights == pytest.approx([4 / 9, 0, 4 / 3])
    for smoothing in (0.1, 0.0):
        loss: Any = training_loss(weights, smoothing)
        assert loss(torch.ones(4, 3), labels).isfinite()


@pytest.fixture
def adapted(encoder, sections, tmp_path):
    told = {"protocol": sections.protocol, "seed": sections.seed, "data": FILES["files"], "labels": LABELS}
    model = TrainedModel(
        load_encoder(str(encoder)), load_tokenizer(str(encoder)), told | {"technique": "domain_adaptation"}
    )
    model.save(tmp_path / "adapted")
    return str(tmp_path / "adapted")


def test_a_technique_starts_from_the_checkpoint_of_its_own(adapted, encoder, sections, tmp_path):
    elsewhere = setup_of(small(sections, "nowhere"), tmp_path)
    started = new_classifier(sections.lora.model_copy(update={"checkpoint": adapted}), elsewhere)
    expected = load_encoder(str(encoder)).state_dict()
    assert all(np.array_equal(weight, expected[name]) for name, weight in started.distilbert.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": "grouped"}, "another protocol,"),
        ({"seed": 7}, "another seed,"),
        ({"files": {"training": "b"}}, "other files,"),
        ({"protocol": "grouped", "seed": 7}, "another protocol and another seed"),
    ],
)
def test_an_encoder_that_may_have_read_the_held_out_posts_is_refused(
    adapted, encoder, sections, tmp_path, changes, said
):
    for taken in (adapted, str(encoder), "embedded"):
        refuse_adapted_to_other_posts(taken, ROW_COUNTS | FILES)
    elsewhere = ROW_COUNTS | FILES | changes
    posts = examples()
    given = node_inputs(small(sections, adapted), tmp_path) | {"row_counts": elsewhere}
    whole = {"training_posts": posts.training, "test_posts": posts.evaluation}
    for refused in (
        lambda: refuse_adapted_to_other_posts(adapted, elsewhere),
        lambda: from_inputs(given | whole, POSTS),  # whatever a technique learns, the encoder frozen or not
        lambda: nodes.load_untrained(elsewhere, sections.study, given["model"]),
        lambda: adapt(posts.training, sections.domain_adaptation, **given),
    ):
        with pytest.raises(StudyError, match=said):
            refused()


def test_a_further_seed_holds_out_the_same_posts(adapted, sections, tmp_path):
    given, lora = examples(), few(sections.lora, num_train_epochs=1, repeat_seeds=True, checkpoint=adapted)
    setup = setup_of(sections, tmp_path, **FILES)
    assert list(repeat_with_seeds("lora", TECHNIQUES["lora"].fit, given, lora, setup, [sections.seed, 5])["seed"]) == [
        5
    ]
