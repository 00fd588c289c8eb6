"""A CPU's bf16 and fp32 without gradients: what the plain model gives, from the weights as they are at each call."""

import pytest
import torch
from torch import nn

from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.fast import blocks, cpu
from tweet_sentiment.modeling.fast.blocks import forward
from tweet_sentiment.modeling.prediction import pad, without_idle_mask

BF16 = Device("cpu", "bf16")
NEAR = 2**-7  # what bf16 leaves of a number of about one
IDS = {"input_ids": torch.arange(4 * 16).view(4, 16) % 90 + 2000}


@pytest.fixture
def by_onednn(monkeypatch):
    """The number of rows of each product that oneDNN was asked for, on any processor."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    rows, convert = [], torch.Tensor.to_mkldnn

    def counting(states):
        rows.append(states.shape[:-1].numel())
        return convert(states)

    monkeypatch.setattr(torch.Tensor, "to_mkldnn", counting)
    monkeypatch.setattr(blocks, "mkl_is_slow", lambda: True)
    return rows


def rows(widths):
    return [[101, *(2000 + (7 * n) % 90 for n in range(width - 2)), 102] for width in widths]


def test_a_post_reads_the_same_beside_others(tiny_classifier):
    encoder = tiny_classifier.distilbert.eval()
    with torch.inference_mode(), BF16.autocast(), forward(encoder):
        alone = encoder(**without_idle_mask(pad(rows([9]), 0))).last_hidden_state[0, 0]
        beside = encoder(**pad(rows([40, 9, 12]), 0)).last_hidden_state[1, 0]
    assert torch.allclose(alone, beside, atol=NEAR)


def test_batches_in_bf16_share_few_numbers_of_rows():
    assert {cpu._table(torch.ones(1024 // width, width, 4)).shape[0] for width in range(3, 129)} == {960, 1024}
    for pieces in range(1, 1025):
        table = cpu._table(torch.ones(1, pieces, 4))
        assert table[:pieces].eq(1).all()
        assert table[pieces:].eq(0).all()
        assert len(table) - pieces < max(16, pieces / 8)


def test_what_learns_and_other_precisions_and_few_rows_go_torch_s_way(tiny_classifier, in_bf16, by_onednn):
    with forward(tiny_classifier.eval()):
        for device in (BF16, Device("cpu", "fp32")):
            with device.autocast():
                tiny_classifier(**IDS).logits.sum().backward()
        assert in_bf16 == by_onednn == []
        with torch.no_grad():
            tiny_classifier(input_ids=IDS["input_ids"][:1])
            assert in_bf16 == by_onednn == []
            tiny_classifier(**IDS)
            assert (in_bf16, len(by_onednn)) == ([], 6 * (2 - 1) + 2)  # of the last block keys and values alone
            by_onednn.clear()
            with BF16.autocast():
                tiny_classifier(**IDS)
    assert (in_bf16, by_onednn) == ([16, 1], [])
    assert tiny_classifier.distilbert.embeddings.word_embeddings.weight.grad.abs().sum() > 0


def test_logits_by_onednn_are_those_of_the_plain_model_with_the_weights_of_the_moment(tiny_classifier, by_onednn):
    weight = tiny_classifier.distilbert.transformer.layer[0].ffn.lin1.weight
    with torch.inference_mode():
        before = tiny_classifier.eval()(**IDS).logits
        with forward(tiny_classifier):
            assert torch.allclose(tiny_classifier(**IDS).logits, before, atol=1e-6)
            weight.data *= 2
            assert not torch.allclose(tiny_classifier(**IDS).logits, before)
    assert set(by_onednn) == {4 * 16}


@pytest.mark.parametrize("shape", [(64, 8), (4, 16, 8), (2, 4, 8, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_any_shape_with_and_without_bias(by_onednn, shape, bias):
    layer, states = nn.Linear(8, 5, bias=bias), torch.randn(shape)
    with torch.inference_mode():
        for given in (states, states.transpose(0, -2)):
            assert torch.allclose(cpu.linear_in_fp32(layer, given), layer(given), atol=1e-6)
    assert by_onednn == [64, 64]


@pytest.mark.parametrize(
    ("name", "built", "slow"), [("AMD EPYC", True, True), ("AMD EPYC", False, False), ("Intel(R) Xeon(R)", True, False)]
)
def test_mkl_is_slow_on_amd_alone(monkeypatch, name, built, slow):
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: built)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": name})
    assert cpu.mkl_is_slow.__wrapped__() == slow
