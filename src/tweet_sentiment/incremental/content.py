"""The content of files, folders and datasets as one hash. Everything is read: dates and sizes prove nothing."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tweet_sentiment.provenance import fingerprint

RECORDS = ".fingerprints"  # the folder with the records, beside the outputs
MISSING = "missing"
NO_DATA = "no data"


def content_hash(path: Path) -> str:
    """Return the sha256 of a file, or of a folder's files and their relative paths; ``missing`` where nothing is."""
    if path.is_file():
        return _file_hash(path)
    if not path.is_dir():
        return MISSING
    relative = {file.relative_to(path): file for file in path.rglob("*") if file.is_file()}
    return files_hash({name.as_posix(): file for name, file in relative.items() if RECORDS not in name.parts})


def files_hash(files: Mapping[str, Path]) -> str:
    """Return a hash of several files and of their names."""
    listing = sorted((name, _file_hash(path)) for name, path in files.items())
    return hashlib.sha256(f"files:{json.dumps(listing)}".encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_of(dataset: Any) -> Path | None:
    """Return where a dataset lies on this machine's disk; None for what lies elsewhere or in memory."""
    path = getattr(dataset, "_filepath", None)
    return None if path is None or getattr(dataset, "_protocol", "file") != "file" else Path(path)


def dataset_hash(dataset: Any) -> str | None:
    """Return the hash of what a dataset would load now; None where it cannot be compared. A working folder has no data.

    Not for a file that is being written: ours are renamed into place when they are whole.
    """
    from kedro.io import MemoryDataset

    from tweet_sentiment.datasets.files import WorkingFolder
    from tweet_sentiment.datasets.tables import Partitions

    if isinstance(dataset, WorkingFolder):
        return NO_DATA
    if isinstance(dataset, MemoryDataset) and dataset.exists():  # parameters, and settings in the catalog
        return fingerprint(dataset.load())
    if isinstance(dataset, Partitions):
        return files_hash(dataset.files())
    path = path_of(dataset)
    return None if path is None else content_hash(path)
