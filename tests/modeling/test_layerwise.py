"""Layer-wise learning rates: each parameter once, at the rate that its depth names."""

import pytest

from tweet_sentiment.modeling.freezing import layerwise_groups, unfreeze, unfreeze_all


def rates(model, groups):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(p)]: (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}


def test_the_head_learns_at_the_full_rate_and_each_layer_below_at_a_share_of_the_one_above(tiny_classifier):
    unfreeze_all(tiny_classifier, but=[])
    found = rates(tiny_classifier, layerwise_groups(tiny_classifier, 1e-3, 0.01, decay=0.5))
    assert set(found) == {name for name, _ in tiny_classifier.named_parameters()}
    by_part = {  # the tiny encoder has two blocks
        "pre_classifier.": 1e-3,
        "classifier.": 1e-3,
        "distilbert.transformer.layer.1.": 5e-4,
        "distilbert.transformer.layer.0.": 2.5e-4,
        "distilbert.embeddings.": 1.25e-4,
    }
    for name, (rate, _) in found.items():
        assert rate == pytest.approx(next(r for part, r in by_part.items() if name.startswith(part))), name


def test_biases_and_layer_norms_do_not_decay(tiny_classifier):
    unfreeze_all(tiny_classifier, but=[])
    for name, (_, decay) in rates(tiny_classifier, layerwise_groups(tiny_classifier, 1e-3, 0.01, 0.9)).items():
        plain = name.endswith("bias") or "norm" in name.lower()
        assert decay == (0.0 if plain else 0.01), name


def test_what_is_frozen_is_in_no_group_and_the_head_comes_first(tiny_classifier):
    learning = unfreeze(tiny_classifier, ["classifier"], top_blocks=1)
    groups = layerwise_groups(tiny_classifier, 1e-3, 0.0, 0.9)
    assert set(rates(tiny_classifier, groups)) == set(learning)
    assert groups[0]["lr"] == 1e-3


def test_all_but_the_embeddings(tiny_classifier):
    unfreeze_all(tiny_classifier, but=["distilbert.embeddings"])
    frozen = {name for name, parameter in tiny_classifier.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name, _ in tiny_classifier.named_parameters() if ".embeddings." in name}
