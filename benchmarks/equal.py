"""Whether two runs have made the same: every file bit for bit, or by what is in it where times travel along."""

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

# What no two runs have alike: how long things took, when they were, and what a trial that was cut off counts for.
TIMES = re.compile(
    r"seconds|ms_per|per_second|duration|datetime|\bcreated|cut_off|/epochs$|technique_search.*/posts$|_ms\b"
)
TRIALS = """select t.number, t.state, v.value, p.param_name, p.param_value from trials t
    left join trial_values v using (trial_id) left join trial_params p using (trial_id)
    union all select t.number, i.step, i.intermediate_value, '', 0 from trials t
    join trial_intermediate_values i using (trial_id) order by 1, 4, 2"""


def files(folder: Path) -> dict[str, Path]:
    """Return every file of the layers but the raw one, by its path; locks are none."""
    found = (path for layer in sorted(folder.glob("data/0[2-9]_*")) for path in layer.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found if not path.name.startswith(".lock")}


class Reference:
    """What an uninterrupted run made, twice: where the two differ, a value is one of those that never are the same."""

    def __init__(self, one: Path, other: Path) -> None:
        self.one, self.other = files(one), files(other)
        self._leaves, self._volatile = cache(self._of_one), cache(self._that_vary)

    def differences(self, folder: Path) -> list[str]:
        """Return what is missing or differs in a folder, a line each."""
        found = files(folder)
        missing = [f"{name} is missing" for name in sorted(self.one.keys() - found.keys())]
        return missing + [
            why for name in sorted(self.one.keys() & found.keys()) if (why := self.unlike(name, found[name]))
        ]

    def more(self, folder: Path) -> list[str]:
        """Return the files of a folder that neither of the two runs left."""
        return sorted(files(folder).keys() - self.one.keys() - self.other.keys())

    def unlike(self, name: str, path: Path) -> str | None:
        """Say where a file differs from the reference's of that name, or None."""
        if name not in self.one:
            return f"{name} is not made by the whole run"
        if _sha256(path) == _sha256(self.one[name]):
            return None
        leaves, expected, volatile = leaves_of(path), self._leaves(name), self._volatile(name)
        for key in sorted(leaves.keys() ^ expected.keys()) + sorted(leaves.keys() & expected.keys()):
            if key not in volatile and not TIMES.search(f"{name}: {key}") and leaves.get(key) != expected.get(key):
                return f"{name}: {key} is {str(leaves.get(key))[:60]}, was {str(expected.get(key))[:60]}"
        return None

    def _of_one(self, name: str) -> dict[str, Any]:
        return leaves_of(self.one[name])

    def _that_vary(self, name: str) -> set[str]:
        one, other = self._leaves(name), leaves_of(self.other[name]) if name in self.other else {}
        return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def leaves_of(path: Path) -> dict[str, Any]:
    """Return what is in a file, by where it stands; one that cannot be read has its bytes' hash."""
    try:
        return dict(_leaves(path))
    except (ValueError, OSError, sqlite3.Error) as error:
        return {"": f"{_sha256(path)} ({error})"}


def _leaves(path: Path) -> Iterator[tuple[str, Any]]:
    match path.suffix:
        case ".json":
            yield from _flat(json.loads(path.read_text(encoding="utf-8")), "")
        case ".csv" | ".parquet":
            table = (
                pd.read_csv(path, dtype=str, keep_default_na=False) if path.suffix == ".csv" else pd.read_parquet(path)
            )
            yield "rows", len(table)
            for column in table:
                yield from ((f"{row}/{column}", repr(value)) for row, value in enumerate(table[column]))
        case ".html" | ".md":
            yield from ((str(place), word) for place, word in enumerate(path.read_text(encoding="utf-8").split()))
        case ".sqlite3":
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                yield from ((str(place), row) for place, row in enumerate(database.execute(TRIALS)))
        case _:
            yield "", _sha256(path)


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in items:
        yield from _flat(one, f"{key}/{name}")
    if not isinstance(value, dict | list) or not value:
        yield key, value


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
