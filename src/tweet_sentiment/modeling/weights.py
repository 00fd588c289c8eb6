"""Weights out of safetensors, and what must hold for those of a model folder."""

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from tweet_sentiment.errors import StudyError

WEIGHTS = "model.safetensors"


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return copies of the file's tensors in fp32.

    The file is opened for each anew: one that stays open has all that was read of it in memory, beside the copies.
    """
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
    return {name: _tensor(path, name) for name in names}


def _tensor(path: Path, name: str) -> torch.Tensor:
    with safe_open(path, framework="pt") as file:
        return file.get_tensor(name).to(torch.float32, copy=True)


def check_whole(model: Any, labels: list[str], folder: Path) -> None:
    """Refuse a model whose weights are not finite, or whose classes are not those of its manifest.

    Raises:
        StudyError: it is one.
    """
    if (found := list(model.config.id2label.values())) != labels:
        raise StudyError(f"{folder}: config.json has the classes {found}, the manifest {labels}.")
    for name, tensor in model.named_parameters():
        if not torch.isfinite(torch.stack(tensor.aminmax())).all():  # torch.isfinite of all takes as much memory again
            raise StudyError(f"{folder}: the weights '{name}' are not finite; train the model again.")


def refuse_adapter(folder: Path, manifest: dict[str, Any]) -> None:
    """Refuse a soft-prompted model as earlier versions wrote it: an adapter beside the classifier it belongs to.

    Raises:
        StudyError: the folder holds one.
    """
    if (folder / "adapter_config.json").is_file():
        raise StudyError(
            f"{folder}: an earlier version wrote this soft-prompted model, as an adapter; train it again:\n"
            f"  kedro run --pipeline={manifest.get('technique', 'prompt_tuning')}"
        )
