"""Files and folders written whole or not at all: beside the old ones first, then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def restore(path: Path) -> None:
    """Bring back the folder that a killed replacement had moved aside."""
    if (old := path.with_name(f".{path.name}.old")).exists() and not path.exists():
        os.replace(old, path)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write a file or a folder to; rename it when the block ends without an error.

    Raises:
        OSError: there is no room, or no right to write; what stood at ``path`` is as it was.
    """
    restore(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new, old = path.with_name(f".{path.name}.{os.getpid()}.new"), path.with_name(f".{path.name}.old")
    try:
        yield new
        _remove(old)
        if new.is_dir() and path.exists():
            os.replace(path, old)
        os.replace(new, path)
        _remove(old)
    finally:
        _remove(new)
