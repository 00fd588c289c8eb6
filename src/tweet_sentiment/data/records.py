"""The one reader of CSV: every row as it stands in the file, one after the other, or an error with file and line.

``pandas.read_csv`` turns the posts "NaN" and "null" into missing values, shifts all columns when the first row has a
field too many, and splits a row at a lone carriage return, each without a word. So the rows are read with ``csv``.
"""

import csv
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice

from tweet_sentiment.data.encodings import in_words
from tweet_sentiment.data.lines import Advise, Source, encoding_of, lines_of, lone_returns
from tweet_sentiment.data.quoting import evidence_of, hide_returns, show_returns
from tweet_sentiment.errors import StudyError

logger = logging.getLogger(__name__)

AUTO = "auto"
_DELIMITERS = "\t;|,"  # where several fit equally well: a comma stands in texts and in numbers
_LOOKED_AT = 1000  # lines, to find the delimiter
_DECLARED = re.compile(r"sep=(.)\r?\n?")  # what a spreadsheet writes before the first row


@dataclass(frozen=True)
class CsvForm:
    """How a CSV is written; ``auto`` is found out from the file.

    ``quoting``: ``csv``, quotes enclose fields; ``none``, they are ordinary characters. ``encoding``: a
    name that Python knows.
    """

    delimiter: str = AUTO
    quoting: str = AUTO
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Record:
    """The fields of one row, and the line of the file on which the row begins."""

    line: int
    fields: list[str]


def found_form(source: Source, form: CsvForm, advise: Advise) -> CsvForm:
    """Return the form with everything found out that it leaves open; a first line ``sep=;`` names the delimiter.

    Raises:
        StudyError: the file is no text, the delimiter cannot be, or it cannot be told whether quotes enclose fields.
    """
    if form.encoding == AUTO:
        form = replace(form, encoding=encoding_of(source)[0])
    declared = _declared(next(lines_of(source, form.encoding, advise), ""))
    delimiter = declared or form.delimiter
    if delimiter == AUTO:
        delimiter = _found_delimiter(source, form, advise)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise StudyError(
            f"{source.name}: the delimiter is {delimiter!r}; expected one character, which is no quote and no line end."
        )
    form = replace(form, delimiter=delimiter)
    return replace(form, quoting=_found_quoting(source, form, advise)) if form.quoting == AUTO else form


def report_findings(source: Source, asked: CsvForm, found: CsvForm, advise: Advise) -> None:
    """Log what was found out about a file that another reading of it would change."""
    if asked.encoding == AUTO and found.encoding not in ("utf-8", "utf-16", "utf-32"):
        logger.warning("%s is read as %s.", source.name, in_words(found.encoding))
    if asked.quoting == AUTO and found.quoting == "none":
        logger.warning(
            "%s: quotes are read as ordinary characters, since they do not enclose fields; if they do, %s.",
            source.name,
            advise("quoting", "csv"),
        )


def _declared(first: str) -> str | None:
    match = _DECLARED.fullmatch(first)
    return match[1] if match else None


def _rows_of(source: Source, form: CsvForm, advise: Advise) -> tuple[int, Iterator[str]]:
    """Return the number of the first line that is a row, and the lines from there on."""
    lines = lines_of(source, form.encoding, advise)
    first = next(lines, "")
    return (2, lines) if _declared(first) else (1, chain([first] if first else [], lines))


def _found_quoting(source: Source, form: CsvForm, advise: Advise) -> str:
    if not source.has(b'"'):
        return "csv"
    start, lines = _rows_of(source, form, advise)
    found = evidence_of(lines, form.delimiter)
    verdict = found.verdict(form.delimiter)
    if verdict is None:
        first, last = (start - 1 + line for line in found.joined or (1, 1))
        raise StudyError(
            f"{source.name}, lines {first} to {last}: a quote opens on line {first} and closes on line {last}, and the "
            "lines between look like rows of their own; expected quotes that enclose a text, or that are part of it.\n"
            f"  If quotes are ordinary characters in the file, {advise('quoting', 'none')}; if they enclose texts of "
            f"several lines, {advise('quoting', 'csv')}."
        )
    return verdict


def _found_delimiter(source: Source, form: CsvForm, advise: Advise) -> str:
    """Return the delimiter that gives most rows as many fields as the first, two or more; else one the file lacks."""
    lines = list(islice(_rows_of(source, form, advise)[1], _LOOKED_AT))
    fits = {delimiter: _fit(lines, delimiter, form.quoting) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda delimiter: fits[delimiter])
    if fits[best][0]:
        return best
    return next((delimiter for delimiter in _DELIMITERS if not any(delimiter in line for line in lines)), ",")


def _fit(lines: list[str], delimiter: str, quoting: str) -> tuple[int, int]:
    """Return how many rows are as wide as the first, and that width; 0 where these are few, or of one field."""
    if (evidence_of(lines, delimiter).verdict(delimiter) if quoting == AUTO else quoting) == "none":
        widths = [line.count(delimiter) + 1 for line in lines if line.strip()]
    else:
        widths = []
        with suppress(csv.Error):  # up to an endless field
            widths += (len(fields) for fields in csv.reader(map(hide_returns, lines), delimiter=delimiter) if fields)
    same = sum(width == widths[0] for width in widths)
    return (same, widths[0]) if same * 2 > len(widths) and widths[0] > 1 else (0, 0)


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
            yield hide_returns(text)

    reader = csv.reader(hidden(), delimiter=delimiter, strict=True)
    line = first
    while True:
        try:
            fields = next(reader, None)
        except csv.Error:
            raise _bad_quotes(name, "".join(held), line, first + reader.line_num - 1, delimiter, advise) from None
        if fields is None:
            return
        yield Record(line, [show_returns(field) for field in fields])
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
