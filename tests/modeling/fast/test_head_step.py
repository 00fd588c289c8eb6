"""The head's step by hand against autograd and torch's AdamW."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from tweet_sentiment.modeling.devices import draw_kept
from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.fast.blocks import dropout
from tweet_sentiment.modeling.fast.head import FlatWeights, HeadGradients, HeadStep
from tweet_sentiment.modeling.heads import Head
from tweet_sentiment.modeling.speed import PlainStep


@settings(max_examples=40)
@given(
    st.integers(0, 99), st.integers(1, 9), st.integers(2, 5), st.booleans(), st.booleans(), st.sampled_from([0, 0.3])
)
def test_gradients_by_hand_are_those_of_autograd(seed, posts, classes, weighted, only_last, probability):
    torch.manual_seed(seed)
    first, last = nn.Linear(6, 6).double(), nn.Linear(6, classes).double()
    vectors, labels = torch.randn(posts, 6).double(), torch.randint(0, classes, (posts,))
    kept = draw_kept((posts, 6), probability, torch.device("cpu"))
    weight = torch.rand(classes).double() + 0.1 if weighted else torch.ones(classes).double()
    hidden = functional.relu(first(vectors)) * kept / (1 - probability)
    loss = functional.cross_entropy(last(hidden), labels, weight=weight)
    learning = [*last.parameters(), *([] if only_last else first.parameters())]
    expected = torch.autograd.grad(loss, learning)
    flat = FlatWeights(learning, 0.0)
    weights = weight[labels].unsqueeze(1)
    targets = functional.one_hot(labels, classes).double() * weights
    found = HeadGradients(first, last, probability)(vectors, targets, weights if weighted else None, kept)
    assert found.item() == pytest.approx(loss.item())
    for parameter, gradient in zip(learning, expected, strict=True):
        assert torch.allclose(parameter.grad, gradient)
    assert torch.allclose(flat.gradient, torch.cat([gradient.flatten() for gradient in expected]))


@pytest.mark.parametrize("learning", ["", "classifier.classifier."])
@pytest.mark.parametrize("max_norm", [0.05, 1e6])
@pytest.mark.parametrize("weighted", [False, True])
def test_steps_by_hand_are_those_of_autograd_clipping_and_adamw(tiny_folder, learning, max_norm, weighted):
    classifier = load_classifier(str(tiny_folder), ["a", "b", "c"], seed=1)
    heads = [Head(classifier), Head(classifier)]
    for head in heads:
        for name, parameter in head.named_parameters():
            parameter.requires_grad = name.startswith(learning)
    mine, theirs = HeadStep(heads[0], 0.1, max_norm), PlainStep(heads[1], 0.1, max_norm)
    torch.manual_seed(5)
    for step in range(1, 9):
        vectors, labels = torch.randn(8, 32), torch.randint(0, 3, (8,))
        weights = torch.rand(8, 1) + 0.1 if weighted else None
        targets = functional.one_hot(labels, 3).float() * (1 if weights is None else weights)
        kept = [draw_kept(vectors.shape, 0.2, vectors.device)]
        with torch.inference_mode():
            loss = mine(0.01 / step, vectors, targets, weights, kept)
        torch.testing.assert_close(loss, theirs(0.01 / step, vectors, targets, weights, kept))
    for a, b, before in zip(*(head.parameters() for head in (*heads, Head(classifier))), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
        assert torch.equal(a, before) == (not b.requires_grad)


@settings(max_examples=20)
@given(st.sampled_from([0.0, 0.1, 0.5, 0.9]), st.integers(1, 9), st.integers(0, 99))
def test_dropout_keeps_the_expectation_and_draws_from_torch_s_generator(probability, width, seed):
    values = torch.ones(20_000, width)
    torch.manual_seed(seed)
    first = dropout(values, probability)
    torch.manual_seed(seed)
    assert torch.equal(first, dropout(values, probability))
    assert first.mean().item() == pytest.approx(1, abs=6 * (probability / (1 - probability) / first.numel()) ** 0.5)
    assert (first == 0).float().mean().item() == pytest.approx(probability, abs=0.02)


def test_the_gradient_of_dropout_goes_where_values_went():
    values = torch.randn(100, requires_grad=True)
    dropped = dropout(values, 0.4)
    dropped.sum().backward()
    assert torch.allclose(values.grad * values.detach(), dropped.detach())
