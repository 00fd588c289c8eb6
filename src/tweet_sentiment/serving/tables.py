"""A CSV in a request's body, and the answer with predictions for each row."""

import io
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tweet_sentiment.data.lines import Source, as_query
from tweet_sentiment.data.records import AUTO, DELIMITERS, CsvForm, Row
from tweet_sentiment.data.tables import CsvTable
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.scorer import Chunk, Texts, added_fields
from tweet_sentiment.predictor.writing import write_csv
from tweet_sentiment.serving.limits import Limits
from tweet_sentiment.serving.problems import ProblemError

_DELIMITERS = [mark.encode() for mark in DELIMITERS]
USUAL_NAMES = ("text", "post", "tweet", "content")

Post = tuple[str, str]  # a text, and what it is about ("" where the model does not ask)


@dataclass(frozen=True)
class Asked:
    """How to read a CSV: the columns of texts (None: detected) and of entities (None: there is none).

    ``form.header``: auto, true or false; without a header the names are positions. ``prefix`` is put before the names
    of added columns.
    """

    text: str | None = None
    entity: str | None = None
    form: CsvForm = field(default_factory=lambda: CsvForm(header=AUTO))
    prefix: str = ""


def read_table(body: bytes, asked: Asked, limits: Limits, labels: list[str]) -> Chunk:
    """Read a CSV as ``kedro predict`` reads a file.

    Raises:
        ProblemError: it is no such CSV, or has a column already that would be added (422), or it has too many rows or
            too long a text (413); the row is named.
    """
    check_size(body, limits)
    source = Source.of("The CSV", body, as_query)
    try:
        plain = CsvTable(source, replace(asked.form, header=False))
        header, text = _header_and_text(plain, asked)
        if len(plain.first) > limits.csv_columns:
            raise _too_many(limits.csv_columns, "columns")
        texts = Texts(CsvTable(source, replace(plain.form, header=header)), text, asked.entity)
        column, rows = texts.schema.names.index(text), list[Row]()
        for row in texts.table.rows():
            rows.append(row)
            if len(rows) > limits.csv_rows:
                raise _too_many(limits.csv_rows, "rows")
            if len(row.values[column] or "") > limits.characters:
                raise ProblemError(413, f"Row {len(rows)}: more than {limits.characters:,} characters in '{text}'.")
        if not rows:
            raise ProblemError(422, "The CSV has a header and no row. Send one row per post.")
        texts.refuse_columns(added_fields(labels, asked.prefix))
        return texts.chunk(rows)
    except StudyError as error:
        raise ProblemError(422, " ".join(str(error).split())) from None


def written_table(chunk: Chunk, records: list[dict[str, Any]], asked: Asked, labels: list[str]) -> str:
    """Return the CSV with added columns for label, probabilities and error; ``records`` are those of its posts."""
    none, out = [np.nan] * len(labels), io.StringIO(newline="")
    shares = [none if one["label"] is None else list(one["probabilities"].values()) for one in records]
    answers = np.array(shares).reshape(-1, len(labels))
    table = chunk.with_predictions(added_fields(labels, asked.prefix), labels, answers)
    write_csv(out, table.schema, [table])
    return out.getvalue()


def check_size(body: bytes | bytearray, limits: Limits) -> None:
    """Refuse a CSV, or the beginning of one, that is too large.

    Raises:
        ProblemError: it has too many lines, columns or fields (413).
    """
    end = body.find(b"\n")
    first, whole = (max(body.count(mark, 0, to) for mark in _DELIMITERS) for to in (end % (len(body) + 1), len(body)))
    for found, most, what in (
        (body.count(b"\n"), limits.csv_lines, "lines"),
        (first + 1, limits.csv_columns, "columns"),
        (whole + 1, limits.csv_fields, "fields"),
    ):
        if found > most:
            raise _too_many(most, what)


def _too_many(most: int, what: str) -> ProblemError:
    return ProblemError(413, f"The CSV has more than {most:,} {what}. Send it in parts.")


def _header_and_text(table: CsvTable, asked: Asked) -> tuple[bool, str]:
    """Tell whether the first row names the columns, and the name of the one with the texts."""
    first, header = table.first, asked.form.header
    if asked.text is not None:
        return header is not False, asked.text
    usual = [name for name in first if name.lower() in USUAL_NAMES]
    if header is not False and len(usual) == 1:
        return True, usual[0]
    hint = table.delimiter_hint()  # whole lines must not be taken for texts
    if len(first) == 1 and not hint and header != AUTO:
        return header, first[0] if header else "0"
    names = ", ".join(f"'{name}'" for name in (range(len(first)) if header is False else first[:20]))
    said = f"The CSV does not show which column holds the texts; it has {names}. {hint or 'Name one: ?text_column=…'}"
    if len(first) == 1 and not hint:
        said = f"The first line of the CSV, '{first[0][:100]}', may be the name of its column or a text. "
        said += "Say which: ?header=true or ?header=false"
    raise ProblemError(422, said)
