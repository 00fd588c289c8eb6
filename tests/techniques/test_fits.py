"""Every technique that is fitted: what it moves, what a kill does to it, what its folder predicts, what it says."""

import re
from itertools import pairwise

import pandas as pd
import pytest
from tests.trainings import (
    LABELS,
    copy_of,
    examples,
    few,
    fit,
    interrupted_at,
    moved,
    same_bits,
    setup_of,
    small,
    stopped_after_save,
)

from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.model_folder import load_model
from tweet_sentiment.modeling.prediction import predictions_table
from tweet_sentiment.modeling.tokenization import tokens_as_trained
from tweet_sentiment.scoring.metrics import score_table

pytestmark = pytest.mark.usefixtures("one_thread")

HEAD, BLOCK = r"(pre_)?classifier\.", r"distilbert\.transformer\.layer\.1\."
VARIANTS = [  # of a technique: changes to its section, and which weights they move; the first of each is quick
    ("layer_unfreezing", {}, HEAD),
    ("layer_unfreezing", {"unfreeze": ["classifier"]}, r"classifier\."),
    ("layer_unfreezing", {"unfreeze": ["classifier"], "top_blocks": 1}, rf"classifier\.|{BLOCK}"),
    ("full_fine_tuning", {}, ""),
    ("full_fine_tuning", {"freeze_embeddings": True, "pooling": "mean"}, rf"{HEAD}|distilbert\.transformer"),
    ("lora", {"peft_type": "LORA", "second_segment": "entity"}, rf"{HEAD}|.*\.\w*lin\d?\.weight"),
    ("lora", {"peft_type": "IA3"}, rf"{HEAD}|.*\.(k_lin|v_lin|lin2)\.weight"),
    *(
        ("p_tuning", {"encoder_reparameterization_type": kind, "pooling": pooling}, HEAD)
        for kind, pooling in (("MLP", "first"), ("LSTM", "cls"))
    ),
    ("prompt_tuning", {"trainable_head": [], "pooling": "cls"}, "nothing"),
    ("prompt_tuning", {"trainable_head": ["classifier"]}, r"classifier\."),
    ("distillation", {}, ""),
]
EARLY = {"early_stopping_patience": 1, "num_train_epochs": 6}
RESUMED = [
    ("layer_unfreezing", {"top_blocks": 1}),
    ("lora", EARLY),
    *(
        pytest.param(*one, marks=pytest.mark.slow)
        for one in (
            ("full_fine_tuning", EARLY | {"layerwise_learning_rate_decay": 0.8}),
            ("p_tuning", EARLY),
            ("p_tuning", {}),
            ("prompt_tuning", {"trainable_head": []}),
            ("distillation", {}),
        )
    ),
]
FEWER = {"num_virtual_tokens": 3, "encoder_hidden_size": 16, "learning_rate": 1e-2}


@pytest.fixture
def sections_of(parameters, encoder):
    """Make the sections with few epochs of a technique, and changes to it."""

    def make(technique, **changes):
        section = getattr(parameters, technique)
        changes = {
            name: value for name, value in FEWER.items() if hasattr(section, name) or name in "learning_rate"
        } | changes
        return small(parameters, encoder, **{technique: few(section, **changes)})

    return make


@pytest.mark.parametrize(
    ("technique", "changes", "pattern"),
    [
        pytest.param(*one, marks=() if one[0] != before[0] else pytest.mark.slow)
        for before, one in pairwise([("", {}, ""), *VARIANTS])
    ],
)
def test_what_is_trained_moves_alone_and_the_saved_folder_predicts_what_the_best_epoch_was_measured_with(
    sections_of, encoder, tmp_path, technique, changes, pattern
):
    sections = sections_of(technique, num_train_epochs=2, load_best_model_at_end=True, **changes)
    fitted = fit(technique, sections, tmp_path / "work")
    before = copy_of(load_classifier(str(encoder), LABELS, sections.seed))
    expected = {name for name in before if re.match(pattern, name)}
    assert expected - moved(fitted.classifier, before) <= {name for name in before if name.endswith("k_lin.bias")}
    assert moved(fitted.classifier, before) <= expected
    assert not list(tmp_path.glob("work/**/checkpoints-*")), "those of a finished training are deleted"

    figures, dev = fitted.figures, examples().with_dev_split().evaluation
    fitted.model({"labels": LABELS, "second_segment": figures.get("second_segment")}).save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    device = setup_of(sections, tmp_path).device
    found = score_table(predictions_table(again, tokens_as_trained(again, dev, 64), device, sections.model), LABELS)
    for name in ("accuracy", "macro_f1", "eval_loss"):
        assert figures[f"dev_{name}"] == pytest.approx(found[name], abs=1e-5)
    epochs = fitted.curves.dropna(subset=["accuracy"])
    best = epochs.loc[epochs["accuracy"].idxmax()]
    assert (figures["epoch"], figures["dev_accuracy"]) == (best["epoch"], best["accuracy"])
    assert (len(epochs), figures["n_train"]) == (2, 30)


@pytest.mark.parametrize(("technique", "changes"), RESUMED)
def test_a_training_that_is_stopped_in_an_epoch_and_after_each_ends_in_the_same_bits_and_curves(
    sections_of, tmp_path, technique, changes
):
    sections = sections_of(technique, load_best_model_at_end=True, **changes)
    whole = fit(technique, sections, tmp_path / "whole")
    epochs = len(whole.curves.dropna(subset=["accuracy"]))
    if patience := changes.get("early_stopping_patience"):
        assert whole.figures["epoch"] == epochs - patience < changes["num_train_epochs"] - patience
    with interrupted_at(6):  # of four an epoch
        fit(technique, sections, tmp_path / "cut")
    for _ in range(epochs - 1):
        with stopped_after_save(1):
            fit(technique, sections, tmp_path / "cut")
    resumed = fit(technique, sections, tmp_path / "cut")
    pd.testing.assert_frame_equal(whole.curves, resumed.curves, check_exact=True)
    assert same_bits(whole.classifier, resumed.classifier)
    assert whole.figures["epoch"] == resumed.figures["epoch"]
