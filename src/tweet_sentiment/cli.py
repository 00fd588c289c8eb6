"""The project's commands: beside Kedro's own as ``kedro …``, and as ``tweet-sentiment …`` where only the wheel is."""

from importlib import import_module
from typing import Any

import click

# Each is a function of that name in its module of commands/.
COMMANDS = ("export", "init", "predict", "promote", "run", "serve")


class Commands(click.Group):
    """A group that imports a command when it is asked for: ``tweet-sentiment predict`` does without Kedro."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"tweet_sentiment.commands.{cmd_name}"), cmd_name)
        return command


@click.group(name="tweet-sentiment", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tweet-sentiment")
def cli() -> None:
    """The project's own commands."""


def __getattr__(name: str) -> Any:
    """Return ``run``, which Kedro looks for here, without importing Kedro for the other commands."""
    if name == "run":
        return cli.get_command(click.Context(cli), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
