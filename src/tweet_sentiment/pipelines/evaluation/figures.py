"""Figures of any technique, from its predictions and curves; each title says what the figure shows."""

from typing import Any

import pandas as pd

from tweet_sentiment.parameters import Study, UncertaintyParameters
from tweet_sentiment.reports.figures import DASHES, FAINT, INK, QUIET, SERIES, percent, styled, whisker
from tweet_sentiment.scoring.calibration import (
    calibration_noise,
    confidence_of,
    expected_calibration_error,
    reliability_table,
    right_of,
)

LOSSES = {"loss": "training loss", "eval_loss": "evaluation loss"}
CURVES = {"accuracy": "accuracy", "f1": "F1", "precision": "precision", "recall": "recall"}  # the paper's


def plot_confusion(predictions: pd.DataFrame, study: Study) -> Any:
    """Draw how often each label (rows) was given which (columns): share of the row, and number of posts."""
    import plotly.express as px
    from sklearn.metrics import confusion_matrix

    labels = study.labels
    counts = confusion_matrix(predictions["label"], predictions["predicted"], labels=labels)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
    right = (predictions["label"] == predictions["predicted"]).mean()
    figure = px.imshow(
        shares,
        x=labels,
        y=labels,
        zmin=0,
        zmax=1,
        color_continuous_scale="Greys",
        labels={"x": "given", "y": "true", "color": "share"},
    )
    figure.update_traces(text=counts, texttemplate="%{text}")
    return styled(
        figure,
        f"{percent(right)} of {len(predictions):,} posts right{_worst(counts, labels)} ({study.protocol})",
        "A table: true labels as rows, given labels as columns, the number of posts in each cell, darker for a larger "
        "share of the row.",
    )


def _worst(counts: Any, labels: list[str]) -> str:
    """Name the mistake that was made most often; nothing if there is none."""
    wrong = counts.copy()
    for i in range(len(labels)):
        wrong[i, i] = 0
    true, given = divmod(int(wrong.argmax()), len(labels))
    return f"; most often wrong: {labels[true]} taken for {labels[given]}, {wrong.max():,} posts" if wrong.max() else ""


def plot_curves(curves: pd.DataFrame, study: Study) -> Any:
    """Draw the paper's curves over steps: above the losses, below what was measured after each epoch."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    runs = list(curves.groupby("prompt", sort=False)) if "prompt" in curves else [("", curves)]
    for i, (run, rows) in enumerate(runs):
        for place, names in ((1, LOSSES), (2, CURVES)):
            for j, (name, words) in enumerate((name, words) for name, words in names.items() if name in rows):
                measured = rows.dropna(subset=[name])
                line = {"color": SERIES[(j + 2 * i) % len(SERIES)], "dash": DASHES[j], "width": 2}
                label = f"{words} · {run!s}" if run else words
                figure.add_scatter(
                    x=measured["step"], y=measured[name], name=label, line=line, mode="lines+markers", row=place, col=1
                )
    return styled(
        figure,
        f"{_turning(curves, study.chosen_on)} ({study.protocol})",
        "Lines over training steps: above the training and evaluation loss, below accuracy, F1, precision and recall, "
        f"measured after each epoch on the {study.chosen_on}.",
        xaxis2={"title": "step"},
        yaxis={"title": "loss"},
        yaxis2={"title": "score"},
        height=520,
    )


def _turning(curves: pd.DataFrame, chosen_on: str) -> str:
    """Say where accuracy is highest, and where the evaluation loss is lowest: after that a model learns by heart."""
    if "accuracy" not in curves or curves["accuracy"].isna().all():
        return "Nothing was measured on the way"
    best = curves.dropna(subset=["accuracy"]).sort_values("accuracy", kind="stable").to_dict("records")[-1]
    said = f"Accuracy on the {chosen_on} is highest at step {best['step']:,.0f}, {percent(best['accuracy'])}"
    if "eval_loss" not in curves or curves["eval_loss"].isna().all():
        return said
    lowest = curves.dropna(subset=["eval_loss"]).sort_values("eval_loss", kind="stable").to_dict("records")[0]
    return f"{said}; their loss is lowest at step {lowest['step']:,.0f}"


def plot_reliability(predictions: pd.DataFrame, study: Study) -> Any:
    """Draw accuracy by confidence, with the number of posts; a technique that knows itself keeps to the diagonal."""
    import plotly.graph_objects as go

    labels = study.labels
    table = reliability_table(predictions, labels)
    confidence, right = confidence_of(predictions, labels), right_of(predictions)
    error, noise = expected_calibration_error(confidence, right), calibration_noise(confidence, study.seed)
    figure = go.Figure()
    figure.add_bar(
        x=(table["low"] + table["high"]) / 2,
        y=table["accuracy"],
        width=table["high"] - table["low"],
        text=table["posts"].astype("str"),  # as numbers they would be written 3.0
        customdata=table["confidence"],
        hovertemplate="confidence %{customdata:.3f}, accuracy %{y:.3f}, %{text} posts",
        marker={"color": "#a9a9a9", "line": {"color": "white", "width": 1}},
        name="posts",
    )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": INK, "dash": "dot"}, name="as it says")
    return styled(
        figure,
        f"Says {confidence.mean():.0%} sure, is right {right.mean():.0%} of the time (ECE {error:.3f}, by "
        f"chance {noise:.3f}, {study.protocol})",
        "Bars: accuracy by confidence, with the number of posts. On the dotted diagonal a technique is right as often "
        "as it says.",
        xaxis={"title": "confidence", "range": [0, 1]},
        yaxis={"title": "accuracy", "range": [0, 1.05]},
    )


def plot_entities(table_of_accuracy_by_group: pd.DataFrame, study: Study, uncertainty: UncertaintyParameters) -> Any:
    """Draw accuracy by entity with its interval, beside that of all posts; without entities, by length in words."""
    import plotly.graph_objects as go

    grouping = "entity" if (table_of_accuracy_by_group["grouping"] == "entity").any() else "length"
    rows = table_of_accuracy_by_group[table_of_accuracy_by_group["grouping"] == grouping]
    rows = rows.sort_values("accuracy") if grouping == "entity" else rows.iloc[::-1]
    overall = rows["right"].sum() / rows["posts"].sum()
    figure = go.Figure()
    figure.add_scatter(
        x=rows["accuracy"],
        y=rows["group"],
        error_x=whisker(rows["accuracy"], rows["wilson_low"], rows["wilson_high"]),
        text=rows["posts"].astype("str"),
        hovertemplate="%{y}: %{x:.3f} of %{text} posts",
        mode="markers",
        marker={"color": SERIES[0], "size": 9},
        showlegend=False,
    )
    figure.add_vline(overall, line={"color": QUIET, "dash": "dot"})
    return styled(
        figure,
        f"{_apart(rows, overall, uncertainty.level, grouping)} ({study.protocol})",
        f"One row for each {grouping}, with a mark at its accuracy and a line for its interval; a dotted line is "
        "at the accuracy of all posts.",
        xaxis={"title": "accuracy", "range": [0, 1], "tickformat": ".0%", "showgrid": True, "gridcolor": FAINT},
        yaxis={"type": "category", "automargin": True},
        height=190 + 19 * len(rows),
    )


def _apart(rows: pd.DataFrame, overall: float, level: float, grouping: str) -> str:
    """Say how many intervals leave out the accuracy of all posts, and how many would by chance alone."""
    apart = int(((rows["wilson_low"] > overall) | (rows["wilson_high"] < overall)).sum())
    chance = (1 - level) * len(rows)
    kinds = "entities" if grouping == "entity" else "lengths"
    return (
        f"{apart} of {len(rows)} {kinds} lie apart from the {percent(overall)} of all posts by their interval; by "
        f"chance alone it would be {chance:.1f}"
    )
