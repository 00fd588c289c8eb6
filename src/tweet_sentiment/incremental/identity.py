"""What a node is, before it is given anything: its function, wiring, datasets, code and the libraries' versions."""

import json
from collections.abc import Set
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from tweet_sentiment.incremental.code import code_alone, code_of
from tweet_sentiment.incremental.environment import environment
from tweet_sentiment.incremental.record import Record
from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import library_versions, sha256

PARAMETERS = "parameters"
ALSO_USED = (
    "accelerate",
    "jinja2",
    "joblib",
    "kedro-datasets",
    "plotly",
    "pyarrow",
    "rapidfuzz",
    "scipy",
    "tokenizers",
)


def versions() -> dict[str, str]:
    """Return the versions of what every result names, and of what else computes or writes."""
    return library_versions() | {name: version(name) for name in ALSO_USED}


@dataclass(frozen=True)
class Identity:
    """What a node is; see :class:`tweet_sentiment.incremental.record.Record`."""

    node: str
    wiring: str
    catalog: dict[str, str]
    code: dict[str, str]
    versions: dict[str, str]

    @classmethod
    def of(cls, node: Any, catalog: Any, versions: dict[str, str]) -> "Identity":
        """Look at a node and at the datasets that it reads and writes."""
        function, fixed = _unwrapped(node.func)
        datasets = {name: catalog.get(name) for name in (*node.inputs, *node.outputs) if name != PARAMETERS}
        code = dict(code_of(function.__module__))
        if code:  # none: the function is not the project's, and who calls it knows nothing of its code
            code |= {file: digest for one in datasets.values() for file, digest in _code_of_type(one).items()}
        entries = {name: _entry(dataset) for name, dataset in datasets.items()}
        name = getattr(function, "__qualname__", type(function).__qualname__)
        return cls(node.name, f"{node!r} {name} {fixed}".rstrip(), entries, code, versions)

    def record(self, parameters: StudyParameters, read: Set[str], inputs: dict[str, str], output: str) -> Record:
        """Return the record of an output made of these inputs, by hash, and of these parameters."""
        return Record(
            node=self.node,
            wiring=self.wiring,
            catalog=self.catalog,
            code=self.code,
            versions=self.versions,
            parameters=parameters.model_dump(mode="json", include=set(read)),
            environment=environment(parameters, read),
            inputs=inputs,
            output=output,
        )


def _unwrapped(function: Any) -> tuple[Any, str]:
    """Return the function inside partial ones, and the arguments that these fix."""
    fixed = ""
    while isinstance(function, partial):
        fixed += f"{function.args!r} {function.keywords!r} "
        function = function.func
    return function, fixed


def _code_of_type(dataset: Any) -> dict[str, str]:
    """How a dataset is read and written is code too; but that of its module alone, or all would depend on all."""
    return code_alone(type(dataset).__module__)


def _entry(dataset: Any) -> str:
    """Return a hash of the dataset's type and settings; its path and its layer in kedro-viz do not count."""
    configuration = dataset._init_config() if hasattr(dataset, "_init_config") else {}
    settings = configuration | configuration.get("kwargs", {})
    metadata = {key: value for key, value in (settings.get("metadata") or {}).items() if key != "kedro-viz"}
    told = {key: value for key, value in settings.items() if key not in ("filepath", "path", "kwargs")}
    return sha256(json.dumps(told | {"metadata": metadata}, sort_keys=True, default=str).encode())[:16]
