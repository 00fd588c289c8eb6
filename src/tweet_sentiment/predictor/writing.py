"""Tables written one after the other into a CSV, Parquet or JSON Lines file."""

import base64
import csv
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from tweet_sentiment.data.tables import AS_JSON
from tweet_sentiment.errors import StudyError

Write = Callable[[Path, pa.Schema, Iterable[pa.Table]], None]


def writer_for(output: Path) -> Write:
    """Return the writer for a file, by its name.

    Raises:
        StudyError: the name has no known suffix.
    """
    if (write := _WRITERS.get(output.suffix.lower())) is None:
        raise StudyError(f"{output}: expected an output that ends in {', '.join(_WRITERS)}.")
    return write


def _write_parquet(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    with pq.ParquetWriter(path, schema) as writer:
        for table in tables:
            writer.write_table(table.cast(schema))


def _write_csv(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        write_csv(file, schema, tables)


class _LineFeeds:
    """Ends rows with LF; ``csv`` quotes a lone carriage return only if rows end with CRLF."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> None:
        self._file.write(row.removesuffix("\r\n") + "\n")


def write_csv(file: TextIO, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write tables as one CSV with a header: numbers with every digit, lists and objects as JSON, dates as ISO 8601."""
    writer = csv.writer(_LineFeeds(file), lineterminator="\r\n")
    writer.writerow(schema.names)
    for table in tables:
        writer.writerows(map(_cell, row.values()) for row in table.to_pylist())


def _cell(value: Any) -> str:
    plain = _plain(value)
    return "" if plain is None else plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _write_json_lines(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    encoded = {one.name for one in schema if one.metadata == AS_JSON}
    with path.open("w", encoding="utf-8", newline="") as file:
        for table in tables:
            for row in table.to_pylist():
                plain = {
                    name: json.loads(value) if value is not None and name in encoded else _plain(value)
                    for name, value in row.items()
                }
                file.write(json.dumps(plain, ensure_ascii=False) + "\n")


def _plain(value: Any) -> Any:
    """Return an Arrow value for JSON: no NaN, dates as ISO 8601, bytes in base 64."""
    match value:
        case None | str() | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case bytes():
            return base64.b64encode(value).decode()
        case list() | tuple():
            return [_plain(one) for one in value]
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case _:
            return value.isoformat() if hasattr(value, "isoformat") else str(value)


_WRITERS: dict[str, Write] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".jsonl": _write_json_lines,
    ".ndjson": _write_json_lines,
}
