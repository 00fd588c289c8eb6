"""``kedro run`` as Kedro has it, except that a mistake of the user's is one message, not a traceback."""

import _thread
import sys
from threading import Timer
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from tweet_sentiment.mistakes import mistake_of


@click.group(name="tweet-sentiment")
def cli() -> None:
    """The project's own commands."""


@cli.command(name="run", params=list(kedro_run.params), help=kedro_run.help)
def run(**options: Any) -> None:
    """Run pipelines; see ``kedro run --help``."""
    sys.unraisablehook = heed_interrupt
    try:
        kedro_run.callback(**options)  # type: ignore[misc]
    except KeyboardInterrupt:
        _stop("Stopped. The same command goes on from the last checkpoint.", 130)
    except Exception as error:
        if mistake := mistake_of(error):
            _stop(mistake, 1)
        raise


def heed_interrupt(dropped: Any) -> None:
    """Send Ctrl-C again: Python drops one that falls into a destructor or a weak reference's callback."""
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        Timer(0.05, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(dropped)


def _stop(message: str, status: int) -> None:
    click.secho(f"\n{message}", fg="red" if sys.stderr.isatty() else None, err=True)
    raise SystemExit(status)
