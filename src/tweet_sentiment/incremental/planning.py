"""Which nodes run, and why: those whose records differ from what is so now, and all that come after them."""

from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from tweet_sentiment.incremental.content import MISSING, dataset_hash, path_of
from tweet_sentiment.incremental.environment import encoders_of
from tweet_sentiment.incremental.identity import PARAMETERS, Identity, versions
from tweet_sentiment.incremental.record import Record, difference, read_record, record_path
from tweet_sentiment.parameters import StudyParameters


@dataclass(frozen=True)
class Plan:
    """The nodes of a pipeline in an order in which they can run, and the reason of each that does."""

    nodes: list[Node]
    reasons: dict[str, str]

    @property
    def running(self) -> list[Node]:
        """The nodes that run, in order."""
        return [node for node in self.nodes if node.name in self.reasons]

    @property
    def skipped(self) -> list[str]:
        """The names of the nodes that do not."""
        return [node.name for node in self.nodes if node.name not in self.reasons]


def make_plan(pipeline: Pipeline, catalog: Any) -> Plan:
    """Compare each node with its records. A node after one that runs, runs; it is not asked what that one will give."""
    parents = dependencies(pipeline, catalog, catalog.load(PARAMETERS))
    nodes = _in_order(pipeline.nodes, parents)
    now = _Now(catalog)
    reasons: dict[str, str] = {}
    for node in nodes:
        before = [parent.name for parent in nodes if parent in parents[node] and parent.name in reasons]
        if reason := _after(before) if before else now.reason(node):
            reasons[node.name] = reason
    return Plan(nodes, reasons)


def dependencies(pipeline: Pipeline, catalog: Any, parameters: StudyParameters) -> dict[Node, set[Node]]:
    """Return the nodes before each node, those included that Kedro does not know of.

    Partitions are files that other nodes write; a dataset may be another's file by another name; and a parameter may
    name the folder of an encoder that another technique makes.
    """
    parents = {node: set(before) for node, before in pipeline.node_dependencies.items()}
    paths = {node: [path_of(catalog.get(name)) for name in node.outputs] for node in pipeline.nodes}
    written = [(node, path) for node, some in paths.items() for path in some if path is not None]
    for node in pipeline.nodes:
        read = [catalog.get(name) for name in node.inputs]
        encoders = encoders_of(parameters, _technique(node))
        parents[node] |= {writer for writer, path in written if any(_is_of(one, path) for one in read)} - {node}
        parents[node] |= {
            writer for writer, path in written if path.resolve() in encoders and _technique(writer) != _technique(node)
        }
    return parents


def _technique(node: Node) -> str:
    return (node.namespace or "").partition(".")[0]


def _is_of(dataset: Any, path: Path) -> bool:
    """Tell whether a file is, or is among, what a dataset loads."""
    from tweet_sentiment.datasets.tables import Partitions

    return dataset.holds(path) if isinstance(dataset, Partitions) else path_of(dataset) == path


def _in_order(nodes: list[Node], parents: dict[Node, set[Node]]) -> list[Node]:
    """Sort as Kedro does: level by level."""
    sorter, ordered = TopologicalSorter(parents), list[Node]()
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=nodes.index)
        ordered += ready
        sorter.done(*ready)
    return ordered


def _after(before: list[str]) -> str:
    more = f" and {len(before) - 1} more" if len(before) > 1 else ""
    return f"after {before[0]}{more}"


class _Now:
    """What is so now: files, parameters, versions. Each file is hashed once."""

    def __init__(self, catalog: Any) -> None:
        self._catalog = catalog
        self._hash = cache(lambda name: dataset_hash(catalog.get(name)))
        self._versions = versions()
        self._parameters: StudyParameters = catalog.load(PARAMETERS)

    def reason(self, node: Node) -> str | None:
        """Say why a node runs that no other makes run."""
        inputs = {name: self._hash(name) for name in node.inputs if name != PARAMETERS}
        outputs = {name: path_of(self._catalog.get(name)) for name in node.outputs}
        elsewhere = [name for name, found in (*inputs.items(), *outputs.items()) if found is None]
        if elsewhere or not outputs:
            return f"{elsewhere[0]} is in no file" if elsewhere else "it writes nothing"
        identity = Identity.of(node, self._catalog, self._versions)
        if not identity.code:
            return "its code is not the project's"
        paths = {name: path for name, path in outputs.items() if path is not None}
        known = {name: hash_ for name, hash_ in inputs.items() if hash_ is not None}
        records = {name: read_record(record_path(path, name)) for name, path in paths.items()}
        if not any(records.values()) and not any(path.exists() for path in paths.values()):
            return "never run"
        reasons = (self._output_reason(identity, known, name, path, records[name]) for name, path in paths.items())
        return next(filter(None, reasons), None)

    def _output_reason(
        self, identity: Identity, inputs: dict[str, str], name: str, path: Path, record: Record | None
    ) -> str | None:
        output = self._hash(name) or MISSING
        if record is None:
            return f"{path.name} " + ("is missing" if output == MISSING else "has no record of what it is made of")
        read = record.parameters.keys()
        return difference(record, identity.record(self._parameters, read, inputs, output), path.name)
