"""Attention on a CPU as plain matrix products, with its gradients, and dropout from 16 random bits a value.

In bf16 the fused kernel's backward pass is several times slower, and with dropout that kernel gives way to one that
checks each row. Torch's softmax takes 32 bf16 numbers at once: where rows of scores end between two such vectors, it is
five times as slow, so each row has the next whole number of them.
"""

from typing import Any

import torch
from torch.nn import functional

from tweet_sentiment.modeling.devices import draw_kept

VECTOR = 32  # bf16 numbers


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    bias: torch.Tensor | None,
    probability: float,
) -> torch.Tensor:
    """Return the values, weighted by the softmax of the scaled scores; shape (posts, heads, positions, head size).

    Args:
        query: shape (posts, heads, positions, head size).
        key: shape (posts, heads, width, head size).
        value: of the same shape as ``key``.
        mask: see ``blocks.block_forward``; to be broadcast to (posts, heads, positions, width); None for all.
        bias: added to the scores, of that shape; None for none.
        probability: of dropout, of the weights.
    """
    attended: torch.Tensor = _Attention.apply(query, key, value, mask, bias, probability)
    return attended


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> torch.Tensor:
        query, key, value, mask, bias, probability = given
        (posts, heads, positions, size), width = query.shape, key.shape[2]
        queries, keys, values = (one.flatten(0, 1) for one in (query, key, value))
        scores = query.new_full((posts * heads, positions, -(-width // VECTOR) * VECTOR), -torch.inf)
        known = scores[..., :width]
        by_post = known.unflatten(0, (posts, heads))
        with torch.autocast("cpu", enabled=False):
            _product(queries, keys.transpose(1, 2), known, size**-0.5)
            if bias is not None:
                by_post += bias
            if mask is not None and mask.dtype == torch.bool:
                by_post.masked_fill_(mask.logical_not(), -torch.inf)
            elif mask is not None:
                by_post += mask
            weights = scores.softmax(-1)
            kept = _factors(known.shape, probability, query.dtype) if probability else None
            dropped = weights[..., :width] if kept is None else weights[..., :width] * kept
            attended = torch.bmm(dropped, values)
        ctx.save_for_backward(queries, keys, values, weights, kept, dropped)
        ctx.shape, ctx.bias = (posts, heads), None if bias is None else bias.dtype
        return attended.view(query.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        queries, keys, values, weights, kept, dropped = ctx.saved_tensors
        gradient, width, scaling = gradients[0].flatten(0, 1), keys.shape[1], queries.shape[2] ** -0.5
        of_value = torch.bmm(dropped.transpose(1, 2), gradient)
        of_weights = torch.zeros_like(weights)
        _product(gradient, values.transpose(1, 2), of_weights[..., :width])
        if kept is not None:
            of_weights[..., :width] *= kept
        of_scores = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)[..., :width]
        of_bias = None if ctx.bias is None else of_scores.unflatten(0, ctx.shape).to(ctx.bias)
        of_query = _product(of_scores, keys, torch.empty_like(queries), scaling)
        of_key = _product(of_scores.transpose(1, 2), queries, torch.empty_like(keys), scaling)
        of_query, of_key, of_value = (one.unflatten(0, ctx.shape) for one in (of_query, of_key, of_value))
        return of_query, of_key, of_value, None, of_bias, None


def _product(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor, scaling: float = 1.0) -> torch.Tensor:
    """Write the scaled product of two batches of matrices into ``out``."""
    return torch.baddbmm(left.new_zeros(1), left, right, beta=0, alpha=scaling, out=out)


def dropout(values: torch.Tensor, probability: float) -> torch.Tensor:
    """Zero values with this probability and scale the others, as ``torch.nn.functional.dropout`` in training."""
    if not probability:
        return values
    if values.device.type != "cpu":
        return functional.dropout(values, probability)
    return values * _factors(values.shape, probability, values.dtype)


def _factors(shape: torch.Size, probability: float, dtype: torch.dtype) -> torch.Tensor:
    return draw_kept(shape, probability, torch.device("cpu"), dtype).mul_(1 / (1 - probability))
