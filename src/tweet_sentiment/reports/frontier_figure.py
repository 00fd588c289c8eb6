"""The frontier, drawn: accuracy against each cost, and the line that nothing lies above."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.choice import how_chosen
from tweet_sentiment.reports.frontier import CHOSEN, COSTS, NOT_TESTED, PROTOCOL, cheapest
from tweet_sentiment.reports.style import styled
from tweet_sentiment.scoring.comparison import BETTER, NOT_SHOWN, WORSE

COLOURS = {WORSE: "#c7b299", NOT_SHOWN: "#1b5e7d", BETTER: "#1b5e7d", CHOSEN: "#1b5e7d", NOT_TESTED: "#999999"}
SMALLEST = {"trainable_parameters": 1.0, "seconds": 0.1, "ms_per_post": 0.001}  # what 0 is drawn at


def frontier_figure(table: pd.DataFrame) -> Any:
    """Draw one panel a cost, logarithmic, with intervals; ``table`` is ``frontier_table``'s.

    Dark points are the chosen one and those not shown to be worse. The line joins what nothing beats at its cost.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=len(COSTS), shared_yaxes=True, horizontal_spacing=0.03)
    for column, (cost, words) in enumerate(COSTS.items(), start=1):
        _panel(figure, table.dropna(subset=[cost]), cost, words, column)
        figure.update_xaxes(type="log", title=words, row=1, col=column)
    figure.update_yaxes(title="accuracy", row=1, col=1)
    return styled(
        figure,
        _finding(table),
        "A panel a cost, on a logarithmic scale: a mark for each technique at its accuracy with its interval, dark "
        "where it is the chosen one or not shown to be worse, and a dotted line that no technique lies above.",
        showlegend=False,
    )


def _panel(figure: Any, rows: pd.DataFrame, cost: str, words: str, column: int) -> None:
    costs = rows[cost].astype("float64").clip(lower=SMALLEST[cost])
    ends = {
        "type": "data",
        "array": rows["accuracy_high"] - rows["accuracy"],
        "arrayminus": rows["accuracy"] - rows["accuracy_low"],
        "color": "#bbbbbb",
    }
    figure.add_scatter(
        x=costs,
        y=rows["accuracy"],
        error_y=ends,
        text=rows["technique"],
        mode="markers+text",
        textposition="top center",
        textfont={"size": 10},
        marker={"size": 9, "color": [COLOURS[stands] for stands in rows["stands"]]},
        row=1,
        col=column,
    )
    on_line = rows[rows["on_frontier"].str.split(", ").map(lambda named: words in named).astype(bool)]
    line = on_line.assign(x=costs[on_line.index]).sort_values(["x", "accuracy"])
    shape = {"shape": "hv", "dash": "dot", "color": "#1b5e7d"}
    figure.add_scatter(x=line["x"], y=line["accuracy"], mode="lines", line=shape, hoverinfo="skip", row=1, col=column)


def _finding(table: pd.DataFrame) -> str:
    if table.empty:
        return f"Nothing was run under {PROTOCOL}"
    chosen, quickest = table[table["stands"] == CHOSEN], cheapest(table, "ms_per_post")
    if chosen.empty:
        return f"Accuracy against cost ({PROTOCOL}); none is chosen, as none was measured on the dev split"
    best = {str(name): value for name, value in chosen.iloc[0].items()}
    title = f"{best['technique']}, {how_chosen(best)}, has {best['accuracy']:.1%} ({PROTOCOL})"
    if quickest is None or quickest["technique"] == best["technique"]:
        return title
    return f"{title}; {quickest['technique']} is faster and not shown to be worse"
