"""Every run of the benchmarks, on whichever machine, in one table with the worst figure of all: runs.json, runs.md.

A ratio differs from one machine to the next, and from one day to the next: README and docs cite the worst.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.machine import RATES, processor
from benchmarks.tables import table


@dataclass(frozen=True)
class Figure:
    """What was found, as the median of its rounds, and what was asked for: at least that, or at most."""

    name: str
    value: float
    target: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.target if self.at_most else self.value >= self.target

    @property
    def shortfall(self) -> float:
        """How far it is from its target: above 1 it is missed; what is to be 0 counts itself."""
        return (self.value / self.target if self.target else self.value) if self.at_most else self.target / self.value


def add_run(folder: Path, settings: dict[str, Any], rates: dict[str, float | None], figures: Iterable[Figure]) -> Path:
    """Add a run to runs.json in the folder, write runs.md anew, and return its path."""
    path = folder / "runs.json"
    runs = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    runs.append(
        {
            "date": date.today().isoformat(),
            "processor": processor(),
            "processors": os.cpu_count(),
            **settings,
            "rates": rates,
            "figures": {one.name: [one.value, one.target, one.at_most] for one in figures},
        }
    )
    path.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")
    page = path.with_suffix(".md")
    page.write_text(markdown(runs), encoding="utf-8")
    return page


def worst(runs: list[dict[str, Any]]) -> dict[str, Figure]:
    """Return of each figure the worst of all runs against its own target, which half precision sets higher."""
    found: dict[str, Figure] = {}
    for run in runs:
        for name, values in run["figures"].items():
            one = Figure(name, *values)
            found[name] = max(found.get(name, one), one, key=lambda figure: figure.shortfall)
    return found


def markdown(runs: list[dict[str, Any]]) -> str:
    """Return the table: a line for each rate of the machines and for each figure, a column for each run."""
    header = ["what", "target", "worst", *(f"{run['date']}, {run['processor']}" for run in runs)]
    rates = [
        [name, "", "", *(show(run["rates"][key]) if run["rates"].get(key) else "-" for run in runs)]
        for key, (name, show) in RATES.items()
    ]
    rows = []
    for name, one in worst(runs).items():
        values = [run["figures"][name][0] if name in run["figures"] else None for run in runs]
        shown = ["-" if value is None else _shown(value) for value in values]
        least = _shown(one.value) + ("" if one.met else " **missed**")
        rows.append([name, f"{'<=' if one.at_most else '>='} {one.target:g}", least, *shown])
    return (
        "# All runs\n\n"
        "Each column is one run; each figure the median of its rounds, both sides in the same run. The first lines say "
        "what the machine did in that run, so that the others can be judged. Written by `make bench`.\n\n"
        + table(header, [*rates, *rows])
        + "\n"
    )


def _shown(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
