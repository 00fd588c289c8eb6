"""Logging of what a run saves to MLflow and TensorBoard, if the parameters name them; otherwise neither is imported."""

import atexit
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from time import time
from typing import Any

from kedro.framework.hooks import hook_impl

from tweet_sentiment.errors import extra
from tweet_sentiment.storage import sha256

Point = tuple[str, float, int]  # name, value, step
LONGEST_NAME = 250  # of a metric or a parameter, in MLflow
LONGEST_VALUE = 500  # of a parameter, in every store
MOST_AT_ONCE = 100  # parameters in one call
OF_A_TRIAL = ("num_train_epochs", "per_device_train_batch_size", "learning_rate", "warmup_steps", "weight_decay")


class Track:
    """Logs a run to the trackers that the parameters name.

    A dataset's namespace is its technique; it is "" for datasets of the whole run.
    """

    def __init__(self) -> None:
        self._trackers: list[MlflowTracker | TensorBoardTracker] = []

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], catalog: Any) -> None:
        from tweet_sentiment.schema import plain

        self._catalog, self._trackers = catalog, []
        sections: dict[str, Any] = catalog.load("parameters")
        run, protocol, asked = sections["run"], sections["protocol"], sections["tracking"]
        if asked.mlflow:
            name = f"{protocol} {', '.join(sorted(run_params.get('pipeline_names') or [])) or 'whole study'}"
            tracker = MlflowTracker(asked.mlflow, f"tweet-sentiment {run}", name, {"protocol": protocol})
            tracker.log_parameters("", plain(sections))
            self._trackers.append(tracker)
        if asked.tensorboard:
            self._trackers.append(TensorBoardTracker(Path(asked.tensorboard) / run / protocol))
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


class MlflowTracker:
    """One MLflow run for ``kedro run``, below it one for each technique, below that one for each trial.

    Source: https://mlflow.org/docs/latest/ml/tracking/; by its client, because several threads may save for nodes.

    Raises:
        MissingExtraError: MLflow is not installed.
    """

    def __init__(self, store: str, experiment: str, name: str, tags: Mapping[str, str]) -> None:
        with extra("tracking", f"tracking.mlflow ({store})"):
            from mlflow.tracking import MlflowClient
            from sqlalchemy.engine import make_url
        artifacts = None
        if store.startswith("sqlite:///"):  # of a path, a URL writes ?, # and % as %3F, %23 and %25
            database = Path(str(make_url(store).database))
            database.parent.mkdir(parents=True, exist_ok=True)
            artifacts = database.resolve().with_suffix(".artifacts").as_uri()
        self._client = MlflowClient(tracking_uri=store)
        found = self._client.get_experiment_by_name(experiment)
        created = None if found else self._client.create_experiment(experiment, artifact_location=artifacts)
        self._experiment: Any = found.experiment_id if found else created
        self._runs = {"": self._begin(name, tags)}

    def saved(self, technique: str, kind: str, data: Any, path: Path | None) -> None:
        """Log scores, curves, trials, figures, models, tables and pages."""
        tables = ("comparison", "report_text", "report_page")
        if kind == "metrics":
            self._log(self._run_of(technique), points=[(name, value, 0) for name, value in numbers(data).items()])
        elif kind == "curves":
            self._log(self._run_of(technique), points=points_of(data))
        elif kind == "hyperparameters":
            self.log_parameters(technique, data)
        elif kind == "model" and path is not None:
            self._client.log_artifacts(self._run_of(technique), str(path), "model")
        elif kind.startswith("figure_of_"):
            self._client.log_figure(self._run_of(technique), data, f"{kind.removeprefix('figure_of_')}.html")
        elif kind.startswith("table_of_") or kind in tables:
            self._client.log_artifact(self._run_of(technique), str(path))
        if kind == "table_of_trials":
            self._log_trials(self._run_of(technique), data)

    def log_parameters(self, technique: str, parameters: dict[str, Any]) -> None:
        """Log parameters one by one, by their full names."""
        self._log(self._run_of(technique), parameters=dict(flat(parameters)))

    def end(self, failed: bool) -> None:
        """Close the run and those below it."""
        for run in self._runs.values():
            self._client.set_terminated(run, "FAILED" if failed else "FINISHED")

    def _begin(self, name: str, tags: Mapping[str, str]) -> str:
        return str(self._client.create_run(self._experiment, tags={"mlflow.runName": name, **tags}).info.run_id)

    def _run_of(self, technique: str) -> str:
        if technique not in self._runs:
            self._runs[technique] = self._begin(technique, {"mlflow.parentRunId": self._runs[""]})
        return self._runs[technique]

    def _log(self, run: str, parameters: Mapping[str, Any] | None = None, points: Iterable[Point] = ()) -> None:
        from mlflow.entities import Metric, Param

        now = int(time() * 1000)
        texts = {name: one if isinstance(one, str) else json.dumps(one) for name, one in (parameters or {}).items()}
        params = [Param(fit(name, spaces=True), text[:LONGEST_VALUE]) for name, text in texts.items()]
        metrics = [Metric(fit(name, spaces=True), value, now, step) for name, value, step in points]
        for start in range(0, max(len(params), len(metrics)), MOST_AT_ONCE):
            some = slice(start, start + MOST_AT_ONCE)
            self._client.log_batch(run, metrics=metrics[some], params=params[some])

    def _log_trials(self, above: str, trials: Any) -> None:
        for row in trials.to_dict("records"):
            tags = {"mlflow.parentRunId": above, "state": str(row["state"])}
            run = self._begin(f"trial {row['number']}", tags)
            measured = numbers({name: row[name] for name in ("value", "seconds", "epochs") if name in row})
            epochs = enumerate(map(float, str(row["value_by_epoch"]).split()), 1)
            points = [(name, value, 0) for name, value in measured.items()]
            points += [("value_by_epoch", value, epoch) for epoch, value in epochs]
            self._log(run, {name: row[name] for name in OF_A_TRIAL if name in row}, points)
            self._client.set_terminated(run, "FAILED" if row["state"] == "FAIL" else "FINISHED")


class TensorBoardTracker:
    """Writes ``<folder>/<technique>``; a technique that is trained again replaces its curves.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        with extra("tracking", f"tracking.tensorboard ({folder})"):
            from torch.utils.tensorboard import SummaryWriter
        self._writer, self._folder = SummaryWriter, folder

    def saved(self, technique: str, kind: str, data: Any, path: Path | None) -> None:
        """Write curves as scalars by step, and scores as scalars at step 0."""
        if kind not in ("curves", "metrics"):
            return
        folder = self._folder / technique / ("training" if kind == "curves" else "validation")
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        measured = points_of(data) if kind == "curves" else [(name, one, 0) for name, one in numbers(data).items()]
        with self._writer(str(folder)) as writer:
            for name, value, step in measured:
                writer.add_scalar(fit(name), value, step)

    def end(self, failed: bool) -> None:
        """Do nothing: every file is closed after it is written."""


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each leaf by its full name, ``lora.r``; lists are leaves."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def fit(name: str, spaces: bool = False) -> str:
    """Return a name that a store accepts, unchanged if possible: labels may be emoji, paths, or very long.

    A character other than a letter, digit, ``_``, ``-``, dot (or space, with ``spaces``) becomes its code point, such
    as ``u1f600``. Different names stay different: a changed name ends in a hash of the original.
    """
    refused = r"[^\w. -]|^\." if spaces else r"[^\w.-]|^\."
    plain = re.sub(refused, lambda found: f"u{ord(found[0]):x}", name)
    if plain == name and len(name) <= LONGEST_NAME:
        return name
    return f"{plain[: LONGEST_NAME - 9]}-{sha256(name.encode('utf-8', 'surrogatepass'))[:8]}"


def numbers(tree: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers of a tree by their full names, without booleans."""
    leaves = dict(flat(tree))
    real = {name: float(one) for name, one in leaves.items() if isinstance(one, Real) and not isinstance(one, bool)}
    return {name: value for name, value in real.items() if math.isfinite(value)}


def points_of(curves: Any) -> Iterator[Point]:
    """Yield name, value and step of every point of a table of curves; several prompts are numbered."""
    prompts = {prompt: number for number, prompt in enumerate(curves["prompt"].unique())} if "prompt" in curves else {}
    for row in curves.to_dict("records"):
        prefix = f"prompt_{prompts[row['prompt']]}." if prompts else ""
        for name, value in numbers(
            {str(name): one for name, one in row.items() if name not in ("step", "prompt")}
        ).items():
            yield f"{prefix}{name}", value, int(row["step"])
