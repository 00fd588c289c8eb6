"""The figures of the comparison, as Plotly."""

from typing import Any

import pandas as pd

COLOURS = {"leak_free": "#1b5e7d", "grouped": "#6fa8bf", "published": "#c7b299", "paper": "#dddddd"}


def accuracy_figure(comparison: pd.DataFrame) -> Any:
    """Draw accuracy by technique, one bar a protocol with its interval, beside the paper's."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for protocol, rows in comparison.groupby("protocol", sort=False):
        above, below = rows["accuracy_high"] - rows["accuracy"], rows["accuracy"] - rows["accuracy_low"]
        ends = {"type": "data", "array": above, "arrayminus": below, "color": "#555555"}
        _bars(figure, rows, "accuracy", str(protocol), error_y=ends)
    _bars(figure, comparison.drop_duplicates("technique").dropna(subset=["paper_accuracy"]), "paper_accuracy", "paper")
    return figure.update_layout(
        title=_finding(comparison),
        yaxis={"title": "accuracy", "range": [0, 1]},
        barmode="group",
        template="simple_white",
        legend={"orientation": "h", "y": -0.2},
    )


def _bars(figure: Any, rows: pd.DataFrame, column: str, name: str, **more: Any) -> None:
    figure.add_bar(x=rows["technique"], y=rows[column], name=name, marker_color=COLOURS.get(name), **more)


def _finding(comparison: pd.DataFrame) -> str:
    best = comparison.loc[comparison.groupby("protocol")["accuracy"].idxmax()]
    said = [f"{row['protocol']} {row['accuracy']:.1%} ({row['technique']})" for row in best.to_dict("records")]
    return "Best: " + ", ".join(said)


def cost_figure(comparison: pd.DataFrame) -> Any:
    """Draw accuracy against the seconds that a technique took; size is the number of parameters that learn."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for protocol, rows in comparison.groupby("protocol", sort=False):
        figure.add_scatter(
            x=rows["seconds"].clip(lower=0.1),
            y=rows["accuracy"],
            text=rows["technique"],
            mode="markers+text",
            textposition="top center",
            name=str(protocol),
            marker={"size": 8 + rows["trainable_parameters"].pow(0.2), "color": COLOURS.get(str(protocol))},
        )
    return figure.update_layout(
        title="What accuracy costs",
        xaxis={"title": "seconds", "type": "log"},
        yaxis={"title": "accuracy", "range": [0, 1]},
        template="simple_white",
    )
