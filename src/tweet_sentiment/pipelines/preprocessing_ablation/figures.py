"""One dot a way of cleaning, with its interval; plotted from the table alone."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from tweet_sentiment.parameters import StudyParameters

from .summary import NOT_SHOWN, verdict
from .variants import VARIANTS

MARKS = {  # of each kind of way: legend, symbol, grey
    "reference": ("compared with nothing", "diamond", "#222222"),
    NOT_SHOWN: ("no difference to its reference is shown", "circle-open", "#6e6e6e"),
    "worse": ("worse than its reference", "triangle-left", "#222222"),
    "better": ("better than its reference", "triangle-right", "#222222"),
}


def variants_figure(table: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw accuracy with its interval, the ways grouped by cleaning; the mark says what the comparison says."""
    level = parameters.uncertainty.level
    ways = {variant.name: f"{variant.cleaning}: {variant.steps}" for variant in VARIANTS}
    kinds = [_kind(row, level) for row in table.to_dict("records")]
    figure = go.Figure()
    for kind, (legend, symbol, grey) in MARKS.items():
        rows = table[[found == kind for found in kinds]]
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows["accuracy"],
            y=rows["variant"].map(ways),
            error_x={"array": rows["high"] - rows["accuracy"], "arrayminus": rows["accuracy"] - rows["low"]},
            mode="markers",
            name=legend,
            marker={"symbol": symbol, "size": 11, "color": grey},
        )
    for i in range(1, len(ways)):
        if VARIANTS[i].cleaning != VARIANTS[i - 1].cleaning:
            figure.add_hline(i - 0.5, line={"color": "#d0d0d0", "width": 1})
    n_validation = table["n_validation"].iloc[0]
    return figure.update_layout(
        title=f"Accuracy of {len(table)} ways of cleaning: {parameters.protocol}, {n_validation:,} validation posts, "
        f"{level:.0%} intervals",
        xaxis_title="accuracy",
        yaxis={"categoryorder": "array", "categoryarray": list(ways.values()), "range": [len(ways) - 0.5, -0.5]},
        template="simple_white",
        legend={"orientation": "h", "y": -0.2},
    )


def _kind(row: dict[Any, Any], level: float) -> str:
    return "reference" if pd.isna(row["p_adjusted"]) else verdict(row, level)
