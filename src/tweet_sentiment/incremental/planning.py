"""Which nodes run, and why: those whose records differ from what is so now, and all that come after them."""

from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from tweet_sentiment.incremental.content import MISSING, Contents, path_of
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
    parents = dependencies(pipeline, catalog)
    nodes = _in_order(pipeline.nodes, parents)
    now = _Now(catalog)
    reasons: dict[str, str] = {}
    for node in nodes:
        before = [parent.name for parent in nodes if parent in parents[node] and parent.name in reasons]
        if reason := _after(before) if before else now.reason(node):
            reasons[node.name] = reason
    return Plan(nodes, reasons)


def dependencies(pipeline: Pipeline, catalog: Any) -> dict[Node, set[Node]]:
    """Return the nodes before each node. Kedro does not know that partitions are files which other nodes write."""
    from tweet_sentiment.datasets.tables import Partitions

    parents = {node: set(before) for node, before in pipeline.node_dependencies.items()}
    written = [(node, path_of(catalog.get(name))) for node in pipeline.nodes for name in node.outputs]
    for node in pipeline.nodes:
        for dataset in map(catalog.get, node.inputs):
            if isinstance(dataset, Partitions):
                parents[node] |= {writer for writer, path in written if path and dataset.holds(path)} - {node}
    return parents


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
        self._contents = Contents(catalog)
        self._versions = versions()
        self._parameters: StudyParameters = catalog.load(PARAMETERS)

    def reason(self, node: Node) -> str | None:
        """Say why a node runs that no other makes run."""
        inputs = {name: self._contents.hash(name) for name in node.inputs if name != PARAMETERS}
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
        output = self._contents.hash(name) or MISSING
        if record is None:
            return (
                f"{path.name} is missing" if output == MISSING else f"{path.name} has no record of what it is made of"
            )
        read = record.parameters.keys()
        return difference(record, identity.record(self._parameters, read, inputs, output), path.name)
