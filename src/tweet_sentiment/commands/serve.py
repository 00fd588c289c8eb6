"""``kedro serve``: a model over HTTP."""

from pathlib import Path
from typing import Any

import click

from tweet_sentiment.cli import Command
from tweet_sentiment.commands.options import model_folder, takes_device, takes_model
from tweet_sentiment.errors import extra

KEY = "TWEET_SENTIMENT_API_KEY"
LIMITS = ("body", "csv_body", "posts", "characters", "seconds")


@click.command(name="serve", cls=Command, short_help="Answer over HTTP, with a page to try it on.")
@takes_model
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 lets other machines ask.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--api-key", envvar=KEY, help=f"Asked for in the header X-API-Key; best given as {KEY}.")
@takes_device
@click.option("--max-body", "body", type=int, default=1_000_000, show_default=True, help="Bytes a request.")
@click.option("--max-csv", "csv_body", type=int, default=20_000_000, show_default=True, help="Bytes a CSV.")
@click.option("--max-posts", "posts", type=int, default=1_000, show_default=True, help="Posts a request.")
@click.option("--max-characters", "characters", type=int, default=10_000, show_default=True, help="Characters a post.")
@click.option("--timeout", "seconds", type=float, default=30, show_default=True, help="Seconds a request.")
def serve(model: Path | None, run: str | None, env: str | None, **options: Any) -> None:
    """Answer over HTTP: /predict, /explain, /health, /model, /metrics; a page at /, documentation at /docs.

    It goes on with the model that it has loaded if the folder is replaced; a restart takes the new one.
    """
    with extra("serve", click.get_current_context().command_path):
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    from tweet_sentiment.serving.schemas import Limits
    from tweet_sentiment.serving.server import serve

    limits = Limits(**{name: options.pop(name) for name in LIMITS})
    serve(model_folder(model, run, env), limits=limits, say=click.echo, **options)
