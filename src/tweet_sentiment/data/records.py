"""The one reader of CSV: every row as it stands in the file, one after the other, or an error with file and line.

``pandas.read_csv`` turns the posts "NaN" and "null" into missing values, shifts all columns when the first row has a
field too many, and splits a row at a lone carriage return, each without a word. So the rows are read with ``csv``.

Many TSVs (SemEval, TweetEval) do not quote. Read with quotes that enclose fields, a text that only begins with one
swallows the lines up to the next. So what speaks for either is counted, over the whole file.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Literal

from tweet_sentiment.data.lines import Advise, Source, encoding_of, lines_of, lone_returns
from tweet_sentiment.errors import StudyError

AUTO: Literal["auto"] = "auto"
DELIMITERS = {"\t": "a tab", ";": "';'", "|": "'|'", ",": "','"}  # a comma stands in texts and in numbers: it is last
_LOOKED_AT = 1000  # lines, to find the delimiter
_DECLARED = re.compile(r"sep=(.)\r?\n?")  # what a spreadsheet writes before the first row
_ENCLOSED = re.compile(r'"[^"]*(?:""[^"]*)*"')
_MOST = 0.9  # of the lines have the width of the first where only a few are faulty
_NOT_BY_CHANCE = 3  # quotes that enclose nothing
_ESCAPE, _ITSELF, _RETURN = "\ufdd0", "\ufdd1", "\ufdd2"  # noncharacters: no text holds them by right


@dataclass(frozen=True)
class CsvForm:
    """How a CSV is written; ``auto`` is found out from the file.

    ``quoting``: ``csv``, quotes enclose fields; ``none``, they are ordinary characters. ``encoding``: a
    name that Python knows. ``header``: the first row names the columns.
    """

    delimiter: str = AUTO
    quoting: str = AUTO
    encoding: str = "utf-8"
    header: bool | Literal["auto"] = True


@dataclass(frozen=True)
class Record:
    """The fields of one row, and the line of the file on which the row begins."""

    line: int
    fields: list[str]


def found_form(source: Source, form: CsvForm, advise: Advise) -> CsvForm:
    """Return the form with all but the header found out that it leaves open; a first line ``sep=;`` is the delimiter.

    Raises:
        StudyError: the file is no text, the delimiter cannot be, or it cannot be told whether quotes enclose fields.
    """
    if form.encoding == AUTO:
        form = replace(form, encoding=encoding_of(source)[0])
    first = next(lines_of(source, form.encoding, advise), "")
    outside, opened, _ = re.sub(r'"[^"]*"', "", first).partition('"')
    if form.quoting != "none" and opened and outside.count("\r") > 1:  # the first LF stands within quotes
        raise lone_returns(source.name, 1)
    declared = _DECLARED.fullmatch(first)
    delimiter = declared[1] if declared else form.delimiter
    if delimiter == AUTO:
        delimiter = _found_delimiter(list(islice(_rows_of(source, form, advise)[1], _LOOKED_AT)), form.quoting)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise StudyError(
            f"{source.name}: the delimiter is {delimiter!r}; expected one character, which is no quote and no line end."
        )
    form = replace(form, delimiter=delimiter)
    return replace(form, quoting=_found_quoting(source, form, advise)) if form.quoting == AUTO else form


def _rows_of(source: Source, form: CsvForm, advise: Advise) -> tuple[int, Iterator[str]]:
    """Return the number of the first line that is a row, and the lines from there on."""
    lines = lines_of(source, form.encoding, advise)
    first = next(lines, "")
    return (2, lines) if _DECLARED.fullmatch(first) else (1, chain([first] if first else [], lines))


def _found_quoting(source: Source, form: CsvForm, advise: Advise) -> str:
    if not source.has(b'"'):
        return "csv"
    start, lines = _rows_of(source, form, advise)
    found = _evidence_of(lines, form.delimiter)
    if (verdict := found.verdict(form.delimiter)) is not None:
        return verdict
    first, last = (start - 1 + line for line in found.joined or (1, 1))
    raise StudyError(
        f"{source.name}, lines {first} to {last}: a quote opens on line {first} and closes on line {last}, and the "
        "lines between look like rows of their own; expected quotes that enclose a text, or that are part of it.\n"
        f"  If quotes are ordinary characters in the file, {advise('quoting', 'none')}; if they enclose texts of "
        f"several lines, {advise('quoting', 'csv')}."
    )


def _found_delimiter(lines: list[str], quoting: str) -> str:
    """Return the delimiter that gives most rows as many fields as the first, two or more; else one the file lacks."""
    fits = {delimiter: _fit(lines, delimiter, quoting) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda delimiter: fits[delimiter])
    if fits[best][0]:
        return best
    return next((delimiter for delimiter in DELIMITERS if not any(delimiter in line for line in lines)), ",")


def _fit(lines: list[str], delimiter: str, quoting: str) -> tuple[int, int]:
    """Return how many rows are as wide as most, if not wider than the first, and that width; 0 where these are few."""
    if (_evidence_of(lines, delimiter).verdict(delimiter) if quoting == AUTO else quoting) == "none":
        widths = [line.count(delimiter) + 1 for line in lines if line.strip()]
    else:
        widths = []
        with suppress(csv.Error):  # up to an endless field
            widths += (len(fields) for fields in csv.reader(map(_hide_returns, lines), delimiter=delimiter) if fields)
    width = min([Counter(widths).most_common(1)[0][0], widths[0]] if widths else [0])
    same = widths.count(width)  # below a name of one field texts have delimiters
    return (same, width) if same * 2 > len(widths) and width > 1 else (0, 0)


@dataclass
class _Evidence:
    """What speaks for quotes that enclose fields, and what against.

    ``enclosed``: fields wholly in quotes; ``hiding``: those of them that hold a delimiter; ``loose``: fields with a
    quote that encloses nothing on its line. ``joined``: the first text of several lines (its first and last line, from
    1); ``inside``: all lines that such texts swallow; ``rows_inside``: those of them that would be whole rows.
    ``broken``: quotes do not match; ``cut_off``: in the last line only.
    """

    width: int = 0
    lines: int = 0
    full: int = 0
    enclosed: int = 0
    hiding: int = 0
    loose: int = 0
    joined: tuple[int, int] | None = None
    inside: int = 0
    rows_inside: int = 0
    broken: bool = False
    cut_off: bool = False

    def verdict(self, delimiter: str) -> str | None:
        """Return ``csv`` (quotes enclose fields), ``none`` (they are ordinary characters), or None: it can be either.

        Where no row is lost either way, and nothing speaks against it, quotes enclose.
        """
        if self.hiding or self.cut_off:
            return "csv"
        ordinary = self.loose > self.enclosed
        if self.broken:
            usual = delimiter == "\t" or self.loose >= _NOT_BY_CHANCE  # an unclosed quote alone may be a slip
            regular = self.full >= _MOST * self.lines and self.inside <= 2 * self.rows_inside
            return "none" if ordinary and usual and regular else "csv"
        if self.inside == 0:
            return "none" if ordinary and self.enclosed else "csv"
        if self.rows_inside * 2 <= self.inside or (self.width == 1 and not self.loose):
            return "csv"
        return "none" if ordinary and self.width > 1 and delimiter == "\t" else None

    def weigh(self, row: list[str], delimiter: str, alone: bool = False) -> None:
        """Weigh the lines of one row; ``alone``: each of them for itself."""
        widths = [line.count(delimiter) + 1 for line in row]
        self.width = self.width or widths[0]
        full = sum(width == self.width for width in widths[not alone :])
        if len(row) > 1 and not alone:
            self.joined = self.joined or (self.lines + 1, self.lines + len(row))
            self.inside += len(row) - 1
            self.rows_inside += full
        self.lines += len(row)
        self.full += full
        for line in row:
            self._weigh_fields(line.rstrip("\r\n"), delimiter, count=alone or len(row) == 1)

    def _weigh_fields(self, line: str, delimiter: str, count: bool) -> None:
        start = 0
        while '"' in line and start <= len(line):
            quoted = _ENCLOSED.match(line, start)
            end = quoted.end() if quoted else -1
            if quoted and line[end : end + 1] in ("", delimiter):
                self.enclosed += count
                self.hiding += count and delimiter in quoted[0]
            else:
                end = line.find(delimiter, start)
                end = len(line) if end < 0 else end
                self.loose += '"' in line[start:end]
            start = end + 1


def _evidence_of(lines: Iterable[str], delimiter: str) -> _Evidence:
    """Read all lines as quotes that enclose would have it, and count what speaks for that and against it."""
    found, row, rest = _Evidence(), list[str](), iter(lines)

    def watched() -> Iterator[str]:
        for line in rest:
            row.append(line)
            yield _hide_returns(line)

    try:
        for fields in csv.reader(watched(), delimiter=delimiter, strict=True):
            found.width = found.width or len(fields)
            found.full += len(fields) == found.width
            found.weigh(row, delimiter)
            row.clear()
    except csv.Error:
        before, found.broken = found.lines, True
        for line in chain(row, rest):
            found.weigh([line], delimiter, alone=True)
        found.cut_off = found.lines == before + 1
    return found


def _hide_returns(line: str) -> str:
    """Write lone carriage returns so that ``csv``, for which they end a row, does not see them."""
    if _ESCAPE not in line and "\r" not in line:
        return line
    line = line.replace(_ESCAPE, _ESCAPE + _ITSELF)
    return re.sub(r"\r(?!\n)", _ESCAPE + _RETURN, line)


def records(source: Source, form: CsvForm, advise: Advise) -> Iterator[Record]:
    """Yield each row; one of an empty line has no fields, and empty lines at the end are no rows.

    ``form`` leaves nothing open (:func:`found_form`).

    Raises:
        StudyError: the file is no text in its encoding, quotes do not match, or a field is endless.
    """
    first, lines = _rows_of(source, form, advise)
    if form.quoting == "none":
        read = _unquoted(lines, first, form.delimiter)
    else:
        read = _quoted(lines, first, form.delimiter, source.name, advise)
    empty = 0  # lines just before
    for record in read:
        if not record.fields:
            empty += 1
            continue
        yield from (Record(line, []) for line in range(record.line - empty, record.line))
        empty = 0
        yield record


def _unquoted(lines: Iterable[str], first: int, delimiter: str) -> Iterator[Record]:
    for line, text in enumerate(lines, first):
        row = text.removesuffix("\n").removesuffix("\r")
        yield Record(line, row.split(delimiter) if row else [])


def _quoted(lines: Iterable[str], first: int, delimiter: str, name: str, advise: Advise) -> Iterator[Record]:
    held = list[str]()  # the lines of the row under way

    def hidden() -> Iterator[str]:
        for text in lines:
            held.append(text)
            yield _hide_returns(text)

    reader = csv.reader(hidden(), delimiter=delimiter, strict=True)
    line = first
    while True:
        try:
            fields = next(reader, None)
        except csv.Error:
            raise _bad_quotes(name, "".join(held), line, first + reader.line_num - 1, delimiter, advise) from None
        if fields is None:
            return
        shown = (text.replace(_ESCAPE + _RETURN, "\r").replace(_ESCAPE + _ITSELF, _ESCAPE) for text in fields)
        yield Record(line, list(shown))
        held.clear()
        line = first + reader.line_num


def _bad_quotes(name: str, row: str, first: int, last: int, delimiter: str, advise: Advise) -> StudyError:
    """Say where the field opens that ``csv`` could not read: in the row that begins on line ``first``."""
    d = re.escape(delimiter)
    sound = re.match(rf'(?:(?:"[^"]*+(?:""[^"]*+)*+"|[^"{d}\n][^{d}\n]*+)?+{d})*+', row)
    start = sound.end() if sound else 0
    line = first + row.count("\n", 0, start)
    if row[start : start + 1] != '"':
        return StudyError(
            f"{name}, line {line}: found a field of more than {csv.field_size_limit():,} characters, expected a post.\n"
            "  Delete the row, or see whether the file is a CSV at all."
        )
    if re.compile(r'"[^"]*+(?:""[^"]*+)*+"\r(?!\n)').match(row, start):
        return lone_returns(name, line)
    return StudyError(
        f"{name}, line {line}: the quote that opens the field {row[start : start + 40]!r}… is not closed; "
        f"the row was read to line {last}.\n"
        f"  Expected a closing quote, then {delimiter!r} or the end of the line. If quotes are ordinary characters in "
        f'the file, {advise("quoting", "none")}. Otherwise close it, and write a quote within a text twice (""); if '
        "the file was cut off there, fetch it again."
    )
