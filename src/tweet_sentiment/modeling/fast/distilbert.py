"""DistilBERT without transformers, for predictions and explanations.

Source: V. Sanh et al., "DistilBERT, a distilled version of BERT", 2019; the names of modules and weights are those of
``transformers.DistilBertForSequenceClassification``.
"""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tweet_sentiment.modeling.fast.blocks import block_forward, layers_of

ACTIVATIONS = {
    "gelu": functional.gelu,
    "gelu_new": partial(functional.gelu, approximate="tanh"),
    "relu": functional.relu,
    "silu": functional.silu,
}
EPSILON = 1e-12  # of each layer norm


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
        layers = layers_of(self)
        assert layers is not None
        states: torch.Tensor = block_forward(self, layers, None, hidden_states, attention_mask)
        return states


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
        attention=_Module(attention_head_size=size, **linear),
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
