"""Strict reading of a file of posts: every row as it stands in the file, or an error that names file and line."""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from tweet_sentiment.data.encodings import DELIMITERS
from tweet_sentiment.data.inspection import seems_header
from tweet_sentiment.data.lines import Source, as_parameter
from tweet_sentiment.data.records import CsvForm, Record, report_findings
from tweet_sentiment.data.tables import Table, read_table
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import DataParameters

DATA_SOURCE = (
    'The real data are Kaggle\'s "Twitter Sentiment Analysis" (entity-level), CC0:\n'
    "  https://www.kaggle.com/datasets/jp797498e/twitter-entity-sentiment-analysis\n"
    "  Put twitter_training.csv and twitter_validation.csv into data/01_raw/; or run without --env for the sample;\n"
    "  or point data.training_file at a file of your own."
)

_LABEL_COLUMN_NAMES = {"sentiment", "label", "class", "target", "category", "polarity"}
_SHOWN = 20  # unknown labels listed in one message
_ADVISE = as_parameter("data")


@dataclass(frozen=True)
class RawFile:
    """A file as the catalog hands it on: its name, and its bytes or None when it is not there (or is a folder)."""

    name: str
    content: bytes | None


@dataclass(frozen=True)
class _Posts:
    """A file's posts, and the names of its columns, if they have any; ``head`` is the place of these, for messages."""

    name: str
    head: str
    unit: str
    names: list[str] | None
    rows: list[Record]

    def place(self, record: Record) -> str:
        return f"{self.name}, {self.unit} {record.line}"


def read_posts(raw: RawFile, data: DataParameters, labels: list[str]) -> pd.DataFrame:
    """Read a file into columns ``row`` (int), ``id``, ``entity``, ``label``, ``post`` (str, never missing).

    CSV, TSV, JSON Lines and Parquet are read; numbers are the texts that stand in the file. ``row`` counts the posts of
    the file from 1, the header not counted. ``id`` is "row-<n>" where ``data.columns.id`` is null; ``entity`` is then
    "" likewise. Texts keep their line breaks and lone carriage returns. Without a header every row has exactly as many
    fields as ``data.columns`` reaches; with one, as the header has.

    Raises:
        StudyError: the file is missing, empty, damaged, in another encoding or format, lacks a column, or holds an
            unknown label; or ``data.delimiter`` or ``data.columns`` cannot be.
    """
    if raw.content is None:
        raise StudyError(f"{raw.name}: there is no such file (or it is a folder).\n{DATA_SOURCE}")
    source, asked = Source.of(raw.name, raw.content), CsvForm(data.delimiter, data.quoting, data.encoding)
    table = read_table(source, asked, _ADVISE)
    _check_filled(raw, table)
    posts = _posts(raw.name, table, data, [*labels, *data.drop_labels])
    places = _places(posts, table, data)
    width = max(places.values()) + 1 if posts.names is None else len(posts.names)
    _check_widths(posts, table, width, raw.content.endswith(b"\n"))
    _check_first_row(posts, places, [*labels, *data.drop_labels])
    _check_labels(posts, places["label"], [*labels, *data.drop_labels])
    if table.form is not None:
        report_findings(source, asked, table.form, _ADVISE)
    return _frame(posts.rows, places)


def _posts(name: str, table: Table, data: DataParameters, known: Collection[str]) -> _Posts:
    """Tell the posts from the header; in a format that names its columns there is none."""
    if table.names is not None:
        return _Posts(name, name, table.unit, table.names, table.records)
    head = f"{name}, line {table.records[0].line}"
    header = data.header
    if header == "auto":
        by_name = any(isinstance(column, str) for column in data.columns.model_dump().values())
        header = by_name or seems_header(table.records, known)[0]
    if not header:
        return _Posts(name, head, table.unit, None, table.records)
    return _Posts(name, head, table.unit, table.records[0].fields, table.records[1:])


def _frame(posts: list[Record], places: dict[str, int]) -> pd.DataFrame:
    rows = range(1, len(posts) + 1)
    made_up = {"id": [f"row-{n}" for n in rows], "entity": [""] * len(posts)}
    columns: dict[str, list[str]] = {
        name: [post.fields[places[name]] for post in posts] if name in places else made_up[name]
        for name in ("id", "entity", "label", "post")
    }
    return pd.DataFrame({"row": list(rows)} | {name: pd.Series(c, dtype="str") for name, c in columns.items()})


def _check_filled(raw: RawFile, table: Table) -> None:
    if not any(field.strip() for record in table.records for field in record.fields):
        raise StudyError(f"{raw.name}: the file is empty; expected one row for each post.\n{DATA_SOURCE}")
    for record in table.records:
        if any("\0" in field for field in record.fields):
            offset = f" (the first at byte offset {(raw.content or b'').index(0)})" if table.format == "csv" else ""
            raise StudyError(
                f"{raw.name}, {table.unit} {record.line}: found a NUL character{offset}; a text has no such character."
                "\n  Delete it, or fetch the file again if it is damaged."
            )


def _places(posts: _Posts, table: Table, data: DataParameters) -> dict[str, int]:
    """Return the position of each configured column."""
    places: dict[str, int] = {}
    for key, column in data.columns.model_dump(exclude_none=True).items():
        found = posts.names or []
        place = found.index(column) if found.count(column) == 1 else column
        if posts.names is not None and not (isinstance(place, int) and place < len(found)):
            hint = _delimiter_hint(table, None)
            hint = hint or ("Put data.columns right" + (_NO_HEADER if table.names is None else "") + ".")
            raise StudyError(
                f"{posts.head}: data.columns.{key} is {column!r}; expected one column of that name or "
                f"position in the header, found {found}.\n  {hint}"
            )
        if isinstance(place, str):
            raise StudyError(
                f"{posts.name}: data.columns.{key} is {column!r}, and data.header is false; expected a position.\n"
                "  Give positions, counted from 0, or set data.header to true if the first row has the names."
            )
        places[key] = place
    if min(places.values()) < 0 or len(set(places.values())) < len(places):
        raise StudyError(f"{posts.name}: data.columns is {places}; expected a different position, 0 or more, for each.")
    return places


_NO_HEADER = ", or set data.header to false if the file has no header"


def _delimiter_hint(table: Table, width: int | None) -> str:
    """Name the delimiter that splits the first row into ``width`` fields, or into two or more; "" if none does."""
    first = table.records[0].fields
    if table.form is None or (width is None and len(first) > 1):
        return ""
    row = table.form.delimiter.join(first).split("\n")[0].replace("\r", " ")
    for other, shown in DELIMITERS.items():
        fields = row.count(other) + 1
        if other != table.form.delimiter and (fields == width if width else fields > 1):
            return f"The fields seem to be separated by {shown}: {_ADVISE('delimiter', other)}."
    return ""


def _check_widths(posts: _Posts, table: Table, width: int, ended: bool) -> None:
    """Refuse the first row whose number of fields is not ``width``."""
    wrong = next((record for record in posts.rows if len(record.fields) != width), None)
    if wrong is None:
        return
    found = len(wrong.fields)
    remedy = _delimiter_hint(table, width) if wrong is table.records[0] else ""
    if not remedy and found < width and wrong is posts.rows[-1] and not ended:
        remedy = "The file seems to be cut off in this, its last row: fetch it again, or delete the row."
    if not remedy and found > width:
        remedy = f"Put a text that holds {table.form.delimiter!r} in quotes." if table.form else ""
        if posts.names is None:
            remedy += " Or give a file with further columns a header, and set data.header to true."
    why = "data.columns reaches that far" if posts.names is None else "the header has as many"
    raise StudyError(
        f"{posts.place(wrong)}: number of fields found: {found}, expected: {width} ({why}).\n"
        f"  {remedy or 'Complete or delete the row.'}"
    )


def _check_first_row(posts: _Posts, places: dict[str, int], known: Collection[str]) -> None:
    """Refuse column names read as a post, a post read as column names, and a header with nothing below it."""
    rows = posts.rows
    first = posts.names or rows[0].fields
    label = first[places["label"]]
    if posts.names is not None and label in known:
        raise StudyError(
            f"{posts.head}: expected column names, found a post labelled {label!r}. Set data.header to false."
        )
    if not rows:
        raise StudyError(f"{posts.head}: found a header and no post below it; expected one row for each post.")
    if posts.names is not None or label in known:
        return
    ids = [r.fields[places["id"]].strip().isdecimal() for r in rows] if "id" in places else [True]
    if label.strip().casefold() in _LABEL_COLUMN_NAMES or (not ids[0] and len(ids) > 1 and all(ids[1:])):
        raise StudyError(
            f"{posts.head}: expected a post, found what seem to be column names: {first}.\n"
            "  Set data.header to true, or delete the line."
        )


def _check_labels(posts: _Posts, place: int, known: list[str]) -> None:
    """Refuse labels that are not known, each with its count and first line; they differ often by case or spaces."""
    unknown: dict[str, list[int]] = {}
    for post in posts.rows:
        if post.fields[place] not in known:
            unknown.setdefault(post.fields[place], []).append(post.line)
    if not unknown:
        return
    alike = {label.strip().casefold(): label for label in known}
    listed, where = [], "on line" if posts.unit == "line" else "in row"
    for label, lines in list(unknown.items())[:_SHOWN]:
        near = alike.get(label.strip().casefold())
        hint = f"; {label!r} looks like {near!r}" if near else ""
        listed.append(f"  {label!r}: {len(lines)} times, first {where} {lines[0]}{hint}\n")
    more = f"  … and {len(unknown) - _SHOWN} more\n" if len(unknown) > _SHOWN else ""
    raise StudyError(
        f"{posts.name}: {len(unknown)} unknown label(s):\n{''.join(listed)}{more}  Known: {', '.join(known)}.\n"
        "  Put the file right, or name them in labels or in data.drop_labels."
    )
