"""Model folders: Hugging Face's layout plus ``manifest.json``; written by the catalog, checked on loading."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import checked_manifest, write_manifest
from tweet_sentiment.modeling import pooling
from tweet_sentiment.modeling.tokenization import probe, virtual_tokens
from tweet_sentiment.modeling.weights import check_whole, refuse_adapter


@dataclass(frozen=True)
class TrainedModel:
    """A plain classifier, its tokenizer, which puts a prompt before the text, and where it comes from."""

    model: Any
    tokenizer: PreTrainedTokenizerFast
    manifest: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write the model folder; see :func:`save_model`."""
        save_model(self, folder)


def save_model(trained: TrainedModel, folder: Path) -> None:
    """Write weights (safetensors), configuration, tokenizer, and last the manifest with each file's sha256."""
    folder.mkdir(parents=True)
    trained.model.save_pretrained(folder)
    pooling.mark(folder / "config.json")
    tokenizer, most = trained.tokenizer, trained.manifest.get("input", {}).get("max_length")
    if most:  # where transformers cuts with truncation=True
        tokenizer.model_max_length = most + virtual_tokens(tokenizer)
    tokenizer.save_pretrained(folder)
    write_manifest(folder, trained.manifest)


def load_model(folder: Path) -> TrainedModel:
    """Load a folder that :func:`save_model` wrote, in evaluation mode on the CPU.

    Raises:
        StudyError: the folder is absent, a file is missing or changed, a file is a pickle, weights are not finite,
            the tokenizer's vocabulary is not whole, or the classes are not those of the manifest.
    """
    manifest = checked_manifest(folder)
    refuse_adapter(folder, manifest)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    probe(tokenizer, folder)
    return TrainedModel(load_weights(folder, manifest), tokenizer, manifest)


def load_weights(folder: Path, manifest: dict[str, Any]) -> Any:
    """Load the model of a folder that is known to be whole, by transformers.

    Raises:
        StudyError: configuration, weights and manifest disagree, or weights are not finite.
    """
    model = _load_classifier(folder)
    check_whole(model, manifest["labels"], folder)
    _detach_from_files(model)
    return model.eval()


def _detach_from_files(model: Any) -> None:
    """Copy the weights: they are mapped from the file, and whoever writes to it would change a model that is in use."""
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()


def _load_classifier(folder: Path) -> DistilBertForSequenceClassification:
    """Load a classifier; transformers alone would draw weights that are missing and drop those too many."""
    config = DistilBertConfig(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
    try:
        loaded: Any = DistilBertForSequenceClassification.from_pretrained(
            folder, config=config, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except RuntimeError as error:  # shapes
        raise StudyError(f"{folder}: config.json and model.safetensors disagree: {error}") from error
    model, info = loaded
    if wrong := sorted(info["missing_keys"] | info["unexpected_keys"]):
        raise StudyError(f"{folder}: config.json and model.safetensors disagree at {len(wrong)} weights: {wrong[:3]}.")
    pooling.honour(model)
    return model
