"""The one reader of CSV: every row unchanged, one after the other, or an error with file and line.

``pandas.read_csv`` turns the posts "NaN" and "null" into missing values, shifts all columns when the first row has a
field too many, and splits a row at a lone carriage return, each without a word. So the rows are read with ``csv``.

Many TSVs (SemEval, TweetEval) do not quote. Read with quotes that enclose fields, a text that only begins with one
swallows the lines up to the next. So what speaks for either is counted, over the whole file.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

from tweet_sentiment.data.lines import Source, encoding_of, lines_of, lone_returns
from tweet_sentiment.errors import StudyError

AUTO: Literal["auto"] = "auto"
DELIMITERS = {"\t": "a tab", ";": "';'", "|": "'|'", ",": "','"}  # a comma stands in texts and in numbers: it is last
_LOOKED_AT = 1000  # lines, to find the delimiter
_DECLARED = re.compile(r"sep=(.)\r?\n?")  # what a spreadsheet writes before the first row
_MOST = 0.9  # of the lines have the width of the first where only a few are faulty
_NOT_BY_CHANCE = 3  # quotes that enclose nothing
_ESCAPE, _ITSELF, _RETURN = "\ufdd0", "\ufdd1", "\ufdd2"  # noncharacters: no text holds them by right


@dataclass(frozen=True)
class CsvForm:
    """The format of a CSV; ``auto`` is detected in the file.

    ``quoting``: ``csv``, quotes enclose fields; ``none``, they are ordinary characters. ``encoding``: a
    name that Python knows. ``header``: the first row names the columns.
    """

    delimiter: str = AUTO
    quoting: str = AUTO
    encoding: str = "utf-8"
    header: bool | Literal["auto"] = True


class Row(NamedTuple):
    """One row: the line on which it begins (None in Parquet), its values, and its fault.

    ``values`` are in the order of the columns, None for missing ones. ``size``: characters.
    """

    line: int | None
    values: list[Any]
    fault: str | None = None
    size: int = 0


def found_form(source: Source, form: CsvForm) -> CsvForm:
    """Return the form with every ``auto`` detected, except the header; a first line ``sep=;`` is the delimiter.

    Raises:
        StudyError: the file is not text, the delimiter is impossible, or quotes can be read in two ways.
    """
    if form.encoding == AUTO:
        form = replace(form, encoding=encoding_of(source)[0])
    first = next(lines_of(source, form.encoding), "")
    outside, opened, _ = re.sub(r'"[^"]*"', "", first).partition('"')
    if form.quoting != "none" and opened and outside.count("\r") > 1:  # the first LF stands within quotes
        raise lone_returns(source.name, 1)
    declared = _DECLARED.fullmatch(first)
    delimiter = declared[1] if declared else form.delimiter
    if delimiter == AUTO:
        lacking = (one for one in DELIMITERS if not any(one in line for line in _lines(source, form)[1]))
        delimiter = fitting_delimiter(source, form) or next(lacking, ",")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise StudyError(
            f"{source.name}: the delimiter is {delimiter!r}; expected one character that is not a quote or a line end."
        )
    form = replace(form, delimiter=delimiter)
    return replace(form, quoting=_found_quoting(source, form)) if form.quoting == AUTO else form


def _lines(source: Source, form: CsvForm) -> tuple[int, Iterator[str]]:
    """Return the number of the first line that is a row, and the lines from there."""
    lines = lines_of(source, form.encoding)
    first = next(lines, "")
    return (2, lines) if _DECLARED.fullmatch(first) else (1, chain([first] if first else [], lines))


def _found_quoting(source: Source, form: CsvForm) -> str:
    if not source.has(b'"'):
        return "csv"
    start, lines = _lines(source, form)
    found = _evidence_of(lines, form.delimiter)
    if (verdict := found.verdict(form.delimiter)) is not None:
        return verdict
    first, last = (start - 1 + line for line in found.joined or (1, 1))
    raise StudyError(
        f"{source.name}, lines {first} to {last}: a quote opens on line {first} and closes on line {last}, and the "
        "lines between look like rows of their own; expected quotes that enclose a text, or that are part of it.\n"
        f"  If quotes are ordinary characters in the file, {source.advise('quoting', 'none')}; if they enclose texts "
        f"of several lines, {source.advise('quoting', 'csv')}."
    )


def fitting_delimiter(source: Source, form: CsvForm) -> str | None:
    """Return the delimiter that gives most rows as many fields as the first, two or more, if there is one."""
    lines = list(islice(_lines(source, form)[1], _LOOKED_AT))
    fits = {delimiter: _fit(lines, delimiter, form.quoting) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda delimiter: fits[delimiter])
    return best if fits[best][0] else None


def _fit(lines: list[str], delimiter: str, quoting: str) -> tuple[int, int]:
    """Return how many rows are as wide as most, if not wider than the first, and that width; 0 where these are few."""
    if (_evidence_of(lines, delimiter).verdict(delimiter) if quoting == AUTO else quoting) == "none":
        widths = [line.count(delimiter) + 1 for line in lines if line.strip()]
    else:
        widths = [len(fields) for fields, _ in _quoted(lines, delimiter, strict=False) if fields]
    width = min([Counter(widths).most_common(1)[0][0], widths[0]] if widths else [0])
    same = widths.count(width)  # below a name of one field texts have delimiters
    return (same, width) if same * 2 > len(widths) and width > 1 else (0, 0)


@dataclass
class _Evidence:
    """The evidence for and against quotes that enclose fields.

    ``enclosed``: fields wholly in quotes; ``hiding``: those of them that hold a delimiter; ``loose``: fields with a
    quote that encloses nothing on its line; ``bare``: rows of one line that a writer of CSV would have enclosed.
    ``joined``: the first row of several lines (its first and last line, from 1); ``joins``: how many such rows there
    are, and ``torn``: those that are not a whole row on each line; ``inside``: all lines that they swallow;
    ``rows_inside``: those of them that would be whole rows. ``broken``: quotes do not match; ``cut_off``: in the last
    line only.
    """

    width: int = 0
    lines: int = 0
    full: int = 0
    enclosed: int = 0
    hiding: int = 0
    loose: int = 0
    bare: int = 0
    joined: tuple[int, int] | None = None
    joins: int = 0
    torn: int = 0
    inside: int = 0
    rows_inside: int = 0
    broken: bool = False
    cut_off: bool = False

    def verdict(self, delimiter: str) -> str | None:
        """Return ``csv`` (quotes enclose fields), ``none`` (they are ordinary characters), or None: both are possible.

        If neither reading loses a row, and nothing is against it, quotes enclose fields.
        """
        if self.hiding or self.cut_off:
            return "csv"
        ordinary = self.loose > self.enclosed
        if self.broken:
            usual = delimiter == "\t" or self.loose >= _NOT_BY_CHANCE  # an unclosed quote alone may be a slip
            regular = self.full >= _MOST * self.lines and self.inside <= 2 * self.rows_inside
            return "none" if ordinary and usual and regular else "csv"
        if not self.joins:
            return "none" if ordinary and self.enclosed else "csv"
        if self.torn * 2 >= self.joins or self.rows_inside * 2 <= self.inside or self._one_column():
            return "csv"
        return "none" if ordinary and self.width > 1 and delimiter == "\t" else None

    def _one_column(self) -> bool:
        """Tell whether this is one column, enclosed wherever a text has commas, quotes or several lines.

        A single text that swallows half of the file may be two that begin and end with a quote.
        """
        return self.width == 1 and not self.bare and (self.joins > 1 or self.inside * 2 < self.lines)

    def weigh(self, lines: list[str], width: int, delimiter: str) -> None:
        """Count a row by its number of fields and lines."""
        self.full += self.width in (0, width)
        self.width = self.width or width or 1
        alone = len(lines) == 1
        if not alone:
            whole = [line.count(delimiter) + 1 == self.width for line in lines]
            self.joined = self.joined or (self.lines + 1, self.lines + len(lines))
            self.joins += 1
            self.torn += not all(whole)
            self.inside += len(lines) - 1
            self.rows_inside += sum(whole[1:])
            self.full += sum(whole[1:])
        self.lines += len(lines)
        self.bare += alone and not lines[0].startswith('"') and any(mark in lines[0] for mark in ',"')
        for line in lines:
            for quoted in _fields_with_quotes(delimiter).findall(line.rstrip("\r\n")) if '"' in line else ():
                self.loose += not quoted
                self.enclosed += alone and quoted != ""
                self.hiding += alone and delimiter in quoted


@cache
def _fields_with_quotes(delimiter: str) -> re.Pattern[str]:
    """Return what finds the fields of a line that hold quotes, and of these captures those wholly in quotes."""
    d = re.escape(delimiter)
    return re.compile(rf'(?:^|{d})(?:("[^"]*+(?:""[^"]*+)*+")(?={d}|$)|[^{d}"]*+"[^{d}]*+)')


def _evidence_of(lines: Iterable[str], delimiter: str) -> _Evidence:
    """Read all lines with quotes that enclose fields, and count the evidence for and against it."""
    found, rest = _Evidence(), iter(lines)
    for fields, row in _quoted(rest, delimiter):
        if fields is not None:
            found.weigh(row, len(fields), delimiter)
            continue
        before, found.broken = found.lines, True
        for line in chain(row, rest):
            found.weigh([line], line.count(delimiter) + 1, delimiter)
        found.cut_off = found.lines == before + 1
    return found


def _quoted(lines: Iterable[str], delimiter: str, strict: bool = True) -> Iterator[tuple[list[str] | None, list[str]]]:
    """Yield the fields and the lines of each row if quotes enclose fields; None and the lines of a broken row.

    ``csv`` would end a row at a lone carriage return, so these are hidden from it.
    """
    held = list[str]()  # the lines of the row under way

    def hidden() -> Iterator[str]:
        for line in lines:
            held.append(line)
            if "\r" in line or _ESCAPE in line:
                line = re.sub(r"\r(?!\n)", _ESCAPE + _RETURN, line.replace(_ESCAPE, _ESCAPE + _ITSELF))
            yield line

    try:
        for fields in csv.reader(hidden(), delimiter=delimiter, strict=strict):
            if _ESCAPE in "".join(fields):
                fields = [text.replace(_ESCAPE + _RETURN, "\r").replace(_ESCAPE + _ITSELF, _ESCAPE) for text in fields]
            yield fields, held
            held.clear()
    except csv.Error:
        yield None, held


def csv_rows(source: Source, form: CsvForm) -> Iterator[Row]:
    """Yield each row; an empty line gives a row without fields, and empty lines at the end give none.

    ``form`` has no ``auto`` (``found_form``).

    Raises:
        StudyError: the file is no text in its encoding, quotes do not match, or a field is endless.
    """
    place, lines = _lines(source, form)
    rows = _quoted(lines, form.delimiter) if form.quoting != "none" else _unquoted(lines, form.delimiter)
    empty = 0  # lines just before
    for fields, row in rows:
        if fields is None:
            raise _bad_quotes(source, "".join(row), place, place + len(row) - 1, form.delimiter)
        if fields:
            yield from (Row(line, []) for line in range(place - empty, place))
            yield Row(place, fields)
        empty = 0 if fields else empty + 1
        place += len(row)


def _unquoted(lines: Iterable[str], delimiter: str) -> Iterator[tuple[list[str], list[str]]]:
    for line in lines:
        row = line.removesuffix("\n").removesuffix("\r")
        yield row.split(delimiter) if row else [], [line]


def _bad_quotes(source: Source, row: str, first: int, last: int, delimiter: str) -> StudyError:
    """Return the error about a field that ``csv`` could not read, in the row that begins on line ``first``."""
    d = re.escape(delimiter)
    sound = re.match(rf'(?:(?:"[^"]*+(?:""[^"]*+)*+"|[^"{d}\n][^{d}\n]*+)?+{d})*+', row)
    start = sound.end() if sound else 0
    line = first + row.count("\n", 0, start)
    if row[start : start + 1] != '"':
        return StudyError(
            f"{source.name}, line {line}: found a field of more than {csv.field_size_limit():,} characters, expected a "
            "post.\n  Delete the row, or check that the file is a CSV."
        )
    if re.compile(r'"[^"]*+(?:""[^"]*+)*+"\r(?!\n)').match(row, start):
        return lone_returns(source.name, line)
    return StudyError(
        f"{source.name}, line {line}: the quote that opens the field {row[start : start + 40]!r}… is not closed; "
        f"the row was read to line {last}.\n"
        f"  Expected a closing quote, then {delimiter!r} or the end of the line. If quotes are ordinary characters in "
        f'the file, {source.advise("quoting", "none")}. Otherwise close it, and write a quote within a text twice ("");'
        " if the file is cut off there, download it again."
    )
