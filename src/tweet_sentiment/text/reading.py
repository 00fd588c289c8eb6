"""Strict reading of a CSV of posts: every row exactly as it stands in the file, or an error that names file and line.

``pandas.read_csv`` turns the posts "NaN" and "null" into missing values, shifts all columns when the first row has a
field too many, and splits a row at a lone carriage return, each without a word. So the rows are read with ``csv``.
"""

import csv
import io
import re
from dataclasses import dataclass

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import DataParameters
from tweet_sentiment.text.encodings import DELIMITERS, seems_to_be

DATA_SOURCE = (
    'The real data are Kaggle\'s "Twitter Sentiment Analysis" (entity-level), CC0:\n'
    "  https://www.kaggle.com/datasets/jp797498e/twitter-entity-sentiment-analysis\n"
    "  Put twitter_training.csv and twitter_validation.csv into data/01_raw/; or run without --env for the sample;\n"
    "  or point data.training_file at a file of your own."
)

_LABEL_COLUMN_NAMES = {"sentiment", "label", "class", "target", "category", "polarity"}
_SHOWN = 20  # unknown labels listed in one message


@dataclass(frozen=True)
class RawFile:
    """A file as the catalog hands it on: its name, and its bytes or None when it is not there (or is a folder)."""

    name: str
    content: bytes | None


@dataclass(frozen=True)
class _Record:
    """The fields of one row, and the line of the file on which the row begins."""

    line: int
    fields: list[str]


def read_posts(raw: RawFile, data: DataParameters, labels: list[str]) -> pd.DataFrame:
    """Read a CSV into columns ``row`` (int), ``id``, ``entity``, ``label``, ``post`` (str, never missing).

    ``row`` counts the posts of the file from 1, the header not counted. ``id`` is "row-<n>" where
    ``data.columns.id`` is null; ``entity`` is then "" likewise. Texts keep their line breaks and lone carriage returns.
    Without a header every row has exactly as many fields as ``data.columns`` reaches; with one, as the header has.

    Raises:
        StudyError: the file is missing, empty, not UTF-8, not well-formed CSV, lacks a column, or holds an unknown
            label; or ``data.delimiter`` or ``data.columns`` cannot be.
    """
    if data.delimiter in '"\r\n':
        raise StudyError(f"data.delimiter is {data.delimiter!r}; a quote or a line break cannot separate fields.")
    text = _decoded(raw)
    records = _records(raw.name, text, data.delimiter)
    places = _places(raw.name, records[0], data)
    width = len(records[0].fields) if data.header else max(places.values()) + 1
    _check_widths(raw.name, text, records, width, data)
    known = [*labels, *data.drop_labels]
    _check_header(raw.name, records, places, data.header, known)
    posts = records[1:] if data.header else records
    _check_labels(raw.name, posts, places["label"], known)
    return _frame(posts, places)


def _frame(posts: list[_Record], places: dict[str, int]) -> pd.DataFrame:
    rows = range(1, len(posts) + 1)
    made_up = {"id": [f"row-{n}" for n in rows], "entity": [""] * len(posts)}
    columns: dict[str, list[str]] = {
        name: [post.fields[places[name]] for post in posts] if name in places else made_up[name]
        for name in ("id", "entity", "label", "post")
    }
    return pd.DataFrame({"row": list(rows)} | {name: pd.Series(c, dtype="str") for name, c in columns.items()})


def _decoded(raw: RawFile) -> str:
    """Return the file's text without a byte-order mark."""
    if raw.content is None:
        raise StudyError(f"{raw.name}: there is no such file (or it is a folder).\n{DATA_SOURCE}")
    try:
        text = raw.content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _not_utf8(raw.name, raw.content, error.start) from None
    if not text.strip():
        raise StudyError(f"{raw.name}: the file is empty; expected one row for each post.\n{DATA_SOURCE}")
    if "\0" in text:
        raise _nul(raw.name, raw.content)
    return text


def _not_utf8(name: str, content: bytes, offset: int) -> StudyError:
    seems, remedy = seems_to_be(content)
    line = content.count(b"\n", 0, offset) + 1
    return StudyError(
        f"{name}, line {line}: the byte at offset {offset} (0x{content[offset]:02x}) is not UTF-8; "
        f"the file seems to be {seems}.\n  {remedy}."
    )


def _nul(name: str, content: bytes) -> StudyError:
    offset = content.index(b"\0")
    if content.count(b"\0") * 4 > len(content):  # every other byte of English text in UTF-16
        seems = "the file seems to be UTF-16.\n  Save it as UTF-8, or: iconv -f UTF-16LE -t UTF-8."
    else:
        seems = "a text has no such character.\n  Delete it, or fetch the file again if it is damaged."
    line = content.count(b"\n", 0, offset) + 1
    return StudyError(f"{name}, line {line}: found a NUL character at byte offset {offset}; {seems}")


def _records(name: str, text: str, delimiter: str) -> list[_Record]:
    """Split the text into rows, at least one; empty lines at the file's end are no rows.

    ``csv`` takes a lone carriage return for the end of a row, so a character that the text does not hold stands in
    for it meanwhile.
    """
    stand_in = next(c for c in map(chr, range(0xE000, 0x110000)) if c not in text and c != delimiter)
    lines = io.StringIO(re.sub(r"\r(?!\n)", stand_in, text), newline="\n")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    records: list[_Record] = []
    line = 1
    try:
        for fields in reader:
            records.append(_Record(line, [field.replace(stand_in, "\r") for field in fields]))
            line = reader.line_num + 1
    except csv.Error:
        raise _bad_quotes(name, text, line, reader.line_num, delimiter) from None
    while not records[-1].fields:
        records.pop()
    return records


def _bad_quotes(name: str, text: str, first: int, last: int, delimiter: str) -> StudyError:
    """Say where the field opens that ``csv`` could not read: in the row that begins on line ``first``."""
    row = text.split("\n", first - 1)[-1]
    d = re.escape(delimiter)
    sound = re.match(rf'(?:(?:"[^"]*+(?:""[^"]*+)*+"|[^"{d}\n][^{d}\n]*+)?+{d})*+', row)
    start = sound.end() if sound else 0
    line = first + row.count("\n", 0, start)
    if row[start : start + 1] != '"':
        return StudyError(
            f"{name}, line {line}: found a field of more than {csv.field_size_limit():,} characters, expected a post.\n"
            "  Delete the row, or see whether the file is a CSV at all."
        )
    return StudyError(
        f"{name}, line {line}: the quote that opens the field {row[start : start + 40]!r}… is not closed; "
        f"the row was read to line {last}.\n"
        f"  Expected a closing quote, then {delimiter!r} or the end of the line. Close it, and write a quote within a "
        f'text twice ("").\n  If the file was cut off there, fetch it again.'
    )


def _places(name: str, first: _Record, data: DataParameters) -> dict[str, int]:
    """Return the position of each configured column."""
    found = first.fields
    places: dict[str, int] = {}
    for key, column in data.columns.model_dump(exclude_none=True).items():
        place = found.index(column) if found.count(column) == 1 else column
        if data.header and not (isinstance(place, int) and place < len(found)):
            hint = _delimiter_hint(first, data, None) if len(found) == 1 else ""
            raise StudyError(
                f"{name}, line {first.line}: data.columns.{key} is {column!r}; expected one column of that name or "
                f"position in the header, found {found}.\n"
                f"  {hint or 'Put data.columns right, or set data.header to false if the file has no header.'}"
            )
        places[key] = place
    if min(places.values()) < 0 or len(set(places.values())) < len(places):
        raise StudyError(f"{name}: data.columns is {places}; expected a different position, 0 or more, for each.")
    return places


def _delimiter_hint(record: _Record, data: DataParameters, width: int | None) -> str:
    """Name the delimiter that splits the row into ``width`` fields, or a header into two or more; "" if none does."""
    row = data.delimiter.join(record.fields).split("\n")[0].replace("\r", " ")
    for other, shown in DELIMITERS.items():
        fields = len(next(csv.reader([row], delimiter=other), []))
        if other != data.delimiter and (fields == width if width else fields > 1):
            return f"The fields seem to be separated by {shown}: set data.delimiter to {other!r}."
    return ""


def _check_widths(name: str, text: str, records: list[_Record], width: int, data: DataParameters) -> None:
    """Refuse the first row whose number of fields is not ``width``."""
    wrong = next((record for record in records if len(record.fields) != width), None)
    if wrong is None:
        return
    remedy = _delimiter_hint(wrong, data, width) if wrong is records[0] else ""
    if not remedy and "\r" in text and "\n" not in text:
        remedy = "The rows seem to end with lone carriage returns: save the file with line ends LF or CRLF."
    cut = wrong is records[-1] and len(wrong.fields) < width and not text.endswith("\n")
    remedy = remedy or _width_remedy(len(wrong.fields) > width, cut, data)
    why = "the header has as many" if data.header else "data.columns reaches that far"
    raise StudyError(
        f"{name}, line {wrong.line}: number of fields found: {len(wrong.fields)}, expected: {width} ({why}).\n"
        f"  {remedy}"
    )


def _width_remedy(too_many: bool, cut_off: bool, data: DataParameters) -> str:
    if cut_off:
        return "The file seems to be cut off in this, its last row: fetch it again, or delete the row."
    if not too_many:
        return "Complete or delete the row."
    remedy = f"Put a text that holds {data.delimiter!r} in quotes."
    return (
        remedy
        if data.header
        else f"{remedy} Or give a file with further columns a header, and set data.header to true."
    )


def _check_header(name: str, records: list[_Record], places: dict[str, int], header: bool, known: list[str]) -> None:
    """Refuse column names read as a post, a post read as column names, and a header with nothing below it."""
    first = records[0]
    where = f"{name}, line {first.line}:"
    label = first.fields[places["label"]]
    if header and label in known:
        raise StudyError(f"{where} expected column names, found a post labelled {label!r}. Set data.header to false.")
    if header and len(records) == 1:
        raise StudyError(f"{where} found a header and no post below it; expected one row for each post.")
    if header or label in known:
        return
    ids = [r.fields[places["id"]].strip().isdecimal() for r in records] if "id" in places else [True]
    if label.strip().casefold() in _LABEL_COLUMN_NAMES or (not ids[0] and len(ids) > 1 and all(ids[1:])):
        raise StudyError(
            f"{where} expected a post, found what seem to be column names: {first.fields}.\n"
            "  Set data.header to true, or delete the line."
        )


def _check_labels(name: str, posts: list[_Record], place: int, known: list[str]) -> None:
    """Refuse labels that are not known, each with its count and first line; they differ often by case or spaces."""
    unknown: dict[str, list[int]] = {}
    for post in posts:
        if post.fields[place] not in known:
            unknown.setdefault(post.fields[place], []).append(post.line)
    if not unknown:
        return
    alike = {label.strip().casefold(): label for label in known}
    listed = []
    for label, lines in list(unknown.items())[:_SHOWN]:
        near = alike.get(label.strip().casefold())
        hint = f"; {label!r} looks like {near!r}" if near else ""
        listed.append(f"  {label!r}: {len(lines)} times, first on line {lines[0]}{hint}\n")
    more = f"  … and {len(unknown) - _SHOWN} more\n" if len(unknown) > _SHOWN else ""
    raise StudyError(
        f"{name}: {len(unknown)} unknown label(s):\n{''.join(listed)}{more}  Known: {', '.join(known)}.\n"
        "  Put the file right, or name them in labels or in data.drop_labels."
    )
