import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from tweet_sentiment.modeling.dropout import draw_kept
from tweet_sentiment.modeling.fast.distilbert import dropout
from tweet_sentiment.modeling.fast.head import FlatWeights, HeadGradients, clip


def layers(seed, dim, classes):
    torch.manual_seed(seed)
    return nn.Linear(dim, dim).double(), nn.Linear(dim, classes).double()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 99), st.integers(1, 9), st.integers(2, 5), st.booleans(), st.booleans())
def test_gradients_by_hand_are_those_of_autograd(seed, posts, classes, weighted, only_classifier):
    pre, last = layers(seed, 6, classes)
    vectors, labels = torch.randn(posts, 6).double(), torch.randint(0, classes, (posts,))
    weight = torch.rand(classes).double() + 0.1 if weighted else torch.ones(classes).double()
    loss = functional.cross_entropy(last(functional.relu(pre(vectors))), labels, weight=weight)
    learning = [*last.parameters(), *([] if only_classifier else pre.parameters())]
    expected = torch.autograd.grad(loss, learning)
    flat = FlatWeights(learning, 0.0)
    weights = weight[labels].unsqueeze(1)
    targets = functional.one_hot(labels, classes).double() * weights
    everything = torch.ones(posts, 6, dtype=torch.bool)
    found = HeadGradients(pre, last, 0.0)(vectors, targets, weights if weighted else None, everything)
    assert found.item() == pytest.approx(loss.item())
    for parameter, gradient in zip(learning, expected, strict=True):
        assert torch.allclose(parameter.grad, gradient)
    assert torch.allclose(flat.gradient, torch.cat([gradient.flatten() for gradient in expected]))


def test_dropout_by_hand_has_autograd_s_gradient_for_the_same_mask():
    pre, last = layers(1, 8, 3)
    vectors, targets = torch.randn(5, 8).double(), functional.one_hot(torch.tensor([0, 1, 2, 0, 1]), 3).double()
    parameters = [*pre.parameters(), *last.parameters()]
    kept = draw_kept((5, 8), 0.3, torch.device("cpu"))
    mask = kept / 0.7
    loss = functional.cross_entropy(last(functional.relu(pre(vectors)) * mask), targets)
    expected = torch.autograd.grad(loss, parameters)
    FlatWeights(parameters, 0.0)
    assert HeadGradients(pre, last, 0.3)(vectors, targets, None, kept).item() == pytest.approx(loss.item())
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert torch.allclose(parameter.grad, gradient)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_steps_on_the_flat_weights_are_those_of_torch_s_adamw(weight_decay):
    mine, theirs = layers(1, 4, 2)[0].float(), layers(1, 4, 2)[0].float()
    flat = FlatWeights(list(mine.parameters()), weight_decay)
    optimizer = torch.optim.AdamW(theirs.parameters(), weight_decay=weight_decay, fused=True)
    for step in range(1, 6):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / step
        gradients = [torch.randn_like(p) for p in mine.parameters()]
        for a, b, gradient in zip(mine.parameters(), theirs.parameters(), gradients, strict=True):
            a.grad.copy_(gradient)
            b.grad = gradient
        flat.step(0.1 / step)
        optimizer.step()
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


@settings(deadline=None, max_examples=20)
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


@pytest.mark.parametrize("max_norm", [0.1, 1e6])
def test_clipping_is_that_of_torch(max_norm):
    mine, theirs = layers(3, 5, 2)[0], layers(3, 5, 2)[0]
    gradients = [torch.randn_like(p) for p in mine.parameters()]
    for parameter, gradient in zip(theirs.parameters(), gradients, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(theirs.parameters(), max_norm)
    flat = [FlatWeights([p], 0.0) for p in mine.parameters()]
    for parameter, gradient in zip(flat, gradients, strict=True):
        parameter.gradient.copy_(gradient.flatten())
    clip(flat, max_norm)
    for parameter, other in zip(flat, theirs.parameters(), strict=True):
        assert torch.allclose(parameter.gradient, other.grad.flatten())
