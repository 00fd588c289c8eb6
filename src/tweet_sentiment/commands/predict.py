"""``kedro predict``: texts on the command line or from a pipe, or a file of any size."""

import codecs
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tweet_sentiment.cli import Command
from tweet_sentiment.commands.options import AnyPath, Text, model_folder, takes_any_model, takes_csv, takes_device

if TYPE_CHECKING:
    from tweet_sentiment.predictor import Predictor

TABLES = (".csv", ".tsv", ".parquet", ".jsonl")
OF_TEXTS = ("as_json", "entity")
OF_A_CSV = ("delimiter", "no_header", "quoting", "encoding")
OF_A_JOB = ("text_column", "entity_column", "output", "on_error", "format", "prefix", "part_rows")
OF_FILES = (*OF_A_JOB, *OF_A_CSV, "engine", "actors")


ON_ERROR = "keep: a faulty row stays, with the error and no label; stop: the first one ends the run."
STOPPED = "Stopped. The same command resumes after the last finished part."


class Predict(Command):
    """A command whose arguments may begin with a dash."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Say how to give a text that begins with a dash, if it was taken for an option."""
        if args == ["-h"]:  # no option otherwise: "-hate it" is a text
            args = ["--help"]
        try:
            return super().parse_args(context, args)
        except click.NoSuchOption as error:
            hint = f"Put -- before a text that begins with a dash: {context.command_path} -- '-_- tired'"
            raise click.UsageError(f"{error.format_message()}\n{hint}", context) from None


@click.command(name="predict", cls=Predict, stopped=STOPPED, context_settings={"help_option_names": ["--help"]})
@click.argument("texts", nargs=-1, type=Text())
@takes_any_model
@takes_device
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--entity", type=Text(), help="What the texts are about, for a model that reads entities.")
@click.option(
    "--csv", "--input", "source", type=AnyPath(), help="A CSV, Parquet or JSON Lines file; - is standard input."
)
@click.option("--text-column", metavar="NAME", help="Name of the text column; with --no-header its position, from 0.")
@click.option("--entity-column", metavar="NAME", help="Name of the entity column, for a model that reads entities.")
@click.option("--output", type=AnyPath(), metavar="FILE", help="File to write: .csv, .parquet or .jsonl.")
@click.option("--on-error", type=click.Choice(["keep", "stop"]), default="keep", show_default=True, help=ON_ERROR)
@click.option(
    "--format", type=click.Choice(["csv", "jsonl", "parquet"]), help="Format of the file, if its name does not tell."
)
@takes_csv()
@click.option("--prefix", default="", help="Prefix of the names of the added columns.")
@click.option(
    "--part-rows", type=click.IntRange(min=1), default=5000, show_default=True, help="Rows that a kill can cost."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="ray: on a Ray cluster; --csv may be a folder or a pattern, --output is a folder of Parquet parts.",
)
@click.option("--actors", type=click.IntRange(min=1), help="Copies of the model on Ray  [default: one per processor]")
def predict(texts: tuple[str, ...], source: Path | str | None, **options: Any) -> None:
    """Classify TEXTS, the lines of a pipe or the rows of a file.

    The output is written whole at the end. After a kill the same command resumes after the last finished part.
    """
    command = click.get_current_context().command_path
    texts = texts or (() if source else _piped())
    if bool(texts) == bool(source):
        raise click.UsageError(f'Give texts or a file: {command} "I love this"  or  {command} --csv FILE …')
    if source:
        _refuse(OF_TEXTS, "a file", "texts")
        if lacking := [f"--{name.replace('_', '-')}" for name in ("text_column", "output") if options[name] is None]:
            raise click.UsageError(f"With --csv also give {' and '.join(lacking)}.")
        if options["actors"] and options["engine"] != "ray":
            raise click.UsageError("--actors is for --engine ray: leave it out, or add --engine ray.")
        _predict_file(source, options)
    else:
        _refuse(OF_FILES, "texts", "a file: --csv FILE")
        for text in texts:
            suffix = Path(text).suffix  # the label of a file's name would be taken for that of what is in it
            if suffix and (os.path.isfile(text) or (suffix.lower() in TABLES and not text.split()[1:])):
                raise click.UsageError(
                    f"{text} is the name of a file, and texts are expected. For the rows of a file: "
                    f"{command} --csv {text} --text-column NAME --output FILE"
                )
        _predict_texts(list(texts), options)


def _piped() -> tuple[str, ...]:
    """Return the lines of a pipe, without blank ones."""
    if sys.stdin is None or sys.stdin.isatty():
        return ()
    try:
        lines = sys.stdin.buffer.read().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise click.UsageError(
            f"Standard input is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}."
        ) from None
    return tuple(line.removesuffix("\r") for line in lines if line.strip())


def _refuse(names: tuple[str, ...], given: str, other: str) -> None:
    """Refuse options that would be ignored, so that nobody waits for an output that is not written."""
    context = click.get_current_context()
    for option in context.command.params:
        if option.name in names and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[0]} is not for {given}: leave it out, or give {other}.")


def _load(options: dict[str, Any]) -> "Predictor":
    """Load the model, and name it on standard error."""
    folder = model_folder(options["model"], options["run"], options["env"])
    from tweet_sentiment.manifests import title
    from tweet_sentiment.predictor import Predictor

    predictor = Predictor.load(folder, options["device"], options["fp16"], options["precision"])
    click.echo(f"Model: {title(folder, predictor.manifest)}", err=True)
    return predictor


def _predict_texts(texts: list[str], options: dict[str, Any]) -> None:
    entities = None if options["entity"] is None else [options["entity"]] * len(texts)
    records = _load(options).records(texts, entities)
    if options["as_json"]:
        utf8 = codecs.lookup(sys.stdout.encoding).name == "utf-8"
        click.echo(json.dumps(records, ensure_ascii=not utf8, indent=2))
        return
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Column, Table

    console, labels = Console(markup=False, highlight=False), list(records[0]["probabilities"])
    few = sum(cell_len(f"{label}   ") for label in labels) <= console.width * 2 // 3  # each gets a column
    columns = [Column(label, justify="right") for label in labels] if few else ["probabilities"]
    table = Table("text", "label", *columns)
    for record in records:
        shares = record["probabilities"]
        told = [f"{p:.1%}" for p in shares.values()]
        if not few:
            told = [", ".join(f"{label} {shares[label]:.1%}" for label in sorted(shares, key=shares.get, reverse=True))]
        table.add_row(record["text"], record["label"], *told)
    console.print(table)


def _predict_file(source: Path | str, options: dict[str, Any]) -> None:
    from tweet_sentiment.data.records import CsvForm
    from tweet_sentiment.predictor.files import FileJob, predict_file

    form = CsvForm(options["delimiter"], options["quoting"], options["encoding"], not options["no_header"])
    job = FileJob(source=str(source), form=form, **{name: options[name] for name in OF_A_JOB})
    if options["engine"] == "ray":
        from tweet_sentiment.predictor.on_ray import predict_on_ray

        folder = model_folder(options["model"], options["run"], options["env"])
        choice = {name: options[name] for name in ("actors", "device", "fp16", "precision")}
        summary = predict_on_ray(folder, job, **choice)
        click.echo(f"Model: {folder}", err=True)
    else:
        summary = predict_file(lambda: _load(options), job)
    for line in summary.faulty:
        click.echo(line, err=True)
    if (more := summary.faults - len(summary.faulty)) > 0:
        click.echo(f"… and {more:,} more faulty rows; see the column {job.prefix}error.", err=True)
    emptied = f" ({summary.emptied:,} of them emptied by cleaning)" if summary.emptied else ""
    click.echo(
        f"{job.output}: {summary.rows:,} rows, {summary.rows - summary.faults:,} with a label, {summary.faults:,} "
        f"faulty{emptied}; {summary.truncated:,} texts were cut to what the model reads.",
        err=True,
    )
