"""The network that is asked computes what transformers' own does, from the same folder."""

import json

import pytest
import torch
from tests.modeling.test_folders import change_config, vouch

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import read_manifest
from tweet_sentiment.modeling.encoders import set_pooling
from tweet_sentiment.modeling.fast.distilbert import ACTIVATIONS, Network
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.prediction import pad, without_idle_mask
from tweet_sentiment.modeling.speed import fast_forward, load_network

NAMES = ["Negative", "Neutral", "Positive"]


@pytest.fixture
def folder(tiny_classifier, tokenizer, tmp_path):
    for weights in tiny_classifier.parameters():
        if weights.dim() == 2:
            weights.data *= 8  # or an activation would hardly matter
    TrainedModel(tiny_classifier, tokenizer, {"labels": NAMES}).save(tmp_path / "model")
    return tmp_path / "model"


def load(folder):
    return load_network(folder, read_manifest(folder))


def same_logits(folder, rows):
    """Return the network and transformers' model of a folder, having compared their logits."""
    network, model = load(folder), load_model(folder).model
    for batch in (pad(rows, 0), without_idle_mask(pad(rows[:1], 0, multiple=1))):
        with torch.inference_mode():
            expected = model(**batch).logits
            torch.testing.assert_close(network(**batch).logits, expected, atol=1e-5, rtol=1e-5)
            with fast_forward(network):
                torch.testing.assert_close(network(**batch).logits, expected, atol=1e-5, rtol=1e-5)
    return network, model


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_logits_are_those_of_transformers_whatever_the_activation(folder, tokens, activation):
    change_config(folder, activation=activation)
    vouch(folder)
    network, model = same_logits(folder, tokens[1]["input_ids"][:6])
    assert isinstance(network, Network)
    weights = dict(model.named_parameters())
    assert {name for name, one in network.named_parameters() if torch.equal(one, weights[name])} == set(weights)


def test_the_mean_is_pooled_where_the_configuration_says_so(folder, tokens):
    trained = load_model(folder)
    set_pooling(trained.model, "mean")
    trained.save(folder.with_name("mean"))
    network, _ = same_logits(folder.with_name("mean"), tokens[1]["input_ids"][:6])
    batch = pad(tokens[1]["input_ids"][:6], 0)
    with torch.inference_mode():
        assert not torch.allclose(network(**batch).logits, load(folder)(**batch).logits)


def test_gradients_by_vectors_in_place_of_word_pieces_are_the_same(folder, tokens):
    batch = pad(tokens[1]["input_ids"][:4], 0)
    found = []
    for model in (load(folder), load_model(folder).model):
        vectors = model.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_()
        model(inputs_embeds=vectors, attention_mask=batch["attention_mask"]).logits[:, 0].sum().backward()
        found.append(vectors.grad)
    assert found[0].abs().max() > 0
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-4)


def test_another_activation_comes_by_transformers(folder, tokens):
    change_config(folder, activation="mish")
    vouch(folder)
    network, _ = same_logits(folder, tokens[1]["input_ids"][:6])
    assert not isinstance(network, Network)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_heads": 5}, "cannot be shared by 5 heads"),
        ({"dim": None}, "describes no model"),
        ({"n_heads": 0}, "modulo"),
    ],
)
def test_a_configuration_that_makes_no_network_is_one_message(folder, changes, said):
    change_config(folder, **changes)
    with pytest.raises(StudyError, match=said):
        load(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model_type": "bert", "activation": "gelu"}'])
def test_a_damaged_configuration_is_one_message(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(StudyError, match=r"config\.json( says model_type .*, expected .distilbert.| cannot be read)"):
        load(folder)


def test_a_setting_that_is_missing_is_named(folder):
    path = folder / "config.json"
    path.write_text(json.dumps({name: one for name, one in json.loads(path.read_text()).items() if name != "dim"}))
    with pytest.raises(StudyError, match="no attribute 'dim'"):
        load(folder)


@pytest.mark.parametrize("size", [0, 7, 1000])
def test_weights_that_are_cut_off_are_one_message(folder, size):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(StudyError, match="cannot be read, it is truncated or damaged"):
        load(folder)
