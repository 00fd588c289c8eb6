"""The project's commands: beside Kedro's own as ``kedro …``, and as ``tweet-sentiment …`` where only the wheel is."""

import sys
from errno import EACCES, EPERM
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from signal import SIGINT
from typing import Any, NoReturn

import click

from tweet_sentiment.errors import StudyError
from tweet_sentiment.interrupts import interruptible, received
from tweet_sentiment.storage import disk_error

# Each is a function of that name in its module of commands/.
COMMANDS = ("export", "init", "predict", "promote", "run", "serve")
ABOUT_CONFIGURATION = {"kedro", "omegaconf", "yaml"}  # what they raise themselves is about names and files of conf


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


class Command(click.Command):
    """A command that ends with a message instead of a traceback where the user can put something right.

    ``stopped`` is what it says when Ctrl-C or SIGTERM ends it.
    """

    def __init__(self, *arguments: Any, stopped: str = "Stopped.", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._stopped = stopped

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Begin: what a terminal or a file of another encoding cannot show is escaped, and no error."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return super().make_context(*arguments, **options)

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            with interruptible():
                return super().invoke(context)
        except (Exception, KeyboardInterrupt) as error:
            if received() or isinstance(error, KeyboardInterrupt):
                _stop(self._stopped, 128 + (received() or SIGINT))
            if message := message_of(error):
                _stop(message, 1)
            raise


def _stop(message: str, status: int) -> NoReturn:
    click.secho(f"\n{message}", fg="red" if sys.stderr.isatty() else None, err=True)
    raise SystemExit(status)


def message_of(error: BaseException) -> str | None:
    """Return what to tell the user of an error, or None where it is ours and the traceback is needed."""
    from kedro.io import DatasetError
    from yaml import YAMLError

    chain: list[BaseException] = [error]  # datasets wrap what they meet in errors of Kedro's
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    for link in chain:
        if isinstance(link, StudyError):
            return str(link)
    if found := disk_error(error):
        what = "read or written" if found.errno in (EACCES, EPERM) else "written"
        return f"{found.filename or 'A file'} cannot be {what}: {found.strerror}. Existing files are not changed."
    if any(isinstance(link, FileNotFoundError) for link in chain):  # in a node's own work it is our mistake
        return None
    if isinstance(error, YAMLError | UnicodeDecodeError | AttributeError) and (unreadable := _unreadable()):
        return unreadable
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    frame = None if trace is None else trace.tb_frame
    raised_by = "" if frame is None else str(frame.f_globals.get("__name__", "")).partition(".")[0]
    in_node = isinstance(error, DatasetError) and frame is not None and frame.f_code.co_name != "from_config"
    return str(error).strip() if raised_by in ABOUT_CONFIGURATION and not in_node else None


def _unreadable() -> str | None:
    """Name the file of ``conf`` that is no YAML, not in UTF-8 or no map: the error's own message does not."""
    from omegaconf import ListConfig, OmegaConf
    from yaml import YAMLError

    for path in sorted(Path("conf").rglob("*.yml")):
        try:
            content = OmegaConf.load(path)
        except (YAMLError, UnicodeDecodeError) as error:
            return f"{path} cannot be read: {error}"
        if isinstance(content, ListConfig):
            return f"{path} cannot be read: expected keys with values, found a list"
    return None
