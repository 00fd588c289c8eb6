"""Files and folders of this machine: written atomically, beside the old ones and then renamed; and hashes."""

import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from pydantic import BaseModel

from tweet_sentiment.errors import StudyError

REMEDY = "only files and folders of this machine are read and written"
PACKAGES = (
    *("torch", "transformers", "tokenizers", "accelerate", "peft", "optuna", "datasets", "scikit-learn", "joblib"),
    *("statsmodels", "scipy", "pandas", "pyarrow", "numpy", "nltk", "rapidfuzz", "jinja2", "plotly"),
    *("kedro", "kedro-datasets"),
)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/:]")  # s3://…, zip::…; s3:/… is what Path makes of the first


def is_address(path: str | Path) -> bool:
    """Tell whether a path is an address: ``s3://bucket/posts.csv``, ``https://…``, ``file:///…``."""
    return _ADDRESS.match(str(path)) is not None


def refuse_address(path: str | Path, what: str) -> None:
    """Refuse an address, before anything is computed; ``what`` says whose it is.

    Raises:
        StudyError: it is one.
    """
    if is_address(path):
        raise StudyError(f"{what} is {path}, an address, and {REMEDY}.")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    whole = path.absolute()  # "." has no name of its own
    return whole.parent / f".{whole.name}.old"


def restore(path: Path, keep: Path | None = None) -> None:
    """Bring back what a killed replacement had moved aside: to ``path``, or where that is there to ``keep``."""
    old = _aside(path)
    if old.exists() and not path.exists():
        os.replace(old, path)
    elif old.exists() and keep is not None and not keep.exists():
        os.replace(old, keep)


def settle(path: Path, patience: float = 0.5) -> None:
    """Wait for a replacement that is under way in another process, ``patience`` seconds; then take it for killed."""
    end = monotonic() + patience
    while not path.exists() and _aside(path).exists() and monotonic() < end:
        sleep(0.01)
    restore(path)


@contextmanager
def atomic_write(path: Path, keep: Path | None = None) -> Iterator[Path]:
    """Give a path beside ``path`` to write a file or a folder to; rename it when the block ends without an error.

    The folder that stood at ``path`` becomes ``keep``, if that is given, in the place of what stood there.

    Raises:
        OSError: there is no room, or no right to write; what stood at ``path`` is as it was.
    """
    restore(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new, old = path.with_name(f".{path.name}.{os.getpid()}.new"), _aside(path)
    try:
        yield new
        _put_away(old, keep)
        if new.is_dir() and path.exists():
            os.replace(path, old)
        os.replace(new, path)
        _put_away(old, keep)
    finally:
        _remove(new)


def _put_away(old: Path, keep: Path | None) -> None:
    if keep is not None and old.exists():
        _remove(keep)
        os.replace(old, keep)
    else:
        _remove(old)


def exchange(path: Path, other: Path) -> None:
    """Let two folders change places; a kill in between leaves both, and :func:`restore` brings ``path`` back."""
    old = _aside(path)
    os.replace(path, old)
    os.replace(other, path)
    os.replace(old, other)


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of Python and of every library that computes or writes results."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def sha256(content: bytes) -> str:
    """Return the hash as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def fingerprint(*parts: Any) -> str:
    """Return 16 hexadecimal digits that change when any of the parts does; parts are models, or fit into JSON."""
    return sha256(json.dumps([*map(as_json, parts)], sort_keys=True, default=str).encode())[:16]


def as_json(value: Any) -> Any:
    """Return a model as the JSON values that it holds; anything else as it is."""
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def file_hash(path: Path) -> str:
    """Return the sha256 of a file; it is never whole in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
