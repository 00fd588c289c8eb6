"""Early stopping, averaged weights and the second segment, through the Trainer."""

import pytest
import torch
from tests.modeling.conftest import LABELS
from tests.modeling.test_training import interrupt_at_step, same_bits
from tests.modeling.tuned import copy_of, few, tiny, tuning_data
from transformers import TrainerControl, TrainerState, TrainingArguments

from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.model_folder import TrainedModel
from tweet_sentiment.modeling.stopping import StopEarly
from tweet_sentiment.modeling.tokenization import tokenize, tokens_as_trained
from tweet_sentiment.modeling.tuning import tune


def start(tiny_folder):
    return load_classifier(str(tiny_folder), LABELS, seed=1)


def fit(model, chosen, folder, tiny_folder, parameters, **more):
    return tune(model, tuning_data(folder), chosen, tiny(parameters, tiny_folder), **more)


@pytest.mark.parametrize(
    ("values", "patience", "stops"),
    [([0.5, 0.6, 0.6], 1, True), ([0.5, 0.6, 0.7], 1, False), ([0.7, 0.6, 0.65], 2, True), ([0.7, 0.6], 2, False)],
)
def test_it_stops_after_so_many_epochs_without_a_better_one(tmp_path, values, patience, stops):
    arguments = TrainingArguments(str(tmp_path), metric_for_best_model="eval_accuracy", greater_is_better=True)
    control, early = TrainerControl(), StopEarly(patience)
    state = TrainerState(log_history=[{"eval_accuracy": value} for value in values])
    early.on_evaluate(arguments, state, control)
    assert control.should_training_stop is stops
    assert early.stopped is stops


def test_a_training_that_stops_early_has_the_weights_and_figures_of_its_best_epoch(tiny_folder, parameters, tmp_path):
    chosen = few(parameters.full_fine_tuning, early_stopping_patience=1, num_train_epochs=6, learning_rate=1e-5)
    weights = []
    model = start(tiny_folder)
    fitted = fit(model, chosen, tmp_path, tiny_folder, parameters, on_epoch=lambda *_: weights.append(copy_of(model)))
    figures = fitted.fit.figures
    assert len(weights) < 6
    assert figures["steps"] == 4 * len(weights)
    assert figures["epoch"] == len(weights) - 1
    best = weights[round(figures["epoch"]) - 1]
    assert all(torch.equal(tensor, best[name]) for name, tensor in model.state_dict().items())


def averaging(parameters, **changes):
    return few(parameters.full_fine_tuning, average_last_epochs=2, load_best_model_at_end=False, **changes)


def test_averaged_weights_are_the_mean_of_those_at_the_end_of_the_last_epochs(tiny_folder, parameters, tmp_path):
    model, weights = start(tiny_folder), []
    fitted = fit(
        model,
        averaging(parameters, learning_rate=1e-2),
        tmp_path,
        tiny_folder,
        parameters,
        on_epoch=lambda *_: weights.append(copy_of(model)),
    )
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, (weights[1][name] + weights[2][name]) / 2)
    assert 0 <= fitted.fit.figures["dev_accuracy"] <= 1
    assert "chosen_on" not in fitted.fit.figures


@pytest.mark.parametrize("step", [6, 10])
def test_an_interrupted_training_averages_the_same(tiny_folder, parameters, tmp_path, step):
    chosen = averaging(parameters, learning_rate=1e-2)
    whole, resumed = start(tiny_folder), start(tiny_folder)
    fit(whole, chosen, tmp_path / "whole", tiny_folder, parameters)
    with pytest.raises(KeyboardInterrupt):
        fit(interrupt_at_step(start(tiny_folder), step), chosen, tmp_path / "cut", tiny_folder, parameters)
    fit(resumed, chosen, tmp_path / "cut", tiny_folder, parameters)
    assert same_bits(whole, resumed)


def test_an_interrupted_training_draws_the_wordings_it_would_have_drawn(tiny_folder, parameters, tmp_path):
    chosen = few(parameters.full_fine_tuning, one_wording_per_epoch=True, consistency_weight=1.0, learning_rate=1e-2)
    whole, resumed = start(tiny_folder), start(tiny_folder)
    fit(whole, chosen, tmp_path / "whole", tiny_folder, parameters)
    with pytest.raises(KeyboardInterrupt):
        fit(interrupt_at_step(start(tiny_folder), 8), chosen, tmp_path / "cut", tiny_folder, parameters)
    fit(resumed, chosen, tmp_path / "cut", tiny_folder, parameters)
    assert same_bits(whole, resumed)


def test_the_entity_is_a_segment_of_its_own_before_the_post(tokenizer):
    posts = tuning_data("").test_posts.assign(entity="Red Dead")
    tokens, _ = tokenize(posts, tokenizer, LABELS, max_length=64, second_segment="entity")
    plain, _ = tokenize(posts, tokenizer, LABELS, max_length=64)
    entity = tokenizer("Red Dead", add_special_tokens=False)["input_ids"]
    for with_entity, without in zip(tokens["input_ids"], plain["input_ids"], strict=True):
        assert with_entity == [tokenizer.cls_token_id, *entity, tokenizer.sep_token_id, *without[1:]]
    cut, truncated = tokenize(posts, tokenizer, LABELS, max_length=8, second_segment="entity")
    assert truncated > 0
    assert all(ids[1 : 1 + len(entity)] == entity and len(ids) <= 8 for ids in cut["input_ids"])


def test_a_model_reads_posts_as_its_manifest_says(tokenizer):
    posts = tuning_data("").test_posts
    manifest = {"labels": LABELS, "second_segment": "entity"}
    as_trained = tokens_as_trained(TrainedModel(None, tokenizer, manifest), posts, 64)["input_ids"]
    assert as_trained == tokenize(posts, tokenizer, LABELS, 64, second_segment="entity")[0]["input_ids"]


def test_the_manifest_says_what_a_user_of_the_folder_must_know(tiny_folder, parameters, tmp_path):
    from tweet_sentiment.modeling.techniques import fit_lora

    chosen = few(parameters.lora, num_train_epochs=1, pooling="mean", second_segment="entity")
    fitted = fit_lora(tuning_data(tmp_path), tiny(parameters, tiny_folder, lora=chosen))
    mean, segment = fitted.fit.figures["notes"]
    assert "mean" in mean
    assert "entity" in segment
    assert fitted.fit.figures["second_segment"] == "entity"
