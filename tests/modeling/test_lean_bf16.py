"""A CPU's bf16 without gradients: what the plain model gives, in shapes that many batches share."""

import pytest
import torch

from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.fast import cpu
from tweet_sentiment.modeling.prediction import pad, without_idle_mask
from tweet_sentiment.modeling.speed import fast_forward

BF16 = Device("cpu", "bf16")
NEAR = 2**-7  # what bf16 leaves of a number of about one


@pytest.fixture
def asked(monkeypatch):
    """What ``block_in_bf16`` was asked for: the number of positions that are computed, by block."""
    positions, compute = [], cpu.block_in_bf16

    def counting(block, asking, hidden_states, mask):
        positions.append(asking.shape[1])
        return compute(block, asking, hidden_states, mask)

    monkeypatch.setattr("tweet_sentiment.modeling.fast.distilbert.block_in_bf16", counting)
    return positions


def rows(widths):
    return [[101, *(2000 + (7 * n) % 90 for n in range(width - 2)), 102] for width in widths]


@pytest.mark.parametrize("widths", [(3,), (8, 8), (31, 9), (32, 32), (33, 3, 20), (64,) * 5, (65, 64, 3), (128, 5)])
@pytest.mark.parametrize("position", [0, 2, None])
def test_states_are_those_of_the_plain_model(tiny_classifier, asked, widths, position):
    encoder, batch = tiny_classifier.distilbert.eval(), without_idle_mask(pad(rows(widths), 0, multiple=1))
    encoder.pooled_position = position
    with torch.no_grad():
        exact = encoder(**batch).last_hidden_state
        with BF16.autocast():
            plain = encoder(**batch).last_hidden_state
            with fast_forward(encoder):
                found = encoder(**batch).last_hidden_state
    count = len(encoder.transformer.layer)
    assert asked == [max(widths)] * (count - 1) + [max(widths) if position is None else 1]
    held = batch.get("attention_mask", torch.ones(len(widths), max(widths))).bool()
    if position is not None:
        exact, plain = (states[:, position : position + 1].expand_as(states) for states in (exact, plain))
    assert found.isfinite().all()
    assert torch.allclose(found[held], exact[held], atol=4 * NEAR)
    assert (found - exact)[held].abs().mean() < 1.5 * (plain - exact)[held].abs().mean() + 1e-6


def test_a_post_reads_the_same_beside_others(tiny_classifier):
    encoder = tiny_classifier.distilbert.eval()
    with torch.inference_mode(), BF16.autocast(), fast_forward(encoder):
        alone = encoder(**without_idle_mask(pad(rows([9]), 0, multiple=1))).last_hidden_state[0, 0]
        beside = encoder(**pad(rows([40, 9, 12]), 0, multiple=1)).last_hidden_state[1, 0]
    assert torch.allclose(alone, beside, atol=NEAR)


def test_what_learns_or_is_explained_goes_the_other_way(tiny_classifier, asked):
    batch = pad(rows([9, 4]), 0)
    with BF16.autocast(), fast_forward(tiny_classifier.eval()):
        tiny_classifier(**batch).logits.sum().backward()
    assert asked == []
    assert tiny_classifier.distilbert.embeddings.word_embeddings.weight.grad.abs().sum() > 0
    with torch.no_grad(), fast_forward(tiny_classifier):
        tiny_classifier(**batch)  # fp32
    assert asked == []


def test_batches_share_few_numbers_of_rows():
    full = {cpu._table(torch.ones(1024 // width, width, 4)).shape[0] for width in range(3, 129)}
    assert full == {960, 1024}
    for pieces in range(1, 1025):
        table = cpu._table(torch.ones(1, pieces, 4))
        assert table[:pieces].eq(1).all()
        assert table[pieces:].eq(0).all()
        assert len(table) - pieces < max(16, pieces / 8)
