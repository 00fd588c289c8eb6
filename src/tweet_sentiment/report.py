"""The comparison as Markdown and as figures; pandas in, text and Plotly out."""

from typing import Any

import pandas as pd

SHOWN = ["technique", "protocol", "n_train", "trainable_parameters", "eval_loss", "accuracy", "f1", "precision"]
SHOWN += ["recall", "macro_f1", "seconds", "paper_accuracy"]
FOUR_DIGITS = {"eval_loss", "accuracy", "f1", "precision", "recall", "macro_f1", "paper_accuracy"}
GREYS = {"leak_free": "#222222", "published": "#8c8c8c", "paper": "#d0d0d0"}


def shown_table(comparison: pd.DataFrame) -> list[list[str]]:
    """Return the rows of the comparison as text: four digits for shares, thousands parted."""
    return [[_shown(name, row[name]) for name in SHOWN] for row in comparison.to_dict("records")]


def _shown(name: str, value: Any) -> str:
    if pd.isna(value):
        return "–"
    if name in FOUR_DIGITS:
        return f"{value:.4f}"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


def comparison_markdown(comparison: pd.DataFrame, techniques: list[str], run: str) -> str:
    """Write the comparison for a person: the table, what is missing, and what the two protocols mean."""
    lines = [f"# Comparison, run `{run}`", "", "| " + " | ".join(SHOWN) + " |", "|" + "---|" * len(SHOWN)]
    lines += ["| " + " | ".join(row) + " |" for row in shown_table(comparison)]
    for protocol, rows in comparison.groupby("protocol"):
        if missing := [name for name in techniques if name not in set(rows["technique"])]:
            lines += ["", f"Not run under `{protocol}`: {', '.join(missing)}."]
    first = comparison.iloc[0]
    lines += [
        "",
        f"Encoder: {', '.join(sorted(set(comparison['encoder'])))}. Validation posts: {first['n_validation']}. "
        f"Cleaning: {', '.join(sorted(set(comparison['cleaning'])))}. "
        f"Seed: {first['seed']}. Seconds include the one encoding of all posts where a technique uses it.",
        "",
        "`leak_free`: no training post shares a tweet id, a text or a near-duplicate text with a validation post. "
        "`published`: the paper's protocol, in which they do; its figures measure memory as well. The paper's own "
        "figures (`paper_accuracy`) are of the published protocol and of `distilbert-base-uncased`.",
        "",
    ]
    return "\n".join(lines)


def accuracy_figure(comparison: pd.DataFrame) -> Any:
    """Draw accuracy by technique, one bar a protocol, beside the paper's."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for protocol, rows in comparison.groupby("protocol"):
        _bars(figure, rows, "accuracy", str(protocol))
    _bars(figure, comparison.drop_duplicates("technique"), "paper_accuracy", "paper")
    best = comparison.iloc[int(comparison["accuracy"].argmax())]
    return figure.update_layout(
        title=f"Best: {best['technique']} with {best['accuracy']:.1%} ({best['protocol']})",
        yaxis={"title": "accuracy", "range": [0, 1]},
        barmode="group",
        template="simple_white",
    )


def _bars(figure: Any, rows: pd.DataFrame, column: str, name: str) -> None:
    figure.add_bar(
        x=rows["technique"], y=rows[column], name=name, marker_color=GREYS.get(name), texttemplate="%{y:.3f}"
    )


def cost_figure(comparison: pd.DataFrame) -> Any:
    """Draw accuracy against the seconds that a technique took; size is the number of parameters that learn."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for protocol, rows in comparison.groupby("protocol"):
        figure.add_scatter(
            x=rows["seconds"].clip(lower=0.1),
            y=rows["accuracy"],
            text=rows["technique"],
            mode="markers+text",
            textposition="top center",
            name=str(protocol),
            marker={"size": 8 + rows["trainable_parameters"].pow(0.2), "color": GREYS.get(str(protocol))},
        )
    return figure.update_layout(
        title="What accuracy costs",
        xaxis={"title": "seconds", "type": "log"},
        yaxis={"title": "accuracy", "range": [0, 1]},
        template="simple_white",
    )
