import numpy as np
import pytest
import torch
from tests.modeling.conftest import LABELS, logits

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.heads import Features, Head, evaluate_head, train_head
from tweet_sentiment.modeling.prediction import encode, pad, predict
from tweet_sentiment.parameters import Hyperparameters

CPU = Device("cpu", "fp32")
FEW = Hyperparameters(
    num_train_epochs=3, per_device_train_batch_size=8, learning_rate=1e-2, warmup_steps=0, weight_decay=0.0
)


@pytest.fixture
def features(tiny_classifier, tokens):
    return tuple(
        Features(encode(tiny_classifier.distilbert, part["input_ids"], CPU), np.asarray(part["label"]))
        for part in tokens
    )


@pytest.fixture
def trained(tiny_folder, features, parameters):
    """Train a head of the tiny classifier; return the classifier and the outcome."""

    def train(seed=1, load_best_model_at_end=False, damage=lambda head: None, **changes):
        classifier = load_classifier(str(tiny_folder), LABELS, 1)
        damage(head := Head(classifier))
        chosen, settings = FEW.model_copy(update=changes), {"class_weights": None, "seed": seed, "device": "cpu"}
        settings |= {"names": LABELS, "load_best_model_at_end": load_best_model_at_end}
        return classifier, train_head(head, *features, chosen, parameters.training, **settings)

    return train


def test_a_trained_head_gives_on_features_what_the_whole_model_gives(trained, tokens, features):
    classifier, outcome = trained()
    before = classifier.classifier.weight.clone()
    classifier.load_state_dict(outcome.weights, strict=False)
    assert not torch.equal(before, classifier.classifier.weight)
    with torch.no_grad():
        cached = Head(classifier).eval()(torch.from_numpy(features[1].vectors))
    alone = torch.cat([logits(classifier, pad([ids], 0)) for ids in tokens[1]["input_ids"]])
    assert torch.allclose(cached, alone, atol=1e-5)


def test_a_frozen_layer_of_the_head_does_not_move(trained):
    classifier, outcome = trained(damage=lambda head: head.classifier.pre_classifier.requires_grad_(False))
    assert torch.equal(classifier.pre_classifier.weight, outcome.weights["pre_classifier.weight"])
    assert not torch.equal(classifier.classifier.weight, outcome.weights["classifier.weight"])


def test_training_a_head_twice_gives_the_same_bits_and_another_seed_does_not(trained):
    (_, one), (_, same), (_, other) = trained(1), trained(1), trained(2)
    assert torch.equal(one.weights["classifier.weight"], same.weights["classifier.weight"])
    assert one.curves.equals(same.curves)
    assert not torch.equal(one.weights["classifier.weight"], other.weights["classifier.weight"])


def test_the_best_epoch_is_kept_when_asked_for(trained, features):
    classifier, outcome = trained(3, load_best_model_at_end=True, num_train_epochs=12, learning_rate=0.3)
    measured = outcome.curves.dropna(subset=["accuracy"])
    assert outcome.epoch == measured.loc[measured["accuracy"].idxmax(), "epoch"]
    classifier.load_state_dict(outcome.weights, strict=False)
    assert evaluate_head(Head(classifier), features[1], LABELS, "cpu")["accuracy"] == measured["accuracy"].max()


def test_divergence_stops_with_the_step(trained):
    with pytest.raises(StudyError, match=r"diverged: the loss is nan at step \d+"):
        trained(damage=lambda head: head.classifier.classifier.weight.data.fill_(float("nan")))


def test_logits_that_are_not_finite_are_an_error_never_a_label(tiny_classifier, tokens):
    tiny_classifier.classifier.bias.data[0] = float("nan")
    with pytest.raises(StudyError, match="not finite"):
        predict(tiny_classifier, tokens[1]["input_ids"], CPU)
