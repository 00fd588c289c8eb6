"""Masked-language training: what it learns, that a kill does not change it, and what its folder may be used for."""

import pandas as pd
import pytest
import torch
from tests.modeling.conftest import LABELS
from tests.modeling.test_training import same_bits
from tests.modeling.tuned import few, tiny
from tweet_sentiment.modeling.masking import adapt_encoder
from tweet_sentiment.modeling.tuning import starting_classifier

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling import masking
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoder_files import check_adapted
from tweet_sentiment.modeling.encoders import load_encoder
from tweet_sentiment.modeling.model_folder import TrainedModel


def adapt(encoder, tokens, tokenizer, folder, parameters, precision="fp32", **changes):
    chosen = few(parameters.domain_adaptation, **({"learning_rate": 1e-2} | changes))
    return adapt_encoder(
        encoder,
        tokenizer,
        *tokens,
        chosen,
        parameters.training.model_copy(update={"logging_steps": 1}),
        seed=1,
        device=Device("cpu", precision),
        working_folder=folder,
        fingerprint={},
    )


def test_the_encoder_gets_better_at_guessing_and_all_of_it_moves(tiny_folder, tokens, tokenizer, parameters, tmp_path):
    before = load_encoder(str(tiny_folder))
    adapted, curves = adapt(load_encoder(str(tiny_folder)), tokens, tokenizer, tmp_path, parameters)
    losses = curves["eval_loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0]
    still = [name for name, tensor in adapted.state_dict().items() if torch.equal(tensor, before.state_dict()[name])]
    assert all(name.endswith("k_lin.bias") for name in still)  # softmax takes no notice of it
    assert not list(tmp_path.glob("checkpoints-*"))


@pytest.mark.parametrize(("precision", "computed"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_it_computes_in_the_precision_that_it_is_given(
    tiny_folder, tokens, tokenizer, parameters, tmp_path, precision, computed
):
    encoder, found, original = load_encoder(str(tiny_folder)), set(), masking._with_guesser
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masking, "_with_guesser", lambda encoder, seed: _watched(original(encoder, seed), found))
        adapt(encoder, tokens, tokenizer, tmp_path, parameters, precision, num_train_epochs=1)
    assert found == {computed}


def _watched(model, found):
    layer = model.distilbert.transformer.layer[0].ffn.lin1
    layer.register_forward_hook(lambda layer, given, output: found.add(output.dtype))
    return model


def test_an_interrupted_adaptation_goes_on_to_the_same_bits(
    tiny_folder, tokens, tokenizer, parameters, tmp_path, monkeypatch
):
    whole, curves = adapt(load_encoder(str(tiny_folder)), tokens, tokenizer, tmp_path / "whole", parameters)
    steps = []

    def interrupt(*_):
        steps.append(1)
        if len(steps) == 10:  # five steps an epoch, and evaluation
            raise KeyboardInterrupt

    original = masking._with_guesser

    def interrupted(encoder, seed):
        model = original(encoder, seed)
        model.distilbert.register_forward_pre_hook(interrupt)
        return model

    monkeypatch.setattr(masking, "_with_guesser", interrupted)
    with pytest.raises(KeyboardInterrupt):
        adapt(load_encoder(str(tiny_folder)), tokens, tokenizer, tmp_path / "cut", parameters)
    monkeypatch.undo()
    resumed, again = adapt(load_encoder(str(tiny_folder)), tokens, tokenizer, tmp_path / "cut", parameters)
    assert same_bits(whole, resumed)
    pd.testing.assert_frame_equal(again, curves, check_exact=True)


@pytest.fixture
def adapted_folder(tiny_folder, tokenizer, parameters, tmp_path):
    manifest = {
        "technique": "domain_adaptation",
        "labels": LABELS,
        "protocol": parameters.protocol,
        "seed": parameters.seed,
        "data": {"training": "a"},
    }
    TrainedModel(load_encoder(str(tiny_folder)), tokenizer, manifest).save(tmp_path / "adapted")
    return tmp_path / "adapted"


def test_a_technique_starts_from_the_folder(adapted_folder, tiny_folder, parameters):
    chosen = parameters.lora.model_copy(update={"checkpoint": str(adapted_folder)})
    started = starting_classifier(chosen, tiny(parameters, "nowhere"))
    assert same_bits(started.distilbert, load_encoder(str(tiny_folder)))


@pytest.mark.parametrize(
    ("changes", "files", "said"),
    [
        ({"protocol": "grouped"}, {"training": "a"}, "another protocol"),
        ({"seed": 7}, {"training": "a"}, "another seed"),
        ({}, {"training": "b"}, "another data"),
        ({"protocol": "grouped", "seed": 7}, {"training": "a"}, "another protocol and seed"),
    ],
)
def test_an_encoder_that_may_have_read_the_held_out_posts_is_refused(adapted_folder, parameters, changes, files, said):
    check_adapted(str(adapted_folder), {"files": {"training": "a"}}, parameters)
    with pytest.raises(StudyError, match=said):
        check_adapted(str(adapted_folder), {"files": files}, parameters.model_copy(update=changes))


def test_any_other_encoder_is_taken(tiny_folder, parameters):
    check_adapted(str(tiny_folder), {"files": {}}, parameters)
    check_adapted("embedded", {"files": {}}, parameters)
