"""The record beside each output: everything that it was made of. Whatever differs now is the reason to make it anew."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tweet_sentiment.incremental.content import MISSING, RECORDS
from tweet_sentiment.storage import atomic_write

SHOWN = 3  # of many names in one line


class Record(BaseModel):
    """What an output was made of, and its own hash. A record of another form counts as none.

    ``wiring``: the node's function, with arguments that are fixed, and the names of its inputs and outputs.
    ``catalog``: what the catalog says of them, but for their paths. ``code``: by module. ``parameters``: the values of
    the top-level keys that were read, and in ``environment`` what they stood for on that machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    node: str
    wiring: str
    catalog: dict[str, str]
    code: dict[str, str]
    versions: dict[str, str]
    parameters: dict[str, Any]
    environment: dict[str, str]
    inputs: dict[str, str]
    output: str


def record_path(output: Path, name: str) -> Path:
    """Return where the record of the dataset ``name``, whose file or folder is ``output``, lies."""
    return output.parent / RECORDS / f"{name}.json"


def read_record(path: Path) -> Record | None:
    """Return the record; None where there is none, or one that is damaged or of another form."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(path: Path, record: Record) -> None:
    """Write the record whole; the same making twice gives the same bytes."""
    with atomic_write(path) as new:
        new.write_text(json.dumps(record.model_dump(), indent=1, sort_keys=True), encoding="utf-8")


def difference(old: Record, new: Record, output: str) -> str | None:
    """Say in a few words what is no longer as it was; None if nothing is. ``output`` is the file's name."""
    if old.node != new.node:
        return f"{output} was made by {old.node}"
    if changed := _changed(old.versions, new.versions):
        return f"{changed[0]} is {new.versions.get(changed[0])}, was {old.versions.get(changed[0])}"
    if changed := _changed(old.code, new.code):
        return f"its code changed ({_some(changed)})"
    if old.wiring != new.wiring:
        return "its function, inputs or outputs are others"
    if changed := _changed(old.parameters, new.parameters):
        return f"parameter{'s' if len(changed) > 1 else ''} {_some(changed)} changed"
    if changed := _changed(old.environment, new.environment):
        return f"{_some(changed)} changed"
    if changed := _changed(old.catalog, new.catalog):
        return f"the catalog's entry of {_some(changed)} changed"
    if changed := _changed(old.inputs, new.inputs):
        return f"{_some(changed)} changed"
    if old.output == new.output:
        return None
    return f"{output} " + ("is missing" if new.output == MISSING else "was altered after it was written")


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], before: str = "") -> list[str]:
    """Return the keys whose values differ, inner ones behind a dot."""
    keys = []
    for key in old.keys() | new.keys():
        one, other = old.get(key), new.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            keys += _changed(one, other, f"{before}{key}.")
        elif one != other or (key in old) != (key in new):
            keys.append(f"{before}{key}")
    return sorted(keys)


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
