"""Mean pooling: the mean of what is no padding, kept by saving and loading."""

import pytest
import torch
from tests.modeling.conftest import LABELS
from transformers import pipeline
from tweet_sentiment.modeling.adapters import add_adapter, merge

from tweet_sentiment.modeling.encoders import load_encoder, set_pooling
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.prediction import pad
from tweet_sentiment.modeling.speed import fast_forward


@pytest.fixture
def batch(tokens):
    return pad(tokens[1]["input_ids"], 0)


def logits(model, batch):
    with torch.inference_mode():
        return model.eval()(**batch).logits


def from_mean(classifier, batch):
    """The head on the mean, by hand."""
    with torch.inference_mode():
        hidden = classifier.eval().distilbert(**batch).last_hidden_state
        rows = [vectors[mask.bool()].mean(dim=0) for vectors, mask in zip(hidden, batch["attention_mask"], strict=True)]
        return classifier.classifier(torch.relu(classifier.pre_classifier(torch.stack(rows))))


def test_the_head_reads_the_mean_of_the_word_pieces_and_padding_does_not_count(tiny_classifier, batch):
    expected = from_mean(tiny_classifier, batch)
    plain = logits(tiny_classifier, batch)
    set_pooling(tiny_classifier, "mean")
    torch.testing.assert_close(logits(tiny_classifier, batch), expected)
    assert not torch.allclose(plain, expected)
    wider = {name: torch.nn.functional.pad(tensor, (0, 9)) for name, tensor in batch.items()}
    torch.testing.assert_close(logits(tiny_classifier, wider), expected, rtol=1e-4, atol=1e-5)


def test_cls_changes_nothing(tiny_classifier, batch):
    plain = logits(tiny_classifier, batch)
    set_pooling(tiny_classifier, "cls")
    torch.testing.assert_close(logits(tiny_classifier, batch), plain)


@pytest.mark.parametrize("adapted", [False, True])
def test_a_saved_folder_pools_as_the_model_did(tiny_classifier, tokenizer, parameters, tmp_path, batch, adapted):
    set_pooling(tiny_classifier, "mean")
    model = merge(add_adapter(tiny_classifier, parameters.lora, 1)) if adapted else tiny_classifier
    expected = logits(model, batch)
    TrainedModel(model, tokenizer, {"labels": LABELS}).save(tmp_path / "model")
    torch.testing.assert_close(logits(load_model(tmp_path / "model").model, batch), expected)


@pytest.mark.parametrize("adapted", [False, True])
def test_the_lean_encoder_computes_every_position_for_the_mean(tiny_classifier, parameters, batch, adapted):
    set_pooling(tiny_classifier, "mean")
    model = add_adapter(tiny_classifier, parameters.lora, 1) if adapted else tiny_classifier
    expected = logits(model, batch)
    with fast_forward(model):
        torch.testing.assert_close(logits(model, batch), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture
def mean_folder(tiny_classifier, tokenizer, tmp_path):
    set_pooling(tiny_classifier, "mean")
    TrainedModel(tiny_classifier, tokenizer, {"labels": LABELS}).save(tmp_path / "model")
    return tmp_path / "model"


def test_transformers_refuses_a_folder_that_it_would_read_wrongly_and_says_what_loads_it(mean_folder):
    with pytest.raises(ValueError, match=r"tweet_sentiment\.Predictor loads"):
        pipeline("text-classification", model=str(mean_folder))


def test_an_encoder_can_be_taken_from_such_a_folder(mean_folder, tiny_classifier):
    again = load_encoder(str(mean_folder)).state_dict()
    assert all(torch.equal(again[name], weight) for name, weight in tiny_classifier.distilbert.state_dict().items())
