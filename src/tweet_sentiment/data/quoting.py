"""Whether the quotes in a CSV enclose fields, or are ordinary characters, as in many TSVs (SemEval, TweetEval).

Read with quotes that enclose, a text that only begins with one swallows the lines up to the next. So what speaks for
either is counted, over the whole file.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

_ENCLOSED = re.compile(r'"[^"]*(?:""[^"]*)*"')
_MOST = 0.9  # of the lines have the width of the first where only a few are faulty
_NOT_BY_CHANCE = 3  # quotes that enclose nothing; or delimiters that make whole rows of the lines of a text

_KEPT = 1000  # rows, to compare lines with

_ESCAPE, _ITSELF, _RETURN = "\ufdd0", "\ufdd1", "\ufdd2"  # noncharacters: no text holds them by right


def hide_returns(line: str) -> str:
    """Write lone carriage returns so that ``csv``, for which they end a row, does not see them."""
    if _ESCAPE not in line and "\r" not in line:
        return line
    line = line.replace(_ESCAPE, _ESCAPE + _ITSELF)
    return re.sub(r"\r(?!\n)", _ESCAPE + _RETURN, line)


def show_returns(field: str) -> str:
    """Undo :func:`hide_returns`."""
    return field.replace(_ESCAPE + _RETURN, "\r").replace(_ESCAPE + _ITSELF, _ESCAPE) if _ESCAPE in field else field


@dataclass
class Evidence:
    """What speaks for quotes that enclose fields, and what against.

    ``enclosed``: fields wholly in quotes; ``hiding``: those of them that hold a delimiter; ``loose``: fields with a
    quote that encloses nothing on its line. ``joined``: the first text of several lines (its first and last line, from
    1); ``inside``: all lines that such texts swallow; ``rows_inside``: those of them that would be whole rows, and
    ``loose_inside`` their loose quotes; ``heads`` and ``inner``: the fields of rows' first lines, and of the rows
    inside, without regard to quotes. ``broken``: quotes do not match; ``cut_off``: in the last line only.
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
    loose_inside: int = 0
    heads: list[list[str]] = field(default_factory=list)
    inner: list[list[str]] = field(default_factory=list)
    broken: bool = False
    cut_off: bool = False

    def verdict(self, delimiter: str) -> str | None:
        """Return ``csv`` (quotes enclose fields), ``none`` (they are ordinary characters), or None: it can be either.

        Where no row is lost either way, and nothing speaks against it, quotes enclose.
        """
        if self.hiding or self.cut_off:
            return "csv"
        if self.broken:
            ordinary = self.loose + self.loose_inside > self.enclosed and self.full >= _MOST * self.lines
            usual = delimiter == "\t" or self.loose >= _NOT_BY_CHANCE  # an unclosed quote alone may be a slip
            return "none" if ordinary and usual and self.inside <= 2 * self.rows_inside else "csv"
        if self.inside == 0:
            return "none" if self.loose > self.enclosed > 0 else "csv"
        if self.rows_inside * 2 <= self.inside:
            return "csv"
        if self.width == 1:
            return None if self.loose else "csv"
        sure = delimiter == "\t" or (self.rows_inside * (self.width - 1) >= _NOT_BY_CHANCE and self._like_rows())
        return "none" if sure and self.loose + self.loose_inside > self.enclosed else None

    def _like_rows(self) -> bool:
        """Tell whether a column of the lines inside holds what it holds in the rows: few values, or numbers."""
        for inner, head in zip(zip(*self.inner, strict=True), zip(*self.heads, strict=True), strict=False):
            values = set(head)
            known = sum(value in values for value in inner) if len(values) * 2 < len(head) else 0
            numbers = sum(value.strip().isdecimal() for value in inner)
            if sum(value.strip().isdecimal() for value in head) * 10 < len(head) * 9:
                numbers = 0
            if max(known, numbers) >= _MOST * len(inner):
                return True
        return False


def evidence_of(lines: Iterable[str], delimiter: str) -> Evidence:
    """Read all lines as quotes that enclose would have it, and count what speaks for that and against it."""
    found, record, rest = Evidence(), list[str](), iter(lines)

    def watched() -> Iterator[str]:
        for line in rest:
            record.append(line)
            yield hide_returns(line)

    try:
        for fields in csv.reader(watched(), delimiter=delimiter, strict=True):
            found.width = found.width or len(fields)
            found.full += len(fields) == found.width
            found.lines += 1
            if len(found.heads) < _KEPT and _width(record[0], delimiter) == found.width:
                found.heads.append(record[0].rstrip("\r\n").split(delimiter))
            if len(record) > 1 or '"' in record[0]:
                _weigh_record(found, record, delimiter)
            record.clear()
    except csv.Error:
        _weigh_broken(found, record, rest, delimiter)
    return found


def _weigh_record(found: Evidence, record: list[str], delimiter: str) -> None:
    if len(record) == 1:
        found.loose += _weigh(found, record[0], delimiter)
        return
    found.joined = found.joined or (found.lines, found.lines + len(record) - 1)
    found.lines += len(record) - 1
    rows = [line for line in record[1:] if _width(line, delimiter) == found.width]
    found.full += len(rows)
    found.inside += len(record) - 1
    found.rows_inside += len(rows)
    found.inner += [line.rstrip("\r\n").split(delimiter) for line in rows[: _KEPT - len(found.inner)]]
    found.loose_inside += sum(_weigh(Evidence(), line, delimiter) for line in record)


def _weigh_broken(found: Evidence, record: list[str], rest: Iterator[str], delimiter: str) -> None:
    """Weigh the lines from the row on that ``csv`` could not read, each for itself."""
    found.broken, before = True, found.lines
    for line in chain(record, rest):
        found.lines += 1
        found.width = found.width or _width(line, delimiter)
        found.full += _width(line, delimiter) == found.width
        if '"' in line:
            found.loose += _weigh(found, line, delimiter)
    found.cut_off = found.lines == before + 1


def _weigh(found: Evidence, line: str, delimiter: str) -> int:
    """Count the line's enclosed fields, and return the number of its loose ones."""
    text, start, loose = line.rstrip("\r\n"), 0, 0
    while start <= len(text):
        quoted = _ENCLOSED.match(text, start)
        end = quoted.end() if quoted else -1
        if quoted and text[end : end + 1] in ("", delimiter):
            found.enclosed += 1
            found.hiding += delimiter in quoted[0]
        else:
            end = text.find(delimiter, start)
            end = len(text) if end < 0 else end
            loose += '"' in text[start:end]
        start = end + 1
    return loose


def _width(line: str, delimiter: str) -> int:
    return line.count(delimiter) + 1
