"""The figure of a sweep: one technique at several settings."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.style import MARKS, styled, whisker


def sweep_figure(table: pd.DataFrame, setting: str, described: str, protocol: str, chosen_on: str) -> Any:
    """Draw accuracy on the dev split and, with its interval, on the test posts, by setting.

    ``table`` has ``setting``, ``dev_accuracy``, ``accuracy``, ``low``, ``high``, ``trainable_parameters`` and
    ``seconds``. Under ``published`` the choice is made on the test posts, and ``chosen_on`` says so.
    """
    import plotly.graph_objects as go

    settings = table[setting].astype(str)
    selection = table["dev_accuracy"].astype("float64").fillna(table["accuracy"])
    cost = [f"{row['trainable_parameters']:,} parameters, {row['seconds']:,.0f} s" for row in table.to_dict("records")]
    ends = whisker(table["accuracy"], table["low"], table["high"])
    figure = go.Figure()
    figure.add_scatter(
        x=settings,
        y=table["accuracy"],
        error_y=ends,
        text=cost,
        name="test posts",
        marker={"color": MARKS["leak_free"][0], "size": 9},
    )
    figure.add_scatter(
        x=settings,
        y=selection,
        text=cost,
        name="dev split",
        line={"dash": "dot", "color": MARKS["grouped"][0]},
        marker={"symbol": "square", "size": 8},
    )
    best = table.assign(chosen_by=selection).sort_values("chosen_by", kind="stable").to_dict("records")[-1]
    return styled(
        figure,
        f"Best on the {chosen_on}: {best[setting]} {described}, {best['accuracy']:.1%} ({protocol})",
        f"Accuracy by {described}: circles with intervals for test posts, squares for the dev split.",
        xaxis={"title": described, "type": "category"},
        yaxis={"title": "accuracy"},
    )
