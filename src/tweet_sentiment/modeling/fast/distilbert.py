"""DistilBERT with less work: unread positions are not computed, and a CPU gets operations at which it is fast.

Only the position that the head reads is computed in the last block: a seventh of all arithmetic is saved. On a CPU,
training takes attention as plain matrix products (the fused kernel's backward pass in bf16 is several times slower, and
with dropout it gives way to one that checks each row), and draws dropout from 16 random bits a value. For a CPU
without gradients see ``cpu``. Source: V. Sanh et al., "DistilBERT, a distilled version of BERT", 2019;
``transformers.DistilBertForSequenceClassification``, whose names of modules and weights these are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tweet_sentiment.modeling.devices import draw_kept
from tweet_sentiment.modeling.fast.cpu import block_in_bf16, in_bf16, linear_in_fp32, mkl_is_slow

ACTIVATIONS = {
    "gelu": functional.gelu,
    "gelu_new": partial(functional.gelu, approximate="tanh"),
    "relu": functional.relu,
    "silu": functional.silu,
}
EPSILON = 1e-12  # of each layer norm


@contextmanager
def forward(model: nn.Module) -> Iterator[None]:
    """Let a DistilBERT within ``model`` compute fast; see ``modeling.speed.fast_forward``.

    Whichever position of ``last_hidden_state`` is then read, it is the pooled one. Weights and names stay.
    """
    position = getattr(model, "pooled_position", 0)
    blocks: list[Any] = [one for one in model.modules() if hasattr(one, "sa_layer_norm")]  # no other family has it
    layers: list[Any] = [one for one in model.modules() if type(one) is nn.Linear] if mkl_is_slow() else []
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
    """Compute the same as ``TransformerBlock.forward`` of transformers, for one position or all."""
    query_states = hidden_states if position is None else hidden_states[:, position : position + 1]
    if attention_mask is not None and position is not None:
        attention_mask = attention_mask[:, :, position : position + 1]
    compute = block_in_bf16 if in_bf16(block) else _any_block
    output = compute(block, query_states, hidden_states, attention_mask)
    return output if position is None else output.expand_as(hidden_states)


def _any_block(
    block: Any, query_states: torch.Tensor, hidden_states: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    attended = block.sa_layer_norm(_attention(block.attention, query_states, hidden_states, mask) + query_states)
    inner = block.ffn.lin2(block.ffn.activation(block.ffn.lin1(attended)))
    if block.training:
        inner = dropout(inner, block.ffn.dropout.p)
    return block.output_layer_norm(inner + attended)


def _attention(
    attention: Any, query_states: torch.Tensor, hidden_states: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    def heads(projected: torch.Tensor) -> torch.Tensor:
        return projected.view(*projected.shape[:2], -1, attention.attention_head_size).transpose(1, 2)

    query = heads(attention.q_lin(query_states))
    key, value = heads(attention.k_lin(hidden_states)), heads(attention.v_lin(hidden_states))
    probability = attention.dropout.p if attention.training else 0.0
    if attention.training and query.device.type == "cpu":
        scores = (query * attention.scaling) @ key.transpose(2, 3)
        if mask is not None:
            scores = scores.masked_fill(mask.logical_not(), torch.finfo(scores.dtype).min)
        attended = dropout(scores.softmax(-1), probability) @ value
    else:
        attended = functional.scaled_dot_product_attention(query, key, value, mask, probability)
    return attention.out_lin(attended.transpose(1, 2).flatten(2))


def dropout(values: torch.Tensor, probability: float) -> torch.Tensor:
    """Zero values with this probability and scale the others, as ``torch.nn.functional.dropout`` in training."""
    if not probability or values.device.type != "cpu":
        return functional.dropout(values, probability)
    return values * draw_kept(values.shape, probability, values.device).to(values.dtype).mul_(1 / (1 - probability))


def network_of(settings: dict[str, Any]) -> Callable[[], "Network"] | None:
    """Return the function that builds the classifier for these settings; None if ``Network`` does not fit."""
    known = settings["model_type"] == "distilbert" and str(settings.get("activation")) in ACTIVATIONS
    return partial(Network, SimpleNamespace(**settings)) if known else None


class _Module(nn.Module):
    """A module of these parts."""

    def __init__(self, **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


class _Block(_Module):
    def forward(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        return block_forward(self, None, hidden_states, attention_mask)


def _embedding(rows: int, dim: int) -> nn.Embedding:
    """Return an embedding without drawn weights: drawing would import torch's compiler."""
    return nn.Embedding.from_pretrained(torch.empty(rows, dim), freeze=False)


def _block(config: Any) -> _Block:
    dim, inner = config.dim, config.hidden_dim
    if dim % config.n_heads:
        raise ValueError(f"dim, {dim}, cannot be shared by {config.n_heads} heads")
    size = dim // config.n_heads
    linear = {name: nn.Linear(dim, dim) for name in ("q_lin", "k_lin", "v_lin", "out_lin")}
    norms = {name: nn.LayerNorm(dim, eps=EPSILON) for name in ("sa_layer_norm", "output_layer_norm")}
    activation = ACTIVATIONS[config.activation]
    return _Block(
        attention=_Module(attention_head_size=size, scaling=size**-0.5, **linear),
        ffn=_Module(lin1=nn.Linear(dim, inner), lin2=nn.Linear(inner, dim), activation=activation),
        **norms,
    )


class _Encoder(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.embeddings: Any = _Module(
            word_embeddings=_embedding(config.vocab_size, config.dim),
            position_embeddings=_embedding(config.max_position_embeddings, config.dim),
            LayerNorm=nn.LayerNorm(config.dim, eps=EPSILON),
        )
        self.transformer: Any = _Module(layer=nn.ModuleList(_block(config) for _ in range(config.n_layers)))

    def forward(self, vectors: torch.Tensor, attention_mask: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        posts, width, _ = vectors.shape
        hidden = self.embeddings.LayerNorm(vectors + self.embeddings.position_embeddings.weight[:width])
        mask = None if attention_mask is None else attention_mask.bool()[:, None, None].expand(posts, 1, width, width)
        for block in self.transformer.layer:
            hidden = block(hidden, mask)
        return {"last_hidden_state": hidden}


class Network(nn.Module):
    """The same computation as ``DistilBertForSequenceClassification`` of this configuration, without dropout."""

    base_model_prefix = "distilbert"

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.distilbert = _Encoder(config)
        self.pre_classifier = nn.Linear(config.dim, config.dim)
        self.classifier = nn.Linear(config.dim, len(config.id2label))

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the vectors of the word pieces."""
        found: nn.Embedding = self.distilbert.embeddings.word_embeddings
        return found

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> SimpleNamespace:
        """Return ``logits`` of shape (posts, classes) for word pieces, or for vectors in their place.

        ``input_ids`` and ``attention_mask`` have shape (posts, width), ``inputs_embeds`` (posts, width, dim).
        """
        vectors = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        hidden = self.distilbert(vectors, attention_mask=attention_mask)["last_hidden_state"]
        return SimpleNamespace(logits=self.classifier(functional.relu(self.pre_classifier(hidden[:, 0]))))
