"""Checkpoints of a training: one folder for each set of conditions, and no damaged one is resumed."""

import json
import logging
import re
import shutil
from pathlib import Path
from time import monotonic
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback
from transformers.trainer_utils import rotate_checkpoints

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import MANIFEST, hashes, write_manifest
from tweet_sentiment.storage import fingerprint

logger = logging.getLogger(__name__)

ORDER = "order.safetensors"


def checkpoints_folder(working_folder: Path, conditions: Any, processes: int = 1) -> Path:
    """Return the folder for checkpoints under these conditions; checkpoints under others are deleted.

    The folder's name is the fingerprint of data and parameters: no run resumes the checkpoint of other ones.

    Raises:
        StudyError: there are checkpoints of the same training by another number of processes.
    """
    stem = f"checkpoints-{fingerprint(*conditions)}"
    mine = working_folder / (stem if processes == 1 else f"{stem}-by-{processes}")
    for other in working_folder.glob("checkpoints-*"):
        if other.name.startswith(stem) and other != mine and newest_valid(other):
            raise StudyError(
                f"{other} has checkpoints of this training by {other.name.partition('-by-')[2] or 1} processes in all, "
                f"and training.processes and training.nodes ask for {processes}: dropout would differ.\n"
                "  Use as many as before, or delete that folder to start again."
            )
        if other != mine:
            logger.info("Checkpoints of other data or parameters are deleted: %s", other.name)
            shutil.rmtree(other)
    mine.mkdir(parents=True, exist_ok=True)
    return mine


def newest_valid(folder: Path) -> Path | None:
    """Return the newest undamaged checkpoint; delete damaged ones."""
    numbered = [
        (int(match[1]), path) for path in folder.iterdir() if (match := re.fullmatch(r"checkpoint-(\d+)", path.name))
    ]
    newest: Path | None = None
    for _, path in sorted(numbered, reverse=True):
        if not is_whole(path):
            logger.info("A damaged checkpoint is deleted: %s", path.name)
            shutil.rmtree(path)
        elif newest is None:
            newest = path
    return newest


def is_whole(checkpoint: Path) -> bool:
    """Tell whether every file of a folder is as it was when ``seal`` sealed it."""
    try:
        expected = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))["files"]
        return bool(expected) and hashes(checkpoint).items() >= expected.items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def seal(checkpoint: Path) -> None:
    """Write the hash of every file of a folder, after all of them."""
    write_manifest(checkpoint, {})


class SealCheckpoints(TrainerCallback):
    """Seals each checkpoint that the Trainer has saved, and only then deletes older ones: ``keep`` stay.

    Of these one is the best, where the Trainer knows it.
    """

    def __init__(self, keep: int) -> None:
        self.keep = keep

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if args.world_size > 1:
            dist.barrier()  # each has written what it drew last
        if args.should_save:
            seal(_checkpoint(args, state))
            rotate_checkpoints(str(args.output_dir), self.keep, state.best_model_checkpoint)


class SaveWithinEpochs(TrainerCallback):
    """Saves a checkpoint at the first log that comes so many minutes after the last checkpoint.

    The Trainer resumes within an epoch, but would draw the order of its posts anew. So each checkpoint keeps the state
    of the generator that drew it, or that will draw the next one; and the seconds of training until then, which a
    resumed training has as ``state.seconds_before``.
    """

    def __init__(self, minutes: float) -> None:
        self.seconds = minutes * 60

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        kept = _checkpoint(args, state) / ORDER
        self._resumed = load_file(kept) if state.global_step and kept.is_file() else {}
        state.seconds_before = float(self._resumed.get("seconds", 0.0))
        self._begun = self._saved = monotonic()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._resumed:
            torch.set_rng_state(self._resumed["generator"])
            self._resumed = {}
        self._order = torch.get_rng_state()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if control.should_log and not _between_epochs(state):  # at a log: the mean of the losses begins anew behind it
            due = [monotonic() - self._saved >= self.seconds]
            if args.world_size > 1:
                dist.broadcast_object_list(due)
            control.should_save |= due[0]

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._saved = monotonic()
        if args.should_save:
            order = torch.get_rng_state() if _between_epochs(state) else self._order
            seconds = torch.tensor(state.seconds_before + self._saved - self._begun)
            save_file({"generator": order, "seconds": seconds}, _checkpoint(args, state) / ORDER)


def _checkpoint(args: Any, state: Any) -> Path:
    return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"


def _between_epochs(state: Any) -> bool:
    return bool(state.epoch == round(state.epoch))
