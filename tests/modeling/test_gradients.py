import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from tweet_sentiment.modeling.gradients import clip, flatten, head_gradients


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
    flat = flatten(learning)
    found = head_gradients(pre, last, 0.0, vectors, functional.one_hot(labels, classes).double() * weight)
    assert found.item() == pytest.approx(loss.item())
    for parameter, gradient in zip(learning, expected, strict=True):
        assert torch.allclose(parameter.grad, gradient)
    assert torch.allclose(flat.grad, torch.cat([gradient.flatten() for gradient in expected]))


def test_dropout_by_hand_has_autograd_s_gradient_for_the_same_mask():
    pre, last = layers(1, 8, 3)
    vectors, targets = torch.randn(5, 8).double(), functional.one_hot(torch.tensor([0, 1, 2, 0, 1]), 3).double()
    parameters = [*pre.parameters(), *last.parameters()]
    torch.manual_seed(7)
    mask = torch.empty(5, 8).double().bernoulli_(0.7) / 0.7
    loss = functional.cross_entropy(last(functional.relu(pre(vectors)) * mask), targets)
    expected = torch.autograd.grad(loss, parameters)
    flatten(parameters)
    torch.manual_seed(7)
    assert head_gradients(pre, last, 0.3, vectors, targets).item() == pytest.approx(loss.item())
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert torch.allclose(parameter.grad, gradient)


def test_a_step_on_the_flat_weights_moves_the_layer():
    (pre, _) = layers(1, 4, 2)
    before = pre.weight.clone()
    flat = flatten(list(pre.parameters()))
    flat.grad.fill_(1.0)
    torch.optim.SGD([flat], lr=0.5).step()
    assert torch.equal(pre.weight, before - 0.5)


@pytest.mark.parametrize("max_norm", [0.1, 1e6])
def test_clipping_is_that_of_torch(max_norm):
    mine, theirs = layers(3, 5, 2)[0], layers(3, 5, 2)[0]
    gradients = [torch.randn_like(p) for p in mine.parameters()]
    for parameter, gradient in zip(theirs.parameters(), gradients, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(theirs.parameters(), max_norm)
    flat = [flatten([p]) for p in mine.parameters()]
    for parameter, gradient in zip(flat, gradients, strict=True):
        parameter.grad.copy_(gradient.flatten())
    clip(flat, max_norm)
    for parameter, other in zip(flat, theirs.parameters(), strict=True):
        assert torch.allclose(parameter.grad, other.grad.flatten())
