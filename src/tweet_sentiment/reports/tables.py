"""The tables of the report, as text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.scoring.bootstrap import ENDS
from tweet_sentiment.scoring.comparison import p_words
from tweet_sentiment.scoring.metrics import CHOSEN_BY, INTERVALS, SCORES

_HTML = re.compile(r"<(?=[A-Za-z/!?])")  # where a tag begins
PARTS = ("originals", "resembling", "not_resembling")  # of the test posts
COLUMNS = ["technique", "protocol", "encoder", "n_train", "n_validation", "trainable_parameters", *SCORES]
COLUMNS += ["seconds", "ms_per_post", "paper_accuracy", *(f"{name}_{end}" for name in INTERVALS for end in ENDS)]
COLUMNS += ["expected_calibration_error", "calibration_noise"]
COLUMNS += [f"{part}_{figure}" for part in PARTS for figure in ("posts", "accuracy", *ENDS)]
COLUMNS += ["seeds", "accuracy_mean", "accuracy_sd", "chosen_on", *(f"dev_{name}" for name in CHOSEN_BY)]
COLUMNS += ["selected", "selected_by", "measured", "texts", "seed", "device", "dtype"]
SHOWN = ["technique", "protocol", "texts", "n_train", "trainable_parameters", "eval_loss", "accuracy", "interval", "f1"]
SHOWN += ["macro_f1", "seconds", "paper_accuracy"]
MAIN = ["technique", "protocol", "accuracy", "interval", "paper_accuracy"]  # where there is no room for all
MAIN_PROTOCOLS = ["published", "leak_free", "grouped"]  # beside folds, "grouped_<k>_of_<n>"
P_VALUES = {"p_value", "p_adjusted"}
COUNTS = {f"{part}_posts" for part in PARTS} | {"n_train", "n_validation", "trainable_parameters", "seconds"}
COUNTS |= {"posts", "right"}
COSTS = {
    "trainable_parameters": "trained parameters",
    "seconds": "seconds of training",
    "ms_per_post": "milliseconds a post",
}
FEWER = 0.8  # of another's posts: with less, a technique is not at its best; a tenth is of the dev split
Rows = list[list[str]]


@dataclass(frozen=True)
class Table:
    """A caption, a header, and rows of text."""

    caption: str
    header: list[str]
    rows: Rows


def shown_of(comparison: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the columns that have something to show: the paper's accuracy stands beside its own data alone."""
    return [name for name in names if name != "paper_accuracy" or comparison[name].notna().any()]


def comparison_rows(comparison: pd.DataFrame, names: Sequence[str] = SHOWN) -> Rows:
    """Return the comparison's rows as text, with the columns ``names``; "interval" is that of the accuracy."""
    ends = [
        interval(low, high) for low, high in zip(comparison["accuracy_low"], comparison["accuracy_high"], strict=True)
    ]
    _, rows = plain_rows(comparison.assign(interval=ends)[list(names)])
    return rows


def interval(low: float, high: float) -> str:
    """Write an interval: "0.650–0.714"."""
    return "–" if pd.isna(low) else f"{low:.3f}–{high:.3f}"


def amount(value: float) -> str:
    """Write a cost: thousands parted, and three digits of what is small."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def side_by_side(comparison: pd.DataFrame) -> tuple[list[str], Rows]:
    """Return header and rows of accuracy by technique: the paper's, if any, then each protocol's with its interval.

    Folds of a cross-validation are left to :func:`folds`, unless there is nothing else.
    """
    every = sorted(set(comparison["protocol"]), key=_protocol_order)
    protocols = [name for name in every if name in MAIN_PROTOCOLS] or every
    rows, has_paper = [], comparison["paper_accuracy"].notna().any()
    for technique in dict.fromkeys(comparison["technique"]):
        mine = comparison[comparison["technique"] == technique].set_index("protocol")
        paper = mine["paper_accuracy"].iloc[0]
        cells = [_accuracy_cell(mine.loc[p]) if p in mine.index else "not run" for p in protocols]
        rows.append([technique, *(["–" if pd.isna(paper) else f"{paper:.4f}"] if has_paper else []), *cells])
    return ["technique", *(["paper (its protocol leaks)"] if has_paper else []), *protocols], rows


def _accuracy_cell(row: "pd.Series[Any]") -> str:
    return f"{row['accuracy']:.4f} ({interval(row['accuracy_low'], row['accuracy_high'])})"


def _protocol_order(protocol: str) -> tuple[int, str]:
    known = protocol in MAIN_PROTOCOLS
    return MAIN_PROTOCOLS.index(protocol) if known else len(MAIN_PROTOCOLS), protocol


def folds(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return technique, folds, mean and standard deviation of accuracy over the folds ``grouped_<k>_of_<n>`` run."""
    rows = comparison[comparison["protocol"].str.fullmatch(r"grouped_\d+_of_\d+")]
    by_technique = rows.groupby("technique", sort=False)["accuracy"]
    return by_technique.agg(folds="size", mean="mean", sd="std").reset_index()


def part_rows(comparison: pd.DataFrame, parts: Sequence[str]) -> tuple[list[str], Rows]:
    """Return header and rows of accuracy with its interval on each of these parts of the test posts, and their size."""
    header = ["technique", "protocol"]
    for part in parts:
        header += [f"{part.replace('_', ' ')} posts", "accuracy"]
    rows = []
    for row in comparison.to_dict("records"):
        cells = [str(row["technique"]), str(row["protocol"])]
        for part in parts:
            known = pd.notna(row[f"{part}_accuracy"])
            ends = interval(row[f"{part}_low"], row[f"{part}_high"])
            cells += [f"{row[f'{part}_posts']:,.0f}", f"{row[f'{part}_accuracy']:.4f} ({ends})" if known else "–"]
        rows.append(cells)
    return header, rows


def plain_rows(table: pd.DataFrame) -> tuple[list[str], Rows]:
    """Return header and rows of any table: four digits for floats, none but parted thousands for counts."""
    names = [str(name) for name in table.columns]
    texts = [[_cell(name, value) for name, value in zip(names, row, strict=True)] for row in table.values.tolist()]
    return [name.replace("_", " ") for name in names], texts


def _cell(name: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if name in COUNTS:
        return f"{value:,.0f}"
    if name in P_VALUES:
        return p_words(value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def markdown(header: list[str], rows: Rows) -> list[str]:
    """Return the lines of a Markdown table; a bar and HTML in a text are escaped, a line break becomes a space."""
    clean = [[" ".join(_HTML.sub("&lt;", cell.replace("|", "\\|")).split()) for cell in row] for row in rows]
    return ["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *("| " + " | ".join(r) + " |" for r in clean)]


def by_protocol(comparison: pd.DataFrame) -> dict[str, dict[str, dict[Any, Any]]]:
    """Return each technique's rows by protocol."""
    found: dict[str, dict[str, dict[Any, Any]]] = {}
    for row in comparison.to_dict("records"):
        found.setdefault(row["technique"], {})[row["protocol"]] = row
    return found


def fallen(comparison: pd.DataFrame) -> list[tuple[str, dict[Any, Any], dict[Any, Any]]]:
    """Return technique, published row and leak-free row where the two intervals lie apart, the deepest fall first.

    Intervals that lie apart are a stricter sign than a test of the difference: what they show is no luck.
    """
    pairs = [
        (name, rows["published"], rows["leak_free"])
        for name, rows in by_protocol(comparison).items()
        if {"published", "leak_free"} <= rows.keys()
    ]
    apart = [pair for pair in pairs if pair[1]["accuracy_low"] > pair[2]["accuracy_high"]]
    return sorted(apart, key=lambda pair: pair[2]["accuracy"] - pair[1]["accuracy"])


def listed(items: Sequence[str]) -> str:
    """Join with commas and "and"."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def rendered(template: str, *, escaped: bool = False, **values: Any) -> str:
    """Fill in a template of this folder; ``escaped``: no text becomes markup in HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    settings: Any = {"autoescape": escaped, "trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    page = Environment(loader=loader, keep_trailing_newline=True, **settings).get_template(template)
    return page.render(values)
