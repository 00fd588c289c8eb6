"""Model folders: Hugging Face's layout plus ``manifest.json``; written by the catalog, checked on loading."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import checked_manifest, write_manifest
from tweet_sentiment.modeling.encoders import (
    apply_pooling,
    blank,
    classifier_of,
    fill,
    mark_pooling,
    positions_of,
    read_config,
    read_weights,
)
from tweet_sentiment.modeling.tokenization import check_vocabulary, virtual_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class TrainedModel:
    """A plain classifier, its tokenizer, which also adds a prompt, and its manifest."""

    model: Any
    tokenizer: "PreTrainedTokenizerFast"
    manifest: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write weights (safetensors), configuration, tokenizer, and last the manifest with each file's sha256."""
        folder.mkdir(parents=True)
        self.model.save_pretrained(folder)
        mark_pooling(folder / "config.json")
        manifest, given = self.manifest, self.manifest.get("input", {})
        if given.get("max_length"):
            positions, virtual = positions_of(self.model), virtual_tokens(self.tokenizer)
            most = min(given["max_length"], positions - virtual)
            self.tokenizer.model_max_length = most + virtual  # where transformers cuts with truncation=True
            manifest = manifest | {"input": given | {"max_length": most}}
        self.tokenizer.save_pretrained(folder)
        write_manifest(folder, manifest)


def load_model(folder: Path) -> TrainedModel:
    """Load a folder that ``TrainedModel.save`` wrote, in evaluation mode on the CPU.

    Raises:
        StudyError: the folder is absent, a file is missing or changed, a file is a pickle, weights are not finite,
            the tokenizer's vocabulary is not whole, or the classes are not those of the manifest.
    """
    from transformers import PreTrainedTokenizerFast

    manifest = checked_manifest(folder)
    model = load_weights(folder, manifest)
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # transformers says what it would have tried in its place
        reason = str(error).splitlines()[0]
        raise StudyError(f"{folder}: the tokenizer cannot be read, it is missing or damaged: {reason}") from error
    check_vocabulary(tokenizer, folder)
    return TrainedModel(model, tokenizer, manifest)


Make = Callable[[dict[str, Any]], Callable[[], Any] | None]


def load_weights(folder: Path, manifest: dict[str, Any], make: Make = lambda settings: None) -> Any:
    """Load the model of a folder that has been checked, in evaluation mode on the CPU.

    ``make`` returns, for the settings of config.json, the function that builds the model without weights; None: by
    transformers.

    Raises:
        StudyError: configuration, weights and manifest disagree, or weights are not finite.
    """
    settings = read_config(folder)
    model = fill(blank(make(settings) or classifier_of(settings, folder), folder), read_weights(folder), folder)
    if (found := list(model.config.id2label.values())) != manifest["labels"]:
        raise StudyError(f"{folder}: config.json has the classes {found}, the manifest {manifest['labels']}.")
    apply_pooling(model)
    return model
