"""What an output depends on: a node's wiring, code and libraries, its parameters on this machine, and its data."""

import json
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tweet_sentiment.addresses import fetch, written
from tweet_sentiment.errors import StudyError
from tweet_sentiment.incremental.code import code_of
from tweet_sentiment.storage import RECORDS, as_json, file_hash, fingerprint, library_versions

MISSING = "missing"
COMPOSITES = ("params:study", "params:compute")  # whose fields stand at the top level of conf
WORKING_FOLDER = "params:working_folder"  # a place, which decides nothing
NAMED = 3  # names in one reason
REASONS = {  # in the order in which they are looked for
    "versions": "",
    "code": "its code changed ({})",
    "parameters": "parameter{1} {0} changed",
    "environment": "{} changed",
    "catalog": "the catalog's entry of {} changed",
    "inputs": "{} changed",
}


class Record(BaseModel):
    """What an output was made from, and its own hash. A record of another form is ignored.

    ``wiring``: the node's function, with fixed arguments, and the names of its inputs and outputs. ``catalog``: the
    settings of these datasets, without paths. ``code``: hashes by module. ``environment``: what parameters stand for
    on this machine. ``inputs``: hashes by dataset.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    node: str
    wiring: str
    catalog: dict[str, str]
    code: dict[str, str]
    versions: dict[str, str]
    parameters: dict[str, Any]
    environment: dict[str, str] = {}
    inputs: dict[str, str] = {}
    output: str = MISSING

    @staticmethod
    def path(output: Path, name: str) -> Path:
        """Return the path of the record of the dataset ``name``, whose file or folder is ``output``."""
        return output.parent / RECORDS / f"{name}.json"

    @classmethod
    def read(cls, path: Path) -> "Record | None":
        """Return the record; None if it is missing, damaged or of another form."""
        try:
            return cls.model_validate_json(fetch(path).read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, path: Path) -> None:
        """Write the record atomically; equal records have equal bytes."""
        with written(path) as new:
            new.write_text(json.dumps(self.model_dump(), indent=1, sort_keys=True), encoding="utf-8")


def record_of(node: Any, catalog: Any) -> Record:
    """Return a node's record so far: without environment, inputs and output, which are known when it runs."""
    function, fixed = node.func, ""
    while isinstance(function, partial):
        fixed += f"{function.args!r} {function.keywords!r} "
        function = function.func
    datasets = {name: catalog.get(name) for name in (*data_inputs(node), *node.outputs)}
    code = dict(code_of(function.__module__))
    if code:  # none: the function is not the project's, so its code is unknown
        for dataset in datasets.values():  # without what its module imports, or all nodes would depend on all code
            code |= code_of(type(dataset).__module__, alone=True)
        for name in set(node.inputs) - datasets.keys():  # a technique's parameters stand in its module
            code |= code_of(type(catalog.load(name)).__module__)
    return Record(
        node=node.name,
        wiring=f"{node!r} {getattr(function, '__qualname__', type(function).__qualname__)} {fixed}".rstrip(),
        catalog={name: _entry(dataset) for name, dataset in datasets.items()},
        code=code,
        versions=library_versions(),
        parameters=parameters_of(node, catalog),
    )


def data_inputs(node: Any) -> list[str]:
    """Return the names of a node's inputs that are not parameters."""
    return [name for name in node.inputs if not name.startswith("params:")]


def parameters_of(node: Any, catalog: Any) -> dict[str, Any]:
    """Return the values of a node's parameters, plain, under the names that they have in ``conf``."""
    values: dict[str, Any] = {}
    for name in node.inputs:
        if name.startswith("params:") and name != WORKING_FOLDER:
            value = as_json(catalog.load(name))
            values |= value if name in COMPOSITES else {name.removeprefix("params:"): value}
    return values


def _entry(dataset: Any) -> str:
    """Return a hash of the dataset's type and settings, without its path, version and metadata for kedro-viz."""
    configuration = dataset._init_config() if hasattr(dataset, "_init_config") else {}
    settings = configuration | configuration.get("kwargs", {})
    metadata = {key: value for key, value in (settings.get("metadata") or {}).items() if key != "kedro-viz"}
    kept = {key: value for key, value in settings.items() if key not in ("filepath", "path", "kwargs", "version")}
    return fingerprint(kept | {"metadata": metadata})


def environment(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return what these parameters stand for on this machine: the device, and the files of each checkpoint."""
    found = {f"the files of {key}": _checkpoint(value) for key, value in checkpoints(parameters)}
    if "device" in parameters:
        found["the device"] = _device(parameters["device"], parameters["fp16"], parameters["precision"])
    return found


def checkpoints(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield each ``checkpoint`` of the parameters that is set, by its full key."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from checkpoints(value, f"{before}{name}.")
        elif name == "checkpoint" and value:
            yield f"{before}{name}", value


@cache
def _device(device: str, fp16: bool, precision: str) -> str:
    if (device, fp16, precision) == ("cpu", False, "fp32"):
        return "cpu, fp32"  # choose_device says the same, but imports torch
    from tweet_sentiment.modeling.devices import choose_device

    try:
        chosen = choose_device(device, fp16, precision)
    except StudyError:  # a node that used it would not have run
        return MISSING
    return f"{chosen.name}, {chosen.precision}"


def _checkpoint(checkpoint: str) -> str:
    """Return the hash of a checkpoint's files; the embedded encoder is checked when it is loaded."""
    if checkpoint == "embedded":
        return checkpoint
    folder = Path(checkpoint).expanduser()
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        try:
            cached = try_to_load_from_cache(checkpoint, "model.safetensors")
        except ValueError:  # not a name that the hub could have
            cached = None
        if not isinstance(cached, str):
            return MISSING
        folder = Path(cached).parent
    return _cached_hash(folder.resolve(), folder.stat().st_ino)


@cache
def _cached_hash(folder: Path, inode: int) -> str:
    """Hash a checkpoint once; a node that makes it again replaces the folder."""
    return content_hash(folder)


def content_hash(path: Path) -> str:
    """Return a hash of a file, or of a folder's files and their relative paths; ``missing`` if there is nothing.

    Everything is read, since dates and sizes prove nothing.
    """
    if path.is_file():
        return file_hash(path)
    if not path.is_dir():
        return MISSING
    relative = {file.relative_to(path): file for file in path.rglob("*") if file.is_file()}
    return _files_hash({name.as_posix(): file for name, file in relative.items() if RECORDS not in name.parts})


def _files_hash(files: Mapping[str, Path]) -> str:
    return fingerprint("files", sorted((name, file_hash(path)) for name, path in files.items()))


def path_of(dataset: Any) -> Path | None:
    """Return the path of a dataset on this machine's disk; None if it is elsewhere or in memory."""
    path = getattr(dataset, "_filepath", None)
    return None if path is None or getattr(dataset, "_protocol", "file") != "file" else Path(path)


def dataset_hash(dataset: Any) -> str | None:
    """Return the hash of what a dataset would load now; None if it cannot be compared.

    Do not use it for a file that is being written; our files are renamed into place when complete.
    """
    from tweet_sentiment.datasets import Partitions

    if isinstance(dataset, Partitions):
        return _files_hash(dataset.files())
    if getattr(dataset, "_version", None) and path_of(dataset) is not None:
        return content_hash(Path(dataset._get_load_path())) if dataset.exists() else MISSING
    path = path_of(dataset)
    return None if path is None else content_hash(fetch(path))


def difference(old: Record, new: Record, output: str) -> str | None:
    """Say in a few words what has changed; None if nothing has. ``output`` is the file's name."""
    changed = {field: changed_keys(getattr(old, field), getattr(new, field)) for field in REASONS}
    field = next((field for field, names in changed.items() if names), "")
    names = changed.get(field, [])
    listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    if old.node != new.node:
        return f"{output} was made by {old.node}"
    if old.wiring != new.wiring and field not in ("versions", "code"):
        return "its function, inputs or outputs are others"
    if field == "versions":
        return f"{names[0]} is {new.versions.get(names[0])}, was {old.versions.get(names[0])}"
    if field:
        return REASONS[field].format(listed, "s" if len(names) > 1 else "")
    if old.output == new.output:
        return None
    return f"{output} " + ("is missing" if new.output == MISSING else "was altered after it was written")


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any], before: str = "") -> list[str]:
    """Return the keys whose values differ, inner keys after a dot."""
    keys = []
    for key in old.keys() | new.keys():
        one, other = old.get(key), new.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            keys += changed_keys(one, other, f"{before}{key}.")
        elif one != other or (key in old) != (key in new):
            keys.append(f"{before}{key}")
    return sorted(keys)
