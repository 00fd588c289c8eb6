"""What kedro-viz shows of a dataset: what it is, in one line, and a look at what is in it.

The line is ``metadata.kedro-viz.description`` in the catalog. kedro-viz has no place for one but a preview.
"""

import html
import json
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
from kedro_datasets._typing import HTMLPreview  # kedro-viz knows a preview by this name

ROWS, LINES, FACTS = 6, 12, 80  # of a table, of a text, of a JSON file
LONGEST = 90  # characters of a cell
_MARKDOWN = str.maketrans({"_": " ", "*": "∗", "`": "'"})
NOT_MADE = "<p><em>Not made yet.</em></p>"


class Previewed:
    """Shows the description, and below it what :meth:`glimpse` gives of the file or folder, if it is there."""

    _filepath: Any
    metadata: Any

    def preview(self) -> HTMLPreview:
        """Return HTML without style or script: kedro-viz takes out both."""
        there = Path(self._filepath).exists()
        return HTMLPreview(f"<p>{escape(described(self.metadata))}</p>{self.glimpse() if there else NOT_MADE}")

    def glimpse(self) -> str:
        """Return what is worth seeing of the file, as HTML."""
        return lines_of(Path(self._filepath))


def described(metadata: Mapping[str, Any] | None) -> str:
    """Return the catalog's description; empty if there is none."""
    return str(((metadata or {}).get("kedro-viz") or {}).get("description", ""))


def escape(text: str) -> str:
    """Return text in one line that is markup neither in HTML nor in Markdown.

    kedro-viz cleans the HTML, and then takes what is left for Markdown as well, whatever was escaped: so underscores
    become spaces, and a link in a post is parted.
    """
    return html.escape(" ".join(text.split()).translate(_MARKDOWN).replace("](", "] ("))


def table(rows: pd.DataFrame) -> str:
    """Return the rows as an HTML table; long texts are cut, floats have four digits."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in rows.columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(_cell(value))}</td>' for value in row)}</tr>" for row in rows.values.tolist()
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def facts(values: Mapping[str, Any]) -> str:
    """Return a table of two columns: the keys, inner ones behind a dot, and the values."""
    rows = list(islice(_flat(values), FACTS + 1))
    more = f"<p>and more than these {FACTS}</p>" if len(rows) > FACTS else ""
    return table(pd.DataFrame(rows[:FACTS], columns=["what", "value"], dtype=object)) + more


def facts_of(path: Path) -> str:
    """Return the facts in a JSON file; one that holds no object is shown as text."""
    values = json.loads(path.read_text(encoding="utf-8"))
    return facts(values) if isinstance(values, dict) else lines_of(path)


def listing(names: Iterable[str]) -> str:
    """Return names as a list."""
    items = "".join(f"<li>{escape(name)}</li>" for name in names)
    return f"<ul>{items}</ul>" if items else NOT_MADE


def lines_of(path: Path) -> str:
    """Return the first lines of a text file; what is not text is shown as far as it can be."""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        lines = [_cut(line.rstrip("\n")) for line in islice(file, LINES)]
    return f"<pre>{'<br>'.join(map(escape, lines))}</pre>"


def summary_of(page: Path) -> str:
    """Return the summary of the report, and where to read on; a page without one is shown as text."""
    found = re.search(r'<section id="summary".*?</section>', page.read_text(encoding="utf-8"), re.DOTALL)
    if not found:
        return lines_of(page)
    summary = " ".join(found.group().translate(_MARKDOWN).split())
    return f"{summary}<p>Open {escape(page.name)} in a browser for the figures.</p>"


def _flat(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return _cut(", ".join(map(_cell, value)))
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
