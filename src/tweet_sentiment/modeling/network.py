"""A trained DistilBERT classifier, soft-prompted or not, on torch alone: to be asked and explained, not to be trained.

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
from tweet_sentiment.modeling.prompt_files import ADAPTER, check_base, read_record
from tweet_sentiment.modeling.weights import WEIGHTS, check_whole, read_weights

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
    """What ``DistilBertForSequenceClassification`` of the same configuration computes, without its dropout.

    ``virtual``, of shape (virtual tokens, dim), stands before the word pieces of every post; ``pooled_position`` is the
    one that the head reads, None for the mean of all.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.pooled_position: int | None = 0
        self.virtual = nn.Buffer(torch.empty(0, config.dim), persistent=False)
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
        if count := len(self.virtual):
            vectors = torch.cat([self.virtual.expand(len(vectors), -1, -1), vectors], dim=1)
            if attention_mask is not None:
                attention_mask = functional.pad(attention_mask, (count, 0), value=1)
        hidden = self.distilbert(vectors, attention_mask=attention_mask)["last_hidden_state"]
        pooled = hidden[:, self.pooled_position or 0]  # the mean is put first
        return SimpleNamespace(logits=self.classifier(functional.relu(self.pre_classifier(pooled))))


def load_network(folder: Path, manifest: dict[str, Any]) -> Any:
    """Load the model of a folder that is known to be whole, in evaluation mode on the CPU, to be asked.

    One with another activation comes by transformers, see :func:`.folders.load_weights`.

    Raises:
        StudyError: config.json cannot be read or disagrees with the weights or the manifest; or weights are not finite.
    """
    prompted = (folder / "adapter_config.json").is_file()
    place = check_base(folder) if prompted else folder
    config = _read_config(place)
    if config.activation not in ACTIVATIONS:
        from tweet_sentiment.modeling.folders import load_weights

        return load_weights(folder, manifest)
    weights = _read(place / WEIGHTS)
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
    network.virtual = nn.Buffer(torch.empty(0, config.dim), persistent=False)
    pooling.honour(network)
    if prompted:
        _put_prompt(network, folder)
    check_whole(network, manifest["labels"], folder)
    return network.eval()


def _put_prompt(network: Network, folder: Path) -> None:
    """Put the adapter's virtual tokens before the word pieces, and its head in the place of the base's."""
    adapter = _read(folder / ADAPTER)
    virtual = adapter.pop("prompt_embeddings", torch.empty(0))
    if virtual.dim() != 2 or virtual.shape[1] != network.config.dim or not torch.isfinite(virtual).all():
        raise StudyError(f"{folder}: the soft prompt in {ADAPTER} does not fit its base, or is not finite.")
    try:
        head = {name.removeprefix("base_model."): tensor for name, tensor in adapter.items()}
        if network.load_state_dict(head, strict=False, assign=True).unexpected_keys:
            raise RuntimeError("it holds more than a soft prompt and a head")
    except RuntimeError as error:  # shapes
        raise StudyError(f"{folder}: {ADAPTER} does not fit its base: {error}") from error
    network.virtual = nn.Buffer(virtual, persistent=False)
    network.pooled_position = len(virtual) if read_record(folder)["pooling"] == "cls" else 0


def _read_config(folder: Path) -> Any:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read, it is missing or damaged: {error}") from error
    known = isinstance(config, dict) and config.get("model_type") == "distilbert"
    if not known or not isinstance(config.get("activation"), str):
        raise StudyError(f"{path}: expected a DistilBERT's configuration; train the model again.")
    return SimpleNamespace(**config)


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return read_weights(path)
    except Exception as error:  # safetensors has an error of its own for each way to be damaged
        raise StudyError(f"{path} cannot be read, it is truncated or damaged: {error}") from error
