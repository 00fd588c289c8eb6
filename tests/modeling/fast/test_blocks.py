"""Less work, the same results, in each family with fast code: what is left out is read by no one."""

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import AutoConfig, AutoModelForSequenceClassification

from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import encoder_of, parts_of
from tweet_sentiment.modeling.fast import blocks
from tweet_sentiment.modeling.fast.blocks import forward, layers_of
from tweet_sentiment.modeling.prediction import pad, without_idle_mask

BF16 = Device("cpu", "bf16")
NEAR = 2**-7  # what bf16 leaves of a number of about one
BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
FAMILIES = {
    "bert": BERT,
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    "electra": BERT | {"embedding_size": 16},
    "mpnet": BERT,
    "roberta": BERT,
    "xlm-roberta": BERT,
}


@pytest.fixture(params=FAMILIES)
def classifier(request):
    """A tiny classifier whose every part matters, with its dropout."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = AutoConfig.for_model(request.param, vocab_size=100, **FAMILIES[request.param])
        made = AutoModelForSequenceClassification.from_config(config)
    for weights in made.parameters():
        if weights.dim() == 2:
            weights.data *= 6
    return made.eval()


def rows(widths):
    return [[2, *(5 + (7 * n) % 90 for n in range(width - 2)), 3] for width in widths]


def batch_of(*widths):
    return without_idle_mask(pad(rows(widths), 1))


def dropouts(module):
    return [one for one in module.modules() if isinstance(one, torch.nn.Dropout)]


def of_blocks(classifier):
    return classifier.get_submodule(parts_of(classifier).blocks)


@pytest.mark.parametrize("widths", [(9, 9, 9), (20, 9, 3)])
def test_logits_are_those_of_the_plain_model_before_and_after(classifier, widths):
    batch = batch_of(*widths)
    assert ("attention_mask" in batch) == (len(set(widths)) > 1)
    with torch.no_grad():
        plain = classifier(**batch).logits
        with forward(classifier):
            assert all("forward" in vars(block) for block in of_blocks(classifier))
            assert torch.allclose(classifier(**batch).logits, plain, atol=1e-5)
        with pytest.raises(KeyError), forward(classifier):
            raise KeyError
        assert all("forward" not in vars(module) for module in classifier.modules())
        assert torch.equal(classifier(**batch).logits, plain)


@pytest.mark.parametrize("position", [0, 2, None])
def test_every_position_reads_as_the_pooled_one_and_all_stay_where_all_are_pooled(classifier, position):
    encoder, batch = encoder_of(classifier), batch_of(12, 7, 3)
    encoder.pooled_position = position
    with torch.no_grad():
        plain = encoder(**batch).last_hidden_state
        with forward(encoder):
            found = encoder(**batch).last_hidden_state
    expected = plain if position is None else plain[:, position : position + 1].expand_as(plain)
    held = batch["attention_mask"].bool()
    assert torch.allclose(found[held], expected[held], atol=1e-5)


def test_losses_and_gradients_of_a_training_are_those_of_the_plain_model(classifier):
    for one in dropouts(classifier):
        one.p = 0.0
    plain, batch, labels = copy.deepcopy(classifier).train(), batch_of(12, 7, 3), torch.tensor([0, 1, 0])
    loss = functional.cross_entropy(plain(**batch).logits, labels)
    loss.backward()
    with forward(classifier.train()):
        found = functional.cross_entropy(classifier(**batch).logits, labels)
        found.backward()
    assert found.item() == pytest.approx(loss.item(), abs=1e-5)
    named = zip(classifier.named_parameters(), plain.parameters(), strict=True)
    known = [(name, mine.grad, theirs.grad) for (name, mine), theirs in named if theirs.grad is not None]
    assert sum(gradient.abs().sum() > 0 for _, gradient, _ in known) > 20
    for name, mine, theirs in known:
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4, msg=name)


def test_training_draws_every_dropout_of_the_blocks_and_prediction_none(classifier):
    batch, inside = batch_of(12, 7, 3), dropouts(of_blocks(classifier))
    used = [one for block in of_blocks(classifier) for one in layers_of(block).dropouts if one is not None]
    assert set(used) == set(inside)
    for one in dropouts(classifier):
        one.p = 0.0
    with forward(classifier.train()), torch.no_grad():
        still = classifier(**batch).logits
        for one in inside:
            one.p = 0.5
            assert not torch.equal(classifier(**batch).logits, still)
            classifier.eval()
            assert torch.allclose(classifier(**batch).logits, still, atol=1e-5)
            classifier.train()
            one.p = 0.0


def test_dropout_outside_of_the_blocks_is_drawn_in_training_alone_as_in_an_adapter(classifier):
    adapter = LoraConfig(target_modules="all-linear", lora_dropout=0.5, init_lora_weights=False)
    model, batch = get_peft_model(classifier, adapter), batch_of(12, 7, 3)
    of_adapter = [one for name, one in model.named_modules() if isinstance(one, torch.nn.Dropout) and "lora" in name]
    for one in set(dropouts(model)) - set(of_adapter):
        one.p = 0.0
    assert len(of_adapter) >= 2 * 6
    with torch.no_grad():
        still = model.eval()(**batch).logits
        with forward(model):
            assert torch.allclose(model(**batch).logits, still, atol=1e-5)
            torch.manual_seed(1)
            drawn = [model.train()(**batch).logits for _ in range(2)]
            assert not any(torch.allclose(one, other) for one, other in ((drawn[0], still), tuple(drawn)))
            torch.manual_seed(1)
            assert torch.equal(model(**batch).logits, drawn[0])


@pytest.mark.parametrize("widths", [(3,), (8, 8), (31, 9), (32, 32), (33, 3, 20), (64,) * 5, (65, 64, 3), (128, 5)])
@pytest.mark.parametrize("position", [0, 2, None])
def test_states_in_bf16_are_those_of_the_plain_model(classifier, in_bf16, widths, position):
    encoder, batch = encoder_of(classifier), batch_of(*widths)
    encoder.pooled_position = position
    with torch.no_grad():
        exact = encoder(**batch).last_hidden_state
        with BF16.autocast():
            plain = encoder(**batch).last_hidden_state.float()
            with forward(encoder):
                found = encoder(**batch).last_hidden_state.float()
    assert in_bf16 == [max(widths), max(widths) if position is None else 1]
    held = batch.get("attention_mask", torch.ones(len(widths), max(widths))).bool()
    if position is not None:
        exact, plain = (states[:, position : position + 1].expand_as(states) for states in (exact, plain))
    assert found.isfinite().all()
    assert torch.allclose(found[held], exact[held], atol=(8 if classifier.config.model_type == "electra" else 4) * NEAR)
    assert (found - exact)[held].abs().mean() < 1.5 * (plain - exact)[held].abs().mean() + 1e-6


def test_a_family_without_fast_code_computes_as_it_is_and_this_is_said_once(caplog):
    layer, states = torch.nn.TransformerEncoderLayer(8, 2, batch_first=True).eval(), torch.randn(2, 3, 8)
    blocks._say_plain.cache_clear()
    plain = layer(states)
    with caplog.at_level("INFO"):
        for _ in range(2):
            with forward(layer):
                assert torch.allclose(layer(states), plain, atol=1e-6)
    (said,) = (message for message in caplog.messages if "no fast code" in message)
    assert "TransformerEncoderLayer" in said
