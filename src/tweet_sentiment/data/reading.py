"""Strict reading of a file of posts: every row unchanged, or an error that names file and line."""

import pandas as pd

from tweet_sentiment.data.lines import DATA_SOURCE, Source
from tweet_sentiment.data.records import AUTO, CsvForm, Row
from tweet_sentiment.data.tables import OBJECTS, CsvTable, Table, as_text, open_table, usualness
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import DataParameters

_SHOWN = 20  # unknown labels listed in one message


def read_posts(source: Source, data: DataParameters, labels: list[str]) -> pd.DataFrame:
    """Read a file into columns ``row`` (int), ``id``, ``entity``, ``label``, ``post`` (str, never missing).

    CSV, TSV, JSON Lines and Parquet are read; numbers are the texts that stand in the file. ``row`` counts the posts of
    the file from 1, the header not counted. ``id`` is that of ``data.columns.id`` or of ``data.columns.group``, and
    "row-<n>" where both are null; ``entity`` is "" where its column is null. Texts keep their line breaks and lone
    carriage returns. Without a header every row has exactly as many fields as most rows, and as ``data.columns``
    reaches at least; with one, as the header has.

    Raises:
        StudyError: the file is missing, empty, damaged, in another encoding or format, lacks a column, has a faulty
            row, or holds an unknown label; or ``data.delimiter`` or ``data.columns`` cannot be.
    """
    columns, known = data.columns.model_dump(exclude_none=True), [*labels, *data.drop_labels]
    reach = None if any(isinstance(one, str) for one in columns.values()) else max(columns.values()) + 1
    header = True if data.header == AUTO and reach is None else data.header
    form = CsvForm(data.delimiter, data.quoting, data.encoding, header)
    if not source.read().strip(b"\xef\xbb\xbf \t\r\n"):
        raise StudyError(f"{source.name}: the file is empty; expected one row for each post.\n{DATA_SOURCE}")
    table = open_table(source, form, exact=True, width=reach, known_labels=known)
    places = {key: table.place_of(one, f" (data.columns.{key})") for key, one in columns.items()}
    if len(set(places.values())) < len(places):
        raise StudyError(
            f"{source.name}: data.columns is {places}; expected a different position, 0 or more, for each."
        )
    rows = list(table.rows())
    if not rows:
        raise StudyError(f"{source.name}: the file is empty: it has no post below its column names.")
    for number, row in enumerate(rows, 1):
        fault, remedy = row.fault, "Delete it, or fetch the file again if it is damaged."
        if fault:
            remedy = _remedy(table, rows, row)
        elif any("\0" in value for value in row.values if isinstance(value, str)):
            fault = "found a NUL character; a text has no such character"
        elif any(isinstance(row.values[place], bytes) for place in places.values()):
            fault, remedy = "found bytes, expected texts", "Write these columns as texts (strings)."
        if fault:
            raise StudyError(f"{_place(source.name, row, number)}: {fault}.\n  {remedy}")
    found = {key: [as_text(row.values[place]) for row in rows] for key, place in places.items()}
    if "group" in found:
        found["id"] = found.pop("group")
    if isinstance(table, CsvTable):
        _check_first_row(table, _place(source.name, rows[0], 1), places["label"], found.get("id", []), known)
    _check_labels(source.name, rows, found["label"], known)
    table.report_findings()
    numbers = range(1, len(rows) + 1)
    found = {"id": [f"row-{n}" for n in numbers], "entity": [""] * len(rows)} | found
    texts = {name: pd.Series(found[name], dtype="str") for name in ("id", "entity", "label", "post")}
    return pd.DataFrame({"row": list(numbers)} | texts)


def _place(name: str, row: Row, number: int) -> str:
    return f"{name}, row {number}" if row.line is None else f"{name}, line {row.line}"


def _remedy(table: Table, rows: list[Row], row: Row) -> str:
    """Return the advice for the first row with a wrong number of fields, or that is not an object."""
    if not isinstance(table, CsvTable):
        return OBJECTS
    hint = table.delimiter_hint()
    if hint and (row is rows[0] or table.form.header):
        return hint
    if None in row.values:
        if row is rows[-1] and not table.source.read().endswith(b"\n"):
            return "The file seems to be cut off in this, its last row: fetch it again, or delete the row."
        return "Complete or delete the row."
    return f"Put a text that holds {table.form.delimiter!r} in quotes."


def _check_first_row(table: CsvTable, place: str, column: int, ids: list[str], known: list[str]) -> None:
    label = table.first[column]
    if table.form.header and label in known:
        raise StudyError(
            f"{table.source.name}, line 1: expected column names, found a post labelled {label!r}. "
            "Set data.header to false."
        )
    below = ids[1:] and not ids[0].strip().isdecimal() and all(one.strip().isdecimal() for one in ids[1:])
    if not table.form.header and label not in known and (below or usualness(label, "label") is not None):
        raise StudyError(
            f"{place}: expected a post, found what seem to be column names: {table.first}.\n"
            "  Set data.header to true, or delete the line."
        )


def _check_labels(name: str, rows: list[Row], labels: list[str], known: list[str]) -> None:
    """Refuse unknown labels, each with its count and first line; often only case or spaces differ."""
    unknown: dict[str, list[int]] = {}
    for number, (row, label) in enumerate(zip(rows, labels, strict=True), 1):
        if label not in known:
            unknown.setdefault(label, []).append(row.line or number)
    if not unknown:
        return
    alike = {label.strip().casefold(): label for label in known}
    listed, where = [], "in row" if rows[0].line is None else "on line"
    for label, lines in list(unknown.items())[:_SHOWN]:
        near = alike.get(label.strip().casefold())
        hint = f"; {label!r} looks like {near!r}" if near else ""
        listed.append(f"  {label!r}: {len(lines)} times, first {where} {lines[0]}{hint}\n")
    more = f"  … and {len(unknown) - _SHOWN} more\n" if len(unknown) > _SHOWN else ""
    raise StudyError(
        f"{name}: {len(unknown)} unknown label(s):\n{''.join(listed)}{more}  Known: {', '.join(known)}.\n"
        "  Correct the file, or name them in labels or in data.drop_labels."
    )
