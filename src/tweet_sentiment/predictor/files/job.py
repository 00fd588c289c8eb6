"""What is asked of a run over a file, and what came of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tweet_sentiment.data.records import AUTO, CsvForm

STDIN = "-"


@dataclass(frozen=True)
class FileJob:
    """What to read, how, and where the result goes.

    ``source`` is a path, or "-" for standard input; where ``format`` is None its start and its name tell it.
    ``quoting`` and ``encoding`` as in :class:`tweet_sentiment.data.records.CsvForm`.
    ``on_error`` keep: a faulty row stays, with an ``error`` and no label; stop: the first one ends the run before
    anything is predicted. ``prefix`` stands before the names of the columns that are added. ``part_rows`` rows are
    written at a time: a killed run loses no more than these.
    """

    source: str
    output: Path
    text_column: str
    entity_column: str | None = None
    format: Literal["csv", "jsonl", "parquet"] | None = None
    delimiter: str = AUTO
    quoting: str = AUTO
    encoding: str = "utf-8"
    header: bool = True
    on_error: Literal["keep", "stop"] = "keep"
    prefix: str = ""
    part_rows: int = 5000

    @property
    def form(self) -> CsvForm:
        """How the source is written, if it is a CSV."""
        return CsvForm(self.delimiter, self.quoting, self.encoding)


@dataclass
class Summary:
    """What became of the rows; ``faulty`` names the first faulty ones, ``parts`` are the sizes of the parts."""

    rows: int = 0
    faults: int = 0
    truncated: int = 0
    emptied: int = 0
    faulty: list[str] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
