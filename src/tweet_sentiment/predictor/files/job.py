"""What is asked of a run over a file, and what came of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tweet_sentiment.errors import StudyError

STDIN = "-"
FORMATS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True)
class FileJob:
    """What to read, how, and where the result goes.

    ``source`` is a path, or "-" for standard input; where ``format`` is None the name tells it (csv for "-").
    ``on_error`` keep: a faulty row stays, with an ``error`` and no label; stop: the first one ends the run before
    anything is predicted. ``prefix`` stands before the names of the columns that are added. ``part_rows`` rows are
    written at a time: a killed run loses no more than these.
    """

    source: str
    output: Path
    text_column: str
    entity_column: str | None = None
    format: Literal["csv", "jsonl", "parquet"] | None = None
    delimiter: str = ","
    header: bool = True
    on_error: Literal["keep", "stop"] = "keep"
    prefix: str = ""
    part_rows: int = 5000

    @property
    def kind(self) -> str:
        """The source's format.

        Raises:
            StudyError: its name does not tell.
        """
        known = "csv" if self.source == STDIN else FORMATS.get(Path(self.source).suffix.lower())
        if (kind := self.format or known) is None:
            raise StudyError(f"{self.source}: expected a name that ends in {', '.join(FORMATS)}, or a --format.")
        return kind


@dataclass
class Summary:
    """What became of the rows; ``faulty`` names the first faulty ones, ``parts`` are the sizes of the parts."""

    rows: int = 0
    faults: int = 0
    truncated: int = 0
    emptied: int = 0
    faulty: list[str] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
