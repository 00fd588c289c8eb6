"""A file to read, as often as needed; standard input becomes one first."""

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tweet_sentiment.data import lines
from tweet_sentiment.data.tables import format_by
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.files.csv_rows import CsvReader
from tweet_sentiment.predictor.files.job import STDIN, FileJob
from tweet_sentiment.predictor.files.json_rows import JsonReader
from tweet_sentiment.predictor.files.parquet_rows import ParquetReader
from tweet_sentiment.predictor.files.rows import Reader
from tweet_sentiment.storage import atomic_write


@dataclass(frozen=True)
class Source:
    """A file on disk, its format and reader, its hash, and its size and time when it was opened."""

    path: Path
    format: str
    reader: Reader
    sha256: str
    stamp: tuple[int, int]

    @classmethod
    def of(cls, job: FileJob, folder: Path) -> Self:
        """Open the job's source; standard input is copied into ``folder``, since it cannot be read twice.

        Raises:
            StudyError: the source cannot be read as it should.
        """
        path, name = Path(job.source), job.source
        if job.source == STDIN:
            path, name = folder / "input", "standard input"
            with atomic_write(path) as new, new.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy)
        elif not path.is_file():
            raise StudyError(f"{name}: there is no such file (or it is a folder).")
        stamp = _stamp(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path, _format_of(path, name, job), reader_of(path, name, job), sha256, stamp)

    def check_unchanged(self) -> None:
        """Refuse a file that was written to while it was read."""
        if _stamp(self.path) != self.stamp:
            raise StudyError(f"{self.path} was changed while it was read; run the same command again.")


def reader_of(path: Path, name: str, job: FileJob, advise: lines.Advise = lines.as_option) -> Reader:
    """Return what reads such a file; ``advise`` says in its messages how a setting is given."""
    source = lines.Source.at(path, name)
    match _format_of(path, name, job):
        case "csv":
            return CsvReader(source, job.text_column, job.entity_column, job.form, job.header, advise)
        case "jsonl":
            return JsonReader(source, job.text_column, job.entity_column, job.encoding, advise)
        case _:
            return ParquetReader(path, name, job.text_column, job.entity_column)


def _format_of(path: Path, name: str, job: FileJob) -> str:
    return job.format or format_by(lines.Source.at(path, name))


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
