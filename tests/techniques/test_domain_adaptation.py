"""Domain adaptation: which posts an encoder may be adapted to, what it gets better at, and what a kill changes."""

import pandas as pd
import pytest
import torch
from tests.trainings import copy_of, few, interrupted_at, moved, node_inputs, posts, same_bits, setup_of, small

from tweet_sentiment.modeling import fitting
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import load_encoder, load_tokenizer
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.pipelines.domain_adaptation.nodes import adapt, collect_posts
from tweet_sentiment.techniques.domain_adaptation import adapt_encoder


@pytest.fixture
def adapted(parameters, encoder):
    """Adapt the tiny encoder to 36 posts, five steps an epoch; return it and its curves."""

    def make(folder, **changes):
        chosen = few(parameters.domain_adaptation, **{"learning_rate": 1e-2} | changes)
        training = parameters.training.model_copy(update={"logging_steps": 1})
        sections = small(parameters, encoder, training=training)
        tokenizer = load_tokenizer(str(encoder))
        tokens = [tokenize(posts(repeated), tokenizer, sections.labels, 64)[0] for repeated in (3, 1)]
        return adapt_encoder(*tokens, chosen, setup_of(sections, folder))

    return make


def test_the_encoder_gets_better_at_guessing_and_all_of_it_moves(adapted, encoder, tmp_path):
    before = copy_of(load_encoder(str(encoder)))
    model, curves = adapted(tmp_path)
    losses = curves["eval_loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0]
    assert all(name.endswith("k_lin.bias") for name in before.keys() - moved(model, before))  # softmax ignores it
    assert not list(tmp_path.glob("checkpoints-*"))


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_it_computes_in_the_precision_that_it_is_given(adapted, tmp_path, monkeypatch, precision, dtype):
    found, linear = set(), torch.nn.functional.linear

    def watched(*given):
        found.add((result := linear(*given)).dtype)
        return result

    monkeypatch.setattr(torch.nn.functional, "linear", watched)
    monkeypatch.setattr(fitting, "device_of", lambda *_: Device("cpu", precision))
    adapted(tmp_path, num_train_epochs=1)
    assert found == {dtype}


@pytest.mark.slow
def test_an_adaptation_that_was_cut_off_ends_in_the_same_bits_and_curves(adapted, tmp_path):
    whole, curves = adapted(tmp_path / "whole")
    for step in (7, 7):
        with interrupted_at(step):
            adapted(tmp_path / "cut")
    resumed, again = adapted(tmp_path / "cut")
    assert same_bits(whole, resumed)
    pd.testing.assert_frame_equal(again, curves, check_exact=True)


def read(*rows):
    return pd.DataFrame(list(rows), columns=["id", "label", "post"])


TRAINING = read(
    ("1", "Positive", "a lovely long sentence about this and that"),
    ("2", "Irrelevant", "nothing to do with any of it, at all"),
    ("3", "Negative", "an id of the test posts"),
    ("4", "Neutral", "the very words of a test post"),
    ("5", "Neutral", "almost the words of a test post, every one"),
    ("6", "Neutral", "to choose on"),
    ("6", "Irrelevant", "a paraphrase of what is chosen on"),
    ("7", "Negative", "   "),
    ("8", "Negative", "A lovely, long sentence about this and that"),
)
TEST = read(
    ("3", "Negative", "other"),
    ("90", "Neutral", "The very words of a test post!"),
    ("91", "Neutral", "Almost the words of a test post, every  onee"),
)
SPLIT = TRAINING.assign(dev=TRAINING["post"] == "to choose on")


def collected(parameters, **changes):
    of = parameters.model_copy(update=changes)
    return collect_posts(TRAINING, SPLIT, TEST, of.data, of.study, of.domain_adaptation)


def test_posts_of_any_label_are_taken_but_none_that_is_held_out_or_tied_to_one(parameters):
    found = collected(parameters)
    assert {"2"} <= set(found["id"]) <= {"1", "2", "8"}
    assert found["post"].is_unique
    assert set(collected(parameters, protocol="grouped")["id"]) == set(found["id"])
    limited = parameters.domain_adaptation.model_copy(update={"row_limit": 1})
    assert len(collected(parameters, domain_adaptation=limited)) == 1


def test_published_takes_all_posts_as_it_does(parameters):
    assert {"3", "4", "5", "6"} <= set(collected(parameters, protocol="published")["id"])


def test_the_folder_is_an_encoder_and_labels_are_not_looked_at(parameters, encoder, tmp_path):
    chosen = few(parameters.domain_adaptation, num_train_epochs=1)
    sections = small(parameters, encoder, domain_adaptation=chosen)
    found = collected(sections)
    assert "label" not in found
    trained, curves, figures = adapt(found, **node_inputs(sections, tmp_path / "work", "domain_adaptation"))
    assert figures["n_adapted"] == len(found) - 1
    assert curves["eval_loss"].notna().sum() == 1
    trained.save(tmp_path / "adapted")
    assert load_encoder(str(tmp_path / "adapted")).config.dim == 32
