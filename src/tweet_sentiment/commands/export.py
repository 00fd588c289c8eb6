"""``kedro export``: a model as ONNX."""

from pathlib import Path
from typing import Any

import click

from tweet_sentiment.cli import Command
from tweet_sentiment.commands.options import LocalPath, model_folder, takes_csv, takes_model
from tweet_sentiment.errors import extra

STOPPED = "Stopped; nothing was written."


@click.command(
    name="export", cls=Command, stopped=STOPPED, short_help="Write a model as ONNX, compared with PyTorch first."
)
@takes_model
@click.option(
    "--format",
    type=click.Choice(["onnx"]),
    default="onnx",
    expose_value=False,
    show_default=True,
    help="Format to write.",
)
@click.option("--quantize", type=click.Choice(["int8"]), help="8-bit numbers: smaller and faster; some labels change.")
@click.option("--output", type=LocalPath(), metavar="FOLDER", help="Folder to write  [default: beside the model]")
@click.option(
    "--csv", type=LocalPath(), help="File of posts to compare on  [default: the test posts of the model's run]"
)
@click.option("--text-column", default="text", show_default=True, metavar="NAME", help="Name of the CSV's text column.")
@click.option("--label-column", metavar="NAME", help="Name of its label column, to compare accuracies.")
@takes_csv()
def export(
    model: Path | None,
    run: str | None,
    env: str | None,
    csv: Path | None,
    delimiter: str,
    no_header: bool,
    quoting: str,
    encoding: str,
    **options: Any,
) -> None:
    """Write a model, with or without a soft prompt, as ONNX, after comparing it with PyTorch on posts.

    Without --quantize an export that gives other labels is refused; with it, the difference is printed and stored in
    the manifest. The result is a model folder for kedro predict and kedro serve.
    """
    with extra("onnx", click.get_current_context().command_path):
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    from tweet_sentiment.data.records import CsvForm
    from tweet_sentiment.predictor.onnx.export import export

    form = CsvForm(delimiter, quoting, encoding, not no_header)
    export(model_folder(model, run, env), csv=csv, form=form, say=click.echo, **options)
