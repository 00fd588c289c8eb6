"""What a parameter stands for on this machine: the device behind ``auto``, the files behind a checkpoint's name."""

from collections.abc import Set
from functools import cache
from pathlib import Path

from tweet_sentiment.errors import StudyError
from tweet_sentiment.incremental.content import MISSING, content_hash
from tweet_sentiment.schema import StudyParameters

TUNED = ("full_fine_tuning", "lora", "p_tuning", "distillation")


def environment(parameters: StudyParameters, read: Set[str]) -> dict[str, str]:
    """Return what the parameters that were read stand for here."""
    found = {}
    if read & {"device", "fp16", "precision"}:
        found["the device"] = _device(parameters.device, parameters.fp16, parameters.precision)
    if "model" in read:
        found["the files of model.checkpoint"] = _checkpoint(parameters.model.checkpoint)
    for name in sorted(read & {*TUNED, "training_ablation"}):
        for key, checkpoint in _starts(parameters, name).items():
            found[f"the files of {key}"] = _checkpoint(checkpoint)
    return found


def _starts(parameters: StudyParameters, name: str) -> dict[str, str]:
    """Return the encoders that a technique, or a variant of one, starts from instead of ``model.checkpoint``."""
    if name == "training_ablation":
        variants = parameters.training_ablation.variants.items()
        named = {f"{name}.variants.{variant}.checkpoint": changes.get("checkpoint") for variant, changes in variants}
    else:
        named = {f"{name}.checkpoint": getattr(parameters, name).checkpoint}
    return {key: checkpoint for key, checkpoint in named.items() if checkpoint}


def encoders_of(parameters: StudyParameters, technique: str) -> list[Path]:
    """Return the folders of the encoders that the nodes of a technique start from instead of ``model.checkpoint``."""
    names = {technique}
    if technique in ("technique_search", "training_ablation"):
        names.add(getattr(parameters, technique).technique)
    starts = [_starts(parameters, name).values() for name in names & {*TUNED, "training_ablation"}]
    return [Path(checkpoint).expanduser().resolve() for some in starts for checkpoint in some]


@cache
def _device(device: str, fp16: bool, precision: str) -> str:
    if (device, fp16, precision) == ("cpu", False, "fp32"):
        return "cpu, fp32"  # as choose_device says too, but without importing torch
    from tweet_sentiment.modeling.devices import choose_device

    try:
        chosen = choose_device(device, fp16, precision)
    except StudyError:  # a node that uses it would not have run; others only read its name
        return MISSING
    return f"{chosen.name}, {chosen.precision}"


def _checkpoint(checkpoint: str) -> str:
    """Return the hash of a checkpoint's files; the embedded one is checked against known hashes when it is loaded."""
    if checkpoint == "embedded":
        return checkpoint
    folder = _folder(checkpoint)  # one that is missing may be fetched yet
    return MISSING if folder is None else _hash(folder.resolve())


@cache
def _hash(folder: Path) -> str:
    """Hash a checkpoint once a process: most nodes ask for it, and none writes it."""
    return content_hash(folder)


def _folder(checkpoint: str) -> Path | None:
    if (folder := Path(checkpoint).expanduser()).is_dir():
        return folder
    from huggingface_hub import try_to_load_from_cache

    try:
        cached = try_to_load_from_cache(checkpoint, "model.safetensors")
    except ValueError:  # not a name that the hub could have
        return None
    return Path(cached).parent if isinstance(cached, str) else None
