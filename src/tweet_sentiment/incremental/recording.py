"""Records what each output is made from, with any runner, and gives each node a folder for unfinished work."""

import logging
import shutil
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from tweet_sentiment.addresses import forget
from tweet_sentiment.incremental.identity import (
    WORKING_FOLDER,
    Record,
    changed_keys,
    data_inputs,
    dataset_hash,
    environment,
    path_of,
    record_of,
)
from tweet_sentiment.storage import as_json, fingerprint

logger = logging.getLogger(__name__)


class RecordFingerprints:
    """Hashes inputs before they are loaded and outputs after they are saved; the record is written last.

    What changes while a node runs differs from the record, and the node runs again; the same holds for the source code,
    which is read before the first node. Between two saves of a node none of its outputs has an old record.
    """

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        _warn_of_what_is_stored(pipeline, catalog, run_params.get("runtime_params") or {})
        self._catalog = catalog
        self._inputs: dict[str, dict[str, str | None]] = {node.name: {} for node in pipeline.nodes}
        self._records = {node.name: record_of(node, catalog) for node in pipeline.nodes}

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Any) -> None:
        if node.name in self._records and dataset_name in data_inputs(node):
            self._inputs[node.name][dataset_name] = dataset_hash(self._catalog.get(dataset_name))

    @hook_impl
    def before_node_run(self, node: Any, catalog: Any, inputs: dict[str, Any]) -> dict[str, Any] | None:
        """Give a node that resumes unfinished work a folder for work on the same data, by the same code.

        JSON inputs do not count: they have times, which always differ. Parameters do not count either, since the nodes
        mark their work with the parameters that matter.
        """
        from tweet_sentiment.datasets import Json

        if node.name not in self._records:
            return None
        record = self._records[node.name]
        record = record.model_copy(update={"environment": environment(record.parameters)})
        self._records[node.name] = record
        if WORKING_FOLDER not in node.inputs:
            return None
        hashed = self._inputs[node.name].items()
        hashes = {name: hash_ for name, hash_ in hashed if not isinstance(catalog.get(name), Json)}
        conditions = record.model_dump(exclude={"parameters", "inputs", "output"}), hashes
        return {WORKING_FOLDER: folder_for(inputs[WORKING_FOLDER] / node.namespace, node.name, conditions)}

    @hook_impl
    def after_node_run(self, node: Any, catalog: Any) -> None:
        for name in node.outputs:
            if (path := path_of(catalog.get(name))) is not None:
                forget(Record.path(path, name))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Any) -> None:
        if node.name not in self._records:
            return
        dataset, inputs = self._catalog.get(dataset_name), self._inputs[node.name]
        path, output = path_of(dataset), dataset_hash(dataset)
        if path is None or output is None or None in inputs.values():
            return  # what lies in no file cannot be compared: such a node always runs
        record = self._records[node.name].model_copy(update={"inputs": dict(inputs), "output": output})
        try:
            record.write(Record.path(path, dataset_name))
        except OSError as error:
            logger.warning("%s is written, but not the record of its inputs (%s): rebuilding.", dataset_name, error)


def _warn_of_what_is_stored(pipeline: Any, catalog: Any, given: dict[str, Any]) -> None:
    """Warn about an existing input that was made with other parameters than are given, or of other trainings."""
    from tweet_sentiment.parameters import Compute

    given = {name: value for name, value in given.items() if name not in Compute.model_fields}
    sections = {name: as_json(value) for name, value in catalog.load("parameters").items()} if given else {}
    seen, stale = {*pipeline.all_outputs()}, set[str]()  # the outputs are made again
    todo = sorted(name for name in pipeline.inputs() if not name.startswith("params"))
    while todo:
        seen.add(name := todo.pop())
        path = path_of(catalog.get(name))
        record = None if path is None else Record.read(Record.path(path, name))
        if record is None:
            continue
        todo += sorted(record.inputs.keys() - seen - {*todo})
        now = {key: sections.get(key) for key in record.parameters}
        if others := [key for key in changed_keys(record.parameters, now) if _is_given(key, given)]:
            logger.warning(
                "%s differs from the one that %s was made with, which this run does not make again: also run %s.",
                ", ".join(others),
                name,
                record.node,
            )
        replaced = sorted(other for other in _trainings(name, record) if _is_replaced(catalog, other, record))
        if replaced and record.node not in stale:
            stale.add(record.node)
            logger.warning("%s used an earlier %s: run it again.", record.node, ", ".join(replaced))


def _trainings(name: str, record: Record) -> list[str]:
    """Return the inputs that say how a technique was trained or what it scored, of those that the record names."""
    lists = [one for section in record.parameters.values() if isinstance(section, dict) for one in section.values()]
    named = {name.partition(".")[0], *(str(one) for items in lists if isinstance(items, list) for one in items)}
    kinds = (".training", ".metrics")
    return [one for one in record.inputs if one.endswith(kinds) and one.partition(".")[0] in named]


def _is_replaced(catalog: Any, name: str, record: Record) -> bool:
    return dataset_hash(catalog.get(name)) not in (None, record.inputs[name])


def _is_given(key: str, given: Any) -> bool:
    """Tell whether a key with dots, or a part of it, is set in a tree."""
    for part in key.split("."):
        if not isinstance(given, dict):
            return True
        if part not in given:
            return False
        given = given[part]
    return True


def folder_for(working_folder: Path, node: str, conditions: Any) -> Path:
    """Return the node's folder for unfinished work under these conditions: code, libraries, data and machine.

    The latest of its other folders is kept, in case a change is reverted; the rest are deleted.
    """
    name = node.rpartition(".")[2]
    mine = working_folder / f"{name}-{fingerprint(conditions)}"
    others = sorted(set(working_folder.glob(f"{name}-*")) - {mine}, key=lambda folder: folder.stat().st_mtime)
    if others and not mine.exists() and any(others[-1].iterdir()):
        logger.info("%s: code, libraries, data or machine have changed; unfinished work starts again.", node)
    for old in others[:-1]:
        shutil.rmtree(old)
    mine.mkdir(parents=True, exist_ok=True)
    return mine
