"""The best model of the run that ``kedro run`` would write: found without loading the whole configuration."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from kedro.utils import find_kedro_project

from tweet_sentiment.errors import StudyError
from tweet_sentiment.promotion import previous_of
from tweet_sentiment.storage import settle

MODELS = Path("data/06_models")
BEST = "best"
GLOBAL = "${globals:run}"


def best_model(run: str | None, environment: str | None) -> Path:
    """Return the folder of the best model of a run: the one given, or the one that ``conf`` names.

    ``environment`` None is ``local``, as for ``kedro run``.

    Raises:
        StudyError: there is none; the message names the runs that have one.
    """
    project = _project()
    if run is None:
        run = run_of(project / "conf", environment)
    folder = project / MODELS / run / BEST
    settle(folder)
    if folder.is_dir() or previous_of(folder).is_dir():
        return folder
    others = sorted(path.parent.name for path in (project / MODELS).glob(f"*/{BEST}"))
    there = f"Runs that have one: {', '.join(others)} (--run=NAME)" if others else "No run has one yet"
    raise StudyError(
        f"The run {run} has no best model: there is no {folder}.\n"
        f"  {there}. A whole run makes it: kedro run{f' --env={environment}' if environment else ''}; "
        "--model=FOLDER takes another."
    )


def _project() -> Path:
    """Return the project at or above the working directory, else the working directory, as ``kedro run`` does."""
    here = Path.cwd()
    found = find_kedro_project(here)
    return Path() if found in (None, here) else Path(str(found))


def run_of(conf: Path, environment: str | None) -> str:
    """Return the name of the run in an environment of ``conf``.

    Raises:
        StudyError: there is no such folder, or it names no run.
    """
    names = sorted(path.name for path in conf.glob("*") if path.is_dir())
    if not names:
        raise StudyError(f"There is no folder {conf} here that names the run: give --run=NAME or --model=FOLDER.")
    if environment and environment not in names:
        raise StudyError(f"There is no environment {environment} in {conf}: found {', '.join(names)}.")
    layers = [conf / (environment or "local"), conf / "base"]
    run = _first(path for layer in layers for path in sorted(layer.rglob("*")) if _of_parameters(path, layer))
    if run == GLOBAL and not _of_another_file(layers[0]):
        run = _first(layer / "globals.yml" for layer in layers)
    if not isinstance(run, str) or "${" in run:
        run = _resolved(conf, environment)
    if run is None:
        raise StudyError(f"Nothing in {conf} names the run: give --run=NAME or --model=FOLDER.")
    return str(run)


def _of_another_file(layer: Path) -> bool:
    """Whether an environment's parameters name the training file, which then names the run."""
    files = (path for path in layer.rglob("*") if path.is_file() and _of_parameters(path, layer))
    return any("training_file" in path.read_text(encoding="utf-8") for path in files)


def _of_parameters(path: Path, layer: Path) -> bool:
    return any(part.startswith("parameters") for part in path.relative_to(layer).parts)


def _first(files: Iterable[Path]) -> Any:
    """Return the value of ``run`` in the first of the files that has one."""
    for path in files:
        if path.is_file() and "run" in (text := path.read_text(encoding="utf-8")):
            content = yaml.safe_load(text)
            if isinstance(content, dict) and "run" in content:
                return content["run"]
    return None


def _resolved(conf: Path, environment: str | None) -> Any:
    """Return what Kedro makes of an interpolation."""
    from tweet_sentiment.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS

    arguments: dict[str, Any] = CONFIG_LOADER_ARGS
    return CONFIG_LOADER_CLASS(str(conf), env=environment, **arguments)["parameters"].get("run")
