"""Less work, the same results: what ``lean`` leaves out is read by no one."""

import copy

import pytest
import torch
from torch.nn import functional

from tweet_sentiment.modeling.batching import in_batches
from tweet_sentiment.modeling.prediction import pad, without_idle_mask
from tweet_sentiment.modeling.speed import fast_forward


def logits(model, batch):
    with torch.no_grad():
        return model(**batch).logits


@pytest.mark.parametrize("padded", [False, True])
def test_logits_are_those_of_the_plain_model(tiny_classifier, tokens, padded):
    rows = tokens[1]["input_ids"][:6] if padded else [tokens[1]["input_ids"][0]] * 3
    batch = without_idle_mask(pad(rows, 0, multiple=1))
    assert ("attention_mask" in batch) == padded
    plain = logits(tiny_classifier.eval(), batch)
    with fast_forward(tiny_classifier):
        assert torch.allclose(logits(tiny_classifier, batch), plain, atol=1e-6)
    assert torch.equal(logits(tiny_classifier, batch), plain)


def test_every_position_reads_as_the_one_that_was_asked_for(tiny_classifier, tokens):
    encoder, batch = tiny_classifier.distilbert.eval(), pad(tokens[1]["input_ids"][:4], 0)
    encoder.pooled_position = 2
    with torch.no_grad():
        plain = encoder(**batch).last_hidden_state[:, 2]
        with fast_forward(encoder):
            found = encoder(**batch).last_hidden_state
    assert found.shape[1] == batch["input_ids"].shape[1]
    assert torch.allclose(found, plain[:, None].expand_as(found), atol=1e-6)


def test_all_positions_stay_when_all_are_pooled(tiny_classifier, tokens):
    encoder, batch = tiny_classifier.distilbert.eval(), pad(tokens[1]["input_ids"][:4], 0)
    encoder.pooled_position = None
    with torch.no_grad():
        plain = encoder(**batch).last_hidden_state
        with fast_forward(encoder):
            found = encoder(**batch).last_hidden_state
    held = batch["attention_mask"].bool()
    assert torch.allclose(found[held], plain[held], atol=1e-6)


def test_gradients_are_those_of_the_plain_model(tiny_classifier, tokens):
    for module in tiny_classifier.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # what is drawn differs, what is computed must not
    plain = copy.deepcopy(tiny_classifier).train()
    batch, labels = pad(tokens[1]["input_ids"][:8], 0), torch.tensor(tokens[1]["label"][:8])
    functional.cross_entropy(plain(**batch).logits, labels).backward()
    with fast_forward(tiny_classifier.train()):
        functional.cross_entropy(tiny_classifier(**batch).logits, labels).backward()
    for (name, mine), theirs in zip(tiny_classifier.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-6), name


def test_training_draws_dropout_in_every_block_and_after_attention(tiny_classifier, tokens):
    batch = pad(tokens[1]["input_ids"][:2], 0)
    for module in tiny_classifier.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with fast_forward(tiny_classifier.train()):
        still = logits(tiny_classifier, batch)
        for block in tiny_classifier.distilbert.transformer.layer:
            for part in (block.attention, block.ffn):
                part.dropout.p = 0.5
                assert not torch.equal(logits(tiny_classifier, batch), still)
                part.dropout.p = 0.0


def test_blocks_are_as_before_even_after_an_error(tiny_classifier):
    with pytest.raises(KeyError), fast_forward(tiny_classifier):
        raise KeyError
    assert all("forward" not in vars(block) for block in tiny_classifier.distilbert.transformer.layer)


def test_batches_give_every_row_in_the_order_given():
    ids = [[101, *range(2000, 2000 + n), 102] for n in (9, 1, 30, 4, 4, 700 // 20, 2)]
    found = in_batches(lambda rows: torch.tensor([[sum(row)] for row in rows]), ids)
    assert found.squeeze(1).tolist() == [float(sum(row)) for row in ids]
