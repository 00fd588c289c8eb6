"""Rows of a CSV, as they stand in the file; a row of another width than the first is faulty, and loses nothing."""

from collections.abc import Iterator

import pyarrow as pa

from tweet_sentiment.data.encodings import DELIMITERS
from tweet_sentiment.data.lines import Advise, Source
from tweet_sentiment.data.records import CsvForm, found_form, records, report_findings
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.files.rows import Row


class CsvReader:
    """A CSV with a header, or without one: its columns are then named by their positions, "0", "1" and so on."""

    def __init__(
        self, source: Source, text_column: str, entity_column: str | None, form: CsvForm, header: bool, advise: Advise
    ) -> None:
        self._source, self._header, self._advise = source, header, advise
        self._form = found_form(source, form, advise)
        report_findings(source, form, self._form, advise)
        first = next(records(source, self._form, advise), None)
        if first is None:
            raise StudyError(f"{source.name}: the file is empty; expected one row for each text.")
        self._names = first.fields if header else [str(place) for place in range(len(first.fields))]
        if twice := {name for name in self._names if self._names.count(name) > 1}:
            raise StudyError(
                f"{source.name}: its header names {sorted(twice)} twice.\n"
                f"  Rename one; or, if the file has no header, {advise('header', 'false')}."
            )
        self._text = self._place(text_column)
        self._entity = None if entity_column is None else self._place(entity_column)
        self.schema = pa.schema([(name, pa.string()) for name in self._names])

    def rows(self) -> Iterator[Row]:
        """Yield each row; one with another number of fields than the first is faulty, and keeps those that fit."""
        found = records(self._source, self._form, self._advise)
        if self._header:
            next(found)
        for record in found:
            yield self._row(record.line, record.fields)

    def _row(self, line: int, fields: list[str]) -> Row:
        width = len(self._names)
        if not fields and width == 1:
            fields = [""]
        found, size = len(fields), sum(map(len, fields))
        if found != width:
            surplus = f"; beyond them stands {self._form.delimiter.join(fields[width:])!r}" if found > width else ""
            values = [*fields[:width], *[None] * (width - found)]
            return Row(line, values, fault=f"found {found} fields, expected {width}{surplus}", characters=size)
        entity = "" if self._entity is None else fields[self._entity]
        return Row(line, list(fields), fields[self._text], entity, characters=size)

    def _place(self, column: str) -> int:
        if column in self._names:
            return self._names.index(column)
        names, d = self._names, self._form.delimiter
        others = [other for other in DELIMITERS if len(names) == 1 and other != d and column in names[0].split(other)]
        if others:
            advice = self._advise("delimiter", others[0])
            hint = f"The fields seem to be separated by {DELIMITERS[others[0]]}: {advice}."
        elif self._header:
            hint = f"Name one of these; or, if the file has no header, {self._advise('header', 'false')}."
        else:
            hint = "Name one of these: there is no header, so columns are called by their positions."
        raise StudyError(f"{self._source.name}: there is no column {column!r}; found {names}.\n  {hint}")
