"""The picture of the study: what each technique is right about with the leak, and what is left of it without."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.style import FAINT, MARKS, percent, styled, whisker
from tweet_sentiment.reports.tables import MAIN_PROTOCOLS, by_protocol, fallen

SHOWS = "One row a technique, the best on top: a mark for each protocol with its interval"
CROSS = "a cross for the paper's accuracy"
LINE = "a line between the accuracy with the leak and without it"


def accuracy_figure(comparison: pd.DataFrame) -> Any:
    """Draw accuracy by technique, one mark a protocol with its interval; folds are left out if there is more."""
    import plotly.graph_objects as go

    main = comparison[comparison["protocol"].isin(MAIN_PROTOCOLS)]
    rows = main if len(main) else comparison
    order = _order(rows)
    figure = go.Figure()
    for technique, one in by_protocol(rows).items():
        if {"published", "leak_free"} <= one.keys():
            _joined(figure, technique, one["published"]["accuracy"], one["leak_free"]["accuracy"])
    for protocol, of_protocol in rows.groupby("protocol", sort=False):
        colour, symbol = MARKS.get(str(protocol), MARKS["grouped"])
        figure.add_scatter(
            x=of_protocol["accuracy"],
            y=of_protocol["technique"],
            error_x=whisker(of_protocol["accuracy"], of_protocol["accuracy_low"], of_protocol["accuracy_high"]),
            mode="markers",
            name=str(protocol),
            marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2, "color": colour}},
            hovertemplate="%{y}: %{x:.4f}",
        )
    has_paper = rows["paper_accuracy"].notna().any()
    both = {"published", "leak_free"} <= set(rows["protocol"])
    _paper(figure, rows)
    return styled(
        figure,
        finding(rows),
        f"{', '.join([SHOWS, *[CROSS] * bool(has_paper), *[LINE] * both])}.",
        xaxis={"title": "accuracy", "range": [0, 1.02], "tickformat": ".0%", "showgrid": True},
        yaxis={"categoryorder": "array", "categoryarray": order, "automargin": True},
        height=190 + 30 * len(order),
    )


def _order(rows: pd.DataFrame) -> list[str]:
    """Return the techniques from the bottom up: by accuracy without the leak, where that was measured."""
    honest = rows.assign(honest=rows["protocol"] != "published").sort_values(["honest", "accuracy"])
    return list(honest.drop_duplicates("technique", keep="last")["technique"])


def _joined(figure: Any, technique: str, first: float, second: float) -> None:
    line = {"color": FAINT, "width": 6}
    figure.add_scatter(
        x=[first, second], y=[technique] * 2, mode="lines", line=line, showlegend=False, hoverinfo="skip"
    )


def _paper(figure: Any, rows: pd.DataFrame) -> None:
    known = rows.drop_duplicates("technique").dropna(subset=["paper_accuracy"])
    colour, symbol = MARKS["paper"]
    if len(known):
        figure.add_scatter(
            x=known["paper_accuracy"],
            y=known["technique"],
            mode="markers",
            name="the paper, whose protocol leaks",
            marker={"color": colour, "symbol": symbol, "size": 9, "line": {"width": 2, "color": colour}},
            hovertemplate="%{y}: %{x:.4f}",
        )


def finding(comparison: pd.DataFrame) -> str:
    """Say what the figure shows: how far the deepest fall goes without the leak, and what the dev split chooses then.

    Where it chose nothing, the highest accuracy is named.
    """
    protocols = set(comparison["protocol"])
    honest = next((name for name in ("leak_free", "grouped") if name in protocols), str(comparison["protocol"].iloc[0]))
    rows = comparison[comparison["protocol"] == honest].sort_values(["selected", "accuracy"])
    best = rows.to_dict("records")[-1]
    named = f"chosen under {honest} is" if best["selected"] else f"the highest accuracy under {honest} is of"
    highest = f"{named} {best['technique']}, {percent(best['accuracy'])}"
    if not (falls := fallen(comparison)):
        said = f"{highest[0].upper()}{highest[1:]}"
        return said if honest != "published" else f"{said}: memory as well as learning"
    technique, published, left = falls[0]
    return (
        f"Without the leak {technique} falls from {percent(published['accuracy'])} to {percent(left['accuracy'])}; "
        f"{highest}"
    )
