"""Records what each output is made of, whatever runner makes it. Only a whole record counts, and it comes last."""

import logging
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from tweet_sentiment.incremental.content import dataset_hash, path_of
from tweet_sentiment.incremental.environment import environment
from tweet_sentiment.incremental.identity import PARAMETERS, Identity, versions
from tweet_sentiment.incremental.record import record_path, write_record
from tweet_sentiment.incremental.resuming import folder_for
from tweet_sentiment.incremental.tracing import FIELDS, TracedParameters

logger = logging.getLogger(__name__)


class RecordFingerprints:
    """Hashes inputs before they are loaded and outputs after they are saved, and watches which parameters are read.

    What changes while a node runs then differs from the record, and the node runs again; so it is with the source,
    which is read before the first node. Between two saves of a node none of its outputs has an old record.
    """

    def __init__(self) -> None:
        self._identities: dict[str, Identity] = {}

    @hook_impl
    def before_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        self._catalog = catalog
        self._inputs: dict[str, dict[str, str | None]] = {node.name: {} for node in pipeline.nodes}
        self._parameters: dict[str, TracedParameters] = {}
        known = versions()
        self._identities = {node.name: Identity.of(node, catalog, known) for node in pipeline.nodes}

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Any) -> None:
        if node.name in self._identities and dataset_name != PARAMETERS:
            self._inputs[node.name][dataset_name] = dataset_hash(self._catalog.get(dataset_name))

    @hook_impl
    def before_node_run(self, node: Any, catalog: Any, inputs: dict[str, Any]) -> dict[str, Any] | None:
        if node.name not in self._identities:
            return None
        traced = self._parameters[node.name] = TracedParameters.of(catalog.load(PARAMETERS))
        given = inputs.keys() & {PARAMETERS}
        return dict.fromkeys(given, traced) | self._working_folders(node, catalog, inputs)

    def _working_folders(self, node: Any, catalog: Any, inputs: dict[str, Any]) -> dict[str, Path]:
        """Give a node that goes on from unfinished work a folder for work on the same data, by the same code.

        JSON says how long something took, which is never the same; what decides of it, the nodes mark their work with.
        """
        from tweet_sentiment.datasets.files import WorkingFolder
        from tweet_sentiment.datasets.tables import Json

        kinds = {name: catalog.get(name) for name in inputs}
        folders = {name: inputs[name] for name, kind in kinds.items() if isinstance(kind, WorkingFolder)}
        if not folders:
            return {}
        data = {name: hash_ for name, hash_ in self._inputs[node.name].items() if not isinstance(kinds[name], Json)}
        identity, here = self._identities[node.name], environment(catalog.load(PARAMETERS), FIELDS)
        conditions = (identity.wiring, identity.catalog, identity.code, identity.versions, here, data)
        return {name: folder_for(folder, node.name, conditions) for name, folder in folders.items()}

    @hook_impl
    def after_node_run(self, node: Any, catalog: Any) -> None:
        for name in node.outputs:
            if (path := path_of(catalog.get(name))) is not None:
                record_path(path, name).unlink(missing_ok=True)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Any) -> None:
        if node.name not in self._identities:
            return
        dataset, inputs = self._catalog.get(dataset_name), self._inputs[node.name]
        path, output, read = path_of(dataset), dataset_hash(dataset), self._parameters[node.name].fields_read
        known = {name: hash_ for name, hash_ in inputs.items() if hash_ is not None}
        if path is None or output is None or known.keys() != inputs.keys():
            return  # what lies in no file cannot be compared: such a node always runs
        record = self._identities[node.name].record(self._catalog.load(PARAMETERS), read, known, output)
        try:
            write_record(record_path(path, dataset_name), record)
        except OSError as error:
            logger.warning("%s is written, but not what it was made of (%s): it is made anew.", dataset_name, error)
