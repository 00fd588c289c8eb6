"""A CSV that came as a request's body, and the same with predictions, a row for a row."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from tweet_sentiment.metrics import PROBABILITY
from tweet_sentiment.serving.limits import Limits
from tweet_sentiment.serving.problems import ProblemError
from tweet_sentiment.text.checking import EMPTIED, fault_of, fault_of_entity
from tweet_sentiment.text.encodings import DELIMITERS

USUAL_NAMES = ("text", "post", "tweet", "content")

Post = tuple[str, str]  # a text, and what it is about ("" where the model does not ask)


@dataclass(frozen=True)
class Columns:
    """The names of the columns of texts (None: the one that looks like it) and of entities (None: there is none)."""

    text: str | None = None
    entity: str | None = None


@dataclass(frozen=True)
class Table:
    """The rows of a CSV, each as long as the header, and the positions of texts and entities."""

    header: list[str]
    rows: list[list[str]]
    text: int
    entity: int | None

    def post(self, row: list[str]) -> Post:
        """Return a row's text and entity."""
        return row[self.text], "" if self.entity is None else row[self.entity]

    @property
    def faults(self) -> list[str | None]:
        """Say of each row why it cannot be classified, or None."""
        posts = [self.post(row) for row in self.rows]
        return [fault_of(text) or fault_of_entity(entity) for text, entity in posts]

    @property
    def posts(self) -> list[Post]:
        """Return those that can be classified."""
        return [self.post(row) for row, fault in zip(self.rows, self.faults, strict=True) if fault is None]


def read_table(body: bytes, columns: Columns, delimiter: str, limits: Limits) -> Table:
    """Read a CSV with a header.

    Raises:
        ProblemError: it is no such CSV (422) or has too many rows or too long a text (413); the row is named.
    """
    lines = _rows(_decoded(body), delimiter)
    if not lines:
        raise ProblemError(422, "The CSV is empty. Send a header and one row a post.")
    header, rows = lines[0], lines[1:]
    text = _column(header, columns.text, "text_column", delimiter)
    entity = None if columns.entity is None else _column(header, columns.entity, "entity_column", delimiter)
    if not rows:
        raise ProblemError(422, "The CSV has a header and no row. Send one row a post.")
    if len(rows) > limits.csv_rows:
        raise ProblemError(413, f"The CSV has {len(rows):,} rows, at most {limits.csv_rows:,}. Send it in parts.")
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise ProblemError(422, f"Row {number} has {len(row)} fields, the header {len(header)}. Check its quotes.")
        if len(row[text]) > limits.characters:
            raise ProblemError(413, f"Row {number}: more than {limits.characters:,} characters in '{header[text]}'.")
    return Table(header, rows, text, entity)


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProblemError(422, f"Byte {error.start} of the CSV is not UTF-8. Save it as UTF-8.") from None


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """Return header and rows; empty lines at the end are none, others are rows, of one empty field where that fits."""
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ProblemError(422, f"Line {reader.line_num} of the CSV cannot be read: {error}.") from None
    while rows and not rows[-1]:
        rows.pop()
    return [row or [""] for row in rows]


def _column(header: list[str], wanted: str | None, parameter: str, delimiter: str) -> int:
    names = [wanted] if wanted is not None else [name for name in header if name.lower() in USUAL_NAMES]
    parted = _parted_otherwise(header, delimiter)
    if wanted is None and len(header) == 1 and not parted:
        return 0
    found = [header.index(name) for name in names if name in header]
    if len(found) != 1:
        has = ", ".join(f"'{name}'" for name in header[:20])
        said = f"has no column '{wanted}'" if wanted is not None else "does not show which column holds the texts"
        raise ProblemError(422, f"The CSV {said}; it has {has}. {parted or f'Name one by ?{parameter}=…'}")
    return found[0]


def _parted_otherwise(header: list[str], delimiter: str) -> str:
    """Say what to do where the only column seems to be several, so that whole lines are not taken for texts."""
    if len(header) > 1:
        return ""
    others = [shown for one, shown in DELIMITERS.items() if one != delimiter and one in header[0]]
    if not others:
        return ""
    return (
        f"Its fields seem to be separated by {others[0]}: say so (?delimiter=…), or name the column (?text_column=…)."
    )


def added_columns(header: list[str], labels: list[str], prefix: str) -> list[str]:
    """Return the names of label, probabilities and error, with ``prefix`` before each.

    Raises:
        ProblemError: the CSV has such a column already (422).
    """
    added = [f"{prefix}{name}" for name in ("label", *(f"{PROBABILITY}{label}" for label in labels), "error")]
    if both := [name for name in added if name in header]:
        raise ProblemError(422, f"The CSV has a column '{both[0]}' already. Name ours otherwise: ?prefix=predicted_")
    return added


def with_predictions(table: Table, records: list[dict[str, Any]], added: list[str]) -> str:
    """Return the CSV with the columns ``added`` behind each row; a text at fault has only the last, what is wrong.

    ``records`` are those of ``table.posts``.
    """
    answers = iter(records)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([*table.header, *added])
    for row, fault in zip(table.rows, table.faults, strict=True):
        answer = next(answers) if fault is None else None
        if answer is not None and answer["label"] is None:
            fault = EMPTIED
        writer.writerow([*row, *(_answer(answer) if answer and not fault else [""] * (len(added) - 1)), fault or ""])
    return out.getvalue()


def _answer(record: dict[str, Any]) -> list[str]:
    return [record["label"], *(f"{value:.6f}" for value in record["probabilities"].values())]
