"""Errors that are shown to the user as a message, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager


class StudyError(Exception):
    """A mistake that the user can correct; the message says what was found, what was expected and what to do."""


class MissingExtraError(StudyError):
    """A package of an extra is not installed."""


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Guard a block that imports only packages of the extra ``name`` of pyproject.toml, which ``what`` needs.

    Raises:
        MissingExtraError: a package is missing; the message names the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{what} needs {error.name}, which is not installed: pip install 'tweet-sentiment[{name}]'"
        ) from None
