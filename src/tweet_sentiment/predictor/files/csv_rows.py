"""Rows of a CSV, as they stand in the file: "NaN" stays a text, a lone carriage return ends no row."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.files.lines import lines_of
from tweet_sentiment.predictor.files.rows import Row
from tweet_sentiment.text.encodings import DELIMITERS

_ESCAPE, _ITSELF, _RETURN = "\ufdd0", "\ufdd1", "\ufdd2"  # noncharacters: no text holds them by right


def _hide_returns(line: str) -> str:
    """Write lone carriage returns so that ``csv``, for which they end a row, does not see them."""
    if _ESCAPE not in line and "\r" not in line:
        return line
    line = line.replace(_ESCAPE, _ESCAPE + _ITSELF)
    return re.sub(r"\r(?!\n)", _ESCAPE + _RETURN, line)


def _show_returns(field: str) -> str:
    return field.replace(_ESCAPE + _RETURN, "\r").replace(_ESCAPE + _ITSELF, _ESCAPE) if _ESCAPE in field else field


class CsvReader:
    """A CSV with a header, or without one: its columns are then named by their positions, "0", "1" and so on."""

    def __init__(
        self, path: Path, name: str, text_column: str, entity_column: str | None, delimiter: str, header: bool
    ) -> None:
        self._path, self._name, self._delimiter, self._header = path, name, delimiter, header
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise StudyError(f"{name}: the delimiter is {delimiter!r}; expected one character, no quote or line end.")
        _, first = next(self._records(), (0, None))
        if first is None:
            raise StudyError(f"{name}: the file is empty; expected one row for each text.")
        self._names = first if header else [str(place) for place in range(len(first))]
        self._check_names()
        self._text = self._place(text_column, "--text-column")
        self._entity = None if entity_column is None else self._place(entity_column, "--entity-column")
        self.schema = pa.schema([(name, pa.string()) for name in self._names])

    def rows(self) -> Iterator[Row]:
        """Yield each row; one with another number of fields than the first is faulty, and keeps those that fit."""
        records = self._records()
        if self._header:
            next(records)
        for line, fields in records:
            yield self._row(line, fields)

    def _row(self, line: int, fields: list[str]) -> Row:
        width, found = len(self._names), len(fields)
        size = sum(map(len, fields))
        if found != width:
            surplus = f"; beyond them stands {self._delimiter.join(fields[width:])!r}" if found > width else ""
            values = [*fields[:width], *[None] * (width - found)]
            return Row(line, values, fault=f"found {found} fields, expected {width}{surplus}", characters=size)
        entity = "" if self._entity is None else fields[self._entity]
        return Row(line, list(fields), fields[self._text], entity, characters=size)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line on which each row begins, and its fields; empty lines at the end are no rows."""
        lines = (_hide_returns(text) for _, text in lines_of(self._path, self._name))
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        line, empty = 1, list[int]()
        try:
            for fields in reader:
                if fields:
                    yield from ((number, []) for number in empty)
                    empty.clear()
                    yield line, [_show_returns(field) for field in fields]
                else:
                    empty.append(line)
                line = reader.line_num + 1
        except csv.Error as error:
            raise self._broken(line, reader.line_num, str(error)) from None

    def _broken(self, first: int, last: int, said: str) -> StudyError:
        """Quotes that do not match leave no rows to tell apart, so the whole file is refused."""
        return StudyError(
            f"{self._name}, lines {first} to {last}: this row cannot be read ({said}).\n"
            f"  Expected a closing quote, then {self._delimiter!r} or the end of the line; a quote within a text is "
            f'written twice (""); a field has at most {csv.field_size_limit():,} characters.'
        )

    def _check_names(self) -> None:
        if any("\0" in name for name in self._names):
            raise StudyError(
                f"{self._name}: found NUL characters in its first line; the file seems to be UTF-16.\n"
                "  Save it as UTF-8, or: iconv -f UTF-16LE -t UTF-8."
            )
        if twice := {name for name in self._names if self._names.count(name) > 1}:
            raise StudyError(f"{self._name}: its header names {sorted(twice)} twice; rename one, or give --no-header.")

    def _place(self, column: str, option: str) -> int:
        if column in self._names:
            return self._names.index(column)
        names = self._names
        split = {d: names[0].split(d) for d in DELIMITERS if len(names) == 1 and d != self._delimiter}
        seems = next((shown for d, shown in DELIMITERS.items() if column in split.get(d, ())), None)
        hint = f"The fields seem to be separated by {seems}: give --delimiter." if seems else f"Put {option} right."
        header = "" if self._header else " (positions: there is no header)"
        raise StudyError(f"{self._name}: there is no column {column!r}; found {self._names}{header}.\n  {hint}")
