"""Blocks with less work: unread positions are not computed, and a CPU gets operations at which it is fast.

Only the position that the head reads is computed in the last block: of six blocks that saves a seventh of all
arithmetic. A CPU's training and its bf16 have their own attention (see ``attention``), its predictions more (``cpu``).
The families are DistilBERT, MPNet, and those with BERT's blocks; their blocks differ in the names of the layers, in
dropout, and in MPNet's bias by distance. Source: the modules ``transformers.models.<family>``.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tweet_sentiment.modeling.fast.attention import attend, dropout
from tweet_sentiment.modeling.fast.cpu import block_in_bf16, in_bf16, linear_in_fp32, mkl_is_slow

logger = logging.getLogger(__name__)

OF_BERT = ("BertLayer", "ElectraLayer", "RobertaLayer", "XLMRobertaLayer")
OF_MPNET = "MPNetLayer"


@dataclass(frozen=True)
class Layers:
    """The layers of a block by what they do, in any family; a dropout is None where the family has none."""

    query: Any
    key: Any
    value: Any
    out: Any
    attention_norm: nn.LayerNorm
    inner: Any
    activation: Any
    outer: Any
    output_norm: nn.LayerNorm
    head_size: int
    dropouts: tuple[nn.Dropout | None, nn.Dropout | None, nn.Dropout | None] = (None, None, None)
    """Of the attention's weights, of its output, and of the block's."""
    in_tuple: bool = False
    """Whether the block returns its states in a tuple."""


def layers_of(block: Any) -> Layers | None:
    """Return the layers of a transformer block; None if it is none, or one of another family."""
    if hasattr(block, "sa_layer_norm"):  # DistilBERT's alone
        attention, ffn = block.attention, block.ffn
        projections = attention.q_lin, attention.k_lin, attention.v_lin, attention.out_lin
        inner = ffn.lin1, ffn.activation, ffn.lin2
        dropouts = getattr(attention, "dropout", None), None, getattr(ffn, "dropout", None)
        norms = block.sa_layer_norm, block.output_layer_norm
        return Layers(*projections, norms[0], *inner, norms[1], attention.attention_head_size, dropouts)
    name = type(block).__name__
    if name in OF_BERT and not block.is_decoder:
        attention, output = block.attention.self, block.attention.output
        projections = attention.query, attention.key, attention.value, output.dense
    elif name == OF_MPNET:
        attention, output = block.attention.attn, block.attention
        projections = attention.q, attention.k, attention.v, attention.o
    else:
        return None
    inner = block.intermediate.dense, block.intermediate.intermediate_act_fn, block.output.dense
    dropouts = attention.dropout, output.dropout, block.output.dropout
    norms, size = (output.LayerNorm, block.output.LayerNorm), attention.attention_head_size
    return Layers(*projections, norms[0], *inner, norms[1], size, dropouts, in_tuple=name == OF_MPNET)


@contextmanager
def forward(model: nn.Module) -> Iterator[None]:
    """Let an encoder within ``model`` compute fast; see ``modeling.speed.fast_forward``.

    Whichever position of ``last_hidden_state`` is then read, it is the pooled one. Weights and names stay.
    """
    position = getattr(model, "pooled_position", 0)
    blocks: list[Any] = [(one, layers) for one in model.modules() if (layers := layers_of(one)) is not None]
    linear: list[Any] = [one for one in model.modules() if type(one) is nn.Linear] if blocks and mkl_is_slow() else []
    if not blocks:
        _say_plain(getattr(getattr(model, "config", None), "model_type", type(model).__name__))
    for block, layers in blocks:
        block.forward = partial(block_forward, block, layers, position if block is blocks[-1][0] else None)
    for layer in linear:
        layer.forward = partial(linear_in_fp32, layer)
    dropouts: list[Any] = [one for one in model.modules() if type(one) is nn.Dropout]
    for layer in dropouts:
        layer.forward = partial(_forward_of_dropout, layer)
    try:
        yield
    finally:
        for module in (*(block for block, _ in blocks), *linear, *dropouts):
            del module.forward


@cache
def _say_plain(family: str) -> None:
    logger.info("There is no fast code for encoders of the family %s: they compute as transformers has them.", family)


def block_forward(
    block: Any,
    layers: Layers,
    position: int | None,
    hidden_states: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *_: Any,
    **__: Any,
) -> Any:
    """Compute the same as the block's own ``forward`` in transformers, for one position or all.

    ``hidden_states`` has shape (posts, width, dim). ``attention_mask`` is True or 0 where a position is held, False or
    very low elsewhere, to be broadcast to (posts, heads, width, width); MPNet's ``bias`` has that shape.
    """
    query_states = hidden_states if position is None else hidden_states[:, position : position + 1].contiguous()
    if position is not None:
        attention_mask, bias = (
            one if one is None else one[:, :, position : position + 1] for one in (attention_mask, bias)
        )
    fast = not block.training and in_bf16(layers.out)
    compute = block_in_bf16 if fast else _any_block
    output = compute(layers, query_states, hidden_states, attention_mask, bias)
    output = output if position is None else output.expand_as(hidden_states)
    return (output,) if layers.in_tuple else output


def _any_block(
    layers: Layers,
    query_states: torch.Tensor,
    hidden_states: torch.Tensor,
    mask: torch.Tensor | None,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    of_weights, of_attention, of_output = (_probability(one) for one in layers.dropouts)
    attended = dropout(_attention(layers, query_states, hidden_states, mask, bias, of_weights), of_attention)
    attended = layers.attention_norm(attended + query_states)
    inner = layers.outer(layers.activation(layers.inner(attended)))
    return layers.output_norm(dropout(inner, of_output) + attended)


def _probability(layer: nn.Dropout | None) -> float:
    return layer.p if layer is not None and layer.training else 0.0


def _attention(
    layers: Layers,
    query_states: torch.Tensor,
    hidden_states: torch.Tensor,
    mask: torch.Tensor | None,
    bias: torch.Tensor | None,
    probability: float,
) -> torch.Tensor:
    def heads(projected: torch.Tensor) -> torch.Tensor:
        return projected.view(*projected.shape[:2], -1, layers.head_size).transpose(1, 2)

    query = heads(layers.query(query_states))
    key, value = heads(layers.key(hidden_states)), heads(layers.value(hidden_states))
    if layers.attention_norm.training and query.device.type == "cpu":
        attended = attend(query, key, value, mask, bias, probability)
    else:
        if bias is not None:
            mask = _with_mask(bias.to(query.dtype), mask)
        attended = functional.scaled_dot_product_attention(query, key, value, mask, probability)
    return layers.out(attended.transpose(1, 2).flatten(2))


def _with_mask(scores: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Return scores that are very low where a position is not held."""
    if mask is None:
        return scores
    if mask.dtype != torch.bool:
        return scores + mask.to(scores.dtype)
    return scores.masked_fill(mask.logical_not(), torch.finfo(scores.dtype).min)


def _forward_of_dropout(layer: nn.Dropout, values: torch.Tensor) -> torch.Tensor:
    return dropout(values, _probability(layer))
