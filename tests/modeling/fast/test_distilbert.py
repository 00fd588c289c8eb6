"""DistilBERT without transformers gives the logits and gradients of transformers' own."""

import pytest
import torch
from tests.modeling.conftest import change_config, logits, vouch

from tweet_sentiment.manifests import read_manifest
from tweet_sentiment.modeling.encoders import set_pooling
from tweet_sentiment.modeling.fast.blocks import forward
from tweet_sentiment.modeling.fast.distilbert import ACTIVATIONS, Network
from tweet_sentiment.modeling.model_folder import load_model, load_weights
from tweet_sentiment.modeling.prediction import pad, without_idle_mask
from tweet_sentiment.modeling.speed import load_network


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
