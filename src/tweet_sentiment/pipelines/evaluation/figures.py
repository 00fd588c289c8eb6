"""Figures of any technique, from its predictions and curves."""

from typing import Any

import pandas as pd

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.uncertainty.calibration import (
    confidence_of,
    expected_calibration_error,
    reliability_table,
    right_of,
)


def plot_confusion(predictions: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw how often each label (rows) was given which (columns): share of the row, and number of posts."""
    import plotly.express as px
    from sklearn.metrics import confusion_matrix

    labels = parameters.labels
    counts = confusion_matrix(predictions["label"], predictions["predicted"], labels=labels)
    shares = counts / counts.sum(axis=1, keepdims=True)
    right = (predictions["label"] == predictions["predicted"]).mean()
    figure = px.imshow(
        shares,
        x=labels,
        y=labels,
        zmin=0,
        zmax=1,
        color_continuous_scale="Greys",
        labels={"x": "given", "y": "true", "color": "share"},
        title=f"{right:.1%} of {len(predictions)} posts right ({parameters.protocol})",
    )
    return figure.update_traces(text=counts, texttemplate="%{text}")


def plot_curves(curves: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw the paper's curves over steps: training loss, and what was measured after each epoch."""
    import plotly.graph_objects as go

    figure = go.Figure()
    names = [name for name in ("loss", "eval_loss", "accuracy", "f1", "precision", "recall") if name in curves]
    runs = list(curves.groupby("prompt", sort=False)) if "prompt" in curves else [("", curves)]
    for run, rows in runs:
        for name in names:
            measured = rows.dropna(subset=[name])
            label = f"{name} · {run!s}" if run else name
            figure.add_scatter(x=measured["step"], y=measured[name], name=label, mode="lines+markers")
    best = curves["accuracy"].max()
    return figure.update_layout(
        title=f"Best accuracy on the way {best:.1%} ({parameters.protocol})",
        xaxis_title="step",
        template="simple_white",
    )


def plot_reliability(predictions: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw accuracy by confidence, with the number of posts; a technique that knows itself keeps to the diagonal."""
    import plotly.graph_objects as go

    labels = parameters.labels
    table = reliability_table(predictions, labels)
    confidence, right = confidence_of(predictions, labels), right_of(predictions)
    error = expected_calibration_error(confidence, right)
    figure = go.Figure()
    figure.add_bar(
        x=(table["low"] + table["high"]) / 2,
        y=table["accuracy"],
        width=table["high"] - table["low"],
        text=table["posts"].astype("str"),  # as numbers they would be written 3.0
        customdata=table["confidence"],
        hovertemplate="confidence %{customdata:.3f}, accuracy %{y:.3f}, %{text} posts",
        marker={"color": "#8c8c8c", "line": {"color": "white", "width": 1}},
        name="posts",
    )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": "#222222", "dash": "dot"}, name="as it says")
    return figure.update_layout(
        title=f"Says {confidence.mean():.0%} sure, is right {right.mean():.0%} of the time "
        f"(ECE {error:.2f}, {parameters.protocol})",
        xaxis={"title": "confidence", "range": [0, 1]},
        yaxis={"title": "accuracy", "range": [0, 1.05]},
        template="simple_white",
    )
