"""The same DistilBERT with less work: what no one reads is not computed, and a CPU gets what it is fast at.

Only the position that the head reads is computed in the last block: a seventh of all dtype is saved. On a CPU,
training takes attention as plain matrix products (the fused kernel's backward pass in bf16 is several times slower, and
with dropout it gives way to one that checks each row), and draws dropout from 16 random bits a value. For a CPU
without gradients see ``lean_bf16`` and ``lean_fp32``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tweet_sentiment.modeling.dropout import dropout
from tweet_sentiment.modeling.lean_bf16 import block_in_bf16, in_bf16
from tweet_sentiment.modeling.lean_fp32 import linear_in_fp32, mkl_is_slow


@contextmanager
def lean(model: nn.Module) -> Iterator[None]:
    """Make the encoder within ``model`` compute, in its last block, only the position that the head reads.

    It is ``model.pooled_position``, or 0 where the model does not say; None for all positions. Whichever position of
    ``last_hidden_state`` is then read, it is that one. Weights and names stay, and afterwards all is as before.
    """
    position = getattr(model, "pooled_position", 0)
    transformer = next(module for name, module in model.named_modules() if name.split(".")[-1] == "transformer")
    blocks: list[Any] = list(transformer.layer)
    layers: list[Any] = [module for module in model.modules() if type(module) is nn.Linear] if mkl_is_slow() else []
    for block in blocks:
        block.forward = partial(block_forward, block, position if block is blocks[-1] else None)
    for layer in layers:
        layer.forward = partial(linear_in_fp32, layer)
    try:
        yield
    finally:
        for module in (*blocks, *layers):
            del module.forward


def block_forward(
    block: Any,
    position: int | None,
    hidden_states: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    **_: Any,
) -> torch.Tensor:
    """Compute what ``TransformerBlock.forward`` of transformers does, for one position or all."""
    asking = hidden_states if position is None else hidden_states[:, position : position + 1]
    if attention_mask is not None and position is not None:
        attention_mask = attention_mask[:, :, position : position + 1]
    compute = block_in_bf16 if in_bf16(block) else _any_block
    output = compute(block, asking, hidden_states, attention_mask)
    return output if position is None else output.expand_as(hidden_states)


def _any_block(
    block: Any, asking: torch.Tensor, hidden_states: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    attended = block.sa_layer_norm(_attention(block.attention, asking, hidden_states, mask) + asking)
    inner = block.ffn.lin2(block.ffn.activation(block.ffn.lin1(attended)))
    if block.training:
        inner = dropout(inner, block.ffn.dropout.p)
    return block.output_layer_norm(inner + attended)


def _attention(
    attention: Any, asking: torch.Tensor, hidden_states: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    def heads(projected: torch.Tensor) -> torch.Tensor:
        return projected.view(*projected.shape[:2], -1, attention.attention_head_size).transpose(1, 2)

    query = heads(attention.q_lin(asking))
    key, value = heads(attention.k_lin(hidden_states)), heads(attention.v_lin(hidden_states))
    probability = attention.dropout.p if attention.training else 0.0
    if attention.training and query.device.type == "cpu":
        attended = _by_products(query, key, value, mask, attention.scaling, probability)
    else:
        attended = functional.scaled_dot_product_attention(query, key, value, mask, probability)
    return attention.out_lin(attended.transpose(1, 2).flatten(2))


def _by_products(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float,
    probability: float,
) -> torch.Tensor:
    scores = (query * scaling) @ key.transpose(2, 3)
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), torch.finfo(scores.dtype).min)
    return dropout(scores.softmax(-1), probability) @ value
