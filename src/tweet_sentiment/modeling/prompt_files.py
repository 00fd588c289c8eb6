"""The files of a soft-prompted model's folder, and what must hold of them; neither peft nor torch is needed for it."""

import json
from pathlib import Path
from typing import Any

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import file_hash

ADAPTER = "adapter_model.safetensors"
RECORD = "prompt.json"
BASE = "base"


def base_hash(folder: Path) -> str:
    """Return the sha256 of the base's weights."""
    path = folder / BASE / "model.safetensors"
    return file_hash(path) if path.is_file() else "missing"


def read_record(folder: Path) -> dict[str, Any]:
    """Return which position is pooled (``pooling``), and the hash of the base that the prompt was trained on."""
    record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return record


def check_base(folder: Path) -> Path:
    """Return the folder of the base.

    Raises:
        StudyError: a file is missing, or the base is not the one the adapter was trained on.
    """
    for name in ("adapter_config.json", ADAPTER, RECORD):
        if not (folder / name).is_file():
            raise StudyError(f"{folder}: {name} is missing; this is no whole soft-prompted model.")
    known = read_record(folder)["base_sha256"]
    if (found := base_hash(folder)) != known:
        raise StudyError(
            f"{folder}/{BASE}: the weights are not those the soft prompt was trained on "
            f"(sha256 {found[:16]}, expected {known[:16]}). Bring the whole folder back."
        )
    return folder / BASE
