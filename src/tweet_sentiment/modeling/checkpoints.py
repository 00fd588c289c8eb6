"""Checkpoints that can be trusted: a manifest of hashes written last, and only whole ones are gone on from."""

import json
import logging
import os
import re
import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tweet_sentiment.provenance import fingerprint, sha256

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"


def checkpoints_folder(working_folder: Path, conditions: dict[str, Any]) -> Path:
    """Return the folder for checkpoints under these conditions; those under others are deleted.

    The folder's name is the fingerprint of data and parameters: a run cannot go on from a checkpoint of other ones.
    """
    mine = working_folder / f"checkpoints-{fingerprint(conditions)}"
    for other in working_folder.glob("checkpoints-*"):
        if other != mine:
            logger.info("Checkpoints of other data or parameters are deleted: %s", other.name)
            shutil.rmtree(other)
    mine.mkdir(parents=True, exist_ok=True)
    return mine


def newest_valid(folder: Path) -> Path | None:
    """Return the newest checkpoint of which every file is as it was written; delete damaged ones, and later ones."""
    numbered = [
        (int(match[1]), path) for path in folder.iterdir() if (match := re.fullmatch(r"checkpoint-(\d+)", path.name))
    ]
    newest: Path | None = None
    for _, path in sorted(numbered, reverse=True):
        if not _is_whole(path):
            logger.info("A damaged checkpoint is deleted: %s", path.name)
            shutil.rmtree(path)
        elif newest is None:
            newest = path
    return newest


def _is_whole(checkpoint: Path) -> bool:
    try:
        expected = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return (
        bool(expected)
        and isinstance(expected, dict)
        and all(
            (checkpoint / name).is_file() and sha256((checkpoint / name).read_bytes()) == digest
            for name, digest in expected.items()
        )
    )


def seal(checkpoint: Path) -> None:
    """Write the hash of every file of a checkpoint, in one step, after all of them."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != MANIFEST)
    hashes = {path.relative_to(checkpoint).as_posix(): sha256(path.read_bytes()) for path in files}
    new = checkpoint / f".{MANIFEST}"
    new.write_text(json.dumps(hashes), encoding="utf-8")
    os.replace(new, checkpoint / MANIFEST)


class SealCheckpoints(TrainerCallback):
    """Seals each checkpoint that the Trainer has saved."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        seal(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
