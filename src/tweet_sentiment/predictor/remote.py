"""Files and folders at addresses (s3://, gs://, hdfs://, file://, …), by fsspec; those of this machine without it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from filelock import FileLock

from tweet_sentiment.data.lines import Source
from tweet_sentiment.errors import MissingExtraError, StudyError, extra
from tweet_sentiment.manifests import MANIFEST, MEMBERS, checked_manifest, read_manifest
from tweet_sentiment.storage import atomic_write, is_address, sha256

CACHE = "TWEET_SENTIMENT_CACHE"
_VERSIONED = ("size", "ETag", "etag", "mtime", "LastModified", "updated", "generation")  # of a file, in fsspec's words


def cache() -> Path:
    """Return the folder of what is fetched: TWEET_SENTIMENT_CACHE, or one of the user's."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(CACHE) or Path(home, "tweet-sentiment"))


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
    """Name the address in what its store says: no such bucket, no right, no network.

    Raises:
        StudyError: an error that is not one of ours came up in the block.
    """
    try:
        yield
    except StudyError:
        raise
    except Exception as error:
        raise StudyError(f"{address} cannot be reached: {type(error).__name__}: {error}") from error


def source_at(place: str | Path, name: str = "") -> Source:
    """Return a file, of this machine or at an address, which is read as a stream.

    Raises:
        StudyError: there is none, or its store cannot be reached.
    """
    if not is_address(place):
        if not Path(place).is_file():
            raise StudyError(f"{name or place}: there is no such file (or it is a folder).")
        return Source.at(Path(place), name)
    address, (fs, path) = str(place), file_system(place)

    def version() -> dict[str, str]:
        fs.invalidate_cache()
        return _version(fs.info(path))

    with reaching(address):
        found = {}
        with suppress(FileNotFoundError):
            found = version()
        if found.get("type") != "file":
            raise StudyError(f"{address}: there is no such file (or it is a folder).")
    return Source(address, lambda: fs.open(path, "rb"), version)


def _version(info: dict[str, Any]) -> dict[str, str]:
    return {key: str(info[key]) for key in ("type", *_VERSIONED) if key in info}


def address_of(place: str | Path) -> str:
    """Return an address as it is, and a path of this machine as one."""
    if not is_address(place):
        return f"file://{Path(place).absolute()}"
    file_system(place)
    return str(place).rstrip("/")


def files_at(place: str) -> dict[str, dict[str, str]]:
    """Return the one file, the files in a folder or those that a pattern names, sorted, each with its version.

    Hidden ones, whose names begin with a dot or an underscore, are passed over.

    Raises:
        StudyError: there are none, or their store cannot be reached.
    """
    fs, path = file_system(address_of(place))
    with reaching(place):
        fs.invalidate_cache()
        found = (fs.glob if set("*?[") & set(path) else fs.find)(path, detail=True)
    inside = path.rstrip("/") if path in found else path.partition("*")[0]
    files = {
        fs.unstrip_protocol(name) if is_address(place) else name: _version(info)
        for name, info in sorted(found.items())
        if info["type"] == "file" and not any(part[0] in "._" for part in name.removeprefix(inside).split("/") if part)
    }
    if not files:
        raise StudyError(f"{place}: there is no such file (nor one in a folder of that name).")
    return files


def names_in(folder: str) -> set[str]:
    """Return the names of the files in a folder at an address; none where there is no folder."""
    fs, path = file_system(folder)
    with reaching(folder), suppress(FileNotFoundError):
        fs.invalidate_cache()
        return {PurePosixPath(name).name for name in fs.ls(path, detail=False)}
    return set()


def read(address: str) -> bytes | None:
    """Return what is in a file at an address; None where there is none."""
    fs, path = file_system(address)
    with reaching(address), suppress(FileNotFoundError):
        fs.invalidate_cache()
        return bytes(fs.cat_file(path))
    return None


def put(address: str, file: BinaryIO) -> None:
    """Copy a file to an address, where it is whole or not at all; of a store that cannot do so, as it does it.

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


def model_at(place: str | Path) -> Path:
    """Return a model's folder; what lies at an address is fetched into the cache, once for each manifest.

    Raises:
        StudyError: there is no model, its store cannot be reached, or a file is not the one of its manifest.
    """
    if not is_address(place):
        return Path(place)
    address, (fs, root) = str(place).rstrip("/"), file_system(place)
    with reaching(address):
        try:
            manifest = fs.cat_file(f"{root}/{MANIFEST}")
        except FileNotFoundError:
            raise StudyError(f"{address}: no {MANIFEST} here.") from None
        folder = cache() / "models" / sha256(manifest)[:16]
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            with suppress(StudyError):
                checked_manifest(folder)
                return folder
            with atomic_write(folder) as new:
                try:
                    _fetch(fs, root, new)
                    checked_manifest(new)
                except StudyError as error:
                    raise StudyError(str(error).replace(str(new), address)) from None
    return folder


def _fetch(fs: Any, root: str, folder: Path) -> None:
    """Fetch the files that a manifest names, and an ensemble's members."""
    folder.mkdir(parents=True, exist_ok=True)
    fs.get_file(f"{root}/{MANIFEST}", str(folder / MANIFEST))
    manifest = read_manifest(folder)
    members = [str(member["folder"]) for member in manifest.get(MEMBERS, {}).values()]
    for name in (*manifest["files"], *members):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
            raise StudyError(f"{folder}: {MANIFEST} names {name}, which lies outside of the folder; take a run's best.")
    for name in manifest["files"]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # what is missing is said with the hashes
            if not path.exists():
                fs.get_file(f"{root}/{name}", str(path))
    for name in members:
        _fetch(fs, f"{root}/{name}", folder / name)
