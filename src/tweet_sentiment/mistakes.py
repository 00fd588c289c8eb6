"""Which errors are the user's to put right, and what to say of them instead of a traceback."""

from pathlib import Path

from kedro.io import DatasetError
from omegaconf import OmegaConf
from yaml import YAMLError

from tweet_sentiment.errors import StudyError

ABOUT_CONFIGURATION = {"kedro", "omegaconf", "yaml"}  # what they raise themselves is about names and files of conf


def mistake_of(error: BaseException) -> str | None:
    """Return what to tell the user, or None where the error is ours and the traceback is needed."""
    chain = _chain(error)
    for link in chain:
        if isinstance(link, StudyError):
            return str(link)
    if missing := next((link for link in chain if isinstance(link, FileNotFoundError)), None):
        return _not_made(error, missing)
    if isinstance(error, YAMLError | UnicodeDecodeError) and (file := _unreadable()):
        return f"{file} cannot be read: {error}"
    if _raised_by(error) in ABOUT_CONFIGURATION and not isinstance(error, DatasetError):
        return str(error)
    return None


def _chain(error: BaseException | None) -> list[BaseException]:
    """Datasets wrap what they meet in errors of Kedro's."""
    links = []
    while error is not None:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def _not_made(error: BaseException, missing: FileNotFoundError) -> str | None:
    """Say which dataset a node asked for in vain; a file that is missing in a node's own work is our mistake."""
    if not isinstance(error, DatasetError):
        return None
    name = str(error).partition(":")[0]
    return (
        f"{name} is not there yet ({missing.filename}).\n"
        "  Run the pipeline that makes it first, for the same run and protocol; --only-missing-outputs runs just that."
    )


def _unreadable() -> Path | None:
    """Name the file of ``conf`` that is no YAML, or not in UTF-8: the error's own message does not."""
    for path in sorted(Path("conf").rglob("*.yml")):
        try:
            OmegaConf.load(path)
        except (YAMLError, UnicodeDecodeError):
            return path
    return None


def _raised_by(error: BaseException) -> str:
    """Return the package in which the error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
