"""A CPU's fp32 by oneDNN without gradients: the same numbers, from the weights as they are at each call."""

import pytest
import torch
from torch import nn

from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.fast import cpu
from tweet_sentiment.modeling.speed import fast_forward

BATCH = {"input_ids": torch.arange(4 * 16).view(4, 16) % 90 + 2000}


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    """Take any processor for one on which MKL is slow."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr("tweet_sentiment.modeling.fast.distilbert.mkl_is_slow", lambda: True)


@pytest.fixture
def by_onednn(monkeypatch):
    """The number of rows of each product that oneDNN was asked for."""
    rows, convert = [], torch.Tensor.to_mkldnn

    def counting(states):
        rows.append(states.shape[:-1].numel())
        return convert(states)

    monkeypatch.setattr(torch.Tensor, "to_mkldnn", counting)
    return rows


def test_logits_are_those_of_the_plain_model(tiny_classifier, by_onednn):
    with torch.no_grad():
        plain = tiny_classifier.eval()(**BATCH).logits
        assert by_onednn == []
        with fast_forward(tiny_classifier):
            assert torch.allclose(tiny_classifier(**BATCH).logits, plain, atol=1e-6)
    blocks = len(tiny_classifier.distilbert.transformer.layer)
    assert by_onednn == [4 * 16] * (6 * (blocks - 1) + 2)  # of the last block keys and values: four posts are too few


def test_weights_are_those_of_the_moment(tiny_classifier, by_onednn):
    lin1 = tiny_classifier.distilbert.transformer.layer[0].ffn.lin1
    with torch.inference_mode(), fast_forward(tiny_classifier.eval()):
        before = tiny_classifier(**BATCH).logits
        lin1.weight.data *= 2
        assert not torch.allclose(tiny_classifier(**BATCH).logits, before)
    assert by_onednn


@pytest.mark.parametrize("shape", [(64, 8), (4, 16, 8), (2, 4, 8, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_any_shape_with_and_without_bias(by_onednn, shape, bias):
    layer, states = nn.Linear(8, 5, bias=bias), torch.randn(shape)
    with torch.inference_mode():
        assert torch.allclose(cpu.linear_in_fp32(layer, states), layer(states), atol=1e-6)
        turned = states.transpose(0, -2)
        assert torch.allclose(cpu.linear_in_fp32(layer, turned), layer(turned), atol=1e-6)
    assert by_onednn == [64, 64]


def test_what_learns_and_other_precisions_and_few_rows_go_torchs_way(tiny_classifier, by_onednn):
    with fast_forward(tiny_classifier.eval()):
        tiny_classifier(**BATCH).logits.sum().backward()
        with torch.no_grad(), Device("cpu", "bf16").autocast():
            tiny_classifier(**BATCH)
        with torch.no_grad():
            tiny_classifier(input_ids=BATCH["input_ids"][:1])
    assert by_onednn == []
    assert tiny_classifier.distilbert.embeddings.word_embeddings.weight.grad.abs().sum() > 0


def test_layers_are_as_before_even_after_an_error(tiny_classifier):
    with pytest.raises(KeyError), fast_forward(tiny_classifier):
        raise KeyError
    assert all("forward" not in vars(module) for module in tiny_classifier.modules())


@pytest.mark.parametrize(
    ("name", "built", "slow"), [("AMD EPYC", True, True), ("AMD EPYC", False, False), ("Intel(R) Xeon(R)", True, False)]
)
def test_mkl_is_slow_on_amd_alone(monkeypatch, name, built, slow):
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: built)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": name})
    assert cpu.mkl_is_slow.__wrapped__() == slow
