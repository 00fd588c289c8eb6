"""Errors that are shown to a person as they stand, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager


class StudyError(Exception):
    """Something the user can put right; the message says what was found, what was expected and what to do."""


class MissingExtraError(StudyError):
    """A package is not installed that an extra of pyproject.toml brings."""


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
