"""Less work, the same results: what the fast forward leaves out is read by no one."""

import copy

import pytest
import torch
from tests.modeling.conftest import change_config, logits, vouch
from torch.nn import functional

from tweet_sentiment.manifests import read_manifest
from tweet_sentiment.modeling.encoders import set_pooling
from tweet_sentiment.modeling.fast.distilbert import ACTIVATIONS, Network, forward
from tweet_sentiment.modeling.model_folder import load_model, load_weights
from tweet_sentiment.modeling.prediction import pad, without_idle_mask
from tweet_sentiment.modeling.speed import load_network


@pytest.fixture
def no_dropout(tiny_classifier):
    for module in tiny_classifier.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return tiny_classifier.train()


@pytest.mark.parametrize("padded", [False, True])
def test_logits_are_those_of_the_plain_model_before_and_after(tiny_classifier, tokens, padded):
    rows = tokens[1]["input_ids"][:6] if padded else [tokens[1]["input_ids"][0]] * 3
    batch = without_idle_mask(pad(rows, 0))
    assert ("attention_mask" in batch) == padded
    plain = logits(tiny_classifier, batch)
    with forward(tiny_classifier):
        assert torch.allclose(logits(tiny_classifier, batch), plain, atol=1e-6)
    with pytest.raises(KeyError), forward(tiny_classifier):
        raise KeyError
    assert all("forward" not in vars(module) for module in tiny_classifier.modules())
    assert torch.equal(logits(tiny_classifier, batch), plain)


@pytest.mark.parametrize("position", [2, None])
def test_every_position_reads_as_the_pooled_one_and_all_stay_where_all_are_pooled(tiny_classifier, batch, position):
    encoder = tiny_classifier.distilbert.eval()
    encoder.pooled_position = position
    with torch.no_grad():
        plain = encoder(**batch).last_hidden_state
        with forward(encoder):
            found = encoder(**batch).last_hidden_state
    expected = plain if position is None else plain[:, position : position + 1].expand_as(plain)
    held = batch["attention_mask"].bool()
    assert torch.allclose(found[held], expected[held], atol=1e-6)


def test_gradients_are_those_of_the_plain_model(no_dropout, tokens, batch):
    plain, labels = copy.deepcopy(no_dropout), torch.tensor(tokens[1]["label"])
    functional.cross_entropy(plain(**batch).logits, labels).backward()
    with forward(no_dropout):
        functional.cross_entropy(no_dropout(**batch).logits, labels).backward()
    for (name, mine), theirs in zip(no_dropout.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-6), name


def test_training_draws_dropout_in_every_block_and_after_attention(no_dropout, batch):
    with forward(no_dropout), torch.no_grad():
        still = no_dropout(**batch).logits
        for block in no_dropout.distilbert.transformer.layer:
            for part in (block.attention, block.ffn):
                part.dropout.p = 0.5
                assert not torch.equal(no_dropout(**batch).logits, still)
                part.dropout.p = 0.0


def test_another_family_s_model_computes_as_it_is():
    layer = torch.nn.TransformerEncoderLayer(8, 2, batch_first=True).eval()
    states = torch.randn(2, 3, 8)
    plain = layer(states)
    with forward(layer):
        assert torch.allclose(layer(states), plain, atol=1e-6)


def same_logits(folder, rows):
    """Return the network and transformers' model of a folder, having compared their logits."""
    network, model = load_network(folder, read_manifest(folder)), load_model(folder).model
    for batch in (pad(rows, 0), without_idle_mask(pad(rows[:1], 0))):
        expected = logits(model, batch)
        torch.testing.assert_close(logits(network, batch), expected, atol=1e-5, rtol=1e-5)
        with forward(network):
            torch.testing.assert_close(logits(network, batch), expected, atol=1e-5, rtol=1e-5)
    return network, model


@pytest.mark.parametrize("activation", [*sorted(ACTIVATIONS), "mish"])
def test_a_network_gives_the_logits_of_transformers_which_loads_what_it_does_not_know(folder, tokens, activation):
    change_config(folder, activation=activation)
    vouch(folder)
    network, model = same_logits(folder, tokens[1]["input_ids"])
    assert isinstance(network, Network) == (activation != "mish")
    weights = dict(model.named_parameters())
    assert {name for name, one in network.named_parameters() if torch.equal(one, weights[name])} == set(weights)


def test_the_mean_is_pooled_where_the_configuration_says_so(folder, tokens, batch):
    trained = load_model(folder)
    plain = logits(trained.model, batch)
    set_pooling(trained.model, "mean")
    trained.save(folder.with_name("mean"))
    network, _ = same_logits(folder.with_name("mean"), tokens[1]["input_ids"])
    assert not torch.allclose(logits(network, batch), plain)


def test_gradients_by_vectors_in_place_of_word_pieces_are_the_same(folder, batch):
    found = []
    for load in (load_network, load_weights):
        model = load(folder, read_manifest(folder))
        vectors = model.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_()
        model(inputs_embeds=vectors, attention_mask=batch["attention_mask"]).logits[:, 0].sum().backward()
        found.append(vectors.grad)
    assert found[0].abs().max() > 0
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-4)
