"""The one reader of files of posts, for training, prediction and HTTP: CSV, TSV, JSON Lines and Parquet.

A row that does not fit its file is faulty: the caller decides whether that ends the reading.
"""

import json
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import PurePath
from types import NoneType
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tweet_sentiment.data.lines import Source, in_words, lines_of
from tweet_sentiment.data.records import AUTO, DELIMITERS, CsvForm, Row, csv_rows, fitting_delimiter, found_form
from tweet_sentiment.errors import StudyError

logger = logging.getLogger(__name__)

Format = Literal["csv", "jsonl", "parquet"]
SUFFIXES: dict[str, Format] = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
OBJECTS = 'Write one object per line: {"text": "…", "label": "…"}. To convert a list of objects: jq -c \'.[]\''
AS_JSON = {b"json": b"true"}  # marks a column whose values are kept as JSON: lists, objects, mixed kinds
MOST_COLUMNS = 1000
ROWS_AT_A_TIME = 1000
MOST_LABELS = 50
LONGEST_NAME = 40  # characters
_SHOWN = 100
_EXACT = 2**53  # integers up to here are the same as floats
_NUMBER = re.compile(r"\s*[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?\s*")
_USUAL = {  # names of columns, the more usual first
    "text": ("text", "tweet", "post", "content", "message", "comment", "review", "sentence", "body", "headline"),
    "label": (
        "label",
        "sentiment",
        "class",
        "polarity",
        "category",
        "rating",
        "overall",
        "stars",
        "score",
        "emotion",
        "target",
    ),
    "id": ("id", "identifier", "key", "index", "number"),
    "entity": ("entity", "brand", "topic", "product", "company", "aspect", "subject"),
}


class Table:
    """A file that can be read repeatedly: its columns and its rows; or the columns of a table in memory."""

    format: Format = "parquet"
    form: CsvForm | None = None  # of a CSV

    def __init__(self, source: Source, schema: pa.Schema) -> None:
        self.source, self.schema = source, schema

    def rows(self) -> Iterator[Row]:
        """Yield each row."""
        raise NotImplementedError

    def place_of(self, column: str | int, setting: str = "") -> int:
        """Return the position of a column that is given by its name or its position.

        Raises:
            StudyError: there is no such column, or there are several.
        """
        names: list[str] = self.schema.names
        if isinstance(column, int) and 0 <= column < len(names):
            return column
        if names.count(str(column)) == 1 and isinstance(column, str):
            return names.index(column)
        hint = "Name one of these."
        if self.form and self.form.header:
            no_header = f"Name one of these; or, if the file has no header, {self.source.advise('header', 'false')}."
            hint = self.delimiter_hint() or no_header
        elif self.form:
            hint = "Name one of these: there is no header, so the positions are the names."
        there = "one column" if column in names else "column"
        raise StudyError(f"{self.source.name}: there is no {there} {column!r}{setting}; found {names}.\n  {hint}")

    def delimiter_hint(self) -> str:
        """Return a hint that another delimiter fits the rows of a CSV; otherwise ""."""
        return ""

    def report_findings(self) -> None:
        """Log what was found out about the file that another reading of it would change."""


def format_of(source: Source) -> Format:
    """Return the format of a file, by its first bytes, or otherwise by its name."""
    start, suffix = source.start(), PurePath(source.name).suffix.lower()
    if start.startswith(b"PAR1"):
        return "parquet"
    if suffix not in (".csv", ".tsv", ".txt", ".tab", *SUFFIXES) and start.removeprefix(
        b"\xef\xbb\xbf"
    ).lstrip().startswith(b"{"):
        return "jsonl"
    return SUFFIXES.get(suffix, "csv")


def open_table(
    source: Source,
    form: CsvForm,
    format: Format | None = None,
    *,
    exact: bool = False,
    width: int | None = None,
    known_labels: Collection[str] = (),
) -> Table:
    """Open a file for reading.

    ``exact``: numbers of JSON Lines are read as texts. A CSV without a header has as many columns as its first row;
    with ``width`` as many as most rows, but at least ``width``. ``known_labels`` help to detect a header.

    Raises:
        StudyError: the file is empty, damaged, compressed, or of a format that is not read; the message names it.
    """
    match format or format_of(source):
        case "parquet":
            return ParquetTable(source)
        case "jsonl":
            return JsonLinesTable(source, form.encoding, exact)
        case _:
            return CsvTable(source, form, width, known_labels)


class CsvTable(Table):
    """A CSV with a header or without; without one the columns are named "0", "1" and so on."""

    format: Format = "csv"

    def __init__(
        self, source: Source, form: CsvForm, width: int | None = None, known_labels: Collection[str] = ()
    ) -> None:
        self._asked, self.source = form, source
        self.form: CsvForm = found_form(source, form)
        if not any(field.strip() for row in csv_rows(source, self.form) for field in row.values):
            raise StudyError(f"{source.name}: the file is empty; expected one row for each text.")
        self.why_header = "as given"
        if form.header == AUTO:
            header, self.why_header = seems_header([*csv_rows(source, self.form)], known_labels)
            self.form = replace(self.form, header=header)
        self.first: list[str] = next(csv_rows(source, self.form)).values
        wide = max(width, self.usual_width()) if width else len(self.first)
        names = self.first if self.form.header else map(str, range(wide))
        super().__init__(source, pa.schema([(name, pa.string()) for name in names]))

    def rows(self) -> Iterator[Row]:
        """Yield each row; a row with a wrong number of fields keeps those that fit."""
        width = len(self.schema)
        for row in islice(csv_rows(self.source, self.form), bool(self.form.header), None):
            fields = row.values or [""] * (width == 1)
            found, fault = len(fields), None
            if found != width:
                beyond = self.form.delimiter.join(fields[width:])
                fault = f"found {found} fields, expected {width}" + (f"; the rest is {beyond!r}" if beyond else "")
            yield Row(row.line, [*fields[:width], *[None] * (width - found)], fault, sum(map(len, fields)))

    def usual_width(self) -> int:
        """Return how many fields most rows have."""
        return Counter(len(row.values) for row in csv_rows(self.source, self.form)).most_common(1)[0][0]

    def delimiter_hint(self) -> str:
        """Return a hint that another delimiter fits the rows; otherwise ""."""
        other = fitting_delimiter(self.source, self.form)
        if other in (None, self.form.delimiter):
            return ""
        return f"The fields seem to be separated by {DELIMITERS[other]}: {self.source.advise('delimiter', other)}."

    def report_findings(self) -> None:
        """Log what was found out about the file that another reading of it would change."""
        if self._asked.encoding == AUTO and self.form.encoding not in ("utf-8", "utf-16", "utf-32"):
            logger.warning("%s is read as %s.", self.source.name, in_words(self.form.encoding))
        if self._asked.quoting == AUTO and self.form.quoting == "none":
            logger.warning(
                "%s: quotes are read as ordinary characters, since they do not enclose fields; if they do, %s.",
                self.source.name,
                self.source.advise("quoting", "csv"),
            )


def seems_header(rows: list[Row], known_labels: Collection[str] = ()) -> tuple[bool, str]:
    """Tell whether the first row is one of column names, and why."""
    first, others = rows[0].values, [row.values for row in rows[1:]]
    columns = [[fields[place] for fields in others if len(fields) > place] for place in range(len(first))]
    for field, column in zip(first, columns, strict=True):
        if field in known_labels:
            return False, f"{field!r} in the first row is a label"
        if field and field in column and len(set(column)) <= MOST_LABELS:
            return False, f"{field!r} in the first row occurs again below"
    filled = [field.strip() for field in first]
    if any(map(is_number, filled)):
        return False, "the first row has a number"
    for field, column in zip(filled, columns, strict=True):
        if field and 2 <= (values := len(set(column))) <= min(MOST_LABELS, len(column) // 3):
            return True, f"{field!r} in the first row is none of the {values} values that recur below it"
    if len(set(filled)) < len(filled) or any(len(field) > LONGEST_NAME for field in filled):
        return False, "the first row has a repeated or a long field"
    for field, column in zip(filled, columns, strict=True):
        if column and all(map(is_number, column)):
            return True, f"all values below {field!r} are numbers"
    if "" in filled:
        return False, "the first row has an empty field"
    if usual := [field for field in filled if any(usualness(field, role) is not None for role in _USUAL)]:
        return True, f"{usual[0]!r} in the first row is a common column name"
    short = (re.fullmatch(r"[^\W\d][\w .:-]*", field) and field.count(" ") < 2 for field in filled)
    if len(first) > 1 and others and all(short):
        return True, "the first row has only short words, and none occurs again below"
    return False, "the first row reads as a post"


def is_number(value: str) -> bool:
    """Tell whether a text is a number."""
    return _NUMBER.fullmatch(value) is not None


def usualness(name: str, role: str) -> int | None:
    """Return how common a name is for a role (0: the most common), or None; "tweet_id" is an id, "post text" a text."""
    parts = [part.casefold() for part in re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))]
    if not parts or len(parts) > 3:
        return None
    if role == "text" and set(parts[:-1]) & set(_USUAL["label"]):
        return None  # "label_text" is a label
    usual = _USUAL[role]
    last = parts[-1] if parts[-1] in usual else parts[-1].removesuffix("s")
    return usual.index(last) + len(parts) - 1 if last in usual else None


class JsonLinesTable(Table):
    """One JSON object per line; a missing key is null. A first pass finds the columns and their types."""

    format: Format = "jsonl"

    def __init__(self, source: Source, encoding: str, exact: bool = False) -> None:
        self.source, self._encoding, self._exact = source, encoding, exact
        kinds: dict[str, set[type]] = {}
        first = None
        for number, _, row, fault in self._parsed():
            first = first or (fault and f", line {number}: {fault}.\n  {OBJECTS}")
            for name, value in (row or {}).items():
                large = isinstance(value, int) and abs(value) > _EXACT
                kinds.setdefault(name, set()).add(dict if large else type(value))
            if len(kinds) > MOST_COLUMNS:
                raise StudyError(f"{source.name}, line {number}: more than {MOST_COLUMNS} different keys.")
        if not kinds:
            raise StudyError(f"{source.name}{first or ': the file is empty; expected one JSON object per line.'}")
        super().__init__(source, pa.schema([_json_field(name, found - {NoneType}) for name, found in kinds.items()]))

    def rows(self) -> Iterator[Row]:
        """Yield each row; a line that is not a JSON object is faulty, and its columns are null."""
        for number, line, row, fault in self._parsed():
            yield Row(number, [(row or {}).get(name) for name in self.schema.names], fault, len(line))

    def _parsed(self) -> Iterator[tuple[int, str, dict[str, Any] | None, str | None]]:
        """Yield each line that is not blank: its number, the line, and its object or its fault."""
        as_text: Any = {"parse_int": str, "parse_float": str} if self._exact else {}
        for number, line in enumerate(lines_of(self.source, self._encoding), 1):
            if not (text := line.strip()):
                continue
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
            try:
                row = json.loads(line, parse_constant=_refuse_constant, **as_text)
                json.dumps(row, ensure_ascii=False).encode()  # half a character fails to be encoded
            except (ValueError, RecursionError) as error:
                reason = "half a character" if isinstance(error, UnicodeEncodeError) else str(error)
                yield number, line, None, f"not a line of JSON ({reason}): {shown}"
                continue
            known = isinstance(row, dict)
            yield number, line, row if known else None, None if known else f"expected a JSON object, found: {shown}"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _json_field(name: str, kinds: set[type]) -> pa.Field:
    types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    if kinds == {int, float}:
        return pa.field(name, pa.float64())
    if len(kinds) <= 1 and not kinds & {dict, list}:
        return pa.field(name, types[next(iter(kinds), str)])
    return pa.field(name, pa.string(), metadata=AS_JSON)


class ParquetTable(Table):
    """A Parquet file, with its own types."""

    def __init__(self, source: Source) -> None:
        self.source = source
        source.check_format("Parquet")
        with self._opened() as file:
            super().__init__(source, file.schema_arrow.remove_metadata())

    def rows(self) -> Iterator[Row]:
        """Yield each row."""
        with self._opened() as file:
            for batch in file.iter_batches(batch_size=ROWS_AT_A_TIME):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield Row(None, [*values], None, sum(len(one) for one in values if isinstance(one, str | bytes)))

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        try:
            with self.source.open() as file:
                yield pq.ParquetFile(file, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise StudyError(
                f"{self.source.name}: this is no whole Parquet file ({error}).\n  Write it again, or fetch it again."
            ) from None


def as_text(value: Any) -> str:
    """Return a value as a text: a missing one is empty, a list or an object is JSON."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool() | list() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)
