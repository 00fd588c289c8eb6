"""Files and folders are those of this machine: an address (s3://…) is refused before anything is computed."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tweet_sentiment.errors import StudyError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/:]")  # s3://…, zip::…; s3:/… is what Path makes of the first
REMEDY = "only files and folders of this machine are read and written"
_OURS = "tweet_sentiment.datasets."
_KEYS = ("filepath", "path", "models")


def is_address(path: str | Path) -> bool:
    """Tell whether a path is an address: ``s3://bucket/posts.csv``, ``https://…``, ``file:///…``."""
    return _ADDRESS.match(str(path)) is not None


def refuse_address(path: str | Path, what: str) -> None:
    """Refuse an address; ``what`` says whose it is.

    Raises:
        StudyError: it is one.
    """
    if is_address(path):
        raise StudyError(f"{what} is {path}, an address, and {REMEDY}.")


def refuse_addresses(catalog: Mapping[str, Any]) -> None:
    """Refuse a catalog's configuration in which a dataset of ours lies at an address: it would become a local folder.

    Raises:
        StudyError: one does.
    """
    for name, keys in catalog.items():
        if isinstance(keys, Mapping) and _ours(keys):
            for key in _KEYS:
                refuse_address(str(keys.get(key, "")), f"{name}.{key} in the catalog")


def _ours(keys: Mapping[str, Any]) -> bool:
    kinds: Iterable[Any] = (keys.get("type"), keys.get("dataset"))
    return any(str(kind).startswith(_OURS) for kind in kinds)
