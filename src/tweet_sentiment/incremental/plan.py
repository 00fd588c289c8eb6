"""Which nodes run, and why: those whose records differ from the present state, and all nodes after them."""

import logging
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import SequentialRunner

from tweet_sentiment.errors import StudyError
from tweet_sentiment.incremental.identity import (
    MISSING,
    Record,
    checkpoints,
    data_inputs,
    dataset_hash,
    difference,
    environment,
    parameters_of,
    path_of,
    record_of,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """The nodes of a pipeline in a possible order, and the reason for each node that runs."""

    nodes: list[Node]
    reasons: dict[str, str]


def make_plan(pipeline: Pipeline, catalog: Any) -> Plan:
    """Compare each node with its records. A node after one that runs also runs, whatever that one writes."""
    parents = dependencies(pipeline, catalog)
    nodes = list(TopologicalSorter({node: sorted(parents[node]) for node in pipeline.nodes}).static_order())
    hashes = cache(lambda name: dataset_hash(catalog.get(name)))
    reasons: dict[str, str] = {}
    for node in nodes:
        before = [parent.name for parent in nodes if parent in parents[node] and parent.name in reasons]
        if before:
            reasons[node.name] = f"after {before[0]}" + (f" and {len(before) - 1} more" if len(before) > 1 else "")
        elif reason := _own_reason(node, catalog, hashes):
            reasons[node.name] = reason
    return Plan(nodes, reasons)


def dependencies(pipeline: Pipeline, catalog: Any) -> dict[Node, set[Node]]:
    """Return the nodes before each node, including dependencies that Kedro does not know.

    Partitions are files that other nodes write; a dataset may be another's file under another name; and a technique may
    start from the folder of an encoder that another node makes.
    """
    from tweet_sentiment.datasets import Partitions

    parents = {node: set(before) for node, before in pipeline.node_dependencies.items()}
    paths = [(node, path_of(catalog.get(name))) for node in pipeline.nodes for name in node.outputs]
    written = [(node, path, path.resolve()) for node, path in paths if path is not None]
    for node in pipeline.nodes:
        read = [catalog.get(name) for name in data_inputs(node)]
        files, partitions = set(map(path_of, read)), [one for one in read if isinstance(one, Partitions)]
        starts = {
            Path(checkpoint).expanduser().resolve()
            for key, checkpoint in checkpoints(parameters_of(node, catalog))
            if key != "model.checkpoint"
        }
        for writer, path, resolved in written:
            started_from = resolved in starts and writer.namespace != node.namespace
            if writer != node and (started_from or path in files or any(one.holds(path) for one in partitions)):
                parents[node].add(writer)
    return parents


def _own_reason(node: Node, catalog: Any, hashes: Any) -> str | None:
    """Return why a node runs, if no other node is the reason."""
    inputs = {name: hashes(name) for name in data_inputs(node)}
    paths = {name: path_of(catalog.get(name)) for name in node.outputs}
    if elsewhere := [name for name, found in (*inputs.items(), *paths.items()) if found is None]:
        return f"{elsewhere[0]} is in no file"
    if not paths:
        return "it writes nothing"
    now = record_of(node, catalog)
    if not now.code:
        return "its code is not the project's"
    now = now.model_copy(update={"inputs": inputs, "environment": environment(now.parameters)})
    records = {name: Record.read(Record.path(path, name)) for name, path in paths.items() if path is not None}
    if not any(records.values()) and not any(path.exists() for path in paths.values() if path is not None):
        return "never run"
    for name, record in records.items():
        output, file = hashes(name), Path(str(paths[name])).name
        if record is None:
            return f"{file} " + ("is missing" if output == MISSING else "has no record of what it is made of")
        if reason := difference(record, now.model_copy(update={"output": output}), file):
            return reason
    return None


class OnlyChanged(SequentialRunner):
    """Runs the nodes whose inputs, parameters, code, libraries or outputs have changed, and all after them."""

    def run(
        self,
        pipeline: Pipeline,
        catalog: Any,
        hook_manager: Any = None,
        run_id: str | None = None,
        only_missing_outputs: bool = False,
    ) -> dict[str, Any]:
        """Log which nodes are skipped and why the others run, and run them.

        Raises:
            StudyError: ``--only-missing-outputs`` is given too, which would leave out what has changed.
        """
        if only_missing_outputs:
            raise StudyError(
                "--only-changed and --only-missing-outputs were given together.\n"
                "  Leave --only-missing-outputs out: what is missing counts as changed."
            )
        plan = make_plan(pipeline, catalog)
        running = [node for node in plan.nodes if node.name in plan.reasons]
        skipped = [node.name for node in plan.nodes if node.name not in plan.reasons]
        if not running:
            logger.info("Nothing has changed: all %d nodes are skipped.", len(skipped))
        elif skipped:
            logger.info("Unchanged, and skipped: %s.", ", ".join(skipped))
        for node in running:
            logger.info("%s runs: %s", node.name, plan.reasons[node.name])
        return super().run(_InOrder(running), catalog, hook_manager, run_id)

    @property
    def _logger(self) -> logging.Logger:
        return logging.getLogger(SequentialRunner.__module__)  # as quiet as Kedro's own


class _InOrder(Pipeline):
    """A pipeline whose nodes run in the given order; Kedro might order a part of them differently."""

    def __init__(self, nodes: list[Node]) -> None:
        self._order = nodes
        super().__init__(nodes)

    @property
    def nodes(self) -> list[Node]:
        return list(self._order)
