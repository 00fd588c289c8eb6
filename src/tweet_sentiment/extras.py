"""What an installation may lack: whoever needs it is told which extra brings it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tweet_sentiment.errors import StudyError


class MissingExtraError(StudyError):
    """An extra is not installed."""


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Import in this block what the extra ``name`` of pyproject.toml installs, and nothing else; ``what`` needs it.

    Raises:
        MissingExtraError: a package is missing; the message names the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{what} needs {error.name}, which is not installed: pip install 'tweet-sentiment[{name}]'"
        ) from None
