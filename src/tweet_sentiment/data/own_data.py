"""What a file of one's own leaves to be found out: which column holds the texts, which the labels, and the labels."""

import logging
from pathlib import PurePath
from typing import Any

from tweet_sentiment.data.inspection import MOST_LABELS, Column, FileForm, inspect
from tweet_sentiment.data.lines import Source
from tweet_sentiment.data.reading import DATA_SOURCE, RawFile
from tweet_sentiment.data.records import AUTO, CsvForm
from tweet_sentiment.errors import StudyError

logger = logging.getLogger(__name__)

OPTIONS = {"post": "data.columns.post", "label": "data.columns.label"}
_ROLES = {"post": "text", "label": "label"}
_WHAT = {"post": "the texts", "label": "the labels"}
_YAML_BOOLEANS = {True: ("true", "yes", "on", "y"), False: ("false", "no", "off", "n")}
_SHOWN = 20  # columns in one message


def found_out(raw: dict[str, Any], file: RawFile) -> dict[str, Any]:
    """Return the parameters, not yet checked, with what is ``auto`` in ``labels`` and ``data.columns`` found out.

    Labels that YAML reads as booleans (yes, no, true, off) become those of the file.

    Raises:
        StudyError: the file is not there or cannot be read; or it does not tell, and the message says what to give.
    """
    data, columns = raw["data"], raw["data"]["columns"]
    if file.content is None:
        raise StudyError(f"{file.name}: there is no such file (or it is a folder).\n{DATA_SOURCE}")
    form = inspect(Source.of(file.name, file.content), asked=_asked(data), header=data.get("header", AUTO))
    found = {key: _column(form, file.name, key, value) for key, value in columns.items() if key in OPTIONS}
    if found["post"] == found["label"]:
        given = "post" if columns["label"] == AUTO else "label"
        other = "label" if given == "post" else "post"
        raise _unclear(form, file.name, other)
    known = found["label"].values
    dropped = [_as_text(label, known) for label in data.get("drop_labels") or []]
    if raw["labels"] == AUTO:
        dropped += [""] if "" in known and "" not in dropped else []
        labels = [label for label in labels_of(found["label"], file.name) if label not in dropped]
    else:
        labels = [_as_text(label, known) for label in raw["labels"]]
    names = {key: column.key for key, column in found.items() if columns[key] == AUTO}
    raw = raw | {"labels": labels, "data": data | {"columns": columns | names, "drop_labels": dropped}}
    logger.info("%s: %s", PurePath(file.name).name, "; ".join(in_words(form, found, raw["labels"])))
    return raw


def leaves_open(raw: dict[str, Any]) -> bool:
    """Whether parameters, not yet checked, leave something to be found out."""
    data = raw.get("data")
    columns = data.get("columns") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(columns, dict) or not {"label", "post"} <= columns.keys():
        return False
    listed = [raw.get("labels"), data.get("drop_labels")]
    booleans = any(isinstance(label, bool) for labels in listed if isinstance(labels, list) for label in labels)
    return raw.get("labels") == AUTO or AUTO in (columns["label"], columns["post"]) or booleans


def _asked(data: dict[str, Any]) -> CsvForm:
    form = (str(data.get(key, AUTO)) for key in ("delimiter", "quoting", "encoding"))
    delimiter, quoting, encoding = form
    return CsvForm("\t" if delimiter == r"\t" else delimiter, quoting, encoding)


def _column(form: FileForm, name: str, key: str, wanted: Any) -> Column:
    if wanted == AUTO:
        column = form.column("text" if key == "post" else "label")
    else:
        column = next((one for one in form.columns if wanted in (one.name, one.position)), None)
    if column is None:
        raise _unclear(form, name, key, None if wanted == AUTO else wanted)
    return column


def _unclear(form: FileForm, name: str, key: str, wanted: Any = None) -> StudyError:
    shown = ", ".join(repr(column.key) for column in form.columns[:_SHOWN])
    said = f"{OPTIONS[key]} is {wanted!r}" if wanted is not None else f"nothing tells which column holds {_WHAT[key]}"
    return StudyError(f"{name}: {said}; its columns are {shown}.\n  Name it: --params={OPTIONS[key]}=…")


def labels_of(column: Column, name: str) -> list[str]:
    """Return the labels that stand in a column, in order; empty fields are none.

    Raises:
        StudyError: there are fewer than two, or more than fifty; or two differ only by case or spaces.
    """
    labels = sorted((value for value in column.values if value), key=_by_value)
    shown = f"{name}: the column {column.key!r}"
    if not column.values:
        raise StudyError(
            f"{shown} has {column.distinct:,} different values; labels found out are at most {MOST_LABELS}.\n"
            f"  Name the column of labels ({OPTIONS['label']}), or list the labels in conf/local: labels: [...]"
        )
    if len(labels) < 2:
        raise StudyError(f"{shown} has {len(labels)} label(s), {labels}; expected two or more.")
    alike: dict[str, str] = {}
    for label in labels:
        other = alike.setdefault(" ".join(label.casefold().split()), label)
        if other != label:
            raise StudyError(
                f"{shown} has the labels {other!r} and {label!r}, which differ only by case or spaces.\n"
                "  Put the file right; or list the labels in conf/local: labels: [...]"
            )
    return labels


def _by_value(label: str) -> tuple[float, str]:
    try:
        return float(label.replace(",", ".")), label
    except ValueError:
        return float("inf"), label


def _as_text(label: Any, known: tuple[str, ...]) -> Any:
    """Return a label; one that is a boolean as it stands in the file."""
    if not isinstance(label, bool):
        return label
    words = _YAML_BOOLEANS[label]
    return next((one for one in known if one.casefold() in words), words[0])


def in_words(form: FileForm, found: dict[str, Column], labels: list[str]) -> list[str]:
    """Say what was found out about a file, finding by finding."""
    facts = [form.format, form.encoding, f"delimiter {form.delimiter!r}" if form.delimiter else None]
    header = None if form.delimiter is None else "a header" if form.header else "no header"
    return [
        f"{form.rows:,} rows ({', '.join(fact for fact in (*facts, header) if fact)})",
        *(f"{_WHAT[key]} in {column.key!r} ({column.reason})" for key, column in found.items()),
        f"{len(labels)} labels: {', '.join(map(str, labels))}",
    ]
