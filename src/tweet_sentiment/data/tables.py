"""Files of posts as tables of texts: CSV, TSV, JSON Lines, Parquet; every value is the text that stands in the file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from tweet_sentiment.data.encodings import format_of
from tweet_sentiment.data.lines import Advise, Source, encoding_of, lines_of
from tweet_sentiment.data.records import AUTO, CsvForm, Record, found_form, records
from tweet_sentiment.errors import StudyError

Format = Literal["csv", "jsonl", "parquet"]
SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".tab": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
OBJECTS = 'Write one object a line: {"text": "…", "label": "…"}. A list of objects becomes such lines by: jq -c \'.[]\''


@dataclass(frozen=True)
class Table:
    """The rows of a file. ``names`` of its columns are None for a CSV: the first record may be a header.

    ``line`` of a record is the number of its row where ``unit`` is "row": a Parquet file has no lines.
    """

    format: Format
    names: list[str] | None
    records: list[Record]
    form: CsvForm | None = None
    unit: str = "line"


def format_by(source: Source) -> Format:
    """Return the format of a file, by its first bytes, or else by its name."""
    start = source.start()
    if start.startswith(b"PAR1"):
        return "parquet"
    suffix = SUFFIXES.get(PurePath(source.name).suffix.lower())
    if suffix is None and start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return "jsonl"
    return suffix or "csv"


def read_table(source: Source, form: CsvForm, advise: Advise) -> Table:
    """Read a whole file.

    Raises:
        StudyError: the file is damaged, compressed, or of a format that is not read; the message names it.
    """
    match format_by(source):
        case "parquet":
            return _parquet(source)
        case "jsonl":
            return _json_lines(source, form, advise)
        case _:
            form = found_form(source, form, advise)
            return Table("csv", None, list(records(source, form, advise)), form)


def _json_lines(source: Source, form: CsvForm, advise: Advise) -> Table:
    encoding = encoding_of(source)[0] if form.encoding == AUTO else form.encoding
    rows = list(_objects(source, encoding, advise))
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    return Table("jsonl", names, [Record(line, [as_text(row.get(name)) for name in names]) for line, row in rows])


def _objects(source: Source, encoding: str, advise: Advise) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines_of(source, encoding, advise), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_int=str, parse_float=str)  # numbers as they stand
        except (ValueError, RecursionError) as error:
            raise StudyError(
                f"{source.name}, line {number}: not a line of JSON ({error}): {line.strip()[:80]}\n  {OBJECTS}"
            ) from None
        if not isinstance(row, dict):
            raise StudyError(
                f"{source.name}, line {number}: expected a JSON object, found: {line.strip()[:80]}\n  {OBJECTS}"
            )
        yield number, row


def _parquet(source: Source) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if (known := format_of(source.start())) and known[0] != "Parquet":
        raise StudyError(f"{source.name}: the file seems to be {known[0]}, expected Parquet.\n  {known[1]}.")
    try:
        with source.open() as file:
            table = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise StudyError(
            f"{source.name}: this is no whole Parquet file ({error}).\n  Write it again, or fetch it again."
        ) from None
    names, columns = table.column_names, [column.to_pylist() for column in table.columns]
    rows = [Record(row, list(map(as_text, values))) for row, values in enumerate(zip(*columns, strict=True), 1)]
    return Table("parquet", names, rows, unit="row")


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
