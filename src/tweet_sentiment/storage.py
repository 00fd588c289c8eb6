"""Files and folders of this machine, written atomically (beside the old ones, then renamed); and hashes."""

import errno
import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from glob import escape
from importlib.metadata import version
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from pydantic import BaseModel

REMEDY = "only files and folders of this machine are read and written"
PACKAGES = (
    *("torch", "transformers", "tokenizers", "accelerate", "peft", "optuna", "datasets", "scikit-learn", "cleanlab"),
    *("joblib", "statsmodels", "scipy", "pandas", "pyarrow", "numpy", "nltk", "rapidfuzz", "jinja2", "plotly"),
    *("kedro", "kedro-datasets"),
)
RECORDS = ".fingerprints"  # the folder of the records of what outputs were made from, beside them
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
_NUMBER = re.compile(r"(?:os error|errno) (\d+)", re.IGNORECASE)  # in messages of Rust and Arrow
_TOLD_BY = {  # SQLite, torch and NumPy
    "database or disk is full": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
    "disk I/O error": errno.EIO,
    **dict.fromkeys(("PytorchStreamWriter failed writing", "unexpected pos ", "requested and "), errno.ENOSPC),
}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/:]")  # s3://…, zip::…; s3:/… is what Path makes of the first


def is_address(path: str | Path) -> bool:
    """Tell whether a path is an address: ``s3://bucket/posts.csv``, ``https://…``, ``file:///…``."""
    return _ADDRESS.match(str(path)) is not None


def remove(path: Path) -> None:
    """Delete a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    whole = path.absolute()  # "." has no name of its own
    return whole.parent / f".{whole.name}.old"


def _unfinished(path: Path, process: object) -> Path:
    return path.with_name(f".{path.name}.{process}.new")


def _sweep(path: Path) -> None:
    """Delete what dead processes had begun to write for ``path``."""
    for left in path.parent.glob(f".{escape(path.name)}.*.new"):
        process = left.name.split(".")[-2]
        if process.isdigit() and (int(process) == os.getpid() or not is_alive(int(process))):
            remove(left)


def tidy(path: Path) -> None:
    """Delete what killed processes left beside ``path``: what they had begun to write, and what they had replaced."""
    _sweep(path)
    if path.exists():
        remove(_aside(path))


def is_alive(process: int) -> bool:
    """Tell whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except PermissionError:  # another user's
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _sync(path: Path, inside: bool = True) -> None:
    """Sync a file, or a folder with its content, to the disk, so that a power cut cannot lose it."""
    if inside and path.is_dir():
        for child in path.iterdir():
            _sync(child)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_error(error: BaseException) -> OSError | None:
    """Return the disk's error in an error or in its causes, in whatever form the library raises it."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    found = None
    for link in chain:
        number = link.errno if isinstance(link, OSError) else None
        if number is None and (told := _NUMBER.search(str(link))):
            number = int(told[1])
        told_by = next((one for words, one in _TOLD_BY.items() if words in str(link)), None)
        if number in OF_THE_DISK or told_by:
            number = told_by or number or 0
            found = OSError(number, os.strerror(number), getattr(link, "filename", None))
            if found.filename:
                break
    return found


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file or folder that is written in this block in the error of a disk that is full or read-only.

    Raises:
        OSError: such an error, which names none, came up in the block.
    """
    try:
        yield
    except Exception as error:
        if (found := disk_error(error)) is None or found.filename:
            raise
        raise OSError(found.errno, found.strerror, str(path)) from error


def restore(path: Path, keep: Path | None = None) -> None:
    """Restore what a killed replacement had moved aside: to ``path``, or to ``keep`` if ``path`` is replaced."""
    old = _aside(path)
    if old.exists() and not path.exists():
        os.replace(old, path)
    elif keep is not None:
        _put_away(old, keep)


def settle(path: Path, patience: float = 0.5) -> None:
    """Wait up to ``patience`` seconds for a replacement by another process; then treat it as killed."""
    end = monotonic() + patience
    while not path.exists() and _aside(path).exists() and monotonic() < end:
        sleep(0.01)
    restore(path)


@contextmanager
def atomic_write(path: Path, keep: Path | None = None) -> Iterator[Path]:
    """Give a path beside ``path`` for writing a file or a folder; rename it when the block ends without an error.

    It is on the disk before it is renamed. If ``keep`` is given, the old folder at ``path`` moves there and replaces
    what was there.

    Raises:
        OSError: there is no room, or no right to write; what stood at ``path`` is as it was.
    """
    restore(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    new, old = _unfinished(path, os.getpid()), _aside(path)
    try:
        with naming(path):
            yield new
            _sync(new)
        _put_away(old, keep)
        if new.is_dir() and path.exists():
            os.replace(path, old)
        os.replace(new, path)
        _sync(path.parent, inside=False)
        _put_away(old, keep)
    finally:
        remove(new)


def _put_away(old: Path, keep: Path | None) -> None:
    if keep is None:
        remove(old)
        return
    _sweep(keep)
    if not old.exists():
        return
    replaced = _unfinished(keep, os.getpid())
    if keep.exists():
        os.replace(keep, replaced)  # a folder is never seen while it is deleted
    os.replace(old, keep)
    _sync(keep.parent, inside=False)
    remove(replaced)


def exchange(path: Path, other: Path) -> None:
    """Exchange two folders; a kill in between keeps both, and ``restore`` restores ``path``."""
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


def folder_hashes(folder: Path, without: str = "") -> dict[str, str]:
    """Return the sha256 of every file of a folder, by path; those of the name ``without`` are left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != without)
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in files}
