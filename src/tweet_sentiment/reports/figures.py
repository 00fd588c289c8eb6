"""What accuracy costs, as Plotly; the accuracy itself is in ``accuracy``."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.style import MARKS, percent, styled


def cost_figure(comparison: pd.DataFrame) -> Any:
    """Draw accuracy against the seconds that a technique took; size is the number of trainable parameters."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for protocol, rows in comparison.groupby("protocol", sort=False):
        colour, symbol = MARKS.get(str(protocol), MARKS["grouped"])
        figure.add_scatter(
            x=rows["seconds"].clip(lower=0.1),
            y=rows["accuracy"],
            text=rows["technique"],
            mode="markers+text",
            textposition="top center",
            name=str(protocol),
            marker={"size": 8 + rows["trainable_parameters"].pow(0.2), "color": colour, "symbol": symbol},
        )
    slowest = comparison.sort_values("seconds").to_dict("records")[-1]
    return styled(
        figure,
        f"The most seconds, {slowest['seconds']:,.0f}, went into {slowest['technique']}, for "
        f"{percent(slowest['accuracy'])} under {slowest['protocol']}",
        "A mark for each technique and protocol: seconds from left to right on a logarithmic scale, accuracy upwards, "
        "larger where more parameters learn.",
        xaxis={"title": "seconds", "type": "log"},
        yaxis={"title": "accuracy", "range": [0, 1.05], "tickformat": ".0%"},
    )
