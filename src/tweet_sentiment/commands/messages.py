"""A mistake of the user's, or Ctrl-C, is one message and a status, whatever the command."""

import errno
import sys
from typing import Any, NoReturn

import click

from tweet_sentiment.mistakes import mistake_of

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


class Command(click.Command):
    """A command that ends with a message instead of a traceback where the user can put something right."""

    stopped = "Stopped."

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            stop(self.stopped, 130)
        except Exception as error:
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
