"""What a file of posts is: format, encoding, delimiter, header, quoting, and which column holds what, with reasons."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tweet_sentiment.data.lines import Advise, Source, as_parameter, encoding_of
from tweet_sentiment.data.records import AUTO, CsvForm, Record
from tweet_sentiment.data.tables import Format, Table, read_table
from tweet_sentiment.errors import StudyError

Role = Literal["text", "label", "id", "entity"]

_NAMES: dict[Role, tuple[str, ...]] = {  # the more usual first
    "text": ("text", "tweet", "post", "content", "message", "comment", "review", "sentence", "body", "headline"),
    "label": ("label", "sentiment", "class", "polarity", "category", "rating", "stars", "score", "emotion", "target"),
    "id": ("id", "identifier", "key", "index", "number"),
    "entity": ("entity", "brand", "topic", "product", "company", "aspect", "subject"),
}
MOST_LABELS = 50
_LONGEST_NAME, _LONGEST_LABEL = 40, 60  # characters
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Column:
    """One column: where it stands, its name (None without a header), the guess of its role, and why.

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
        """Return what ``data.columns`` calls it: its name, or its position."""
        return self.position if self.name is None else self.name


@dataclass(frozen=True)
class FileForm:
    """What :func:`inspect` found. ``rows`` counts posts, not the header; ``reasons`` has a line for each finding.

    ``delimiter`` and ``quoting`` are None where the file is no CSV; ``header`` is then true: its columns have names.
    ``assumed``: the encoding is a guess (Windows-1252 or Latin-1).
    """

    format: Format
    encoding: str | None
    assumed: bool
    delimiter: str | None
    quoting: str | None
    header: bool
    rows: int
    columns: tuple[Column, ...]
    reasons: dict[str, str]

    def column(self, role: Role) -> Column | None:
        """Return the column of this role."""
        return next((column for column in self.columns if column.role == role), None)


def inspect(
    file: Path | str | Source,
    advise: Advise | None = None,
    asked: CsvForm | None = None,
    header: bool | Literal["auto"] = "auto",
) -> FileForm:
    """Find out how a file of posts is written, and guess which column holds what. The same file, the same answer.

    ``file``: a path, or a :class:`Source` of bytes. CSV (any delimiter of , ; tab |), TSV, JSON Lines and Parquet are
    read, in UTF-8, UTF-16, UTF-32 (with or without a byte-order mark), Windows-1252 and Latin-1 (assumed, since any
    bytes could be these). ``asked`` and ``header`` say what is known already. Of each role (text, label, id, entity)
    at most one column is guessed, by its name first, by what it holds otherwise.

    Raises:
        StudyError: there is no such file, it is empty, compressed, damaged or of another format, its rows cannot be
            told apart, or it cannot be told whether quotes enclose fields.
    """
    source = file if isinstance(file, Source) else _at(Path(file))
    table = read_table(source, asked or CsvForm(AUTO, AUTO, AUTO), advise or as_parameter("data"))
    if not any(field.strip() for record in table.records for field in record.fields):
        raise StudyError(f"{source.name}: the file is empty; expected one row for each post.")
    if table.names is not None:
        header, why = True, "such files name their columns"
    else:
        header, why = seems_header(table.records) if header == AUTO else (bool(header), "as given")
    names = table.names or (table.records[0].fields if header else None)
    posts = table.records[1:] if header and table.names is None else table.records
    encoding, how = (None, "Parquet holds text of its own") if table.format == "parquet" else encoding_of(source)
    form = table.form
    return FileForm(
        format=table.format,
        encoding=encoding,
        assumed=how.startswith("assumed"),
        delimiter=form.delimiter if form else None,
        quoting=form.quoting if form else None,
        header=header,
        rows=len(posts),
        columns=_columns(posts, names),
        reasons={"format": _by(table), "encoding": how, "header": why} | _csv_reasons(table),
    )


def _at(path: Path) -> Source:
    if not path.is_file():
        raise StudyError(f"{path}: there is no such file (or it is a folder).")
    return Source.at(path)


def _by(table: Table) -> str:
    return {"csv": "rows of fields", "jsonl": "one JSON object a line", "parquet": "the first bytes"}[table.format]


def _csv_reasons(table: Table) -> dict[str, str]:
    if table.form is None:
        return {}
    width = len(table.records[0].fields)
    same = sum(len(record.fields) == width for record in table.records)
    fields = f"{same:,} of {len(table.records):,} rows have {width} field{'s' if width > 1 else ''}, as the first has"
    enclose = "quotes enclose fields, or there are none"
    quoting = enclose if table.form.quoting == "csv" else "quotes do not match as those that enclose fields would"
    return {"delimiter": fields, "quoting": quoting}


def seems_header(rows: list[Record], known_labels: Collection[str] = ()) -> tuple[bool, str]:
    """Tell whether the first row is one of column names, and why."""
    first, others = rows[0].fields, [row.fields for row in rows[1:]]
    columns = [[fields[place] for fields in others if len(fields) > place] for place in range(len(first))]
    for field, column in zip(first, columns, strict=True):
        if field in known_labels:
            return False, f"{field!r} in the first row is a label"
        if field and field in column and len(set(column)) <= MOST_LABELS:
            return False, f"{field!r} in the first row stands further down too"
    filled = [field.strip() for field in first]
    if len(set(filled)) < len(filled) or any(len(field) > _LONGEST_NAME for field in filled):
        return False, "the first row has a repeated or a long field"
    if any(_number(field) for field in filled):
        return False, "the first row has a number"
    for field, column in zip(filled, columns, strict=True):
        if column and all(_number(value) for value in column):
            return True, f"all of the column below {field!r} are numbers"
    if "" in filled:
        return False, "the first row has an empty field"
    usual = [field for field in filled if any(_named(field, role) is not None for role in _NAMES)]
    if usual:
        return True, f"{usual[0]!r} in the first row is a usual name of a column"
    if len(first) > 1 and others and all(_like_a_name(field) for field in filled):
        return True, "the first row has short words alone, and none stands further down"
    return False, "the first row reads as a post"


def _number(value: str) -> bool:
    return re.fullmatch(r"\s*[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?\s*", value) is not None


def _like_a_name(field: str) -> bool:
    return len(field) <= _LONGEST_NAME and re.fullmatch(r"[^\W\d][\w .:-]*", field) is not None and field.count(" ") < 2


def _named(name: str, role: Role) -> int | None:
    """Return how usual a name is for a role (0: the most usual), or None; "tweet_id" is an id, "post text" a text."""
    parts = [part.casefold() for part in _WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))]
    if not parts or len(parts) > 3:
        return None
    usual = _NAMES[role]
    last = parts[-1].removesuffix("s") if parts[-1] not in usual else parts[-1]
    return usual.index(last) + len(parts) - 1 if last in usual else None


def _columns(rows: list[Record], names: list[str] | None) -> tuple[Column, ...]:
    width = len(names) if names is not None else len(rows[0].fields)
    whole = [row.fields for row in rows if len(row.fields) == width]
    values = [Counter(fields[place] for fields in whole) for place in range(width)]
    columns = [
        Column(
            place,
            names[place] if names is not None else None,
            None,
            "nothing tells what it holds",
            len(counts),
            tuple(sorted(counts, key=lambda value: (-counts[value], value))) if len(counts) <= MOST_LABELS else (),
        )
        for place, counts in enumerate(values)
    ]
    for role in ("text", "label", "id", "entity"):
        free = [column for column in columns if column.role is None]
        if (guess := _guess(role, free, values, len(whole))) is not None:
            columns[guess.position] = guess
    return tuple(columns)


def _guess(role: Role, free: list[Column], values: list[Counter[str]], rows: int) -> Column | None:
    fit = [column for column in free if rows == 0 or _can_be(role, column, values[column.position], rows)]
    named = [(usual, c.position, c) for c in fit if c.name and (usual := _named(c.name, role)) is not None]
    if named:
        _, _, column = min(named, key=lambda one: one[:2])
        return replace(column, role=role, reason="its name")
    unnamed = [column for column in fit if column.name is None or not _other_role(column.name, role)]
    if not unnamed or rows == 0:
        return None
    match role:
        case "text":
            column = max(unnamed, key=lambda c: (_length(values[c.position]), -c.position))
            words = _length(values[column.position])
            return replace(column, role=role, reason=f"its values are the longest ({words:.1f} words on average)")
        case "label":
            column = min(unnamed, key=lambda c: (c.distinct, c.position))
            return replace(column, role=role, reason=f"{column.distinct} different values stand in {rows:,} rows")
        case "id":
            column = max(unnamed, key=lambda c: (c.distinct, -c.position))
            return replace(column, role=role, reason=f"{column.distinct:,} different numbers or codes")
        case _:
            column = max(unnamed, key=lambda c: (-c.distinct, -c.position))
            return replace(column, role=role, reason=f"{column.distinct} short values recur in {rows:,} rows")


def _other_role(name: str, role: Role) -> bool:
    return any(_named(name, other) is not None for other in _NAMES if other != role)


def _can_be(role: Role, column: Column, counts: Counter[str], rows: int) -> bool:
    """Tell whether what a column holds may be of a role."""
    longest = max(map(len, counts), default=0)
    by_name = column.name is not None and _named(column.name, role) is not None
    match role:
        case "text":
            return by_name or not all(map(_number, counts))
        case "label":
            few = 2 <= column.distinct <= min(MOST_LABELS, rows if by_name else max(2, rows // 3))
            return few and longest <= _LONGEST_LABEL
        case "id":
            many = column.name is None and column.distinct * 10 >= rows  # numbers under another name are counts, dates
            return by_name or (many and all(re.fullmatch(r"\s*[A-Za-z_-]*\d+\s*", value) for value in counts))
        case _:
            recur = 2 <= column.distinct <= max(2, rows // 4)
            return by_name or (recur and longest <= _LONGEST_LABEL and not all(map(_number, counts)))


def _length(counts: Counter[str]) -> float:
    """Return the mean number of words."""
    total = sum(counts.values())
    return sum(count * len(value.split()) for value, count in counts.items()) / total if total else 0.0
