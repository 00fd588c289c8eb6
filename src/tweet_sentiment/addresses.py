"""Files at addresses (s3://, gs://, hdfs://, file://, …), by fsspec, and this machine's copies of a study's outputs."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from tweet_sentiment.errors import MissingExtraError, StudyError, extra
from tweet_sentiment.storage import atomic_write, folder_hashes, is_address, remove

CACHE = "TWEET_SENTIMENT_CACHE"
_VERSIONED = ("size", "ETag", "etag", "mtime", "LastModified", "updated", "generation")  # of a file, in fsspec's words
_seen: dict[Path, dict[str, str]] = {}  # the version that this process has fetched of a file


def cache() -> Path:
    """Return the folder for downloads: TWEET_SENTIMENT_CACHE, or one in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(CACHE) or Path(home, "tweet-sentiment")).absolute()


def file_system(address: str | Path) -> tuple[Any, str]:
    """Return fsspec's file system of an address, and the path in it.

    Raises:
        StudyError: what reads such addresses is not installed, nothing does, or it is a Path, which loses a slash.
    """
    if isinstance(address, Path):
        raise StudyError(f"{address}: give an address as a str, not as a Path.")
    with extra("remote", address):
        import fsspec
    try:
        with extra("remote", address):
            return fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise MissingExtraError(f"{address}: {error}. For s3:// pip install 'tweet-sentiment[remote]'.") from None
    except ValueError as error:
        raise StudyError(f"{address}: {error}.") from None


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Name the address in the errors of its store: no such bucket, no permission, no network.

    Raises:
        StudyError: an error that is not one of ours came up in the block.
    """
    try:
        yield
    except StudyError:
        raise
    except Exception as error:
        raise StudyError(f"{address} cannot be reached: {type(error).__name__}: {error}") from error


def version_of(info: dict[str, Any]) -> dict[str, str]:
    """Return what identifies a version of a file, from its store's information."""
    return {key: str(info[key]) for key in ("type", *_VERSIONED) if key in info}


def put(address: str, file: BinaryIO) -> None:
    """Copy a file to an address, as a whole or not at all, if the store can do so.

    Raises:
        StudyError: the store cannot be reached.
    """
    fs, path = file_system(address)
    if "file" in fs.protocol:
        with atomic_write(Path(path)) as new, new.open("wb") as to:
            shutil.copyfileobj(file, to, 1 << 20)
        return
    with reaching(address), fs.transaction, fs.open(path, "wb") as to:
        shutil.copyfileobj(file, to, 1 << 20)


def copy_of(place: str | Path) -> Path:
    """Return the path of this machine's copy of an address, which need not exist; of a path only a ~ is replaced.

    Raises:
        StudyError: it is an address of another form than ``protocol://place``.
    """
    if not is_address(place):
        return Path(place).expanduser()
    protocol, _, rest = str(place).rstrip("/").partition("://")
    if not rest or "::" in protocol:
        raise StudyError(f"{place}: files are read and written at addresses such as s3://bucket/folder.")
    return cache().joinpath("copies", protocol, *(part or "%" for part in rest.split("/")))


def shown(path: str | Path) -> str:
    """Return the address of which a path is the copy; another path is returned unchanged."""
    whole = Path(os.path.normpath(path))
    copies = cache() / "copies"
    if not whole.is_relative_to(copies) or len(parts := whole.relative_to(copies).parts) < 2:
        return str(path)
    return f"{parts[0]}://{'/'.join('' if part == '%' else part for part in parts[1:])}"


def fetch(path: Path) -> Path:
    """Update the copy of a file or folder from its address, if it is a copy; return its path.

    A copy is deleted if the address does not have the file, or not the whole folder.

    Raises:
        StudyError: the store cannot be reached, or a folder's files are not those that were put there together.
    """
    address = shown(path)
    if not is_address(address):
        return path
    path, (fs, there) = Path(os.path.normpath(path)), file_system(address)
    with reaching(address):
        fs.invalidate_cache()
        try:
            hashes = json.loads(fs.cat_file(_list_beside(there)))
        except FileNotFoundError:
            info = {}
            with suppress(FileNotFoundError):
                info = fs.info(there)
            _fetch_file(fs, info, path)
            return path
        if not path.is_dir() or folder_hashes(path) != hashes:
            with atomic_write(path) as new:
                for name in hashes:
                    (new / name).parent.mkdir(parents=True, exist_ok=True)
                    fs.get_file(f"{there}/{name}", str(new / name))
                if folder_hashes(new) != hashes:
                    raise StudyError(f"{address} is not whole, or is being written; run its pipeline again.")
    return path


def fetch_all(folder: Path, pattern: str) -> None:
    """Update the copies of a folder's files that match a pattern, as ``fetch`` does for one."""
    address = shown(folder)
    if is_address(address):
        fs, there = file_system(address)
        with reaching(address):
            fs.invalidate_cache()
            found = fs.glob(f"{there}/{pattern}", detail=True)
            infos = {folder / Path(name).relative_to(there): info for name, info in found.items()}
            for path in infos.keys() | folder.glob(pattern):
                if infos.get(path, {}).get("type") != "directory":  # of the versions of a file
                    _fetch_file(fs, infos.get(path, {}), path)


def _fetch_file(fs: Any, info: dict[str, Any], path: Path) -> None:
    if info.get("type") != "file":
        remove(path)
    elif not path.is_file() or _seen.get(path) != version_of(info):
        with atomic_write(path) as new:
            fs.get_file(info["name"], str(new))
        _seen[path] = version_of(info)


def forget(path: Path) -> None:
    """Delete a file, and if it is a copy, the file at its address too."""
    path.unlink(missing_ok=True)
    if is_address(address := shown(path)):
        fs, there = file_system(address)
        with reaching(address), suppress(FileNotFoundError):
            fs.rm(there)


@contextmanager
def written(path: Path, keep: Path | None = None) -> Iterator[Path]:
    """Write a file or folder as ``storage.atomic_write`` does, first at its address if it has one.

    A file there is whole, or the old one stays. A folder counts as whole only if the list of its hashes is beside it;
    the list is written last.

    Raises:
        StudyError: the store cannot be reached; what stands at ``path`` is as it was.
    """
    address = shown(path)
    with atomic_write(path, keep) as new:
        yield new
        if is_address(address):
            _send(new, address)


def _send(new: Path, address: str) -> None:
    if new.is_file():
        with new.open("rb") as file:
            put(address, file)
        return
    fs, there = file_system(address)
    with reaching(address):
        for old in (_list_beside(there), there):
            with suppress(FileNotFoundError):
                fs.rm(old, recursive=True)
        hashes = folder_hashes(new)
        for name in sorted(hashes, key=lambda name: (name == "manifest.json", name)):  # by which reports find a model
            _send(new / name, f"{address}/{name}")
        fs.pipe_file(_list_beside(there), json.dumps(hashes).encode())


def _list_beside(folder: str) -> str:
    """Return the file with the hashes of a folder's files, which shows that the folder is whole."""
    parent, _, name = folder.rpartition("/")
    return f"{parent}/.{name}.files"
