"""``kedro promote --previous``: the model that was the best before is the best again."""

from pathlib import Path

import click

from tweet_sentiment.cli import Command
from tweet_sentiment.commands.options import model_folder, takes_model


@click.command(name="promote", cls=Command, short_help="Bring back the model that was the best before.")
@click.option("--previous", is_flag=True, help="Bring the previous best model back.")
@takes_model
def promote(previous: bool, model: Path | None, run: str | None, env: str | None) -> None:
    """Bring back the model that was the best before; the two change places."""
    if not previous:
        raise click.UsageError("Give --previous; a run promotes its best model itself: kedro run --nodes=promote")
    from tweet_sentiment.best_model import bring_back

    folder = model_folder(model, run, env)
    manifest = bring_back(folder)
    click.echo(f"{folder}: {manifest['technique']} again, seed {manifest['seed']}.")
