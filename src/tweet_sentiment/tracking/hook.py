"""The hook: from each dataset that a node saves to the trackers that the parameters ask for."""

import atexit
from pathlib import Path
from typing import Any, Protocol

from kedro.framework.hooks import hook_impl

from tweet_sentiment.schema import StudyParameters


class Tracker(Protocol):
    """What listens to a run. ``technique`` is a dataset's namespace, "" for what belongs to the whole run."""

    def saved(self, technique: str, kind: str, data: Any, path: Path | None) -> None:
        """Take what a node has saved: ``kind`` is the dataset's name, ``path`` where it lies."""

    def end(self, failed: bool) -> None:
        """Close the run."""


class Track:
    """Follows a run; without ``tracking`` in the parameters it does nothing and imports nothing."""

    def __init__(self) -> None:
        self._trackers: list[Tracker] = []

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], catalog: Any) -> None:
        self._catalog, self._trackers = catalog, []
        parameters: StudyParameters = catalog.load("parameters")
        if parameters.tracking.mlflow:
            from tweet_sentiment.tracking.mlflow import MlflowTracker

            self._trackers.append(MlflowTracker(parameters, sorted(run_params.get("pipeline_names") or [])))
        if parameters.tracking.tensorboard:
            from tweet_sentiment.tracking.tensorboard import TensorBoardTracker

            self._trackers.append(TensorBoardTracker(parameters))
        if self._trackers:
            atexit.register(self._end, failed=True)  # of Ctrl-C Kedro tells nobody

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        if not self._trackers:
            return
        technique, _, kind = dataset_name.rpartition(".")
        path = getattr(self._catalog.get(dataset_name), "_filepath", None)
        for tracker in self._trackers:
            tracker.saved(technique, kind, data, None if path is None else Path(str(path)))

    @hook_impl
    def after_pipeline_run(self) -> None:
        self._end(failed=False)

    @hook_impl
    def on_pipeline_error(self) -> None:
        self._end(failed=True)

    def _end(self, failed: bool) -> None:
        for tracker in self._trackers:
            tracker.end(failed)
        self._trackers = []
        atexit.unregister(self._end)
