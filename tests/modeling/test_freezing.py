"""Which parameters learn, and at which rate: each once, as its name and its depth say."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.freezing import (
    count_trainable,
    freeze,
    layerwise_groups,
    unfreeze,
    unfreeze_all,
    with_learning_rate,
)
from tweet_sentiment.parameters import EncoderHyperparameters

HEAD = ["pre_classifier.weight", "pre_classifier.bias", "classifier.weight", "classifier.bias"]


@pytest.mark.parametrize(
    ("names", "top_blocks", "prefixes"),
    [
        (["classifier"], 0, ["classifier."]),
        (["classifier.bias"], 0, ["classifier.bias"]),
        (["head"], 0, ["pre_classifier.", "classifier."]),
        (["embeddings"], 1, ["distilbert.embeddings.", "distilbert.transformer.layer.1."]),
        ([], 2, ["distilbert.transformer.layer."]),
        (["encoder", "head"], 0, [""]),
    ],
)
def test_what_is_named_learns_and_nothing_else(tiny_classifier, names, top_blocks, prefixes):
    expected = [name for name, _ in tiny_classifier.named_parameters() if name.startswith(tuple(prefixes))]
    assert unfreeze(tiny_classifier, names, top_blocks) == expected
    assert [name for name, one in tiny_classifier.named_parameters() if one.requires_grad] == expected


def test_unknown_names_and_too_many_blocks_are_refused(tiny_classifier):
    with pytest.raises(StudyError, match="no parameter 'clasifier'"):
        unfreeze(tiny_classifier, ["clasifier"])
    with pytest.raises(StudyError, match="the encoder has 2 blocks"):
        unfreeze(tiny_classifier, [], top_blocks=3)


def test_trainable_parameters_are_counted(tiny_classifier):
    freeze(tiny_classifier)
    assert count_trainable(tiny_classifier) == 0
    unfreeze(tiny_classifier, ["classifier"])
    assert count_trainable(tiny_classifier) == 3 * 32 + 3


def test_all_but_the_embeddings(tiny_classifier):
    unfreeze_all(tiny_classifier, but=["embeddings"])
    frozen = {name for name, one in tiny_classifier.named_parameters() if not one.requires_grad}
    assert frozen == {name for name, _ in tiny_classifier.named_parameters() if ".embeddings." in name}


def rates(model, decay):
    groups = layerwise_groups(model, 1e-3, 0.01, decay)
    assert groups[0]["lr"] == 1e-3  # the head's
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(p)]: (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}


def test_each_layer_learns_at_a_share_of_the_rate_above_and_only_matrices_decay(tiny_classifier):
    unfreeze_all(tiny_classifier, but=[])
    found = rates(tiny_classifier, decay=0.5)
    assert set(found) == {name for name, _ in tiny_classifier.named_parameters()}
    by_part = {  # the tiny encoder has two blocks
        "pre_classifier.": 1e-3,
        "classifier.": 1e-3,
        "distilbert.transformer.layer.1.": 5e-4,
        "distilbert.transformer.layer.0.": 2.5e-4,
        "distilbert.embeddings.": 1.25e-4,
    }
    for name, (rate, decay) in found.items():
        assert rate == pytest.approx(next(r for part, r in by_part.items() if name.startswith(part))), name
        assert decay == (0.0 if name.endswith("bias") or "norm" in name.lower() else 0.01), name


def test_what_is_frozen_is_in_no_group(tiny_classifier):
    assert set(rates(tiny_classifier, 0.9)) > set(HEAD)
    learning = unfreeze(tiny_classifier, ["classifier"], top_blocks=1)
    assert set(rates(tiny_classifier, 0.9)) == set(learning)


@pytest.mark.parametrize(
    ("kind", "size", "rate"),
    [
        ("distilbert", {"dim": 384, "hidden_dim": 1536, "n_layers": 6, "n_heads": 12}, 2e-4),
        ("distilbert", {}, 5e-5),
        ("bert", {}, 2.5e-5),
        ("mpnet", {}, 2.5e-5),
        ("albert", {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}, 2.5e-5),
        (
            "bert",
            {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16},
            7e-6,
        ),
        ("bert", {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}, 2e-4),
    ],
)
def test_the_larger_the_encoder_the_lower_the_automatic_rate(kind, size, rate):
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(kind, **size))
    shape = {"num_train_epochs": 1, "per_device_train_batch_size": 8, "warmup_steps": 0, "weight_decay": 0.0}
    given = EncoderHyperparameters(learning_rate="auto", **shape)
    assert with_learning_rate(given, model).learning_rate == pytest.approx(rate, rel=0.02)
    said = given.under(learning_rate=0.3)
    assert with_learning_rate(said, model) is said
