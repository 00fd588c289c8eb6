"""MLflow: one run for ``kedro run``, below it one for each technique, below that one for each trial.

Source: https://mlflow.org/docs/latest/ml/tracking/; the client is used, because nodes may be saved by several threads.
"""

import json
from pathlib import Path
from time import time
from typing import Any

import pandas as pd

from tweet_sentiment.errors import extra
from tweet_sentiment.schema import StudyParameters
from tweet_sentiment.tracking.tables import fit, flat, numbers, points

LONGEST_VALUE = 500  # of a parameter, in every store
OF_A_TRIAL = ("num_train_epochs", "per_device_train_batch_size", "learning_rate", "warmup_steps", "weight_decay")


class MlflowTracker:
    """Logs parameters one by one, scores, curves by step, figures, model folders and tables."""

    def __init__(self, parameters: StudyParameters, pipelines: list[str]) -> None:
        with extra("tracking", f"tracking.mlflow ({parameters.tracking.mlflow})"):
            from mlflow.tracking import MlflowClient
        store = str(parameters.tracking.mlflow)
        if (database := _database(store)) is not None:
            database.parent.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(tracking_uri=store)
        self._experiment = self._experiment_of(f"tweet-sentiment {parameters.run}", store)
        self._runs: dict[str, str] = {}
        self._parent = self._begin(f"{parameters.protocol} {', '.join(pipelines) or 'whole study'}", None)
        self._client.set_tag(self._parent, "protocol", parameters.protocol)
        self._log_parameters(self._parent, dict(flat(parameters.model_dump())))

    def saved(self, technique: str, kind: str, data: Any, path: Path | None) -> None:
        """Log what is of use there: scores, curves, trials, figures, models, tables and pages."""
        if kind == "metrics":
            self._log_points(self._run_of(technique), [(name, value, 0) for name, value in numbers(data).items()])
        elif kind == "curves":
            self._log_points(self._run_of(technique), list(points(data)))
        elif kind == "hyperparameters":
            self._log_parameters(self._run_of(technique), dict(flat(data)))
        elif kind == "table_of_trials":
            self._log_trials(self._run_of(technique), data)
        if kind.startswith("figure_of_"):
            self._client.log_figure(self._run_of(technique), data, f"{kind.removeprefix('figure_of_')}.html")
        elif kind == "model" and path is not None:
            self._client.log_artifacts(self._run_of(technique), str(path), "model")
        elif kind.startswith("table_of_") or kind in ("comparison", "comparison_report", "report_page"):
            self._client.log_artifact(self._run_of(technique), str(path))

    def end(self, failed: bool) -> None:
        """Close the technique's runs and the run above them."""
        for run in [*self._runs.values(), self._parent]:
            self._client.set_terminated(run, "FAILED" if failed else "FINISHED")

    def _experiment_of(self, name: str, store: str) -> str:
        if (found := self._client.get_experiment_by_name(name)) is not None:
            return str(found.experiment_id)
        if (database := _database(store)) is None:
            return str(self._client.create_experiment(name))
        beside = database.resolve().with_suffix(".artifacts")
        return str(self._client.create_experiment(name, artifact_location=beside.as_uri()))

    def _begin(self, name: str, parent: str | None) -> str:
        above = {} if parent is None else {"mlflow.parentRunId": parent}
        run = self._client.create_run(self._experiment, tags={"mlflow.runName": name, **above})
        return str(run.info.run_id)

    def _run_of(self, technique: str) -> str:
        if not technique:
            return self._parent
        if technique not in self._runs:
            self._runs[technique] = self._begin(technique, self._parent)
        return self._runs[technique]

    def _log_parameters(self, run: str, leaves: dict[str, Any]) -> None:
        from mlflow.entities import Param

        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in leaves.items()}
        params = [Param(fit(name, spaces=True), text[:LONGEST_VALUE]) for name, text in texts.items()]
        for start in range(0, len(params), 100):  # the most that one call takes
            self._client.log_batch(run, params=params[start : start + 100])

    def _log_points(self, run: str, measured: list[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        now = int(time() * 1000)
        metrics = [Metric(fit(name, spaces=True), value, now, step) for name, value, step in measured]
        for start in range(0, len(metrics), 1000):  # the most that one call takes
            self._client.log_batch(run, metrics=metrics[start : start + 1000])

    def _log_trials(self, technique: str, trials: pd.DataFrame) -> None:
        for row in trials.to_dict("records"):
            run = self._begin(f"trial {row['number']}", technique)
            self._client.set_tag(run, "state", str(row["state"]))
            self._log_parameters(run, {name: row[name] for name in OF_A_TRIAL if name in row})
            measured = numbers({name: row[name] for name in ("value", "seconds", "epochs") if name in row})
            epochs = enumerate(map(float, str(row["value_by_epoch"]).split()), 1)
            by_epoch = [("value_by_epoch", value, epoch) for epoch, value in epochs]
            self._log_points(run, [(name, value, 0) for name, value in measured.items()] + by_epoch)
            self._client.set_terminated(run, "FAILED" if row["state"] == "FAIL" else "FINISHED")


def _database(store: str) -> Path | None:
    """Return the file of a store in SQLite; a URL writes ``?``, ``#`` and ``%`` of a path as %3F, %23 and %25."""
    from sqlalchemy.engine import make_url

    return Path(str(make_url(store).database)) if store.startswith("sqlite:///") else None
