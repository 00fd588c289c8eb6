"""``kedro serve``: a model over HTTP."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from tweet_sentiment.cli import Command
from tweet_sentiment.commands.options import combined, model_folder, takes_any_model, takes_device
from tweet_sentiment.errors import extra
from tweet_sentiment.serving.limits import HOSTS, KEY, Limits

LIMITS = [one for one in fields(Limits) if one.metadata["option"]]

takes_limits = combined(
    *(
        click.option(
            one.metadata["option"],
            one.name,
            type=one.type,
            default=one.default,
            show_default=True,
            help=f"Limit: {one.metadata['about']}.",
        )
        for one in LIMITS
    )
)


@click.command(name="serve", cls=Command, short_help="Serve a model over HTTP, with a page to try it.")
@takes_any_model
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 allows other machines."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--allowed-host",
    multiple=True,
    metavar="NAME",
    envvar=HOSTS,
    help="A host name that requests may use, such as *.example.com; can be repeated  [default: localhost on loopback, "
    "else any]",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of processes, each with its own model and limits; /metrics gives sums over them.",
)
@click.option("--api-key", envvar=KEY, help=f"Key that requests must send as X-API-Key; best set as {KEY}.")
@takes_device
@takes_limits
def serve(model: Path | None, run: str | None, env: str | None, **options: Any) -> None:
    """Serve a model over HTTP: /predict, /explain, /health, /model, /metrics; a page at /, documentation at /docs.

    If the folder is replaced, the loaded model stays until a restart.
    """
    with extra("serve", click.get_current_context().command_path):
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    from tweet_sentiment.predictor.remote import model_at
    from tweet_sentiment.serving.server import serve

    limits = Limits(**{one.name: options.pop(one.name) for one in LIMITS})
    serve(model_at(model_folder(model, run, env)), limits=limits, say=click.echo, **options)
