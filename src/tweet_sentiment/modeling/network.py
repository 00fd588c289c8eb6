"""A trained DistilBERT classifier on torch alone, to be asked and explained, not to be trained.

To import transformers' takes twice as long as torch itself and more memory than the weights: most of what one
``kedro predict`` costs. Names of modules and weights are transformers'; the blocks compute by ``lean``. Source:
V. Sanh et al., "DistilBERT, a distilled version of BERT", 2019; ``transformers.DistilBertForSequenceClassification``.
"""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling import pooling
from tweet_sentiment.modeling.lean import block_forward
from tweet_sentiment.modeling.weights import WEIGHTS, check_whole, read_weights, refuse_adapter

ACTIVATIONS = {
    "gelu": functional.gelu,
    "gelu_new": partial(functional.gelu, approximate="tanh"),
    "relu": functional.relu,
    "silu": functional.silu,
}
EPSILON = 1e-12  # of each layer norm


class _Attention(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        if config.dim % config.n_heads:
            raise ValueError(f"dim, {config.dim}, cannot be shared by {config.n_heads} heads")
        self.attention_head_size = config.dim // config.n_heads
        self.scaling = self.attention_head_size**-0.5
        self.q_lin, self.k_lin, self.v_lin, self.out_lin = (nn.Linear(config.dim, config.dim) for _ in range(4))


class _FeedForward(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(config.dim, config.hidden_dim), nn.Linear(config.hidden_dim, config.dim)
        self.activation = ACTIVATIONS[config.activation]


class _Block(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.attention, self.ffn = _Attention(config), _FeedForward(config)
        self.sa_layer_norm, self.output_layer_norm = (nn.LayerNorm(config.dim, eps=EPSILON) for _ in range(2))

    def forward(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        return block_forward(self, None, hidden_states, attention_mask)


def _table(rows: int, dim: int) -> nn.Embedding:
    """Return an embedding that is not drawn: for that, torch imports its compiler."""
    return nn.Embedding.from_pretrained(torch.empty(rows, dim), freeze=False)


class _Encoder(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.embeddings, self.transformer = nn.Module(), nn.Module()
        self.embeddings.word_embeddings = _table(config.vocab_size, config.dim)
        self.embeddings.position_embeddings = _table(config.max_position_embeddings, config.dim)
        self.embeddings.LayerNorm = nn.LayerNorm(config.dim, eps=EPSILON)
        self.transformer.layer = nn.ModuleList(_Block(config) for _ in range(config.n_layers))

    def forward(self, vectors: torch.Tensor, attention_mask: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        given: Any = self.embeddings
        posts, width, _ = vectors.shape
        hidden = given.LayerNorm(vectors + given.position_embeddings.weight[:width])
        mask = None if attention_mask is None else attention_mask.bool()[:, None, None].expand(posts, 1, width, width)
        for block in self.transformer.layer:  # type: ignore[union-attr]
            hidden = block(hidden, mask)
        return {"last_hidden_state": hidden}


class Network(nn.Module):
    """What ``DistilBertForSequenceClassification`` of the same configuration computes, without its dropout."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.distilbert = _Encoder(config)
        self.pre_classifier = nn.Linear(config.dim, config.dim)
        self.classifier = nn.Linear(config.dim, len(config.id2label))

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the vectors of the word pieces."""
        found: nn.Embedding = self.distilbert.embeddings.word_embeddings  # type: ignore[assignment]
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


def load_network(folder: Path, manifest: dict[str, Any]) -> Any:
    """Load the model of a folder that is known to be whole, in evaluation mode on the CPU, to be asked.

    What is no plain DistilBERT comes by transformers, see :func:`.folders.load_weights`.

    Raises:
        StudyError: config.json cannot be read or disagrees with the weights or the manifest; or weights are not finite.
    """
    refuse_adapter(folder, manifest)
    config = _read_config(folder)
    if config.activation not in ACTIVATIONS:
        from tweet_sentiment.modeling.folders import load_weights

        return load_weights(folder, manifest)
    weights = _read(folder / WEIGHTS)
    try:
        with torch.device("meta"):
            network = Network(config)
    except (AttributeError, TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise StudyError(f"{folder}: config.json is no DistilBERT's configuration: {error}") from error
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    found = {name: tensor.shape for name, tensor in weights.items()}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        raise StudyError(f"{folder}: config.json and {WEIGHTS} disagree at {len(wrong)} weights: {wrong[:3]}.")
    network.load_state_dict(weights, assign=True)
    check_whole(network, manifest["labels"], folder)
    pooling.honour(network)
    return network.eval()


def _read_config(folder: Path) -> Any:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read, it is missing or damaged: {error}") from error
    known = isinstance(config, dict) and config.get("model_type") in ("distilbert", pooling.MEAN)
    if not known or not isinstance(config.get("activation"), str):
        raise StudyError(f"{path}: expected a DistilBERT's configuration; train the model again.")
    return SimpleNamespace(**config)


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return read_weights(path)
    except Exception as error:  # safetensors has an error of its own for each way to be damaged
        raise StudyError(f"{path} cannot be read, it is truncated or damaged: {error}") from error
