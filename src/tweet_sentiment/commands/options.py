"""What several commands take: a local path, a text, a CSV, and a model: the one named, or the best of the run."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from tweet_sentiment.commands.best import best_model
from tweet_sentiment.paths import REMEDY, is_address


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


class Text(click.ParamType[str]):
    """A text as the terminal sent it: in a locale that knows no UTF-8 Python hands on its bytes one by one."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return os.fsencode(value).decode("utf-8")
        except UnicodeError:
            return str(value)


def takes_model(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which model to take; :func:`model_folder` makes a folder of their values."""
    for option in (
        click.option("--env", envvar="KEDRO_ENV", metavar="NAME", help="The environment in conf/ that names the run."),
        click.option("--run", metavar="NAME", help="The run whose best model to take  [default: as conf/ says]"),
        click.option("--model", type=LocalPath(), metavar="FOLDER", help="A model's folder  [default: the run's best]"),
    ):
        command = option(command)
    return command


def model_folder(model: Path | None, run: str | None, env: str | None) -> Path:
    """Return the model's folder: the one given, or the best of the run.

    Raises:
        StudyError: the run has none.
        click.UsageError: a folder and a run were given.
    """
    if model is None:
        return best_model(run, env)
    context = click.get_current_context()
    for name in ("run", "env"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--model and --{name} were given together: leave one out.")
    return model


def takes_csv(encoding: str = "utf-8") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options that say how a CSV is written; ``encoding`` is what stands where none is named."""
    options = (
        click.option(
            "--delimiter",
            default="auto",
            show_default=True,
            callback=lambda context, option, value: value.replace("\\t", "\t"),
            help="Between the fields of a CSV.",
        ),
        click.option("--no-header", is_flag=True, help="The CSV has no line of column names."),
        click.option(
            "--quoting",
            type=click.Choice(["auto", "csv", "none"]),
            default="auto",
            show_default=True,
            help="csv: quotes enclose fields; none: they are ordinary characters.",
        ),
        click.option("--encoding", default=encoding, show_default=True, help="auto, or any that Python knows."),
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add
