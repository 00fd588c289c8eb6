"""Attention by plain matrix products: torch's values, and the gradients that belong to them."""

import pytest
import torch
from torch.nn import functional

from tweet_sentiment.modeling.fast.attention import attend, dropout

POSTS, HEADS, SIZE = 2, 3, 4


def given(positions, width, dtype=torch.float64):
    torch.manual_seed(0)
    shapes = [(POSTS, HEADS, positions, SIZE), *[(POSTS, HEADS, width, SIZE)] * 2, (POSTS, HEADS, positions, width)]
    query, key, value, bias = (torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes)
    held = torch.ones(POSTS, 1, 1, width, dtype=torch.bool)
    held[0, ..., width - 2 :] = False
    return query, key, value, held.expand(POSTS, 1, positions, width), bias


@pytest.mark.parametrize(("positions", "width"), [(5, 5), (1, 5), (33, 33), (1, 64)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_values_are_those_of_torch(positions, width, with_bias):
    query, key, value, held, bias = given(positions, width)
    scores = torch.zeros_like(bias).masked_fill(held.logical_not(), -torch.inf) + (bias if with_bias else 0)
    expected = functional.scaled_dot_product_attention(query, key, value, scores)
    for mask in (held, torch.zeros(held.shape, dtype=bias.dtype).masked_fill(held.logical_not(), -1e9)):
        found = attend(query, key, value, mask, bias if with_bias else None, 0.0)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("probability", [0.0, 0.3])
@pytest.mark.parametrize(("positions", "width"), [(3, 3), (1, 4)])
def test_gradients_are_those_of_the_values(positions, width, probability):
    query, key, value, held, bias = given(positions, width)

    def alike(*given):
        torch.manual_seed(1)  # the same dropout each time
        return attend(*given[:3], held, given[3], probability)

    assert torch.autograd.gradcheck(alike, (query, key, value, bias))


def test_a_bias_that_all_posts_share_gets_the_gradients_of_all():
    query, key, value, held, bias = given(3, 3)
    shared = bias[:1].detach().requires_grad_()
    attend(query, key, value, held, shared.expand(POSTS, -1, -1, -1), 0.0).square().sum().backward()
    apart = shared.detach().repeat(POSTS, 1, 1, 1).requires_grad_()
    attend(query, key, value, held, apart, 0.0).square().sum().backward()
    torch.testing.assert_close(shared.grad, apart.grad.sum(0, keepdim=True))


def test_in_bf16_values_and_gradients_are_near_the_exact_ones():
    exact = given(20, 20, torch.float32)
    near = [one.detach().bfloat16().requires_grad_() if one.is_floating_point() else one for one in exact]
    found, expected = (attend(*each, 0.0) for each in (near, exact))
    for one, output in ((near, found), (exact, expected)):
        output.backward(torch.ones_like(output))
        assert all(part.grad is not None for part in one if part.is_floating_point())
    torch.testing.assert_close(found.float(), expected, atol=0.03, rtol=0.03)
    for mine, theirs in zip(near, exact, strict=True):
        if theirs.is_floating_point():
            torch.testing.assert_close(mine.grad.float(), theirs.grad, atol=0.03, rtol=0.03)


def test_dropout_zeroes_a_share_and_keeps_the_mean():
    torch.manual_seed(0)
    values = torch.ones(200, 500)
    dropped = dropout(values, 0.2)
    assert dropped.eq(0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert dropped.unique().tolist() == [0.0, 1.25]
    assert dropout(values, 0.0) is values
