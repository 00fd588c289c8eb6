"""Options of several commands: a local path, a text, a CSV, and a model (the named one, or the best of the run)."""

import os
import re
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import click
import yaml
from click.core import ParameterSource
from kedro.utils import find_kedro_project

from tweet_sentiment.best_model import previous_of
from tweet_sentiment.errors import StudyError
from tweet_sentiment.storage import REMEDY, is_address, settle

MODELS, BEST = Path("data/06_models"), "best"
GLOBAL_RUN = "run: ${globals:run}"


class LocalPath(click.Path):
    """A path on this machine."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if is_address(value):
            self.fail(f"'{value}' is an address, and {REMEDY}.", param, ctx)
        if not str(value):
            self.fail("it is empty; expected a path.", param, ctx)
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        return path if path.name not in ("", "..") else path.resolve()  # what lies beside it is named after it


class AnyPath(LocalPath):
    """A path on this machine, or an address (s3://…), which stays a text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if is_address(value) else super().convert(value, param, ctx)


class Text(click.ParamType[str]):
    """A text as the terminal sent it: in a locale without UTF-8 Python passes its bytes on one by one."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return os.fsencode(value).decode("utf-8")
        except UnicodeError:
            return str(value)


def combined(*options: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds options, in this order."""
    return lambda command: reduce(lambda done, option: option(done), reversed(options), command)


def _model(kind: click.Path) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return combined(
        click.option("--model", type=kind, metavar="FOLDER", help="Model folder  [default: the run's best]"),
        click.option("--run", metavar="NAME", help="Run whose best model to take  [default: as conf/ says]"),
        click.option("--env", envvar="KEDRO_ENV", metavar="NAME", help="Environment in conf/ that names the run."),
    )


takes_model, takes_any_model = _model(LocalPath()), _model(AnyPath())
takes_device = combined(
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
    click.option("--fp16", is_flag=True, help="Half precision, on a CUDA device."),
    click.option("--precision", default="auto", show_default=True, help="auto, fp32 or bf16."),
)


def takes_csv(encoding: str = "utf-8") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options for the format of a CSV; ``encoding`` is the default encoding."""
    quoting = "csv: quotes enclose fields; none: they are ordinary characters."
    return combined(
        click.option(
            "--delimiter",
            default="auto",
            show_default=True,
            callback=lambda context, option, value: value.replace("\\t", "\t"),
            help="Delimiter of a CSV.",
        ),
        click.option("--no-header", is_flag=True, help="The CSV has no line of column names."),
        click.option(
            "--quoting", type=click.Choice(["auto", "csv", "none"]), default="auto", show_default=True, help=quoting
        ),
        click.option(
            "--encoding",
            default=encoding,
            show_default=True,
            help="Encoding of the file: auto, or a name such as cp1252.",
        ),
    )


def model_folder(model: Path | None, run: str | None, env: str | None) -> Path:
    """Return the model's folder: the given one, or the best of the run that is given or that ``conf`` names.

    An address is returned unchanged.

    Raises:
        StudyError: the run has none; the message names those that have one.
        click.UsageError: a folder and a run were given.
    """
    if model is not None:
        context = click.get_current_context()
        for name in ("run", "env"):
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                raise click.UsageError(f"--model and --{name} were given together: leave one out.")
        return model
    here = Path.cwd()
    project = Path(str(find_kedro_project(here) or here))  # as kedro run finds it
    project = Path() if project == here else project
    run = run or run_of(project / "conf", env)
    folder = project / MODELS / run / BEST
    settle(folder)
    if folder.is_dir() or previous_of(folder).is_dir():
        return folder
    others = sorted(path.parent.name for path in (project / MODELS).glob(f"*/{BEST}"))
    there = f"Runs that have one: {', '.join(others)} (--run=NAME)" if others else "No run has one yet"
    raise StudyError(
        f"The run {run} has no best model: there is no {folder}.\n"
        f"  {there}. A whole run makes it: kedro run{f' --env={env}' if env else ''}; --model=FOLDER takes another."
    )


def run_of(conf: Path, environment: str | None) -> str:
    """Return the name of the run in an environment of ``conf``, None being ``local``, as for ``kedro run``.

    It is read from ``globals.yml``; if the environment's parameters set it, Kedro reads them, which takes seconds.

    Raises:
        StudyError: there is no such folder, or it names no run.
    """
    names = sorted(path.name for path in conf.glob("*") if path.is_dir())
    if not names:
        raise StudyError(f"There is no folder {conf} here that names the run: give --run=NAME or --model=FOLDER.")
    if environment and environment not in names:
        raise StudyError(f"There is no environment {environment} in {conf}: found {', '.join(names)}.")
    layers = [conf / (environment or "local"), conf / "base"]
    run = next(filter(None, map(_global_run, layers)), None) if _leaves_it_to_globals(*layers) else None
    if not isinstance(run, str) or "${" in run:
        from tweet_sentiment.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS

        arguments: dict[str, Any] = CONFIG_LOADER_ARGS
        run = CONFIG_LOADER_CLASS(str(conf), env=environment, **arguments)["parameters"].get("run")
    if run is None:
        raise StudyError(f"Nothing in {conf} names the run: give --run=NAME or --model=FOLDER.")
    return str(run)


def _leaves_it_to_globals(layer: Path, base: Path) -> bool:
    """Whether an environment's parameters set neither the run nor a training file, which would name the run."""
    files = [path for path in layer.rglob("*.y*ml") if "parameters" in str(path.relative_to(layer))]
    named = any(re.search(r"\b(run|training_file)\b", path.read_text(encoding="utf-8")) for path in files)
    parameters = base / "parameters.yml"
    return not named and parameters.is_file() and GLOBAL_RUN in parameters.read_text(encoding="utf-8")


def _global_run(layer: Path) -> Any:
    path = layer / "globals.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    return content.get("run") if isinstance(content, dict) else None
