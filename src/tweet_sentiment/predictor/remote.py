"""Files of posts and models at addresses, by fsspec; local ones are read without it."""

from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock

from tweet_sentiment.addresses import cache, file_system, reaching, version_of
from tweet_sentiment.data.lines import Advise, Source, as_option, no_such_file
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import MANIFEST, MEMBERS, checked_manifest, read_manifest
from tweet_sentiment.storage import atomic_write, is_address, sha256


def source_at(place: str | Path, name: str = "", advise: Advise = as_option) -> Source:
    """Return a file on this machine or at an address, which is read as a stream.

    Raises:
        StudyError: there is none, or its store cannot be reached.
    """
    if not is_address(place):
        return Source.at(Path(place), name, advise)
    address, (fs, path) = str(place), file_system(place)

    def version() -> dict[str, str]:
        fs.invalidate_cache()
        return version_of(fs.info(path))

    with reaching(address):
        found = {}
        with suppress(FileNotFoundError):
            found = version()
        if found.get("type") != "file":
            raise no_such_file(address)
    return Source(address, lambda: fs.open(path, "rb"), version, advise)


def address_of(place: str | Path) -> str:
    """Return an address unchanged, and a local path as an address."""
    if not is_address(place):
        return f"file://{Path(place).absolute()}"
    file_system(place)
    return str(place).rstrip("/")


def files_at(place: str) -> dict[str, dict[str, str]]:
    """Return the file, the files of a folder or the files of a pattern, sorted, each with its version.

    Hidden files, whose names begin with a dot or an underscore, are ignored.

    Raises:
        StudyError: there are none, or their store cannot be reached.
    """
    fs, path = file_system(address_of(place))
    with reaching(place):
        fs.invalidate_cache()
        found = (fs.glob if set("*?[") & set(path) else fs.find)(path, detail=True)
    inside = path.rstrip("/") if path in found else path.partition("*")[0]
    files = {
        fs.unstrip_protocol(name) if is_address(place) else name: version_of(info)
        for name, info in sorted(found.items())
        if info["type"] == "file" and not any(part[0] in "._" for part in name.removeprefix(inside).split("/") if part)
    }
    if not files:
        raise StudyError(f"{place}: there is no such file (nor one in a folder of that name).")
    return files


def names_in(folder: str) -> set[str]:
    """Return the names of the files in a folder at an address; none if there is no folder."""
    fs, path = file_system(folder)
    with reaching(folder), suppress(FileNotFoundError):
        fs.invalidate_cache()
        return {PurePosixPath(name).name for name in fs.ls(path, detail=False)}
    return set()


def read(address: str) -> bytes | None:
    """Return the content of a file at an address; None if there is no file."""
    fs, path = file_system(address)
    with reaching(address), suppress(FileNotFoundError):
        fs.invalidate_cache()
        return bytes(fs.cat_file(path))
    return None


def model_at(place: str | Path) -> Path:
    """Return a model's folder; a model at an address is downloaded into the cache, once for each manifest.

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
    """Download the files that a manifest names, and an ensemble's members."""
    folder.mkdir(parents=True, exist_ok=True)
    fs.get_file(f"{root}/{MANIFEST}", str(folder / MANIFEST))
    manifest = read_manifest(folder)
    members = [str(member["folder"]) for member in manifest.get(MEMBERS, {}).values()]
    for name in (*manifest["files"], *members):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
            raise StudyError(f"{folder}: {MANIFEST} names {name}, which is outside the folder; use a run's best.")
    for name in manifest["files"]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # what is missing is said with the hashes
            if not path.exists():
                fs.get_file(f"{root}/{name}", str(path))
    for name in members:
        _fetch(fs, f"{root}/{name}", folder / name)
