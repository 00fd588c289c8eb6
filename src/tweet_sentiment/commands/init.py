"""``tweet-sentiment init FILE``: detect the format and columns of a file, show them, and write ``conf/local``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tweet_sentiment.cli import Command
from tweet_sentiment.commands.options import LocalPath, takes_csv
from tweet_sentiment.errors import StudyError

if TYPE_CHECKING:
    from tweet_sentiment.data.inspection import FileForm

_SHOWN = 40  # characters of a column's values


@click.command(name="init", cls=Command, short_help="Set the study up for a file of your own.")
@click.argument("file", type=LocalPath())
@click.option("--text", "post", metavar="COLUMN", help="The column of texts: its name, or its position from 0.")
@click.option("--label", metavar="COLUMN", help="The column of labels.")
@click.option("--id", metavar="COLUMN", help="The column of ids that copies of a post share  [default: none]")
@click.option("--group", metavar="COLUMN", help="The column of users, threads or the like  [default: none]")
@click.option("--entity", metavar="COLUMN", help="The column of what a text is about  [default: none]")
@click.option("--validation", type=LocalPath(), metavar="FILE", help="Test posts  [default: a share is held out]")
@click.option("--run", metavar="NAME", help="The run's name  [default: the file's]")
@takes_csv(encoding="auto")
@click.option(
    "--conf", type=LocalPath(), default=Path("conf"), show_default=True, help="The folder of the configuration."
)
@click.option("--force", is_flag=True, help="Overwrite an existing conf/local/parameters.yml.")
def init(
    file: Path,
    conf: Path,
    run: str | None,
    validation: Path | None,
    force: bool,
    delimiter: str,
    no_header: bool,
    quoting: str,
    encoding: str,
    **columns: str | None,
) -> None:
    """Detect the format, columns and labels of FILE, and write conf/local.

    FILE is CSV, TSV, JSON Lines or Parquet. The command asks for what it cannot detect and no option says.
    """
    import yaml

    from tweet_sentiment.configuration import run_of_file
    from tweet_sentiment.data.inspection import ROLES, inspect, labels_of, own_split, seem_missing
    from tweet_sentiment.data.lines import Source, as_option, capital
    from tweet_sentiment.data.records import AUTO, CsvForm

    target = conf / "local" / "parameters.yml"
    if not conf.is_dir():
        raise StudyError(f"There is no folder {conf} here.\n  Go to the project's folder, or give --conf FOLDER.")
    if target.exists() and not force:
        raise StudyError(f"{target} exists already.\n  Delete it, or overwrite it: --force")
    asked = CsvForm(delimiter, quoting, encoding, False if no_header else "auto")
    form = inspect(Source.at(file, advise=as_option), asked)
    _show(file, form)
    names = [column.name for column in form.columns]  # of a file without a header: none
    for key in ("post", "label"):
        if columns[key] is None and form.column(ROLES[key]) is None and sys.stdin.isatty():
            choice = click.Choice([str(column.key) for column in form.columns])
            columns[key] = click.prompt(f"Which column holds the {ROLES[key]}s?", type=choice)
    given = {
        key: int(name) if name.isdecimal() and name not in names else name for key, name in columns.items() if name
    }
    found = form.chosen(
        {"post": AUTO, "label": AUTO} | given, lambda key: f"--{'text' if key == 'post' else key} COLUMN"
    )
    labels = labels_of(found["label"], str(file))
    data: dict[str, Any] = {
        "training_file": _from(conf, file),
        "validation_file": None if validation is None else _from(conf, validation),
        "header": form.header,
        "columns": {"id": None, "group": None, "entity": None} | {key: one.key for key, one in found.items()},
        "drop_labels": [""] if "" in found["label"].values else [],
    }
    data |= {key: value for key in ("delimiter", "quoting", "encoding") if (value := getattr(form, key)) is not None}
    written = {"run": run or run_of_file(str(file)), "labels": labels, "data": data}
    target.parent.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_dump(written, sort_keys=False, allow_unicode=True, default_flow_style=None)
    target.write_text(f"# Written by: tweet-sentiment init {file}\n{content}", encoding="utf-8")
    click.echo(f"\nLabels: {', '.join(labels)}{seem_missing(labels)}")
    for hint in own_split(form):
        click.echo(f"{capital(hint)}.")
    click.echo(f"Wrote {target}. Next: kedro run --pipelines=data_processing, then kedro run")


def _from(conf: Path, file: Path) -> str:
    """Return a file's path as the project reads it: from its own folder, or else from the root."""
    project, file = conf.resolve().parent, file.resolve()
    return (file.relative_to(project) if file.is_relative_to(project) else file).as_posix()


def _show(file: Path, form: "FileForm") -> None:
    from rich.console import Console
    from rich.table import Table

    facts = {"format": form.format, "encoding": form.encoding, "delimiter": form.delimiter, "quoting": form.quoting}
    facts["header"] = {True: "yes", False: "no"}[form.header]
    click.echo(f"{file}: {form.rows:,} rows")
    for name, value in facts.items():
        if value is not None:
            click.echo(f"  {name}: {value!r} ({form.reasons[name]})" if name in form.reasons else f"  {name}: {value}")
    table = Table("column", "taken for", "why", "different values")
    for column in form.columns:
        values = ", ".join(map(repr, column.values)) or f"{column.distinct:,}"
        shown = values if len(values) <= _SHOWN else f"{values[:_SHOWN]}…"
        spare = column.role in ("id", "entity")  # kept out unless it is named
        role = f"none (--{column.role} takes it)" if spare else column.role or ""
        table.add_row(str(column.key), role, column.reason, shown)
    Console(markup=False, highlight=False).print(table)
