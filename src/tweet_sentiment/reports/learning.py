"""Learning curves: accuracy by the number of posts that were learnt from, in words and as a figure."""

from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.reports.style import styled
from tweet_sentiment.reports.tables import interval

COLOURS = ("#1b5e7d", "#b5651d", "#6fa8bf", "#7a6f9b")
SHOWN = ["technique", "n_train", "accuracy", "accuracy_low", "accuracy_high", "dev_accuracy", "seconds"]
SHOWN += ["measured", "error_floor", "exponent"]
READING = (
    "The row that was not measured is a power law through those that were (scipy's least squares, the floor not below "
    "0), taken to all posts. Its interval is about which test posts were measured; not about the luck of a "
    "training, nor about whether the law holds that far."
)


def extrapolations(table: pd.DataFrame, comparison: pd.DataFrame) -> list[str]:
    """Say what all posts would give, and beside it what they did give where that was measured."""
    said = []
    for row in table[~table["measured"].astype(bool)].to_dict("records"):
        alike = comparison["measured"].eq(True) & (comparison["protocol"] == row["protocol"])
        mine = comparison[alike & (comparison["technique"] == row["technique"])]
        ends = interval(row["accuracy_low"], row["accuracy_high"])
        words = (
            f"{row['technique']} ({row['protocol']}): {row['accuracy']:.4f} ({ends}) is to be expected of all "
            f"{row['n_train']:,.0f} posts; not measured"
        )
        said += [f"{words}. {_beside(one)}" for one in mine.to_dict("records")] or [f"{words}."]
    return said


def _beside(row: dict[Any, Any]) -> str:
    ends = interval(row["accuracy_low"], row["accuracy_high"])
    return f"Its own run learnt from {row['n_train']:,.0f} and was right for {row['accuracy']:.4f} ({ends})."


def learning_figure(table: pd.DataFrame, protocol: str) -> Any:
    """Draw what was measured with its intervals, and the law with its interval at all posts, one colour a technique."""
    import plotly.graph_objects as go

    figure, found = go.Figure(), []
    for place, (technique, rows) in enumerate(table.groupby("technique", sort=False)):
        known = rows["measured"].astype(bool)
        colour = COLOURS[place % len(COLOURS)]
        _points(figure, rows[known], str(technique), {"color": colour, "size": 9})
        for row in rows[~known].to_dict("records"):
            _points(figure, rows[~known], f"{technique}, not measured", {"color": "white", "line": {"color": colour}})
            _curve(figure, rows.loc[known, "n_train"], row, colour)
            found.append(f"{technique} {row['accuracy']:.1%}")
    return styled(
        figure,
        f"Expected of all posts: {', '.join(found)} ({protocol})",
        "Accuracy by the number of posts learnt from, on a logarithmic scale: full marks with intervals were measured, "
        "hollow ones are expected, and dotted lines are the law between them.",
        xaxis={"title": "posts learnt from", "type": "log"},
        yaxis={"title": "accuracy"},
    )


def _points(figure: Any, rows: pd.DataFrame, name: str, marker: dict[str, Any]) -> None:
    ends = {
        "type": "data",
        "array": rows["accuracy_high"] - rows["accuracy"],
        "arrayminus": rows["accuracy"] - rows["accuracy_low"],
        "color": "#999999",
    }
    figure.add_scatter(x=rows["n_train"], y=rows["accuracy"], error_y=ends, mode="markers", name=name, marker=marker)


def _curve(figure: Any, sizes: "pd.Series[Any]", row: dict[Any, Any], colour: str) -> None:
    along = np.geomspace(float(sizes.min()), float(row["n_train"]), 50)
    error = row["error_floor"] + row["error_excess"] * (along / float(sizes.max())) ** -row["exponent"]
    line = {"color": colour, "dash": "dot"}
    figure.add_scatter(x=along, y=1 - error, mode="lines", line=line, showlegend=False, hoverinfo="skip")
