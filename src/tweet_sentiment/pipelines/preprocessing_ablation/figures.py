"""One dot a way of cleaning, with its interval; plotted from the table alone."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.reports.style import FAINT, INK, QUIET, styled, whisker
from tweet_sentiment.scoring.comparison import BETTER, NOT_SHOWN, WORSE

from .summary import found
from .variants import VARIANTS

MARKS = {  # of each kind of way: legend, symbol, grey
    "reference": ("compared with nothing", "diamond", INK),
    NOT_SHOWN: ("no difference to its reference is shown", "circle-open", QUIET),
    WORSE: ("worse than its reference", "triangle-left", INK),
    BETTER: ("better than its reference", "triangle-right", INK),
}


def variants_figure(table: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw accuracy with its interval, the ways grouped by cleaning; the mark says what the comparison says."""
    level = parameters.uncertainty.level
    ways = {variant.name: f"{variant.cleaning}: {variant.steps}" for variant in VARIANTS}
    kinds = [_kind(row, level) for row in table.to_dict("records")]
    figure = go.Figure()
    for kind, (legend, symbol, grey) in MARKS.items():
        rows = table[[one == kind for one in kinds]]
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows["accuracy"],
            y=rows["variant"].map(ways),
            error_x=whisker(rows["accuracy"], rows["low"], rows["high"]),
            mode="markers",
            name=legend,
            marker={"symbol": symbol, "size": 11, "color": grey},
        )
    for i in range(1, len(ways)):
        if VARIANTS[i].cleaning != VARIANTS[i - 1].cleaning:
            figure.add_hline(i - 0.5, line={"color": FAINT, "width": 1})
    n_validation = table["n_validation"].iloc[0]
    shown = sum(kind in (WORSE, BETTER) for kind in kinds)
    return styled(
        figure,
        f"{shown} of {len(table)} ways of cleaning are shown to differ from their reference ({parameters.protocol}, "
        f"{n_validation:,} test posts, {level:.0%} intervals)",
        "One row a way of cleaning, with a mark at its accuracy and a line for its interval; the mark's shape says "
        "whether a difference is shown.",
        xaxis={"title": "accuracy", "tickformat": ".0%"},
        yaxis={"categoryorder": "array", "categoryarray": list(ways.values()), "range": [len(ways) - 0.5, -0.5]},
        height=560,
    )


def _kind(row: dict[Any, Any], level: float) -> str:
    return "reference" if pd.isna(row["p_adjusted"]) else found(row, level)
