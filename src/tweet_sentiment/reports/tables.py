"""The tables of the report, as text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.scoring.comparison import p_words
from tweet_sentiment.scoring.metrics import CHOSEN_BY, INTERVALS, SCORES
from tweet_sentiment.scoring.uncertainty import ENDS

_HTML = re.compile(r"<(?=[A-Za-z/!?])")  # where a tag begins
PARTS = ("originals", "resembling", "not_resembling")  # of the test posts
COLUMNS = ["technique", "protocol", "encoder", "n_train", "n_validation", "trainable_parameters", *SCORES]
COLUMNS += ["seconds", "ms_per_post", "paper_accuracy", *(f"{name}_{end}" for name in INTERVALS for end in ENDS)]
COLUMNS += ["expected_calibration_error", "calibration_noise"]
COLUMNS += [f"{part}_{figure}" for part in PARTS for figure in ("posts", "accuracy", *ENDS)]
COLUMNS += ["seeds", "accuracy_mean", "accuracy_sd", "chosen_on", *(f"dev_{name}" for name in CHOSEN_BY)]
COLUMNS += ["selected", "selected_by", "measured", "texts", "seed", "device", "dtype"]
SHOWN = ["technique", "protocol", "encoder", "texts", "n_train", "trainable_parameters", "eval_loss", "accuracy"]
SHOWN += ["interval", "f1", "macro_f1", "seconds", "paper_accuracy"]
MAIN = ["technique", "protocol", "accuracy", "interval", "paper_accuracy"]  # where there is no room for all
MAIN_PROTOCOLS = ["published", "leak_free", "grouped"]  # beside folds, "grouped_<k>_of_<n>"
HONEST = ["leak_free", "grouped", "published"]  # those without the leak first
P_VALUES = {"p_value", "p_adjusted"}
COUNTS = {f"{part}_posts" for part in PARTS} | {"n_train", "n_validation", "trainable_parameters", "seconds"}
COUNTS |= {"posts", "right", "seeds", "folds", "top_blocks", "steps", "row"}
COSTS = {
    "trainable_parameters": "trained parameters",
    "seconds": "seconds of training",
    "ms_per_post": "milliseconds per post",
}
FEWER = 0.8  # of another's posts: with less, a technique is not at its best; a tenth is of the dev split
FOLD = r"grouped_\d+_of_\d+"
Rows = list[list[str]]


@dataclass(frozen=True)
class Table:
    """A caption, a header, and rows of text."""

    caption: str
    header: list[str]
    rows: Rows

    @property
    def wide(self) -> bool:
        """Whether it is printed across the sheet."""
        return len(self.header) > 7


def run_of(technique: str) -> str:
    """Return the run that a row of a comparison comes from, "mpnet" of "lora (mpnet)"; "" for the comparison's own."""
    return technique.partition(" (")[2].removesuffix(")")


def name_of(technique: str) -> str:
    """Return the technique of a row without its run, "lora" of "lora (mpnet)"."""
    return technique.partition(" (")[0]


def compared(comparison: pd.DataFrame, names: Sequence[str] = SHOWN) -> tuple[list[str], Rows]:
    """Return the columns ``names`` that are not empty, and their rows as text.

    "interval" is that of the accuracy. The paper's accuracy is shown only for the paper's data.
    """
    names = [name for name in names if name != "paper_accuracy" or comparison[name].notna().any()]
    ends = zip(comparison["accuracy_low"], comparison["accuracy_high"], strict=True)
    return names, plain_rows(comparison.assign(interval=[interval(*pair) for pair in ends])[names])[1]


def interval(low: float, high: float) -> str:
    """Write an interval: "0.650–0.714"."""
    return "–" if pd.isna(low) else f"{low:.3f}–{high:.3f}"


def with_interval(row: dict[Any, Any], part: str = "accuracy", value: str = "accuracy") -> str:
    """Write an accuracy of a row with its interval: "0.6820 (0.650–0.714)"; a dash if it was not measured."""
    known = pd.notna(row[value])
    return f"{row[value]:.4f} ({interval(row[f'{part}_low'], row[f'{part}_high'])})" if known else "–"


def points(row: dict[Any, Any], low: str = "low", high: str = "high") -> str:
    """Write a difference of accuracy with its interval: "+2.1 points (-0.3 to +4.4)"."""
    apart, lowest, highest = (f"{100 * row[name]:+.1f}" for name in ("difference", low, high))
    return f"{apart} points ({lowest} to {highest})"


def amount(value: float) -> str:
    """Write a cost: large values with thousands separators, small ones with three digits."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def side_by_side(comparison: pd.DataFrame) -> tuple[list[str], Rows]:
    """Return header and rows of accuracy by technique and encoder: the paper's, if any, then each protocol's.

    Folds of a cross-validation are in ``folds``, unless there is nothing else.
    """
    ran = sorted(set(comparison["protocol"]))
    protocols = [name for name in MAIN_PROTOCOLS if name in ran] or ran
    cells = comparison.assign(cell=[with_interval(row) for row in comparison.to_dict("records")])
    table = cells.pivot(index="technique", columns="protocol", values="cell").reindex(columns=protocols)
    table = table.reindex(comparison["technique"].unique()).fillna("not run")
    firsts = comparison.drop_duplicates("technique")
    if (paper := firsts["paper_accuracy"]).notna().any():
        table.insert(0, "paper (its protocol leaks)", [f"{one:.4f}" if pd.notna(one) else "–" for one in paper])
    table.insert(0, "encoder", list(firsts["encoder"]))
    return ["technique", *table.columns], table.reset_index().to_numpy().tolist()


def folds(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return technique, folds, mean and standard deviation of accuracy over the folds ``grouped_<k>_of_<n>`` run."""
    by_technique = comparison[comparison["protocol"].str.fullmatch(FOLD)].groupby("technique", sort=False)["accuracy"]
    return by_technique.agg(folds="size", mean="mean", sd="std").reset_index()


def part_tables(comparison: pd.DataFrame) -> list[Table]:
    """Return accuracy on originals, if posts are reworded, and on posts that do and do not resemble training."""
    known = comparison[~comparison["protocol"].str.fullmatch(FOLD)].dropna(subset=["originals_posts"])
    reworded = known[known["originals_posts"] < known["n_validation"]]
    alike = known[(known["protocol"] != "published") & (known["resembling_posts"] > 0)]
    asked = {
        "Accuracy on originals, one post per id": (reworded, PARTS[:1]),
        "Accuracy on test posts that still resemble a training post, and on the others": (alike, PARTS[1:]),
    }
    tables = []
    for caption, (rows, parts) in asked.items():
        header = ["technique", "protocol", *(h for p in parts for h in (f"{p.replace('_', ' ')} posts", "accuracy"))]
        texts = [
            [row["technique"], row["protocol"]]
            + [c for p in parts for c in (f"{row[f'{p}_posts']:,.0f}", with_interval(row, p, f"{p}_accuracy"))]
            for row in rows.to_dict("records")
        ]
        tables += [Table(caption, header, texts)] if texts else []
    return tables


def plain_rows(table: pd.DataFrame) -> tuple[list[str], Rows]:
    """Return header and rows of any table: four digits for floats, thousands separators for counts."""
    names = [str(name) for name in table.columns]
    texts = [[_cell(name, value) for name, value in zip(names, row, strict=True)] for row in table.values.tolist()]
    return [name.replace("_", " ") for name in names], texts


def _cell(name: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if name in COUNTS:
        return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
    if name in P_VALUES:
        return p_words(value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def markdown(header: list[str], rows: Rows) -> list[str]:
    """Return the lines of a Markdown table; a bar and HTML in a text are escaped, a line break becomes a space."""
    clean = [[" ".join(_HTML.sub("&lt;", cell.replace("|", "\\|")).split()) for cell in row] for row in rows]
    return ["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *("| " + " | ".join(r) + " |" for r in clean)]


def fallen(comparison: pd.DataFrame) -> list[tuple[str, float, float]]:
    """Return technique and accuracy with and without the leak if the two intervals do not overlap, deepest fall first.

    Separate intervals are a stricter criterion than a test of the difference.
    """
    published, without = (comparison[comparison["protocol"] == name] for name in ("published", "leak_free"))
    both = published.merge(without, on="technique", suffixes=("", "_left"))
    apart = both[both["accuracy_low"] > both["accuracy_high_left"]]
    apart = apart.assign(fall=apart["accuracy_left"] - apart["accuracy"]).sort_values("fall")
    return list(zip(apart["technique"], apart["accuracy"], apart["accuracy_left"], strict=True))


def listed(items: Sequence[str]) -> str:
    """Join with commas and "and"."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def percent(share: float) -> str:
    """Write a share as the text of the report has it: "71.5 %", "100 %"."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def rendered(template: str, *, escaped: bool = False, **values: Any) -> str:
    """Fill in a template of this folder; ``escaped``: no text becomes markup in HTML."""
    return str(_template(template, escaped).render(values))


def paragraphs(block: str, **values: Any) -> list[str]:
    """Return the paragraphs of a block of ``words.md.j2``."""
    template = _template("words.md.j2")
    text = "".join(template.blocks[block](template.new_context(values)))
    return [" ".join(one.split()) for one in text.split("\n\n") if one.strip()]


@cache
def _template(name: str, escaped: bool = False) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    settings: Any = {"autoescape": escaped, "trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, keep_trailing_newline=True, **settings)
    environment.filters |= {"percent": percent, "share": "{:.1f} %".format, "thousands": "{:,.0f}".format}
    environment.filters["measured"] = lambda value: "cannot be measured" if value is None else f"is {value:.4f}"
    return environment.get_template(name)
