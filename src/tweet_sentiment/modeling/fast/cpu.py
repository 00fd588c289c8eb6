"""Kernels for a CPU without gradients: a whole block in bf16, and linear layers in fp32.

bf16: oneDNN makes a kernel for each number of rows, which takes as long as a tenth of its work on a batch. So the word
pieces of a batch lie one after another in a table whose number of rows many batches share.

fp32: torch multiplies matrices by Intel's MKL, which gives half of what an AMD processor can (measured on an EPYC of
the fifth generation). oneDNN, which comes with torch too, takes tensors of its own layout; weights stay as they are.
"""

from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from tweet_sentiment.modeling.fast.attention import attend

if TYPE_CHECKING:
    from tweet_sentiment.modeling.fast.blocks import Layers

STEPS = 8  # numbers of rows between a power of two and the next
FEWEST_BF16 = 16  # rows between two numbers of rows
FEWEST_FP32 = 32  # rows; with less, changing the layout takes longer than it saves


def in_bf16(layer: nn.Linear) -> bool:
    """Return whether this layer, and its block, now compute in a CPU's bf16, without gradients."""
    return (
        not torch.is_grad_enabled()
        and layer.weight.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
    )


def block_in_bf16(
    layers: "Layers",
    query_states: torch.Tensor,
    hidden_states: torch.Tensor,
    mask: torch.Tensor | None,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """Compute a block for the positions ``query_states``.

    Args:
        layers: the block's.
        query_states: shape (posts, positions, dim).
        hidden_states: all positions that are attended to, shape (posts, width, dim).
        mask: see ``blocks.block_forward``; to be broadcast to (posts, heads, positions, width); None for all.
        bias: of that shape; None for none.
    """
    held = _table(hidden_states)
    asked = held if query_states is hidden_states else _table(query_states)

    def heads(projected: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        return _rows(projected, like).unflatten(2, (-1, layers.head_size)).transpose(1, 2)

    query, key, value = (
        heads(layers.query(asked), query_states),
        heads(layers.key(held), hidden_states),
        heads(layers.value(held), hidden_states),
    )
    attended = attend(query, key, value, mask, bias, 0.0).transpose(1, 2).flatten(2)
    attended = layers.attention_norm(_rows(layers.out(_table(attended)), query_states) + query_states)
    inner = layers.outer(layers.activation(layers.inner(_table(attended))))
    return layers.output_norm(_rows(inner, query_states) + attended)


def _table(states: torch.Tensor) -> torch.Tensor:
    """Return states of shape (posts, positions, dim) as bf16 of shape (rows, dim), the rows beyond them zero."""
    posts, positions, dim = states.shape
    pieces = posts * positions
    step = max(FEWEST_BF16, (1 << (pieces - 1).bit_length()) // 2 // STEPS)
    table = torch.empty(-(-pieces // step) * step, dim, dtype=torch.bfloat16)
    table[:pieces].view(states.shape).copy_(states)
    table[pieces:].zero_()
    return table


def _rows(table: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    posts, positions = like.shape[:2]
    return table[: posts * positions].view(posts, positions, -1)


@cache
def mkl_is_slow() -> bool:
    """Return whether torch has oneDNN and would use MKL on a processor for which MKL is slow."""
    built = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    return built and "AMD" in str(torch.cpu.get_capabilities().get("cpu_name", ""))


def linear_in_fp32(layer: nn.Linear, states: torch.Tensor) -> torch.Tensor:
    """Compute the same as ``layer.forward``, for states of shape (..., in_features)."""
    if (
        torch.is_grad_enabled()
        or torch.is_autocast_enabled(states.device.type)
        or states.device.type != "cpu"
        or not states.dtype == layer.weight.dtype == torch.float32
        or states.numel() < FEWEST_FP32 * layer.in_features
    ):
        return functional.linear(states, layer.weight, layer.bias)
    return functional.linear(states.contiguous().to_mkldnn(), layer.weight, layer.bias).to_dense()
