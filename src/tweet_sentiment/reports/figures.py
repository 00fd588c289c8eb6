"""The figures of the study, in one look: marks differ in darkness and in shape, so that grey print loses nothing."""

from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.reports.audit import kinds
from tweet_sentiment.reports.tables import MAIN_PROTOCOLS, by_protocol, fallen

INK, QUIET, FAINT = "#1f1f1f", "#6e6e6e", "#d4d4d4"
SERIES = ("#08415c", "#b5651d", "#5c8a97", "#1f1f1f", "#8c8c8c", "#c9a66b")  # dark and light in turn
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "solid")
MARKS = {  # of each protocol: colour, symbol
    "leak_free": ("#08415c", "circle"),
    "published": ("#b5651d", "diamond-open"),
    "grouped": ("#5c8a97", "square"),
    "paper": ("#1f1f1f", "x-thin-open"),
}
SHARES = {"title": "accuracy", "tickformat": ".0%"}
_LINE = 84  # characters of a title in one line


def styled(figure: Any, finding: str, shows: str, **layout: Any) -> Any:
    """Return the figure with its finding as the title; ``shows`` says in words what is drawn, for who cannot see it.

    Both make the text alternative, kept as ``layout.meta.alt``. ``layout`` is Plotly's.
    """
    lines = wrap(finding, _LINE) or [""]
    legend = {"orientation": "h", "yanchor": "top", "y": -0.18, "x": 0, "font": {"size": 13}}
    return figure.update_layout(
        **{
            "template": "simple_white",
            "title": {"text": "<br>".join(lines), "x": 0.01, "xanchor": "left", "font": {"size": 17, "color": INK}},
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
            "legend": legend,
            "colorway": SERIES,
            "margin": {"t": 45 + 22 * len(lines), "l": 70, "r": 30, "b": 60},
            "meta": {"alt": f"{finding.rstrip('.')}. {shows}"},
            **layout,
        }
    )


def whisker(value: Any, low: Any, high: Any) -> dict[str, Any]:
    """Return Plotly's error bar from an interval's ends."""
    ends = {"array": high - value, "arrayminus": value - low}
    return {"type": "data", **ends, "color": QUIET, "thickness": 1.2, "width": 3}


def interval_of(rows: pd.DataFrame) -> dict[str, Any]:
    """Return Plotly's error bar of the accuracies of a comparison."""
    return whisker(rows["accuracy"], rows["accuracy_low"], rows["accuracy_high"])


def percent(share: float) -> str:
    """Write a share as per cent with one digit."""
    return f"{share:.1%}"


def accuracy_figure(comparison: pd.DataFrame) -> Any:
    """Draw accuracy by technique, one mark a protocol with its interval; folds are left out if there is more."""
    import plotly.graph_objects as go

    main = comparison[comparison["protocol"].isin(MAIN_PROTOCOLS)]
    rows = main if len(main) else comparison
    honest = rows.assign(honest=rows["protocol"] != "published").sort_values(["honest", "accuracy"])
    order = list(honest.drop_duplicates("technique", keep="last")["technique"])  # from the bottom up
    figure = go.Figure()
    for technique, one in by_protocol(rows).items():
        if {"published", "leak_free"} <= one.keys():
            figure.add_scatter(
                x=[one["published"]["accuracy"], one["leak_free"]["accuracy"]],
                y=[technique] * 2,
                mode="lines",
                line={"color": FAINT, "width": 6},
                showlegend=False,
                hoverinfo="skip",
            )
    for protocol, of_protocol in rows.groupby("protocol", sort=False):
        colour, symbol = MARKS.get(str(protocol), MARKS["grouped"])
        marker = {"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2, "color": colour}}
        _marks(figure, str(protocol), of_protocol, "accuracy", marker, error_x=interval_of(of_protocol))
    paper = rows.drop_duplicates("technique").dropna(subset=["paper_accuracy"])
    if len(paper):
        colour, symbol = MARKS["paper"]
        marker = {"color": colour, "symbol": symbol, "size": 9, "line": {"width": 2, "color": colour}}
        _marks(figure, "the paper, whose protocol leaks", paper, "paper_accuracy", marker)
    shown = ["One row a technique, the best on top: a mark for each protocol with its interval"]
    shown += ["a cross for the paper's accuracy"] * bool(len(paper))
    shown += ["a line between the accuracy with the leak and without it"] * (
        {"published", "leak_free"} <= set(rows["protocol"])
    )
    return styled(
        figure,
        finding(rows),
        f"{', '.join(shown)}.",
        xaxis={**SHARES, "range": [0, 1.02], "showgrid": True},
        yaxis={"categoryorder": "array", "categoryarray": order, "automargin": True},
        height=190 + 30 * len(order),
    )


def _marks(figure: Any, name: str, rows: pd.DataFrame, value: str, marker: dict[str, Any], **more: Any) -> None:
    look = {"mode": "markers", "marker": marker, "hovertemplate": "%{y}: %{x:.4f}"}
    figure.add_scatter(x=rows[value], y=rows["technique"], name=name, **look, **more)


def finding(comparison: pd.DataFrame) -> str:
    """Say how far the deepest fall goes without the leak, and what the dev split chooses then.

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
    before, after = percent(published["accuracy"]), percent(left["accuracy"])
    return f"Without the leak {technique} falls from {before} to {after}; {highest}"


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
        yaxis={**SHARES, "range": [0, 1.05]},
    )


def leaks_figure(audit: dict[str, Any]) -> Any:
    """Draw the share of test posts known from training, by kind, and a look-up's accuracy; audit may be empty."""
    import plotly.graph_objects as go

    if not audit:
        return styled(go.Figure(), "The leakage audit has not been run", "Nothing is drawn.")
    found, probe = audit["overlap"], audit["memorisation"]
    before, after = (probe[name]["accuracy"] for name in ("published", "leak_free"))
    known = {f"they {words.partition(' (')[0]}": found[f"{kind}_share"] for kind, words in kinds(audit).items()}
    looked_up = {
        "a look-up, training posts as they stand": before,
        "a look-up, without those that leak": after,
        f"always {probe['majority_label']}": probe["majority_share"],
    }
    figure = go.Figure()
    for name, shares, protocol, pattern in (
        ("test posts known from training", known, "published", "/"),
        ("test posts answered right", looked_up, "leak_free", ""),
    ):
        drawn = {words: share for words, share in shares.items() if share is not None}
        shape = {"shape": pattern, "fgcolor": "white"}
        figure.add_bar(
            x=list(drawn.values()),
            y=list(drawn),
            text=[percent(share) for share in drawn.values()],
            textposition="outside",
            textfont={"color": INK},
            cliponaxis=False,
            orientation="h",
            name=name,
            marker={"color": MARKS[protocol][0], "pattern": shape, "line": {"color": QUIET}},
        )
    said = f"{percent(found['any_share'])} of the test posts are known from training"
    if before is not None and after is not None:
        said = (
            f"Looking up the most similar training post is right for {percent(before)} of the test posts, "
            f"and for {percent(after)} once what leaks is out"
        )
    return styled(
        figure,
        said,
        "Bars: the share of test posts that are known from training, by kind, and the share that a look-up, "
        "which learns nothing, answers right.",
        xaxis={"range": [0, 1.08], "tickformat": ".0%"},
        yaxis={"autorange": "reversed", "automargin": True},
        height=400,
    )


def learning_figure(table: pd.DataFrame, protocol: str) -> Any:
    """Draw what was measured with its intervals, and the law with its interval at all posts, one colour a technique."""
    import plotly.graph_objects as go

    figure, found = go.Figure(), []
    for place, (technique, rows) in enumerate(table.groupby("technique", sort=False)):
        known, colour = rows["measured"].astype(bool), SERIES[place % len(SERIES)]
        _points(figure, rows[known], str(technique), {"color": colour, "size": 9})
        for row in rows[~known].to_dict("records"):
            hollow = {"color": "white", "line": {"color": colour, "width": 2}, "size": 9}
            _points(figure, rows[~known], f"{technique}, not measured", hollow)
            sizes = rows.loc[known, "n_train"]
            along = np.geomspace(float(sizes.min()), float(row["n_train"]), 50)
            error = row["error_floor"] + row["error_excess"] * (along / float(sizes.max())) ** -row["exponent"]
            line = {"color": colour, "dash": "dot"}
            figure.add_scatter(x=along, y=1 - error, mode="lines", line=line, showlegend=False, hoverinfo="skip")
            found.append(f"{technique} {percent(row['accuracy'])}")
    return styled(
        figure,
        f"Expected of all posts: {', '.join(found)} ({protocol})",
        "Accuracy by the number of posts learnt from, on a logarithmic scale: full marks with intervals were measured, "
        "hollow ones are expected, and dotted lines are the law between them.",
        xaxis={"title": "posts learnt from", "type": "log"},
        yaxis={"title": "accuracy"},
    )


def _points(figure: Any, rows: pd.DataFrame, name: str, marker: dict[str, Any]) -> None:
    ends = interval_of(rows)
    figure.add_scatter(x=rows["n_train"], y=rows["accuracy"], error_y=ends, mode="markers", name=name, marker=marker)


def sweep_figure(table: pd.DataFrame, setting: str, described: str, protocol: str, chosen_on: str) -> Any:
    """Draw accuracy on the dev split and, with its interval, on the test posts, by setting.

    ``table`` has ``setting``, ``dev_accuracy``, ``accuracy``, ``low``, ``high``, ``trainable_parameters`` and
    ``seconds``. Under ``published`` the choice is made on the test posts, and ``chosen_on`` says so.
    """
    import plotly.graph_objects as go

    settings = table[setting].astype(str)
    dev = table["dev_accuracy"].astype("float64").fillna(table["accuracy"])
    cost = [f"{row['trainable_parameters']:,} parameters, {row['seconds']:,.0f} s" for row in table.to_dict("records")]
    figure = go.Figure()
    figure.add_scatter(
        x=settings,
        y=table["accuracy"],
        error_y=whisker(table["accuracy"], table["low"], table["high"]),
        text=cost,
        name="test posts",
        marker={"color": MARKS["leak_free"][0], "size": 9},
    )
    figure.add_scatter(
        x=settings,
        y=dev,
        text=cost,
        name="dev split",
        line={"dash": "dot", "color": MARKS["grouped"][0]},
        marker={"symbol": "square", "size": 8},
    )
    best = table.assign(chosen_by=dev).sort_values("chosen_by", kind="stable").to_dict("records")[-1]
    return styled(
        figure,
        f"Best on the {chosen_on}: {best[setting]} {described}, {percent(best['accuracy'])} ({protocol})",
        f"Accuracy by {described}: circles with intervals for test posts, squares for the dev split.",
        xaxis={"title": described, "type": "category"},
        yaxis={"title": "accuracy"},
    )
