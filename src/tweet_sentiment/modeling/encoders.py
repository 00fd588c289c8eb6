"""Encoders: ``embedded``, a hub id or a folder. Nothing falls back to another one."""

import hashlib
import json
import logging
from pathlib import Path
from threading import Thread
from typing import Any, cast

import torch
from torch import nn
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertModel,
    DistilBertTokenizerFast,
    PreTrainedTokenizerFast,
)

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.embedded import EMBEDDED, embedded_folder, encoder_of, load_embedded
from tweet_sentiment.modeling.pooling import MEAN
from tweet_sentiment.modeling.tokenization import probe
from tweet_sentiment.modeling.weights import read_weights
from tweet_sentiment.parameters import StudyParameters

logger = logging.getLogger(__name__)

HUB_PATIENCE = 0.8  # seconds
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt")


def checkpoint_folder(checkpoint: str) -> Path:
    """Return the folder that holds the files of ``embedded``, of a hub id (from its cache) or of a path.

    Raises:
        StudyError: there is no such folder, and no such model in the cache or on the hub.
    """
    if checkpoint == EMBEDDED:
        return embedded_folder()
    if (folder := Path(checkpoint).expanduser()).is_dir():
        return folder
    if folder.is_absolute() or checkpoint.startswith(".") or checkpoint.count("/") > 1:
        raise StudyError(f"model.checkpoint: there is no folder {checkpoint}.")
    return _from_hub(checkpoint)


def _from_hub(checkpoint: str) -> Path:
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    cached = try_to_load_from_cache(checkpoint, "model.safetensors")
    if isinstance(cached, str):
        return Path(cached).parent
    if not _hub_answers():
        raise StudyError(
            f"model.checkpoint: '{checkpoint}' is no folder here, is not in the Hugging Face cache, and the hub does "
            f"not answer.\n  With a connection:  hf download {checkpoint}\n"
            f"  Without one:        --params=model.checkpoint=embedded, or the path of a folder with its files."
        )
    try:
        return Path(snapshot_download(checkpoint, allow_patterns=list(FILES)))
    except Exception as error:
        raise StudyError(f"model.checkpoint: the hub has no model '{checkpoint}' for us: {error}") from error


def _hub_answers() -> bool:
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return False
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(get_session().head(constants.ENDPOINT, timeout=HUB_PATIENCE))
        except Exception as error:
            logger.debug("The hub did not answer: %s", error)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_PATIENCE)
    return bool(answers)


def check_adapted(checkpoint: str, row_counts: dict[str, Any], parameters: StudyParameters) -> None:
    """Refuse an encoder that ``domain_adaptation`` made of posts which are held out now.

    Raises:
        StudyError: it was adapted under another protocol or seed, or to other files.
    """
    path = checkpoint_folder(checkpoint) / "manifest.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if found.get("technique") != "domain_adaptation":
        return
    now = {"protocol": parameters.protocol, "seed": parameters.seed, "data": row_counts["files"]}
    if other := [name for name, value in now.items() if found[name] != value]:
        raise StudyError(
            f"{checkpoint}: this encoder was adapted under another {' and '.join(other)}, so it may have read the "
            f"posts that are held out now.\n  Adapt one for this run:  kedro run --pipeline=domain_adaptation"
        )


def checkpoint_hash(checkpoint: str) -> str:
    """Return the sha256 of the checkpoint's weights."""
    return hashlib.sha256(_file(checkpoint_folder(checkpoint), "model.safetensors").read_bytes()).hexdigest()


def load_tokenizer(checkpoint: str) -> PreTrainedTokenizerFast:
    """Load the checkpoint's tokenizer and probe it.

    Raises:
        StudyError: its files are missing, or it does not know ordinary words.
    """
    folder = checkpoint_folder(checkpoint)
    if not (folder / "tokenizer.json").is_file() and not (folder / "vocab.txt").is_file():
        raise StudyError(f"{folder}: no tokenizer here, expected tokenizer.json or vocab.txt.")
    tokenizer = DistilBertTokenizerFast.from_pretrained(
        folder, model_max_length=512, split_special_tokens=True, local_files_only=True
    )
    probe(tokenizer, folder)
    return cast(PreTrainedTokenizerFast, tokenizer)


def load_encoder(checkpoint: str) -> DistilBertModel:
    """Load the pretrained encoder in evaluation mode, in fp32 on the CPU.

    Raises:
        StudyError: weights are missing, do not match the configuration, or are not finite.
    """
    if checkpoint == EMBEDDED:
        return load_embedded()
    folder = checkpoint_folder(checkpoint)
    config = DistilBertConfig.from_pretrained(_file(folder, "config.json").parent)
    if config.model_type not in ("distilbert", MEAN):
        raise StudyError(f"{folder}: config.json says model_type '{config.model_type}', expected 'distilbert'.")
    weights = {
        _encoder_name(name): tensor for name, tensor in _read(folder).items() if not name.startswith(_NOT_ENCODER)
    }
    with torch.device("meta"):
        encoder = DistilBertModel(config)
    expected = {name: tensor.shape for name, tensor in encoder.state_dict().items()}
    found = {name: tensor.shape for name, tensor in weights.items()}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        raise StudyError(f"{folder}: config.json and model.safetensors disagree at {len(wrong)} weights: {wrong[:3]}.")
    if broken := [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]:
        raise StudyError(f"{folder}: {broken[0]} holds NaN or infinite weights.")
    return encoder_of(config, weights)


_NOT_ENCODER = ("vocab_", "pre_classifier.", "classifier.", "qa_outputs.")


def _encoder_name(name: str) -> str:
    return name.removeprefix("distilbert.").replace(".gamma", ".weight").replace(".beta", ".bias")


def _file(folder: Path, name: str) -> Path:
    if not (path := folder / name).is_file():
        pickles = [p.name for p in folder.glob("*.bin")] if name.endswith("safetensors") else []
        hint = f" ({pickles[0]} is a pickle and is not read)" if pickles else ""
        raise StudyError(f"{folder}: {name} is missing{hint}.")
    return path


def _read(folder: Path) -> dict[str, torch.Tensor]:
    try:
        return read_weights(_file(folder, "model.safetensors"))
    except StudyError:
        raise
    except Exception as error:
        raise StudyError(f"{folder}: model.safetensors cannot be read, it is truncated or damaged: {error}") from error


def load_classifier(checkpoint: str, labels: list[str], seed: int) -> DistilBertForSequenceClassification:
    """Put an untrained head, drawn with ``seed``, on the pretrained encoder (paper, section "Model choice").

    The head is ``pre_classifier`` (dim x dim), ReLU, dropout, ``classifier`` (dim x labels). A head that the
    checkpoint may bring is not used: every technique starts from the same one.
    """
    encoder = load_encoder(checkpoint)
    config = DistilBertConfig(
        **{
            **encoder.config.to_dict(),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: i for i, label in enumerate(labels)},
            "architectures": ["DistilBertForSequenceClassification"],
            "problem_type": "single_label_classification",
        }
    )
    with torch.device("meta"):
        classifier = DistilBertForSequenceClassification(config)
    classifier.distilbert = encoder
    draws = torch.Generator().manual_seed(seed)
    for layer in (classifier.pre_classifier, classifier.classifier):  # as transformers draws them
        layer.to_empty(device="cpu")
        nn.init.normal_(layer.weight, std=config.initializer_range, generator=draws)
        nn.init.zeros_(layer.bias)
    return classifier.eval()
