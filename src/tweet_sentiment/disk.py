"""A run that would fill the disk is refused before it begins, not after hours."""

import shutil
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from tweet_sentiment.errors import StudyError

TRAINED_WHOLE = ("full_fine_tuning", "distillation", "domain_adaptation")
MOMENTS = 2  # of AdamW, each as large as the weights
MB = 1_000_000


class EnoughDisk:
    """Refuses a run for whose models the disk has no room."""

    @hook_impl
    def before_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        from tweet_sentiment.datasets.files import ModelFolder

        parameters = catalog.load("parameters")
        outputs = {name: catalog.get(name) for name in sorted(pipeline.all_outputs())}
        folders = {name: one._filepath for name, one in outputs.items() if type(one) is ModelFolder}
        if not folders:
            return
        needed = predicted_bytes(folders, parameters.model.checkpoint, parameters.training.save_total_limit)
        free = shutil.disk_usage(_existing(next(iter(folders.values())))).free
        if needed > free:
            raise StudyError(
                f"The disk has {free // MB:,} MB left, and this run writes at least {needed // MB:,} MB of models and "
                f"checkpoints below {_existing(next(iter(folders.values())))}.\n"
                f"  Free some (make clean deletes all outputs), or run one technique at a time: --pipeline=<technique>"
            )


def predicted_bytes(folders: dict[str, Path], checkpoint: str, checkpoints_kept: int) -> int:
    """Return the least room that the models of these datasets take.

    A new one is as large as its encoder; one that is there is written anew beside itself. A training of all weights
    keeps some checkpoints while it lasts, and one more while it writes it, each with the moments of the weights.
    """
    new = [name for name, folder in folders.items() if not folder.is_dir()]
    beside = max((_size(folder) for folder in folders.values() if folder.is_dir()), default=0)
    if not new:
        return beside
    from tweet_sentiment.modeling.encoder_files import checkpoint_folder

    file = checkpoint_folder(checkpoint) / "model.safetensors"
    weights = file.stat().st_size if file.is_file() else 0  # who loads it says what is missing
    checkpoints = any(name.partition(".")[0] in TRAINED_WHOLE for name in new) * (1 + MOMENTS) * (checkpoints_kept + 1)
    return beside + (len(new) + checkpoints) * weights


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
