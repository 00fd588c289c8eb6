"""A CSV that came as a request's body, and the same with predictions, a row for a row."""

import csv
import io
from dataclasses import dataclass, field
from typing import Any

from tweet_sentiment.data.checking import EMPTIED
from tweet_sentiment.data.encodings import DELIMITERS
from tweet_sentiment.data.lines import Source, as_query
from tweet_sentiment.data.records import AUTO, CsvForm, found_form, records
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.files.csv_rows import CsvReader
from tweet_sentiment.predictor.files.rows import Chunk, Row
from tweet_sentiment.scoring.metrics import PROBABILITY
from tweet_sentiment.serving.middleware import ProblemError
from tweet_sentiment.serving.schemas import Limits

USUAL_NAMES = ("text", "post", "tweet", "content")

Post = tuple[str, str]  # a text, and what it is about ("" where the model does not ask)


@dataclass(frozen=True)
class Asked:
    """How to read a CSV: the columns of texts (None: the one that looks like it) and of entities (None: there is none).

    ``header``: auto, true or false; without one, columns are named by their positions.
    """

    text: str | None = None
    entity: str | None = None
    header: str = AUTO
    form: CsvForm = field(default_factory=CsvForm)


@dataclass(frozen=True)
class Table:
    """The names of a CSV's columns, its rows, and what is wrong with each, or None."""

    header: list[str]
    rows: list[Row]
    faults: list[str | None]

    @property
    def posts(self) -> list[Post]:
        """Return those that can be classified."""
        rows = zip(self.rows, self.faults, strict=True)
        return [(row.text, row.entity) for row, fault in rows if fault is None]


def read_table(body: bytes, asked: Asked, limits: Limits) -> Table:
    """Read a CSV as ``kedro predict`` reads a file.

    Raises:
        ProblemError: it is no such CSV (422) or has too many rows or too long a text (413); the row is named.
    """
    try:
        return _read(Source.of("The CSV", body), asked, limits)
    except StudyError as error:
        raise ProblemError(422, " ".join(str(error).split())) from None


def _read(source: Source, asked: Asked, limits: Limits) -> Table:
    form = found_form(source, asked.form, as_query)
    first = next(records(source, form, as_query), None)
    if first is None:
        raise ProblemError(422, "The CSV is empty. Send one row a post.")
    header, text = _header_and_text(first.fields, asked, form.delimiter)
    reader = CsvReader(source, text, asked.entity, form, header, as_query)
    rows = list[Row]()
    for row in reader.rows():
        rows.append(row)
        if len(rows) > limits.csv_rows:
            raise ProblemError(413, f"The CSV has more than {limits.csv_rows:,} rows. Send it in parts.")
        if len(row.text or "") > limits.characters:
            raise ProblemError(413, f"Row {len(rows)}: more than {limits.characters:,} characters in '{text}'.")
    if not rows:
        raise ProblemError(422, "The CSV has a header and no row. Send one row a post.")
    return Table(reader.schema.names, rows, Chunk(1, rows).faults())


def _header_and_text(first: list[str], asked: Asked, delimiter: str) -> tuple[bool, str]:
    """Tell whether the first row names the columns, and the name of the one with the texts."""
    if asked.text is not None:
        return asked.header != "false", asked.text
    parted = _parted_otherwise(first, delimiter)
    if asked.header == "false" and len(first) == 1 and not parted:
        return False, "0"
    usual = [name for name in first if name.lower() in USUAL_NAMES]
    if asked.header != "false" and len(usual) == 1:
        return True, usual[0]
    if len(first) == 1 and not parted:
        if asked.header == "true":
            return True, first[0]
        raise ProblemError(
            422,
            f"The first line of the CSV, '{first[0][:100]}', may be the name of its column or a text. "
            "Say which: ?header=true or ?header=false",
        )
    has = ", ".join(f"'{name}'" for name in (first[:20] if asked.header != "false" else map(str, range(len(first)))))
    raise ProblemError(
        422,
        f"The CSV does not show which column holds the texts; it has {has}. {parted or 'Name one: ?text_column=…'}",
    )


def _parted_otherwise(first: list[str], delimiter: str) -> str:
    """Say what to do where the only column seems to be several, so that whole lines are not taken for texts."""
    others = [other for other in DELIMITERS if other != delimiter and len(first) == 1 and other in first[0]]
    if not others:
        return ""
    advice = as_query("delimiter", others[0])
    return f"Its fields seem to be separated by {DELIMITERS[others[0]]}: {advice}, or name the column: ?text_column=…"


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
        writer.writerow(
            [*row.values, *(_answer(answer) if answer and not fault else [""] * (len(added) - 1)), fault or ""]
        )
    return out.getvalue()


def _answer(record: dict[str, Any]) -> list[str]:
    return [record["label"], *(f"{value:.6f}" for value in record["probabilities"].values())]
