"""Rows of a JSON Lines file: one object a line. A first pass finds the columns and what they hold."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from tweet_sentiment.data.lines import Advise, Source, encoding_of, lines_of
from tweet_sentiment.data.records import AUTO
from tweet_sentiment.data.tables import OBJECTS
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.files.rows import Row

MOST_COLUMNS = 1000
AS_JSON = {"json": "true"}  # marks a column whose values are kept as JSON: lists, objects, mixed kinds
_TYPES = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "text": pa.string(), "nothing": pa.string()}
_EXACT = 2**53  # integers up to here are the same as floats
_SHOWN = 100


class JsonReader:
    """A JSON Lines file. A key that a row lacks is null in it; lists and objects are carried as JSON."""

    def __init__(
        self, source: Source, text_column: str, entity_column: str | None, encoding: str, advise: Advise
    ) -> None:
        self._source, self._text, self._entity = source, text_column, entity_column
        self._encoding, self._advise = encoding_of(source)[0] if encoding == AUTO else encoding, advise
        self._kinds = self._columns()
        for column in filter(None, (text_column, entity_column)):
            if column not in self._kinds:
                hint = "Name one of these." if self._kinds else OBJECTS
                raise StudyError(f"{source.name}: no row has {column!r}; found {list(self._kinds)}.\n  {hint}")
            self._kinds[column] = "text"
        self.schema = pa.schema([_field(name, kind) for name, kind in self._kinds.items()])

    def rows(self) -> Iterator[Row]:
        """Yield each row; a line that is no JSON object is faulty, and its columns are null."""
        for number, line in self._lines():
            row, fault = _parsed(line)
            if row is None:
                yield Row(number, [None] * len(self._kinds), fault=fault, characters=len(line))
                continue
            values = [_carried(row.get(name), kind) for name, kind in self._kinds.items()]
            entity = "" if self._entity is None else row.get(self._entity)
            yield Row(number, values, row.get(self._text), entity, characters=len(line))

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines; empty ones at the end are no rows."""
        empty = list[tuple[int, str]]()
        for number, line in enumerate(lines_of(self._source, self._encoding, self._advise), 1):
            if line.strip():
                yield from empty
                empty.clear()
                yield number, line
            else:
                empty.append((number, line))

    def _columns(self) -> dict[str, str]:
        kinds: dict[str, str] = {}
        number = 0
        for number, line in self._lines():
            row, _ = _parsed(line)
            for name, value in (row or {}).items():
                kinds[name] = _common(kinds.get(name, "nothing"), _kind(value))
            if len(kinds) > MOST_COLUMNS:
                raise StudyError(f"{self._source.name}, line {number}: more than {MOST_COLUMNS} different keys.")
        if not number:
            raise StudyError(f"{self._source.name}: the file is empty; expected one JSON object a line.")
        return kinds


def _parsed(line: str) -> tuple[dict[str, Any] | None, str | None]:
    """Return the object on a line, or what is wrong with the line."""
    shown = line.strip() if len(line.strip()) <= _SHOWN else f"{line.strip()[:_SHOWN]}…"
    try:
        row = json.loads(line, parse_constant=_no_constant)
        json.dumps(row, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # half a character fails to be encoded
        reason = "half a character" if isinstance(error, UnicodeEncodeError) else str(error)
        return None, f"not a line of JSON ({reason}): {shown}"
    if not isinstance(row, dict):
        return None, f"expected a JSON object, found: {shown}"
    return row, None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "bool"
        case int():
            return "int" if abs(value) <= _EXACT else "json"
        case float():
            return "float"
        case str():
            return "text"
        case _:
            return "json"


def _common(one: str, other: str) -> str:
    if one == other or other == "nothing":
        return one
    if one == "nothing":
        return other
    return "float" if {one, other} == {"int", "float"} else "json"


def _field(name: str, kind: str) -> pa.Field:
    return pa.field(name, pa.string(), metadata=AS_JSON) if kind == "json" else pa.field(name, _TYPES[kind])


def _carried(value: Any, kind: str) -> Any:
    """Return what stands in a column; one of texts may hold other things, which are faults of their rows."""
    if value is None or (kind == "text" and isinstance(value, str)) or kind not in ("json", "text"):
        return value
    return json.dumps(value, ensure_ascii=False)
