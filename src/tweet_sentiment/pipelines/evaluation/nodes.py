"""Predictions, metrics and figures of any technique; only predicting needs torch."""

from typing import Any

import pandas as pd
from sklearn.metrics import confusion_matrix

from tweet_sentiment.metrics import PROBABILITY, score
from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import library_versions


def predict(model: Any, validation_tokens: Any, parameters: StudyParameters) -> pd.DataFrame:
    """Return one row a validation post: row, id, label, predicted, and one probability a class."""
    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.prediction import predictions_table

    device = choose_device(parameters.device, parameters.fp16, parameters.precision)
    return predictions_table(model, validation_tokens, device, parameters.model)


def evaluate(
    predictions: pd.DataFrame, training: dict[str, Any], row_account: dict[str, Any], parameters: StudyParameters
) -> dict[str, Any]:
    """Score the predictions, and put beside the scores all that a reader must know of them."""
    labels = parameters.labels
    probabilities = predictions[[f"{PROBABILITY}{label}" for label in labels]].to_numpy()
    codes = predictions["label"].map(labels.index).to_numpy()
    return {
        **score(codes, probabilities, labels),
        "protocol": parameters.protocol,
        "cleaning": parameters.data.cleaning,
        "encoder": parameters.model.checkpoint,
        "n_train": training["n_train"],
        "n_validation": len(predictions),
        "trainable_parameters": training["trainable_parameters"],
        "seconds": training["seconds"] + training.get("encoding_seconds", 0.0),
        "seed": parameters.seed,
        "device": training.get("device"),
        "arithmetic": training.get("precision"),
        "data": row_account["files"],
        "versions": library_versions(),
    }


def plot_confusion(predictions: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw how often each label (rows) was given which (columns): share of the row, and number of posts."""
    import plotly.express as px

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
