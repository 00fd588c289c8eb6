"""A mistake of the user's, or Ctrl-C, is one message and a status, whatever the command."""

import errno
import sys
from io import TextIOWrapper
from typing import Any, NoReturn

import click

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


class Command(click.Command):
    """A command that ends with a message instead of a traceback where the user can put something right."""

    stopped = "Stopped."

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Begin: what a terminal or a file of another encoding cannot show is escaped, and no error."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return super().make_context(*arguments, **options)

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            stop(self.stopped, 130)
        except Exception as error:
            from tweet_sentiment.mistakes import mistake_of  # imports Kedro

            if mistake := mistake_of(error) or _of_the_disk(error):
                stop(mistake, 1)
            raise


def _of_the_disk(error: Exception) -> str | None:
    if isinstance(error, OSError) and error.errno in _DISK:
        return f"{error.filename or 'A file'} cannot be written: {error.strerror}. Nothing that was there is changed."
    return None


def stop(message: str, status: int) -> NoReturn:
    """Say why, on standard error, and end with a status."""
    click.secho(f"\n{message}", fg="red" if sys.stderr.isatty() else None, err=True)
    raise SystemExit(status)
