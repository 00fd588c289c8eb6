"""``kedro promote --previous``: the model that was the best before is the best again."""

from pathlib import Path

import click

from tweet_sentiment.commands.messages import Command
from tweet_sentiment.commands.predict import BEST


@click.command(name="promote", cls=Command, short_help="Bring back the model that was the best before.")
@click.option("--previous", is_flag=True, help="Bring the previous best model back.")
@click.option("--model", default=BEST, show_default=True, metavar="FOLDER", help="The best model's folder.")
def promote(previous: bool, model: str) -> None:
    """Bring back the model that was the best before; the two change places."""
    if not previous:
        raise click.UsageError("Give --previous; a run promotes its best model itself: kedro run --nodes=promote")
    from tweet_sentiment.promotion import bring_back

    manifest = bring_back(Path(model))
    click.echo(f"{model}: {manifest['technique']} again, seed {manifest['seed']}.")
