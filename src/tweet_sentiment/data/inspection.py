"""Detection of a file's format, encoding, delimiter, header, quoting, and the role of each column, with reasons."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Literal

from tweet_sentiment.data.lines import Source, encoding_of
from tweet_sentiment.data.records import AUTO, CsvForm
from tweet_sentiment.data.tables import (
    MOST_LABELS,
    OBJECTS,
    CsvTable,
    Format,
    as_text,
    is_number,
    open_table,
    usualness,
)
from tweet_sentiment.errors import StudyError

logger = logging.getLogger(__name__)

Role = Literal["text", "label", "id", "entity"]
ROLES: dict[str, Role] = {"post": "text", "label": "label", "id": "id", "entity": "entity"}  # as data.columns has them

_LONGEST_LABEL = 60  # characters
_YAML_WORDS = {True: ("true", "yes", "on", "y"), False: ("false", "no", "off", "n"), None: ("null", "~")}
_SHOWN = 20  # columns in one message
_PARTS = {"train", "training", "test", "testing", "dev", "val", "valid", "validation", "eval", "evaluation"}
_MISSING = {"", "-", "?", "n/a", "na", "nan", "none", "null", "nil", "#n/a", "unknown", "unlabeled", "unlabelled"}


@dataclass(frozen=True)
class Column:
    """One column: its position, its name (None without a header), its detected role, and the reason.

    ``values`` are its distinct values, most frequent first (then by name), if there are 50 or fewer; else empty.
    """

    position: int
    name: str | None
    role: Role | None
    reason: str
    distinct: int
    values: tuple[str, ...] = ()

    @property
    def key(self) -> str | int:
        """Return its key in ``data.columns``: its name, or its position."""
        return self.position if self.name is None else self.name


@dataclass(frozen=True)
class FileForm:
    """The result of ``inspect``. ``rows`` counts posts, not the header; ``reasons`` has a line for each finding.

    ``delimiter`` and ``quoting`` are None if the file is not a CSV; ``header`` is then true: its columns have names.
    """

    name: str
    format: Format
    encoding: str | None
    delimiter: str | None
    quoting: str | None
    header: bool
    rows: int
    columns: tuple[Column, ...]
    reasons: dict[str, str]

    def column(self, role: Role) -> Column | None:
        """Return the column of this role."""
        return next((column for column in self.columns if column.role == role), None)

    def chosen(self, wanted: dict[str, Any], setting: Callable[[str], str]) -> dict[str, Column]:
        """Return columns by their key in ``data.columns``: by name or position, or detected if it is auto.

        ``setting`` says how a column is named: ``--label COLUMN``.

        Raises:
            StudyError: there is no such column, nothing tells which it is, or one would be two things.
        """
        found: dict[str, Column] = {}
        for key, one in wanted.items():
            named = [column for column in self.columns if one in (column.name, column.position)]
            column = self.column(ROLES[key]) if one == AUTO else next(iter(named), None)
            other = next((name for name, taken in found.items() if taken == column), "")
            if column is not None and not other:
                found[key] = column
                continue
            what, hint = f"there is no column {one!r} for the {ROLES.get(key, key)}s", f"Name it: {setting(key)}"
            if other:
                what = f"the column {one!r} would be {key} and {other} as well"
                hint = f"Name both: {setting(other)} and {setting(key)}"
            elif one == AUTO:
                what = f"nothing tells which column holds the {ROLES[key]}s"
            shown = ", ".join(repr(column.key) for column in self.columns[:_SHOWN])
            raise StudyError(f"{self.name}: {what}; its columns are {shown}.\n  {hint}")
        return found


def inspect(file: Path | str | Source, asked: CsvForm | None = None) -> FileForm:
    """Detect the format of a file of posts and the role of each column. The same file gives the same answer.

    ``file``: a path, or a ``Source`` of bytes. CSV (any delimiter of , ; tab |), TSV, JSON Lines and Parquet are
    read, in UTF-8, UTF-16, UTF-32 (with or without a byte-order mark), Windows-1252 and Latin-1 (assumed, since any
    bytes could be these). ``asked`` says what is known already. Of each role (text, label, id, entity)
    at most one column is guessed, by its name first, by what it holds otherwise.

    Raises:
        StudyError: there is no such file, it is empty, compressed, damaged or of another format, its rows cannot be
            told apart, or it cannot be told whether quotes enclose fields.
    """
    file = file if isinstance(file, Source) else Source.at(Path(file))
    table = open_table(file, asked or CsvForm(AUTO, AUTO, AUTO, AUTO), exact=True)
    rows = list(table.rows())
    whole = [list(map(as_text, row.values)) for row in rows if row.fault is None]
    encoding, how = (None, "Parquet holds text of its own") if table.format == "parquet" else encoding_of(file)
    reasons, form = {"encoding": how, "header": "such files name their columns"}, None
    names: list[str] | None = table.schema.names
    if isinstance(table, CsvTable):
        if rows and len(whole) * 2 < len(rows):
            raise StudyError(
                f"{file.name}, line 1: found {len(table.schema)} fields, expected {table.usual_width()}, as most rows "
                "have.\n"
                "  Correct the row, or the delimiter."
            )
        form, names = table.form, names if table.form.header else None
        fields = f"{len(whole):,} of {len(rows):,} rows have as many fields as the first row: {len(table.schema)}"
        reasons = {"encoding": how, "header": table.why_header, "delimiter": fields}
    elif broken := next((row for row in rows if row.fault), None):
        raise StudyError(f"{file.name}, line {broken.line}: {broken.fault}\n  {OBJECTS}")
    return FileForm(
        name=file.name,
        format=table.format,
        encoding=encoding,
        delimiter=form.delimiter if form else None,
        quoting=form.quoting if form else None,
        header=names is not None,
        rows=len(rows),
        columns=_columns(whole, names, len(table.schema)),
        reasons=reasons,
    )


def _columns(rows: list[list[str]], names: list[str] | None, width: int) -> tuple[Column, ...]:
    values = [Counter(row[place] for row in rows) for place in range(width)]
    columns = []
    for place, counts in enumerate(values):
        ordered = tuple(sorted(counts, key=lambda value: (-counts[value], value))) if len(counts) <= MOST_LABELS else ()
        name = None if names is None else names[place]
        columns.append(Column(place, name, None, "nothing tells what it holds", len(counts), ordered))
    for role in ROLES.values():
        free = [column for column in columns if column.role is None]
        if (guess := _guess(role, free, values, len(rows))) is not None:
            columns[guess.position] = guess
    return tuple(columns)


def _guess(role: Role, free: list[Column], values: list[Counter[str]], rows: int) -> Column | None:
    fit = [column for column in free if rows == 0 or _can_be(role, column, values[column.position], rows)]
    named = [(usual, c.position, c) for c in free if c.name and (usual := usualness(c.name, role)) is not None]
    if fitting := [one for one in named if one[2] in fit]:
        return replace(min(fitting)[2], role=role, reason="its name")
    if named and role == "label":
        return None  # whether another column holds them is for the user to say
    others = [other for other in ROLES.values() if other != role]
    unnamed = [c for c in fit if c.name is None or all(usualness(c.name, other) is None for other in others)]
    if not unnamed or rows == 0:
        return None
    words = {c.position: _words(values[c.position]) for c in unnamed}
    ranks = {"text": lambda c: words[c.position], "id": lambda c: c.distinct}
    best = max(unnamed, key=lambda c: (ranks.get(role, lambda c: -c.distinct)(c), -c.position))
    reason = {
        "text": f"its values are the longest ({words[best.position]:.1f} words on average)",
        "label": f"{best.distinct} different values stand in {rows:,} rows",
        "id": f"{best.distinct:,} different numbers or codes",
        "entity": f"{best.distinct} short values recur in {rows:,} rows",
    }[role]
    return replace(best, role=role, reason=reason)


def _can_be(role: Role, column: Column, counts: Counter[str], rows: int) -> bool:
    by_name = column.name is not None and usualness(column.name, role) is not None
    short = max(map(len, counts), default=0) <= _LONGEST_LABEL
    match role:
        case "text":
            return by_name or not all(map(is_number, counts))
        case "label":
            return short and 2 <= column.distinct <= min(MOST_LABELS, rows if by_name else max(2, rows // 3))
        case "id":
            many = column.name is None and column.distinct * 10 >= rows  # numbers under another name are counts, dates
            return by_name or (many and all(re.fullmatch(r"\s*[A-Za-z_-]*\d+\s*", value) for value in counts))
        case _:
            recur = 2 <= column.distinct <= max(2, rows // 4)
            return by_name or (recur and short and not all(map(is_number, counts)))


def _words(counts: Counter[str]) -> float:
    return sum(count * len(value.split()) for value, count in counts.items()) / max(1, counts.total())


def leaves_open(raw: dict[str, Any]) -> bool:
    """Whether parameters, not yet checked, leave something to be detected."""
    data = raw.get("data")
    columns = data.get("columns") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(columns, dict) or not {"label", "post"} <= columns.keys():
        return False
    listed = [labels for labels in (raw.get("labels"), data.get("drop_labels")) if isinstance(labels, list)]
    words = any(label is None or isinstance(label, bool) for labels in listed for label in labels)
    return raw.get("labels") == AUTO or AUTO in (columns["label"], columns["post"]) or words


def found_out(raw: dict[str, Any], file: Source) -> dict[str, Any]:
    """Return the parameters, not yet checked, with every ``auto`` of ``labels`` and ``data.columns`` detected.

    Labels that YAML reads as booleans or null (yes, no, true, off, null) become the labels of the file.

    Raises:
        StudyError: the file is not there or cannot be read; or it does not tell, and the message says what to give.
    """
    data, columns = raw["data"], raw["data"]["columns"]
    delimiter, quoting, encoding = (str(data.get(key, AUTO)) for key in ("delimiter", "quoting", "encoding"))
    header = data.get("header", AUTO)
    asked = CsvForm(
        "\t" if delimiter == r"\t" else delimiter, quoting, encoding, header if header == AUTO else bool(header)
    )
    form = inspect(file, asked)
    chosen = form.chosen({key: columns[key] for key in ("label", "post")}, lambda key: f"--params=data.columns.{key}=…")
    post, label = chosen["post"], chosen["label"]
    dropped = [_as_in_file(one, label.values) for one in data.get("drop_labels") or []]
    if raw["labels"] == AUTO:
        dropped += [""] if "" in label.values and "" not in dropped else []
        labels = [one for one in labels_of(label, file.name) if one not in dropped]
    else:
        labels = [_as_in_file(one, label.values) for one in raw["labels"]]
    found = {key: column.key for key, column in chosen.items() if columns[key] == AUTO}
    facts = [form.format, form.encoding, form.delimiter and f"delimiter {form.delimiter!r}"]
    facts += [("a header" if form.header else "no header") if form.delimiter else None]
    said = [
        f"{form.rows:,} rows ({', '.join(filter(None, facts))})",
        *(f"the {what} in {one.key!r} ({one.reason})" for what, one in (("texts", post), ("labels", label))),
        f"{len(labels)} labels: {', '.join(map(str, labels))}{seem_missing(labels)}",
        *own_split(form),
    ]
    logger.info("%s: %s", PurePath(file.name).name, "; ".join(said))
    return raw | {"labels": labels, "data": data | {"columns": columns | found, "drop_labels": dropped}}


def labels_of(column: Column, name: str) -> list[str]:
    """Return the labels of a column, in order; empty fields are not labels.

    Raises:
        StudyError: there are fewer than two, or more than fifty; or two differ only by case or spaces.
    """
    labels = sorted((value for value in column.values if value), key=_by_value)
    shown = f"{name}: the column {column.key!r}"
    if not column.values:
        raise StudyError(
            f"{shown} has {column.distinct:,} different values; at most {MOST_LABELS} labels are detected.\n"
            "  Name the column of labels (data.columns.label), or list the labels in conf/local: labels: [...]"
        )
    if len(labels) < 2:
        raise StudyError(f"{shown} has {len(labels)} label(s), {labels}; expected two or more.")
    alike: dict[str, str] = {}
    for label in labels:
        other = alike.setdefault(" ".join(label.casefold().split()), label)
        if other != label:
            raise StudyError(
                f"{shown} has the labels {other!r} and {label!r}, which differ only by case or spaces.\n"
                "  Correct the file; or list the labels in conf/local: labels: [...]"
            )
    return labels


def own_split(form: FileForm) -> list[str]:
    """Return a hint for each column that divides the file into training and test posts, since it is not used."""
    divide = [one for one in form.columns if len(one.values) > 1 and {*map(str.casefold, one.values)} <= _PARTS]
    return [
        f"the column {one.key!r} is not used: test posts are drawn, or come from data.validation_file" for one in divide
    ]


def seem_missing(labels: Collection[Any]) -> str:
    """Return a hint at labels that may stand for a missing one, such as "N/A"; "" without any."""
    found = [str(label) for label in labels if str(label).strip().casefold() in _MISSING]
    if not found:
        return ""
    return f" ({', '.join(found)} may mean that there is no label: data.drop_labels leaves such posts out)"


def _by_value(label: str) -> tuple[float, str]:
    try:
        return float(label.replace(",", ".")), label
    except ValueError:
        return float("inf"), label


def _as_in_file(label: Any, known: tuple[str, ...]) -> Any:
    """Return a label; one that YAML has read as a boolean or null becomes the text of the file."""
    if not (label is None or isinstance(label, bool)):
        return label
    words = _YAML_WORDS[label]
    return next((one for one in known if one.casefold() in words), words[0])
